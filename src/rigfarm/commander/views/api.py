"""The JSON API of saved views."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, Router, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import UNSET, Struct, UnsetType

from rigfarm.commander.auth import CONFIGURE
from rigfarm.commander.kinds import KindName
from rigfarm.commander.views.actions import Views
from rigfarm.commander.views.model import View
from rigfarm.commander.web.conditional import IF_MATCH
from rigfarm.commander.web.paging import LIMIT, After, Limit, one_page

__all__ = ["api_routes"]


class NewView(Struct, forbid_unknown_fields=True):
    """`search` is what follows `?` in the index' URL: `q=temp>80&sort=-hashrate&cols=state,hashrate`."""

    kind: KindName
    name: str
    search: str


class ViewChange(Struct, forbid_unknown_fields=True):
    """Fields that are left out don't change. `revision`: refuse if someone else has changed it since."""

    name: str | UnsetType = UNSET
    search: str | UnsetType = UNSET
    revision: int | UnsetType = UNSET


class ViewAnswer(Struct):
    """A saved view."""

    id: int
    kind: KindName
    name: str
    search: str
    href: str
    revision: int


@get("", summary="List saved views")
async def list_views(
    request: Request[Any, Any, Any],
    views: NamedDependency[Views],
    kind: FromQuery[KindName | None] = None,
    limit: Limit = LIMIT,
    after: After = "",
) -> Response[list[ViewAnswer]]:
    """Those of one kind of rig, or all of them."""
    return one_page(request, views.listed(kind), limit, after, key=lambda one: one.id, answer=_answer)


@post("", opt=CONFIGURE, status_code=201, summary="Save a view of an index")
async def create_view(data: JSONBody[NewView], views: NamedDependency[Views]) -> ViewAnswer:
    """Everyone sees it as a tab above the index."""
    return _answer(await views.create(data.kind, data.name, data.search))


@get("/{view_id:int}", summary="One saved view")
async def get_view(view_id: FromPath[int], views: NamedDependency[Views]) -> ViewAnswer:
    """With where it is seen."""
    return _answer(views.get(view_id))


@patch("/{view_id:int}", opt=CONFIGURE, summary="Change a saved view")
async def change_view(view_id: FromPath[int], data: JSONBody[ViewChange], views: NamedDependency[Views]) -> ViewAnswer:
    """Its name, or what it shows."""
    name = None if data.name is UNSET else data.name
    search = None if data.search is UNSET else data.search
    revision = None if data.revision is UNSET else data.revision
    return _answer(await views.change(view_id, name=name, search=search, revision=revision))


@delete("/{view_id:int}", opt=CONFIGURE | IF_MATCH, summary="Remove a saved view")
async def remove_view(view_id: FromPath[int], views: NamedDependency[Views]) -> None:
    """For everyone; rigs are not affected."""
    await views.remove(view_id)


api_routes = Router(
    "/api/views", route_handlers=[list_views, create_view, get_view, change_view, remove_view], tags=["views"]
)


def _answer(view: View) -> ViewAnswer:
    return ViewAnswer(view.id, view.kind, view.name, view.search, view.href, view.revision)
