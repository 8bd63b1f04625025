"""Pages about many rigs: made from a pattern or a list, all or none; removed by selection, with count and list."""

from __future__ import annotations

import csv
import io
import json
from typing import Any, TypeAlias

from litestar import Request, Response, get, post
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency
from litestar.response import Redirect, Template
from msgspec import Struct

from rigfarm.commander.auth import READ
from rigfarm.commander.changes import nothing_changed
from rigfarm.commander.channels import Kind
from rigfarm.commander.names import name_key
from rigfarm.commander.refusals import Invalid, Refusal
from rigfarm.commander.rigs import view
from rigfarm.commander.rigs.book import RigBook
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.rigs.naming import MAX_NAMES, NamePlan, plan_names
from rigfarm.commander.rigs.query import RigList
from rigfarm.commander.rigs.removal import consequences
from rigfarm.commander.rigs.shown import Shown
from rigfarm.commander.selection import chosen, numbers
from rigfarm.commander.web.headers import is_htmx
from rigfarm.commander.web.render import render
from rigfarm.common.clock import utc_ms

__all__ = ["many_routes"]

WebRequest: TypeAlias = Request[Any, Any, Any]
Answer: TypeAlias = Template | Redirect | Response[Any]
LISTED = 500
"""Names that a page lists; of more it says how many."""
ACTIVE: dict[Kind, str] = {"cpu-gpu": "rigs", "asic": "asics"}


class Form(Struct):
    """What a form about many rigs sends."""

    fields: dict[str, str]
    rigs: list[object]
    file: str

    @classmethod
    async def of(cls, request: WebRequest) -> Form:
        """From the request. Invalid for a file that is no text."""
        form = await request.form()
        fields = {name: value for name, value in form.items() if isinstance(value, str)}
        upload = form.get("file")
        text = ""
        if isinstance(upload, UploadFile) and upload.filename:
            try:
                text = (await upload.read()).decode()
            except UnicodeDecodeError:
                raise Invalid("This file is no text: save the list as CSV (UTF-8).", field="names") from None
        return cls(fields, list(form.getall("rigs", [])), text)

    @property
    def kind(self) -> Kind:
        """Of the rigs it is about."""
        return "asic" if self.fields.get("kind") == "asic" else "cpu-gpu"

    @property
    def names(self) -> str:
        """What stands in the field; a file replaces it."""
        return self.file or self.fields.get("names", "")


# Made


@get("/rigs/new/many", include_in_schema=False)
async def new_rigs(request: WebRequest, book: NamedDependency[RigBook]) -> Template:
    """Names of many rigs."""
    return _names_page(request, book, "cpu-gpu", "")


@get("/asics/new/many", include_in_schema=False)
async def new_asics(request: WebRequest, book: NamedDependency[RigBook]) -> Template:
    """Names of many ASICs."""
    return _names_page(request, book, "asic", "")


@post("/rigs/new/many/preview", opt=READ, status_code=200, include_in_schema=False)
async def preview_names(request: WebRequest, book: NamedDependency[RigBook]) -> Template:
    """What would be made, while one types."""
    form = await Form.of(request)
    return render(request, "rigs_preview.html", **_preview(book, form.kind, form.fields.get("names", "")))


@post("/rigs/many", status_code=200, include_in_schema=False)
async def create_rigs(request: WebRequest, book: NamedDependency[RigBook]) -> Template:
    """Make them, all or none, and show their tokens, this once."""
    form = Form({}, [], "")
    try:
        form = await Form.of(request)
        plan = plan_names(form.names, book.name_taken)
        if not plan.names and not plan.problems:
            raise Invalid("Enter at least one name, for example asic-{001..120}.", field="names")
        if plan.problems:
            raise Invalid(" ".join(plan.problems), field="names")
        made = await book.create_many(plan.names, form.kind)
    except Refusal as refusal:
        return _names_page(request, book, form.kind, form.names, refusal)
    nouns = "ASICs" if form.kind == "asic" else "rigs"
    return render(
        request,
        "rigs_created.html",
        active=ACTIVE[form.kind],
        kind=form.kind,
        wide=False,
        path=view.PATHS[form.kind],
        count=len(made),
        nouns=nouns if len(made) > 1 else nouns[:-1],
        csv=tokens_csv(made),
        filename=f"rigfarm-tokens-{nouns.lower()}-{len(made)}.csv",
    )


def tokens_csv(made: list[tuple[Rig, str]]) -> str:
    """`name,id,token`, a line each. A name that a spreadsheet would take for a formula is kept from being one."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["name", "id", "token"])
    for rig, token in made:
        name = f"'{rig.name}" if rig.name[:1] in "=+-@" else rig.name
        writer.writerow([name, rig.id, token])
    return out.getvalue().rstrip("\n")


def _names_page(request: WebRequest, book: RigBook, kind: Kind, names: str, refusal: Refusal | None = None) -> Template:
    return render(
        request,
        "rigs_many.html",
        status=200 if refusal is None else refusal.status,
        active=ACTIVE[kind],
        path=view.PATHS[kind],
        wide=False,
        names=names,
        error="" if refusal is None else str(refusal),
        most=MAX_NAMES,
        **_preview(book, kind, names),
    )


def _preview(book: RigBook, kind: Kind, names: str) -> dict[str, Any]:
    plan = plan_names(names, book.name_taken) if names.strip() else NamePlan([], [])
    noun = "ASIC" if kind == "asic" else "rig"
    return {
        "kind": kind,
        "plan": plan,
        "shown": plan.names[:LISTED],
        "more": max(len(plan.names) - LISTED, 0),
        "what": f"{len(plan.names):,} {noun}{'' if len(plan.names) == 1 else 's'}",
    }


# Removed


@post(["/rigs/remove", "/asics/remove"], status_code=200, include_in_schema=False)
async def remove_rigs(
    request: WebRequest,
    book: NamedDependency[RigBook],
    shown: NamedDependency[Shown],
    rig_list: NamedDependency[RigList],
) -> Answer:
    """What removing a selection means; with `sure` it is done."""
    form = await Form.of(request)
    ids = chosen(form.rigs, form.fields, rig_list, form.kind)
    rigs = sorted((book.rigs[one] for one in ids if one in book.rigs), key=lambda rig: name_key(rig.name))
    rigs = [rig for rig in rigs if rig.kind == form.kind]
    path = view.PATHS[form.kind]
    if form.fields.get("sure"):
        gone = await book.remove_many(numbers(form.rigs))
        return _removed(request, path, len(gone))
    if not rigs:
        raise Invalid("Choose at least one rig.")
    nothing_changed()
    nouns = "ASICs" if form.kind == "asic" else "rigs"
    return render(
        request,
        "rigs_remove.html",
        active=ACTIVE[form.kind],
        hx=is_htmx(request.scope),
        kind=form.kind,
        path=path,
        target=rigs[0].name if len(rigs) == 1 else f"{len(rigs):,} {nouns}",
        rigs=",".join(str(rig.id) for rig in rigs),
        names=[rig.name for rig in rigs[:LISTED]],
        more=max(len(rigs) - LISTED, 0),
        consequences=consequences(rigs, shown.removal_effects, utc_ms()),
    )


def _removed(request: WebRequest, path: str, count: int) -> Answer:
    if not is_htmx(request.scope):
        return Redirect(path, status_code=303)
    text = f"{count:,} {'rig was' if count == 1 else 'rigs were'} removed."
    said = {"rigfarm:done": {}, "notice": {"kind": "success", "text": text}}
    return Response(None, status_code=204, headers={"HX-Trigger": json.dumps(said)})


many_routes = [new_rigs, new_asics, preview_names, create_rigs, remove_rigs]
