"""`?fields=id,name`: an answer of the API with some of its fields, lists and items alike; no route has code for it."""

from __future__ import annotations

from collections.abc import Collection
from contextvars import ContextVar
from typing import Any, get_args, get_origin

import msgspec
from litestar import Litestar, Request, Response
from litestar.routes import HTTPRoute

from rigfarm.commander.refusals import NotUnderstood
from rigfarm.common.text import printable

__all__ = ["ask_for_fields", "asked_for_fields", "has_fields", "know_fields", "only_fields"]

_OPT = "fields"
_asked: ContextVar[Collection[str] | None] = ContextVar("fields", default=None)


def know_fields(app: Litestar) -> None:
    """From now on every GET of the API that answers with objects takes `fields`."""
    for route in app.routes:
        if isinstance(route, HTTPRoute) and route.path.startswith("/api/"):
            for method, (handler, kwargs) in route.route_handler_map.items():
                own = {one.field_alias for one in kwargs.expected_query_params}
                if str(method) == "GET" and _OPT not in own:
                    handler.opt[_OPT] = _fields(handler.parsed_fn_signature.return_type.annotation)


def has_fields(opt: dict[str, Any]) -> bool:
    """Whether a route takes `fields`."""
    return bool(opt.get(_OPT))


def ask_for_fields(request: Request[Any, Any, Any]) -> None:
    """Before a request: remember which fields its answer shall have. NotUnderstood for one that does not exist."""
    said = request.query_params.get("fields")
    known: frozenset[str] | None = request.route_handler.opt.get(_OPT)
    if said is None or not known:
        return
    wanted = [name.strip() for name in said.split(",") if name.strip()]
    if unknown := [name for name in wanted if name not in known]:
        text = f"There is no field {printable(unknown[0], '?', most=40)} here. Fields: {', '.join(sorted(known))}."
        raise NotUnderstood(text, field="fields")
    if not wanted:
        raise NotUnderstood("fields names at least one field.", field="fields")
    _asked.set(frozenset(wanted))


def only_fields(content: Any) -> Any:
    """Decoded JSON with the fields that the request under way asks for."""
    wanted = _asked.get()
    if wanted is None:
        return content
    if isinstance(content, list):
        return [only_fields(one) for one in content]
    return {name: value for name, value in content.items() if name in wanted} if isinstance(content, dict) else content


def asked_for_fields() -> bool:
    """Whether the request under way asks for some fields only."""
    return _asked.get() is not None


def _fields(annotation: Any) -> frozenset[str]:
    """Of the struct that a handler answers with, or of those in its list; empty where it is neither."""
    if get_origin(annotation) in (Response, list):
        return _fields(get_args(annotation)[0])
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return frozenset(field.encode_name for field in msgspec.structs.fields(annotation))
    return frozenset()
