"""Pages about many rigs: made from a pattern or a list, all or none; removed by selection, with count and list."""

from __future__ import annotations

from typing import Any, TypeAlias

from litestar import Request, Response, get, post
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency
from litestar.response import Redirect, Template
from msgspec import Struct

from rigfarm import units
from rigfarm.commander.auth import READ
from rigfarm.commander.changes import nothing_changed
from rigfarm.commander.kinds import KINDS, Kind, kind_at, kind_named, paths
from rigfarm.commander.names import name_key
from rigfarm.commander.refusals import Invalid, Refusal
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.rigs.listing.rig_list import RigList
from rigfarm.commander.rigs.many.about import LISTED, target
from rigfarm.commander.rigs.many.compare import compare_routes
from rigfarm.commander.rigs.many.labels import label_routes
from rigfarm.commander.rigs.many.maintenance import maintenance_routes
from rigfarm.commander.rigs.many.naming import MAX_NAMES, NamePlan, plan_names
from rigfarm.commander.rigs.many.sheet_pages import sheet_routes
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.rigs.view.removal import KEEP_HISTORY, consequences
from rigfarm.commander.rigs.view.shown import Shown
from rigfarm.commander.selection import chosen, numbers
from rigfarm.commander.web.answers import done_with
from rigfarm.commander.web.csv_text import csv_text
from rigfarm.commander.web.forms import texts
from rigfarm.commander.web.headers import is_htmx
from rigfarm.commander.web.render import render
from rigfarm.common.clock import utc_ms

__all__ = ["many_routes"]

WebRequest: TypeAlias = Request[Any, Any, Any]
Answer: TypeAlias = Template | Redirect | Response[Any]


class Form(Struct):
    """What a form about many rigs sends."""

    fields: dict[str, str]
    rigs: list[object]
    file: str

    @classmethod
    async def of(cls, request: WebRequest) -> Form:
        """From the request. Invalid for a file that is no text."""
        form = await request.form()
        fields = texts(form)
        upload = form.get("file")
        text = ""
        if isinstance(upload, UploadFile) and upload.filename:
            try:
                text = (await upload.read()).decode()
            except UnicodeDecodeError:
                raise Invalid("This is not a text file: save the list as CSV (UTF-8).", field="names") from None
        return cls(fields, list(form.getall("rigs", [])), text)

    @property
    def kind(self) -> Kind:
        """Of the rigs it is about."""
        return kind_named(self.fields.get("kind"))

    @property
    def names(self) -> str:
        """What stands in the field; a file replaces it."""
        return self.file or self.fields.get("names", "")


# Made


@get(paths("/new/many"), include_in_schema=False)
async def new_rigs(request: WebRequest, book: NamedDependency[Rigs]) -> Template:
    """Names of many rigs."""
    return _names_page(request, book, kind_at(request.url.path), "")


@post("/rigs/new/many/preview", opt=READ, status_code=200, include_in_schema=False)
async def preview_names(request: WebRequest, book: NamedDependency[Rigs]) -> Template:
    """What would be made, while one types."""
    form = await Form.of(request)
    return render(request, "rigs_preview.html", **_preview(book, form.kind, form.fields.get("names", "")))


@post("/rigs/many", status_code=200, include_in_schema=False)
async def create_rigs(request: WebRequest, book: NamedDependency[Rigs]) -> Template:
    """Make them, all or none, and show their tokens, this once."""
    form = Form({}, [], "")
    try:
        form = await Form.of(request)
        plan = plan_names(form.names, book.name_taken)
        if not plan.names and not plan.problems:
            raise Invalid("Enter at least one name, for example asic-{001..120}.", field="names")
        if plan.problems:
            raise Invalid(" ".join(plan.problems), field="names")
        made = await book.create_many(plan.names, form.kind.name)
    except Refusal as refusal:
        return _names_page(request, book, form.kind, form.names, refusal)
    kind = form.kind
    return render(
        request,
        "rigs_created.html",
        active=kind.page,
        kind=kind,
        wide=False,
        count=len(made),
        csv=tokens_csv(made),
        filename=f"rigfarm-tokens-{kind.page}-{len(made)}.csv",
    )


def tokens_csv(made: list[tuple[Rig, str]]) -> str:
    """`name,id,token`, a line each."""
    return csv_text([("name", "id", "token"), *((rig.name, rig.id, token) for rig, token in made)]).rstrip("\n")


def _names_page(request: WebRequest, book: Rigs, kind: Kind, names: str, refusal: Refusal | None = None) -> Template:
    return render(
        request,
        "rigs_many.html",
        status=200 if refusal is None else refusal.status,
        active=kind.page,
        kinds=KINDS.values(),
        wide=False,
        names=names,
        error="" if refusal is None else str(refusal),
        most=MAX_NAMES,
        **_preview(book, kind, names),
    )


def _preview(book: Rigs, kind: Kind, names: str) -> dict[str, Any]:
    plan = plan_names(names, book.name_taken) if names.strip() else NamePlan([], [])
    return {
        "kind": kind,
        "plan": plan,
        "shown": plan.names[:LISTED],
        "more": max(len(plan.names) - LISTED, 0),
        "what": kind.counted(len(plan.names)),
    }


# Removed


@post(paths("/remove"), status_code=200, include_in_schema=False)
async def remove_rigs(
    request: WebRequest,
    book: NamedDependency[Rigs],
    shown: NamedDependency[Shown],
    rig_list: NamedDependency[RigList],
) -> Answer:
    """What removing a selection means; with `sure` it is done."""
    form = await Form.of(request)
    ids = chosen(form.rigs, form.fields, rig_list, form.kind.name)
    rigs = sorted((book.rigs[one] for one in ids if one in book.rigs), key=lambda rig: name_key(rig.name))
    rigs = [rig for rig in rigs if rig.of == form.kind]
    kind = form.kind
    if form.fields.get("sure"):
        gone = await book.remove_many(numbers(form.rigs), keep_history=bool(form.fields.get("keep_history")))
        count = len(gone)
        return done_with(
            request, kind.path, f"{units.count(count)} {'rig was' if count == 1 else 'rigs were'} removed."
        )
    if not rigs:
        raise Invalid("Choose at least one rig.")
    nothing_changed()
    return render(
        request,
        "remove.html",
        active=kind.page,
        hx=is_htmx(request.scope),
        target=target(rigs),
        action=f"{kind.path}/remove",
        back=kind.path,
        hidden={"sure": "1", "kind": kind.name, "rigs": ",".join(str(rig.id) for rig in rigs)},
        items=[rig.name for rig in rigs[:LISTED]] if len(rigs) > 1 else (),
        more=max(len(rigs) - LISTED, 0),
        consequences=consequences(rigs, shown.removal_effects, utc_ms()),
        choices=KEEP_HISTORY,
    )


many_routes = [
    new_rigs,
    preview_names,
    create_rigs,
    remove_rigs,
    *label_routes,
    *maintenance_routes,
    *compare_routes,
    *sheet_routes,
]
