"""The rig pages: overview, indexes, one rig, and the dialogs that make, rename, remove and re-key one."""

from __future__ import annotations

from typing import Any, TypeAlias

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, URLEncodedBody
from litestar.response import Redirect, Template
from msgspec import Struct

from rigfarm.commander.channels import Kind
from rigfarm.commander.refusals import Absent, Refusal
from rigfarm.commander.rigs import view
from rigfarm.commander.rigs.book import RigBook
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.rigs.pages_many import many_routes
from rigfarm.commander.rigs.query import IndexQuery
from rigfarm.commander.rigs.removal import consequences
from rigfarm.commander.rigs.shown import Shown
from rigfarm.commander.web.answers import done
from rigfarm.commander.web.headers import is_htmx
from rigfarm.commander.web.render import render
from rigfarm.common.clock import utc_ms

__all__ = ["page_routes"]

WebRequest: TypeAlias = Request[Any, Any, Any]
Answer: TypeAlias = Template | Redirect | Response[Any]


class RigForm(Struct):
    """What the dialogs of a rig send."""

    name: str = ""
    kind: str = "cpu-gpu"
    inline: str = ""


# Pages


@get("/", include_in_schema=False)
async def overview(request: WebRequest, shown: NamedDependency[Shown]) -> Template:
    """The main dashboard."""
    return render(request, "overview.html", page=shown.overview(), active="overview", live="/")


@get("/rigs", include_in_schema=False)
async def rigs_index(request: WebRequest, shown: NamedDependency[Shown]) -> Template:
    """CPU/GPU rigs."""
    return _index(request, shown, "cpu-gpu")


@get("/asics", include_in_schema=False)
async def asics_index(request: WebRequest, shown: NamedDependency[Shown]) -> Template:
    """ASICs."""
    return _index(request, shown, "asic")


def _index(request: WebRequest, shown: Shown, kind: Kind) -> Template:
    page, _ = shown.index(IndexQuery.parse(kind, dict(request.query_params)))
    return render(request, "rigs_index.html", page=page, active=_active(kind), live=page.here)


@get("/rigs/{rig_id:int}", include_in_schema=False)
async def rig_detail(request: WebRequest, rig_id: FromPath[int], shown: NamedDependency[Shown]) -> Answer:
    """One CPU/GPU rig."""
    return await _detail(request, rig_id, shown, "cpu-gpu")


@get("/asics/{rig_id:int}", include_in_schema=False)
async def asic_detail(request: WebRequest, rig_id: FromPath[int], shown: NamedDependency[Shown]) -> Answer:
    """One ASIC."""
    return await _detail(request, rig_id, shown, "asic")


async def _detail(request: WebRequest, rig_id: FromPath[int], shown: Shown, kind: Kind) -> Answer:
    rig = shown.book.get(rig_id)
    if rig.kind != kind:
        return Redirect(view.href(rig.kind, rig.id), status_code=303)
    page = await shown.detail(rig_id, charts=True)
    panel = await shown.panel_html(rig_id)
    return render(request, "rig_detail.html", page=page, panel=panel, active=_active(kind), live=page.href)


def _active(kind: Kind) -> str:
    return "asics" if kind == "asic" else "rigs"


@get(["/rigs/{rig_id:int}/devices", "/asics/{rig_id:int}/devices"], include_in_schema=False)
async def rig_devices(request: WebRequest, rig_id: FromPath[int], shown: NamedDependency[Shown]) -> Template:
    """Its devices, for a row of the index that is opened."""
    page = await shown.detail(rig_id, charts=False)
    return render(request, "rig_devices.html", page=page)


# Dialogs: pieces of a page for htmx, whole pages without scripts


@get("/rigs/new", include_in_schema=False)
async def new_rig(request: WebRequest) -> Template:
    """Name and type of a new rig."""
    return _dialog(request, "rig_new.html", "cpu-gpu", name="", kind="cpu-gpu", error="")


@get("/asics/new", include_in_schema=False)
async def new_asic(request: WebRequest) -> Template:
    """Name and type of a new rig."""
    return _dialog(request, "rig_new.html", "asic", name="", kind="asic", error="")


@post(["/rigs", "/asics"], status_code=200, include_in_schema=False)
async def create_rig(
    request: WebRequest, data: URLEncodedBody[RigForm], book: NamedDependency[RigBook], shown: NamedDependency[Shown]
) -> Template:
    """Make it, and show its token, this once."""
    kind: Kind = "asic" if data.kind == "asic" else "cpu-gpu"
    try:
        rig, token = await book.create(data.name, kind)
    except Refusal as refusal:
        return _dialog(
            request, "rig_new.html", kind, status=refusal.status, name=data.name, kind=kind, error=str(refusal)
        )
    join = shown.join(rig, token)
    return _dialog(request, "rig_created.html", kind, join=join, rotated=False)


@get(["/rigs/{rig_id:int}/name", "/asics/{rig_id:int}/name"], include_in_schema=False)
async def rig_name(request: WebRequest, rig_id: FromPath[int], book: NamedDependency[RigBook]) -> Template:
    """The name as it stands on the rig's page."""
    rig = book.get(rig_id)
    return render(request, "rig_name.html", name=rig.name, href=view.href(rig.kind, rig.id))


@get(["/rigs/{rig_id:int}/name/edit", "/asics/{rig_id:int}/name/edit"], include_in_schema=False)
async def edit_name(
    request: WebRequest, rig_id: FromPath[int], book: NamedDependency[RigBook], inline: FromQuery[str] = ""
) -> Template:
    """The name, to be changed."""
    rig = book.get(rig_id)
    return _name_form(request, rig, rig.name, inline=bool(inline))


@post(["/rigs/{rig_id:int}/name", "/asics/{rig_id:int}/name"], status_code=200, include_in_schema=False)
async def rename_rig(
    request: WebRequest, rig_id: FromPath[int], data: URLEncodedBody[RigForm], book: NamedDependency[RigBook]
) -> Answer:
    """Rename it."""
    try:
        rig = await book.rename(rig_id, data.name)
    except Absent:
        raise
    except Refusal as refusal:
        return _name_form(
            request, book.get(rig_id), data.name, inline=bool(data.inline), status=refusal.status, error=str(refusal)
        )
    href = view.href(rig.kind, rig.id)
    if data.inline and is_htmx(request.scope):
        return render(request, "rig_name.html", name=rig.name, href=href)
    return done(request, href)


@get(["/rigs/{rig_id:int}/remove", "/asics/{rig_id:int}/remove"], include_in_schema=False)
async def ask_remove_rig(request: WebRequest, rig_id: FromPath[int], shown: NamedDependency[Shown]) -> Template:
    """What removing it means."""
    rig = shown.book.get(rig_id)
    href = view.href(rig.kind, rig.id)
    return _dialog(
        request,
        "rig_remove.html",
        rig.kind,
        name=rig.name,
        href=href,
        back=href,
        consequences=consequences([rig], shown.removal_effects, utc_ms()),
        error="",
    )


@post(["/rigs/{rig_id:int}/remove", "/asics/{rig_id:int}/remove"], status_code=200, include_in_schema=False)
async def remove_rig(request: WebRequest, rig_id: FromPath[int], book: NamedDependency[RigBook]) -> Answer:
    """Remove it."""
    rig = await book.remove(rig_id)
    return Redirect(view.PATHS[rig.kind], status_code=303)


@get(["/rigs/{rig_id:int}/token/new", "/asics/{rig_id:int}/token/new"], include_in_schema=False)
async def ask_rotate_token(request: WebRequest, rig_id: FromPath[int], book: NamedDependency[RigBook]) -> Template:
    """What a new token means."""
    rig = book.get(rig_id)
    return _dialog(request, "rig_rotate.html", rig.kind, name=rig.name, href=view.href(rig.kind, rig.id))


@post(["/rigs/{rig_id:int}/token", "/asics/{rig_id:int}/token"], status_code=200, include_in_schema=False)
async def rotate_token(
    request: WebRequest, rig_id: FromPath[int], book: NamedDependency[RigBook], shown: NamedDependency[Shown]
) -> Template:
    """Give it a new token, and show it, this once."""
    rig, token = await book.rotate_token(rig_id)
    join = shown.join(rig, token)
    return _dialog(request, "rig_created.html", rig.kind, join=join, rotated=True)


page_routes = [
    overview,
    rigs_index,
    asics_index,
    rig_detail,
    asic_detail,
    rig_devices,
    new_rig,
    new_asic,
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


def _dialog(request: WebRequest, template: str, where: Kind, **context: Any) -> Template:
    return render(request, template, active=_active(where), hx=is_htmx(request.scope), **context)


def _name_form(
    request: WebRequest, rig: Rig, name: str, *, inline: bool, status: int = 200, error: str = ""
) -> Template:
    return render(
        request,
        "rig_rename.html",
        status=status,
        hx=is_htmx(request.scope),
        inline=inline,
        rig_id=rig.id,
        href=view.href(rig.kind, rig.id),
        name=name,
        error=error,
    )
