"""Charts of several rigs over one another, and the same as CSV."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.response import Template

from rigfarm.commander.kinds import kind_at, paths
from rigfarm.commander.refusals import NotUnderstood
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.rigs.view.ranges import RANGE_PARAMS
from rigfarm.commander.rigs.view.several import MAX_RIGS, table
from rigfarm.commander.rigs.view.shown import Shown
from rigfarm.commander.selection import chosen
from rigfarm.commander.web.checked import asks
from rigfarm.commander.web.csv_text import csv_text
from rigfarm.commander.web.render import render

__all__ = ["compare_routes"]

WebRequest: TypeAlias = Request[Any, Any, Any]
PARAMS = ("rigs", "those", "q", "state", "coin", "kind", "back", "from", "to")


@get(paths("/compare"), opt=asks(*PARAMS), include_in_schema=False)
async def compare(request: WebRequest, shown: NamedDependency[Shown]) -> Template:
    """Some rigs, chosen in the index."""
    kind = kind_at(request.url.path.removesuffix("/compare"))
    rigs, params, chosen_count = _asked(request, shown)
    asked = shown.farm_span(params)
    return render(
        request,
        "compare.html",
        active=kind.page,
        kind=kind,
        rigs=rigs,
        most=MAX_RIGS,
        chosen=chosen_count,
        charts=await shown.several_charts(rigs, asked) if rigs else None,
        ranges=shown.range_of_several(rigs, asked, f"{kind.path}/compare"),
    )


@get(paths("/compare.csv"), opt=asks(*PARAMS), include_in_schema=False)
async def compare_csv(request: WebRequest, shown: NamedDependency[Shown]) -> Response[str]:
    """What the charts show."""
    rigs, params, _ = _asked(request, shown)
    if not rigs:
        raise NotUnderstood("rigs names at least one rig.")
    charts = await shown.several_charts(rigs, shown.farm_span(params))
    headers = {"Content-Disposition": 'attachment; filename="rigfarm-compared.csv"'}
    return Response(csv_text(table(charts)), headers=headers, media_type="text/csv")


compare_routes = [compare, compare_csv]


def _asked(request: WebRequest, shown: Shown) -> tuple[Sequence[Rig], dict[str, str], int]:
    """The rigs that were chosen, at most as many as lines can be told apart; the range's parameters; how many were
    chosen."""
    params = dict(request.query_params)
    kind = kind_at(request.url.path.removesuffix(".csv").removesuffix("/compare"))
    ids = chosen(request.query_params.getall("rigs", []), params, shown.rig_list, kind.name)
    rigs = [rig for one in ids if (rig := shown.book.rigs.get(one)) is not None and rig.of == kind]
    return rigs[:MAX_RIGS], {name: text for name, text in params.items() if name in RANGE_PARAMS}, len(rigs)
