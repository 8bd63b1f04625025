"""The page that reads codes on stickers, and puts rigs where one stands."""

from __future__ import annotations

from typing import Any, TypeAlias

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Redirect, Template

from rigfarm.commander.auth.headers import WITH_CAMERA
from rigfarm.commander.numbers import number
from rigfarm.commander.refusals import Invalid, Refusal
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.rigs.model import MAX_PLACE, Relabel
from rigfarm.commander.scan.view import PARAMS, Scanned, Scans
from rigfarm.commander.web.checked import asks
from rigfarm.commander.web.forms import texts
from rigfarm.commander.web.headers import is_htmx
from rigfarm.commander.web.render import render

__all__ = ["page_routes"]

WebRequest: TypeAlias = Request[Any, Any, Any]
Answer: TypeAlias = Template | Redirect | Response[Any]


@get("/scan", opt=asks(*PARAMS), response_headers=WITH_CAMERA, include_in_schema=False)
async def show_scan(request: WebRequest, scans: NamedDependency[Scans]) -> Template:
    """`?code=…`: the rigs that this code means; `&last=…`: where the last one was put."""
    return _page(request, scans, Scanned.of(dict(request.query_params)))


@post("/scan/place", status_code=200, response_headers=WITH_CAMERA, include_in_schema=False)
async def place_rig(request: WebRequest, scans: NamedDependency[Scans], book: NamedDependency[Rigs]) -> Answer:
    """Put a rig that was scanned into a place, as its dialog does."""
    fields = texts(await request.form())
    asked = Scanned.of({name: fields.get(name, "") for name in PARAMS})
    rig_id, place = number(fields.get("rig", "")) or 0, fields.get("place", "")
    try:
        if not place.strip(" /"):
            raise Invalid("Enter the place where it is, for example hall-1/rack-2/07.", field="place")
        await book.relabel([book.get(rig_id).id], Relabel(place=place))
    except Refusal as refusal:
        return _page(request, scans, asked, wrong=rig_id, typed=place[: MAX_PLACE * 2], refusal=refusal)
    asked = Scanned(asked.code, book.get(rig_id).place, placed=True)
    return _page(request, scans, asked) if is_htmx(request.scope) else Redirect(asked.url(), status_code=303)


page_routes = [show_scan, place_rig]


def _page(
    request: WebRequest,
    scans: Scans,
    asked: Scanned,
    *,
    wrong: int = 0,
    typed: str = "",
    refusal: Refusal | None = None,
) -> Template:
    page = scans.page(asked)
    answer = render(
        request,
        "scan.html",
        status=200 if refusal is None else refusal.status,
        active="places",
        page=page,
        live=page.here,
        wrong=wrong,
        typed=typed,
        refusal="" if refusal is None else str(refusal),
        wide=False,
    )
    if is_htmx(request.scope):
        answer.headers["HX-Replace-Url"] = page.here
    return answer
