"""The dialog that says where one rig or a selection is, and which tags it has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template

from rigfarm.commander.changes import nothing_changed
from rigfarm.commander.kinds import paths
from rigfarm.commander.names import name_sort
from rigfarm.commander.refusals import Refusal
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.rigs.listing.rig_list import RigList
from rigfarm.commander.rigs.many.about import About, back_from, dialog_about, target
from rigfarm.commander.rigs.model import MAX_PLACE, Relabel, Rig
from rigfarm.commander.web.answers import done_with

__all__ = ["label_routes"]

WebRequest: TypeAlias = Request[Any, Any, Any]
Answer: TypeAlias = Template | Redirect | Response[Any]
MAX_OFFERED = 200
"""Places and tags that the dialog suggests."""


@get(paths("/{rig_id:int}/labels"), include_in_schema=False)
async def ask_labels(request: WebRequest, rig_id: FromPath[int], book: NamedDependency[Rigs]) -> Template:
    """Where one rig is, and its tags."""
    rigs = [book.get(rig_id)]
    return _dialog(request, book, rigs, _agreed(rigs))


@post(paths("/labels"), status_code=200, include_in_schema=False)
async def label_rigs(request: WebRequest, book: NamedDependency[Rigs], rig_list: NamedDependency[RigList]) -> Answer:
    """The same for a selection; with `do` it is done."""
    about = await About.of(request, book, rig_list)
    rigs, fields = about.rigs, about.fields
    if not about.do:
        nothing_changed()
        return _dialog(request, book, rigs, _agreed(rigs))
    try:
        changed = await book.relabel(
            [rig.id for rig in rigs], _changes(fields, one=len(rigs) == 1 and "tags" in fields)
        )
    except Refusal as refusal:
        return _dialog(request, book, rigs, fields, refusal)
    return done_with(request, back_from(rigs), f"Saved: {target(changed)}.")


label_routes = [ask_labels, label_rigs]


def _changes(fields: Mapping[str, str], *, one: bool) -> Relabel:
    """Of one rig, both fields are as they were typed. Of a selection, only what was filled in changes, even if only one
    of its rigs is left."""
    if one:
        return Relabel(place=fields.get("place", ""), add=_words(fields.get("tags", "")), drop=("*",))
    place = fields.get("place", "")
    nowhere = bool(fields.get("nowhere"))
    return Relabel(
        place="" if nowhere else place or None, add=_words(fields.get("add", "")), drop=_words(fields.get("drop", ""))
    )


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.replace(",", " ").split())


def _agreed(rigs: Sequence[Rig]) -> dict[str, str]:
    """What a selection agrees on."""
    if len(rigs) == 1:
        return {"place": rigs[0].place, "tags": " ".join(rigs[0].tags)}
    places = {rig.place for rig in rigs}
    return {"place": places.pop() if len(places) == 1 else ""}


def _dialog(
    request: WebRequest, book: Rigs, rigs: Sequence[Rig], fields: Mapping[str, str], refusal: Refusal | None = None
) -> Template:
    def some(words: Iterable[str]) -> list[str]:
        return sorted({word for word in words if word}, key=name_sort)[:MAX_OFFERED]

    every = book.rigs.values()
    return dialog_about(
        request,
        "labels.html",
        rigs,
        fields,
        refusal,
        one=len(rigs) == 1,
        places=some(rig.place for rig in every),
        tags=some(tag for rig in every for tag in rig.tags),
        having=some(tag for rig in rigs for tag in rig.tags),
        most=MAX_PLACE,
    )
