"""The rigs that a dialog is about: one, or a selection of the index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from litestar import Request
from litestar.response import Template
from msgspec import Struct

from rigfarm.commander.kinds import kind_named
from rigfarm.commander.names import name_key
from rigfarm.commander.refusals import Invalid, Refusal
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.rigs.listing.rig_list import RigList
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.selection import chosen, numbers
from rigfarm.commander.web.forms import texts
from rigfarm.commander.web.headers import is_htmx
from rigfarm.commander.web.render import render

__all__ = ["LISTED", "About", "back_from", "dialog_about", "target"]

LISTED = 500
"""Names that a page lists; of more it says how many."""


class About(Struct, frozen=True):
    """What a dialog's form says: which rigs, and its fields. `do`: what to do now; empty: show the dialog."""

    rigs: list[Rig]
    fields: dict[str, str]
    do: str

    @classmethod
    async def of(cls, request: Request[Any, Any, Any], book: Rigs, rig_list: RigList) -> About:
        """Those that still exist. Invalid where there are none."""
        form = await request.form()
        fields = texts(form)
        kind, do, named = kind_named(fields.get("kind")), fields.get("do", ""), form.getall("rigs", [])
        ids = numbers(named) if do else chosen(named, fields, rig_list, kind.name)
        rigs = [rig for one in ids if (rig := book.rigs.get(one)) is not None and rig.of == kind]
        if not rigs:
            raise Invalid("Choose at least one rig.")
        return cls(rigs, fields, do)


def target(rigs: Sequence[Rig]) -> str:
    """In words: a rig's name, or how many there are."""
    if not rigs:
        return "no rigs"
    return rigs[0].name if len(rigs) == 1 else rigs[0].of.counted(len(rigs))


def back_from(rigs: Sequence[Rig]) -> str:
    """Where one comes from: the rig's page, or the index."""
    return rigs[0].href if len(rigs) == 1 else rigs[0].of.path


def dialog_about(
    request: Request[Any, Any, Any],
    template: str,
    rigs: Sequence[Rig],
    fields: Mapping[str, str],
    refusal: Refusal | None,
    **context: object,
) -> Template:
    """The dialog, with what was typed and what was wrong with it."""
    rigs = sorted(rigs, key=lambda rig: name_key(rig.name))
    kind = rigs[0].of
    return render(
        request,
        template,
        status=200 if refusal is None else refusal.status,
        hx=is_htmx(request.scope),
        active=kind.page,
        kind=kind,
        back=back_from(rigs),
        target=target(rigs),
        rigs=",".join(str(rig.id) for rig in rigs),
        names=[rig.name for rig in rigs[:LISTED]] if len(rigs) > 1 else (),
        more=max(len(rigs) - LISTED, 0),
        fields=fields,
        errors={} if refusal is None else refusal.fields,
        **context,
    )
