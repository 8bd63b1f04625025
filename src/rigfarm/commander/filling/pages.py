"""The pages of a round through a rack."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template

from rigfarm.commander.asked import short_text
from rigfarm.commander.auth import READ
from rigfarm.commander.filling.actions import Fillings
from rigfarm.commander.filling.model import Round
from rigfarm.commander.filling.view import FillViews
from rigfarm.commander.kinds import kind_named
from rigfarm.commander.numbers import number
from rigfarm.commander.refusals import Absent, Invalid, Refusal
from rigfarm.commander.rigs.listing.rig_list import RigList
from rigfarm.commander.rigs.model import MAX_PLACE
from rigfarm.commander.selection import chosen, numbers
from rigfarm.commander.slots import MAX_TEXT
from rigfarm.commander.web.checked import asks
from rigfarm.commander.web.forms import texts
from rigfarm.commander.web.headers import is_htmx
from rigfarm.commander.web.render import render, render_form

__all__ = ["page_routes"]

WebRequest: TypeAlias = Request[Any, Any, Any]
Answer: TypeAlias = Template | Redirect | Response[Any]


@get("/places/fill", opt=asks("place", "slots"), include_in_schema=False)
async def ask_round(request: WebRequest, fill_views: NamedDependency[FillViews]) -> Template:
    """Which rack, and which slots it has."""
    params = dict(request.query_params)
    fields = {"place": short_text(params, "place", MAX_PLACE), "slots": short_text(params, "slots", MAX_TEXT)}
    return _form(request, fill_views, fields, None)


@post("/places/fill/choose", opt=READ, status_code=200, include_in_schema=False)
async def choose_rigs(
    request: WebRequest, fill_views: NamedDependency[FillViews], rig_list: NamedDependency[RigList]
) -> Template:
    """The same for a selection of an index."""
    form = await request.form()
    fields = texts(form)
    rigs = chosen(form.getall("rigs", []), fields, rig_list, kind_named(fields.get("kind")).name)
    if not rigs:
        raise Invalid("Choose at least one rig.")
    return _form(request, fill_views, {}, rigs)


@post("/places/fill", status_code=200, include_in_schema=False)
async def start_round(
    request: WebRequest, fillings: NamedDependency[Fillings], fill_views: NamedDependency[FillViews]
) -> Answer:
    """Begin: the first one blinks."""
    form = await request.form()
    fields = texts(form)
    rigs = numbers(form.getall("rigs", [])) or None
    try:
        one = await fillings.start(fields.get("place", ""), fields.get("slots", ""), rigs)
    except Refusal as refusal:
        return _form(request, fill_views, fields, rigs, refusal)
    return Redirect(f"/places/fill/{one.id}", status_code=303)


@get("/places/fill/{round_id:str}", include_in_schema=False)
async def show_round(request: WebRequest, round_id: FromPath[str], fill_views: NamedDependency[FillViews]) -> Template:
    """Who blinks, and the slots."""
    page = fill_views.page(round_id)
    live = f"/places/fill/{page.id}"
    return render(request, "fill_round.html", active="places", page=page, error="", live=live, wide=False)


@post("/places/fill/{round_id:str}/put", status_code=200, include_in_schema=False)
async def put_rig(
    request: WebRequest,
    round_id: FromPath[str],
    fillings: NamedDependency[Fillings],
    fill_views: NamedDependency[FillViews],
) -> Answer:
    """The one that blinks is in this slot."""
    fields = texts(await request.form())
    rig_id, slot = number(fields.get("rig", "")) or 0, fields.get("slot", "")
    return await _done(request, fill_views, round_id, lambda: fillings.put(round_id, rig_id, slot))


@post("/places/fill/{round_id:str}/skip", status_code=200, include_in_schema=False)
async def skip_rig(
    request: WebRequest,
    round_id: FromPath[str],
    fillings: NamedDependency[Fillings],
    fill_views: NamedDependency[FillViews],
) -> Answer:
    """Not this one."""
    rig_id = number(texts(await request.form()).get("rig", "")) or 0
    return await _done(request, fill_views, round_id, lambda: fillings.skip(round_id, rig_id))


@post("/places/fill/{round_id:str}/{verb:str}", status_code=200, include_in_schema=False)
async def turn_round(
    request: WebRequest,
    round_id: FromPath[str],
    verb: FromPath[str],
    fillings: NamedDependency[Fillings],
    fill_views: NamedDependency[FillViews],
) -> Answer:
    """`back`, `again`, `stop` or `resume`."""
    verbs: Mapping[str, Callable[[str], Awaitable[Round]]] = {
        "back": fillings.back,
        "again": fillings.again,
        "stop": fillings.stop,
        "resume": fillings.resume,
    }
    if verb not in verbs:
        raise Absent("This page does not exist.")
    return await _done(request, fill_views, round_id, lambda: verbs[verb](round_id))


page_routes = [ask_round, choose_rigs, start_round, show_round, put_rig, skip_rig, turn_round]


async def _done(
    request: WebRequest, fill_views: FillViews, round_id: str, do: Callable[[], Awaitable[Round]]
) -> Answer:
    """The round as it is now, with what was wrong."""
    error, status = "", 200
    try:
        await do()
    except Absent:
        raise
    except Refusal as refusal:
        error, status = str(refusal), refusal.status
    if not is_htmx(request.scope) and not error:
        return Redirect(f"/places/fill/{round_id}", status_code=303)
    page = fill_views.page(round_id)
    if is_htmx(request.scope):
        return render(request, "fill_body.html", status=status, page=page, error=error)
    return render(request, "fill_round.html", status=status, active="places", page=page, error=error, wide=False)


def _form(
    request: WebRequest,
    fill_views: FillViews,
    fields: Mapping[str, str],
    rigs: list[int] | None,
    refusal: Refusal | None = None,
) -> Template:
    page = fill_views.start(fields.get("place", "")[: 2 * MAX_PLACE], fields.get("slots", "")[: 2 * MAX_TEXT], rigs)
    return render_form(request, "fill_start.html", refusal, active="places", page=page, wide=False)
