"""Every list of the JSON API is asked, paged and answered alike, and every thing is read and changed alike: who has
written a program for one of them has written it for all. Taken from the router, so that no new route is left out."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from litestar import Litestar, Response
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute
from msgspec import Struct
from msgspec.structs import fields

from rigfarm.commander.app import application, build
from rigfarm.commander.auth.scopes import changes_something
from rigfarm.commander.settings import Settings
from rigfarm.commander.web.conditional import takes_if_match
from rigfarm.commander.web.paging import LIMIT, After, Limit
from rigfarm.commander.web.sparse import has_fields

NO_LISTS = {
    "/api/health": "the parts of one Commander",
    "/api/history": "the lines of one chart",
    "/api/reports": "the days and rigs of one report",
    "/api/rigs/by-code": "what one code means, 20 rigs at most",
}
"""Answers that have lists in them, but are one thing -> which."""
WITHOUT_REVISION = {
    "/api/logins/{login_id}": "a login has nothing but a label",
    "/api/reports/settings": "of the whole farm: one after another, field by field",
    "/api/rigs": "each rig in the body has its own revision",
    "/api/rigs/{rig_id}/variables": "of a rig: one after another, variable by variable",
    "/api/thresholds": "of the whole farm: one after another, field by field",
}
"""What is changed without comparing revisions -> why."""
NOT_OF_RIGS = {
    "/api/addresses": "of the farm",
    "/api/alert-channels": "of the farm",
    "/api/alert-rules": "of the farm; each has a filter of its own",
    "/api/enrolment-keys": "of the farm",
    "/api/history/removed": "rigs that were removed: no search finds them",
    "/api/keys": "of the farm",
    "/api/logins": "of people",
    "/api/maintenance-windows": "of the farm; each has a filter of its own",
    "/api/placing-rules": "of the farm; what they do to rigs is a plan, which takes the filter",
    "/api/playbooks": "of the farm",
    "/api/playbooks/{playbook_id}/revisions": "of a playbook",
    "/api/reports/coins/sources": "of coins",
    "/api/reports/coins/values": "of coins",
    "/api/reports/schedules": "of the farm; each has a filter of its own",
    "/api/reports/schedules/messages": "of schedules",
    "/api/rigs/{rig_id}/playbooks": "of one rig",
    "/api/software": "of the farm",
    "/api/software/catalogue": "of the program",
    "/api/views": "of the farm",
    "/api/webhooks": "of the farm",
    "/api/webhooks/deliveries": "of webhooks; one has several events",
}
"""Lists whose rows belong to no rigs -> to what. All others take `filter`, the language of the search."""
NOT_ALONE = {"/api/logins/{login_id}": "`/api/session` is one's own"}
"""What is changed and not read alone -> why."""
OTHER_PAGING = {"before", "cursor", "next", "offset", "page", "per_page", "size"}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Litestar:
    async def built() -> Litestar:
        folder = tmp_path_factory.mktemp("commander")
        async with build(Settings(data_dir=folder, password="correct horse", tls="off")) as commander:
            return application(commander)

    return asyncio.run(built())


def _routes(app: Litestar) -> Iterator[tuple[str, str, HTTPRouteHandler]]:
    """(method, path, handler) of what the API documents."""
    for route in app.routes:
        if isinstance(route, HTTPRoute) and route.path_format.startswith("/api/"):
            for method, (handler, _) in route.route_handler_map.items():
                if str(method) != "OPTIONS" and handler.resolve_include_in_schema():
                    yield str(method), route.path_format, handler


def _answer(handler: HTTPRouteHandler) -> Any:
    """What it answers with, without the response around it."""
    found = get_type_hints(handler.fn, include_extras=True)["return"]
    return get_args(found)[0] if get_origin(found) is Response else found


def _is_list(kind: Any) -> bool:
    """Whether it is a list of things."""
    of = get_args(kind)
    return get_origin(kind) is list and isinstance(of[0], type) and issubclass(of[0], Struct)


def test_every_list_is_paged_alike(app: Litestar) -> None:
    lists = {path: one for method, path, one in _routes(app) if method == "GET" and _is_list(_answer(one))}
    assert {"/api/rigs", "/api/activity", "/api/history/events", "/api/software/catalogue"} <= lists.keys()
    for path, handler in lists.items():
        hints, of = get_type_hints(handler.fn, include_extras=True), handler.parsed_fn_signature.parameters
        assert get_origin(hints["return"]) is Response, f"{path}: its pages need a header"
        assert (hints.get("limit"), hints.get("after")) == (Limit, After), path
        assert (of["limit"].default, of["after"].default) == (LIMIT, ""), path
        assert has_fields(handler.opt), path


def test_every_list_of_what_belongs_to_rigs_takes_a_filter(app: Litestar) -> None:
    """tests/commander/test_lists_of_some_rigs.py asks each of them."""
    lists = {path for method, path, one in _routes(app) if method == "GET" and _is_list(_answer(one))}
    filters = {
        route.path_format: parameter
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for _, kwargs in route.route_handler_map.values()
        for parameter in kwargs.expected_query_params
        if parameter.field_alias == "filter"
    }
    assert lists - filters.keys() == NOT_OF_RIGS.keys()
    documented = app.openapi_schema.to_schema()["paths"]
    for path in lists & filters.keys():
        [said] = [one for one in documented[path]["get"]["parameters"] if one["name"] == "filter"]
        assert "docs/search.md" in said["description"], path
        assert said["examples"], path


def test_no_list_is_paged_otherwise(app: Litestar) -> None:
    for route in app.routes:
        if isinstance(route, HTTPRoute) and route.path_format.startswith("/api/"):
            for _, kwargs in route.route_handler_map.values():
                assert {one.field_alias for one in kwargs.expected_query_params} & OTHER_PAGING == set(), route.path


def test_no_list_is_hidden_in_an_answer(app: Litestar) -> None:
    """Where a path ends with an id, the answer is one thing with all that it has."""
    found = set()
    for method, path, handler in _routes(app):
        kind = _answer(handler)
        if method == "GET" and not path.endswith("}") and isinstance(kind, type) and issubclass(kind, Struct):
            found |= {path for one in fields(kind) if _is_list(one.type)}
    assert found == NO_LISTS.keys()


def test_what_is_changed_is_read_alone_and_removed_with_the_same_care(app: Litestar) -> None:
    routes = {(method, path): handler for method, path, handler in _routes(app)}
    changed = {path: one for (method, path), one in routes.items() if method == "PATCH"}
    careless = {path for path, one in changed.items() if not takes_if_match("PATCH", one)}
    assert careless == WITHOUT_REVISION.keys()
    for path in changed.keys() - careless:
        removing = routes.get(("DELETE", path))
        assert removing is None or takes_if_match("DELETE", removing), path
    assert {path for path in changed if ("GET", path) not in routes} == NOT_ALONE.keys()


def test_nothing_is_changed_by_reading(app: Litestar) -> None:
    assert [path for method, path, one in _routes(app) if method == "GET" and changes_something(method, one.opt)] == []
