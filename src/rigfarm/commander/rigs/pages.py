"""The rig pages: overview, indexes, one rig, and the dialogs that make, rename, remove and re-key one."""

from __future__ import annotations

from typing import Any, TypeAlias

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, URLEncodedBody
from litestar.response import Redirect, Template
from msgspec import Struct

from rigfarm.commander.kinds import KINDS, Kind, kind_at, kind_named, paths
from rigfarm.commander.refusals import Absent, Refusal
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.rigs.listing.language import SearchMistake
from rigfarm.commander.rigs.listing.query import INDEX_PARAMS, IndexQuery
from rigfarm.commander.rigs.many.pages import many_routes
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.rigs.past.machine import TimeMachine
from rigfarm.commander.rigs.view.index import mistaken
from rigfarm.commander.rigs.view.ranges import RANGE_PARAMS
from rigfarm.commander.rigs.view.removal import KEEP_HISTORY, consequences
from rigfarm.commander.rigs.view.shown import Shown
from rigfarm.commander.web.answers import done
from rigfarm.commander.web.checked import asks
from rigfarm.commander.web.headers import is_htmx
from rigfarm.commander.web.render import render
from rigfarm.common.clock import utc_ms

__all__ = ["page_routes"]

WebRequest: TypeAlias = Request[Any, Any, Any]
SPARKS_S = 0.01
"""How long the first paint of an index waits for sparklines. What is not drawn by then comes over its socket."""
PAST_SPARKS_S = 1.0
"""The same of another time, whose page has no socket and took longer to find out."""
Answer: TypeAlias = Template | Redirect | Response[Any]


class RigForm(Struct):
    """What the dialogs of a rig send."""

    name: str = ""
    kind: str = "cpu-gpu"
    inline: str = ""


# Pages


@get("/", opt=asks(*RANGE_PARAMS), include_in_schema=False)
async def overview(
    request: WebRequest, shown: NamedDependency[Shown], time_machine: NamedDependency[TimeMachine]
) -> Template:
    """The main dashboard."""
    params = dict(request.query_params)
    then = await time_machine.at(params["at"], brief=True) if params.get("at") else None
    shown = shown if then is None else then.shown
    asked = shown.farm_span(params)
    charts = await shown.farm_charts(asked)
    return render(
        request,
        "overview.html",
        page=shown.overview(),
        charts=charts,
        ranges=shown.range_of_farm(asked),
        active="overview",
        live=_here(request) if then is None else "",
        past=None if then is None else then.band("/", params),
    )


@get(paths(), opt=asks(*INDEX_PARAMS), include_in_schema=False)
async def rigs_index(
    request: WebRequest, shown: NamedDependency[Shown], time_machine: NamedDependency[TimeMachine]
) -> Template:
    """The rigs of one kind."""
    kind = kind_at(request.url.path)
    params = dict(request.query_params)
    then = await time_machine.at(params["at"], brief=True) if params.get("at") else None
    if then is not None:
        shown, params["at"] = then.shown, then.at
    try:
        query = IndexQuery.parse(kind.name, params)
        if then is not None:
            await time_machine.index(then, query)
        await shown.rig_list.prepare(query)
        await shown.prepare_sparks(query, SPARKS_S if then is None else PAST_SPARKS_S)
        page, _ = shown.index(query)
    except SearchMistake as mistake:
        query = IndexQuery.parse(kind.name, params | {"q": ""})
        if then is not None:
            await time_machine.index(then, query)
        page, _ = shown.index(query)
        page = mistaken(page, params["q"], mistake)
    status = 400 if page.mistake else 200
    return render(
        request, "rigs_index.html", status=status, page=page, active=kind.page,
        live=page.here if then is None else "", past=None if then is None else then.band(kind.path, params),
    )  # fmt: skip


@get(paths("/{rig_id:int}"), opt=asks(*RANGE_PARAMS), include_in_schema=False)
async def rig_detail(
    request: WebRequest,
    rig_id: FromPath[int],
    shown: NamedDependency[Shown],
    time_machine: NamedDependency[TimeMachine],
) -> Answer:
    """One rig."""
    params = dict(request.query_params)
    then = await time_machine.at(params["at"], rig_id) if params.get("at") else None
    shown = shown if then is None else then.shown
    rig = shown.book.get(rig_id)
    if rig.of != kind_at(request.url.path):
        return Redirect(rig.href, status_code=303)
    asked = shown.span(params)
    page = await shown.detail(rig_id, charts=True, asked=asked)
    return render(
        request,
        "rig_detail.html",
        page=page,
        panel=await shown.panel_html(rig_id),
        ranges=shown.range_of_rig(rig, asked),
        active=rig.of.page,
        live=_here(request) if then is None else "",
        past=None if then is None else then.band(request.url.path, params),
    )


@get(paths("/{rig_id:int}/devices"), include_in_schema=False)
async def rig_devices(request: WebRequest, rig_id: FromPath[int], shown: NamedDependency[Shown]) -> Template:
    """Its devices, for a row of the index that is opened."""
    page = await shown.detail(rig_id, charts=False)
    return render(request, "rig_devices.html", page=page)


# Dialogs: pieces of a page for htmx, whole pages without scripts


@get(paths("/new"), include_in_schema=False)
async def new_rig(request: WebRequest) -> Template:
    """Name and kind of a new rig."""
    return _new_rig(request, kind_at(request.url.path))


@post(paths(), status_code=200, include_in_schema=False)
async def create_rig(
    request: WebRequest, data: URLEncodedBody[RigForm], book: NamedDependency[Rigs], shown: NamedDependency[Shown]
) -> Template:
    """Make it, and show its token, this once."""
    kind = kind_named(data.kind)
    try:
        rig, token = await book.create(data.name, kind.name)
    except Refusal as refusal:
        return _new_rig(request, kind, data.name, refusal)
    join = shown.join(rig, token)
    return _dialog(request, "rig_created.html", kind, join=join, rotated=False)


@get(paths("/{rig_id:int}/name"), include_in_schema=False)
async def rig_name(request: WebRequest, rig_id: FromPath[int], book: NamedDependency[Rigs]) -> Template:
    """The name as it stands on the rig's page."""
    rig = book.get(rig_id)
    return render(request, "rig_name.html", name=rig.name, href=rig.href)


@get(paths("/{rig_id:int}/name/edit"), include_in_schema=False)
async def edit_name(
    request: WebRequest, rig_id: FromPath[int], shown: NamedDependency[Shown], inline: FromQuery[str] = ""
) -> Template:
    """The name, to be changed."""
    rig = shown.book.get(rig_id)
    return _name_form(request, shown, rig, rig.name, inline=bool(inline))


@post(paths("/{rig_id:int}/name"), status_code=200, include_in_schema=False)
async def rename_rig(
    request: WebRequest,
    rig_id: FromPath[int],
    data: URLEncodedBody[RigForm],
    book: NamedDependency[Rigs],
    shown: NamedDependency[Shown],
) -> Answer:
    """Rename it."""
    try:
        rig = await book.rename(rig_id, data.name)
    except Absent:
        raise
    except Refusal as refusal:
        return _name_form(
            request,
            shown,
            book.get(rig_id),
            data.name,
            inline=bool(data.inline),
            status=refusal.status,
            error=str(refusal),
        )
    href = rig.href
    if data.inline and is_htmx(request.scope):
        return render(request, "rig_name.html", name=rig.name, href=href)
    return done(request, href)


@get(paths("/{rig_id:int}/remove"), include_in_schema=False)
async def ask_remove_rig(request: WebRequest, rig_id: FromPath[int], shown: NamedDependency[Shown]) -> Template:
    """What removing it means."""
    rig = shown.book.get(rig_id)
    return _dialog(
        request,
        "remove.html",
        rig.of,
        target=rig.name,
        action=f"{rig.href}/remove",
        back=rig.href,
        consequences=consequences([rig], shown.removal_effects, utc_ms()),
        choices=KEEP_HISTORY,
    )


@post(paths("/{rig_id:int}/remove"), status_code=200, include_in_schema=False)
async def remove_rig(request: WebRequest, rig_id: FromPath[int], book: NamedDependency[Rigs]) -> Answer:
    """Remove it."""
    form = await request.form()
    rig = await book.remove(rig_id, keep_history=bool(form.get("keep_history")))
    return Redirect(rig.of.path, status_code=303)


@get(paths("/{rig_id:int}/token/new"), include_in_schema=False)
async def ask_rotate_token(request: WebRequest, rig_id: FromPath[int], book: NamedDependency[Rigs]) -> Template:
    """What a new token means."""
    rig = book.get(rig_id)
    return _dialog(request, "rig_rotate.html", rig.of, name=rig.name, href=rig.href)


@post(paths("/{rig_id:int}/token"), status_code=200, include_in_schema=False)
async def rotate_token(
    request: WebRequest, rig_id: FromPath[int], book: NamedDependency[Rigs], shown: NamedDependency[Shown]
) -> Template:
    """Give it a new token, and show it, this once."""
    rig, token = await book.rotate_token(rig_id)
    join = shown.join(rig, token)
    return _dialog(request, "rig_created.html", rig.of, join=join, rotated=True)


page_routes = [
    overview,
    rigs_index,
    rig_detail,
    rig_devices,
    new_rig,
    create_rig,
    rig_name,
    edit_name,
    rename_rig,
    ask_remove_rig,
    remove_rig,
    ask_rotate_token,
    rotate_token,
    *many_routes,
]


def _here(request: WebRequest) -> str:
    """The page with its parameters, as its socket asks for it."""
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def _dialog(request: WebRequest, template: str, where: Kind, **context: Any) -> Template:
    return render(request, template, active=where.page, hx=is_htmx(request.scope), **context)


def _new_rig(request: WebRequest, kind: Kind, name: str = "", refusal: Refusal | None = None) -> Template:
    status, error = (200, "") if refusal is None else (refusal.status, str(refusal))
    return _dialog(
        request, "rig_new.html", kind, status=status, name=name, kind=kind, kinds=KINDS.values(), error=error
    )


def _name_form(
    request: WebRequest, shown: Shown, rig: Rig, name: str, *, inline: bool, status: int = 200, error: str = ""
) -> Template:
    return render(
        request,
        "rig_rename.html",
        status=status,
        hx=is_htmx(request.scope),
        inline=inline,
        rig_id=rig.id,
        href=rig.href,
        name=name,
        error=error,
        effects=[said for effect in shown.rename_effects if (said := effect(rig.id))],
    )
