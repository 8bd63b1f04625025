"""The dialog that puts one rig or a selection into maintenance, changes that, or ends it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template

from rigfarm.commander.asked import one_of
from rigfarm.commander.changes import nothing_changed
from rigfarm.commander.kinds import paths
from rigfarm.commander.numbers import number
from rigfarm.commander.refusals import Refusal
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.rigs.kept.maintenance import MAX_REASON
from rigfarm.commander.rigs.listing.rig_list import RigList
from rigfarm.commander.rigs.many.about import About, back_from, dialog_about, target
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.web.answers import done_with
from rigfarm.common.clock import utc_ms

__all__ = ["maintenance_routes"]

WebRequest: TypeAlias = Request[Any, Any, Any]
Answer: TypeAlias = Template | Redirect | Response[Any]
HOUR_MS = 3_600_000
ENDS: Mapping[str, str] = {
    "": "when I end it",
    "1": "in 1 hour",
    "4": "in 4 hours",
    "12": "in 12 hours",
    "24": "in 1 day",
    "72": "in 3 days",
    "168": "in 7 days",
}
"""By hours from now."""


@get(paths("/{rig_id:int}/maintenance"), include_in_schema=False)
async def ask_maintenance(request: WebRequest, rig_id: FromPath[int], book: NamedDependency[Rigs]) -> Template:
    """Why one rig is in maintenance, and until when."""
    rig = book.get(rig_id)
    return _dialog(request, [rig], {"reason": rig.maintenance.reason if rig.maintenance is not None else ""})


@post(paths("/maintenance"), status_code=200, include_in_schema=False)
async def maintain_rigs(request: WebRequest, book: NamedDependency[Rigs], rig_list: NamedDependency[RigList]) -> Answer:
    """The same for a selection; with `do` it begins, or ends."""
    about = await About.of(request, book, rig_list)
    rigs, fields = about.rigs, about.fields
    if not about.do:
        nothing_changed()
        return _dialog(request, rigs, fields)
    back = back_from(rigs)
    if about.do == "end":
        ended = await book.maintenance.end(rig.id for rig in rigs)
        return done_with(request, back, f"Maintenance ended: {target(ended)}.")
    hours = number(one_of("ends", fields.get("ends", ""), ENDS))
    try:
        begun = await book.maintenance.start(
            [rig.id for rig in rigs],
            fields.get("reason", ""),
            None if hours is None else utc_ms() + hours * HOUR_MS,
        )
    except Refusal as refusal:
        return _dialog(request, rigs, fields, refusal)
    return done_with(request, back, f"In maintenance: {target(begun)}.")


maintenance_routes = [ask_maintenance, maintain_rigs]


def _dialog(
    request: WebRequest, rigs: Sequence[Rig], fields: Mapping[str, str], refusal: Refusal | None = None
) -> Template:
    inside = [rig for rig in rigs if rig.maintenance is not None]
    return dialog_about(
        request,
        "maintenance.html",
        rigs,
        fields,
        refusal,
        all_inside=len(inside) == len(rigs),
        inside=target(inside) if inside else "",
        ends=ENDS,
        most=MAX_REASON,
    )
