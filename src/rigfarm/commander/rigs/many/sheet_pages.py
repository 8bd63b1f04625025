"""The pages of the spreadsheet: export, what a sheet would change, and doing it."""

from __future__ import annotations

from typing import Any, TypeAlias

from litestar import Request, Response, get, post
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency
from litestar.response import Redirect, Template

from rigfarm.commander.changes import nothing_changed
from rigfarm.commander.kinds import KINDS, Kind, kind_at, paths
from rigfarm.commander.names import name_sort
from rigfarm.commander.refusals import Invalid, Refusal
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.rigs.listing.query import IndexQuery
from rigfarm.commander.rigs.many.about import LISTED
from rigfarm.commander.rigs.many.sheet import SheetPlan, apply_sheet, plan_sheet, sheet_rows
from rigfarm.commander.rigs.view.shown import Shown
from rigfarm.commander.web.checked import asks
from rigfarm.commander.web.csv_text import csv_text
from rigfarm.commander.web.render import render
from rigfarm.units import counted

__all__ = ["sheet_routes"]

WebRequest: TypeAlias = Request[Any, Any, Any]
Answer: TypeAlias = Template | Redirect | Response[Any]


@get([f"{kind.path}.csv" for kind in KINDS.values()], opt=asks("q", "state", "coin"), include_in_schema=False)
async def export_sheet(request: WebRequest, shown: NamedDependency[Shown]) -> Response[str]:
    """Rigs of a kind that match, waiting ones included where nothing is asked for."""
    kind = kind_at(request.url.path.removesuffix(".csv"))
    query = IndexQuery.parse(kind.name, {**request.query_params, "sort": "name"})
    rigs = shown.book.rigs
    if query.narrowed:
        some = [rigs[one] for one in shown.rig_list.sorted_ids(query)]
    else:
        some = sorted(shown.book.of_kind(kind.name), key=lambda rig: name_sort(rig.name))
    headers = {"Content-Disposition": f'attachment; filename="rigfarm-{kind.page}.csv"'}
    return Response(csv_text(sheet_rows(some)), headers=headers, media_type="text/csv")


@get(paths("/sheet"), include_in_schema=False)
async def sheet_page(request: WebRequest) -> Template:
    """Where a sheet comes from and goes to."""
    return _page(request, kind_at(request.url.path.removesuffix("/sheet")))


@post(paths("/sheet"), status_code=200, include_in_schema=False)
async def read_sheet(request: WebRequest, book: NamedDependency[Rigs]) -> Answer:
    """What a sheet would change; with `do` it is done."""
    kind = kind_at(request.url.path.removesuffix("/sheet"))
    form = await request.form()
    text = str(form.get("sheet", ""))
    try:
        upload = form.get("file")
        if isinstance(upload, UploadFile) and upload.filename:
            text = _decoded(await upload.read())
        if not text.strip():
            raise Invalid("Choose a CSV file.", field="file")
        plan = plan_sheet(text, book)
        if form.get("do") and not plan.problems:
            await apply_sheet(plan, book)
            return Redirect(kind.path, status_code=303)
    except Refusal as refusal:
        return _page(request, kind, error=str(refusal), status=refusal.status)
    if not form.get("do"):
        nothing_changed()
    return _page(request, kind, plan, text)


sheet_routes = [export_sheet, sheet_page, read_sheet]


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Invalid("This is not a text file: save the sheet as CSV (UTF-8).", field="file") from None


def _page(
    request: WebRequest, kind: Kind, plan: SheetPlan | None = None, text: str = "", error: str = "", status: int = 200
) -> Template:
    return render(
        request,
        "rigs_sheet.html",
        status=422 if plan is not None and plan.problems else status,
        active=kind.page,
        kind=kind,
        plan=plan,
        changes=plan.changes[:LISTED] if plan is not None else (),
        more=max(len(plan.changes) - LISTED, 0) if plan is not None else 0,
        what=counted(len(plan.changes), kind.one) if plan is not None else "",
        sheet=text,
        error=error,
    )
