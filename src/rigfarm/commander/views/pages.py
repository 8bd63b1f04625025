"""The dialogs that save, rename and remove a view."""

from __future__ import annotations

from typing import Any, TypeAlias

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, URLEncodedBody
from litestar.response import Redirect, Template
from msgspec import Struct

from rigfarm.commander.kinds import KINDS, KindName
from rigfarm.commander.numbers import number
from rigfarm.commander.refusals import Absent, Refusal
from rigfarm.commander.views.actions import Views
from rigfarm.commander.views.model import View
from rigfarm.commander.web.answers import done
from rigfarm.commander.web.render import render_form

__all__ = ["page_routes"]

WebRequest: TypeAlias = Request[Any, Any, Any]
Answer: TypeAlias = Template | Redirect | Response[Any]


class ViewForm(Struct):
    """What the dialog sends. `replaces`: the id of a view that is this one from now on."""

    kind: KindName = "cpu-gpu"
    search: str = ""
    name: str = ""
    replaces: str = ""


@get("/views/new", include_in_schema=False)
async def new_view(
    request: WebRequest, views: NamedDependency[Views], kind: FromQuery[KindName], search: FromQuery[str]
) -> Template:
    """A name for what an index shows."""
    return _form(request, views, ViewForm(kind, search))


@post("/views", status_code=200, include_in_schema=False)
async def save_view(request: WebRequest, views: NamedDependency[Views], data: URLEncodedBody[ViewForm]) -> Answer:
    """Save it as a new view, or in the place of one."""
    replaces = number(data.replaces)
    try:
        if replaces is None:
            view = await views.create(data.kind, data.name, data.search)
        else:
            view = await views.change(replaces, search=data.search)
    except Refusal as refusal:
        return _form(request, views, data, refusal=refusal)
    return done(request, view.href)


@get("/views/{view_id:int}/edit", include_in_schema=False)
async def edit_view(request: WebRequest, views: NamedDependency[Views], view_id: FromPath[int]) -> Template:
    """Its name."""
    view = views.get(view_id)
    return _form(request, views, ViewForm(view.kind, view.search, view.name), view)


@post("/views/{view_id:int}", status_code=200, include_in_schema=False)
async def rename_view(
    request: WebRequest, views: NamedDependency[Views], view_id: FromPath[int], data: URLEncodedBody[ViewForm]
) -> Answer:
    """Another name."""
    try:
        view = await views.change(view_id, name=data.name)
    except Absent:
        raise
    except Refusal as refusal:
        return _form(request, views, data, views.get(view_id), refusal)
    return done(request, view.href)


@get("/views/{view_id:int}/remove", include_in_schema=False)
async def ask_remove_view(request: WebRequest, views: NamedDependency[Views], view_id: FromPath[int]) -> Template:
    """What removing it means."""
    view = views.get(view_id)
    return render_form(
        request,
        "remove.html",
        target=f"the view {view.name}",
        action=f"/views/{view_id}/remove",
        back=view.href,
        consequences=["It is removed for everyone.", "Rigs are not affected."],
    )


@post("/views/{view_id:int}/remove", status_code=200, include_in_schema=False)
async def remove_view(request: WebRequest, views: NamedDependency[Views], view_id: FromPath[int]) -> Answer:
    """Remove it."""
    view = views.get(view_id)
    await views.remove(view_id)
    return done(request, view.href)


page_routes = [new_view, save_view, edit_view, rename_view, ask_remove_view, remove_view]


def _form(
    request: WebRequest, views: Views, form: ViewForm, view: View | None = None, refusal: Refusal | None = None
) -> Template:
    kind = KINDS[form.kind]
    others = views.listed(form.kind) if view is None else []
    return render_form(request, "view_form.html", refusal, form=form, kind=kind, view=view, others=others)
