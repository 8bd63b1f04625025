"""`ETag` and `If-Match`: a thing is changed only at the revision that a program has seen."""

from __future__ import annotations

import re
from typing import Any

from litestar import Litestar, Request
from litestar.exceptions import ClientException
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute
from msgspec import Struct

from rigfarm.commander.refusals import only_at

__all__ = ["IF_MATCH", "etag", "heed_if_match", "know_revisions", "takes_if_match"]

IF_MATCH: dict[str, object] = {"if_match": True}
"""For a handler's `opt`: its verb calls `expect_revision`."""
MAX_HEADER = 500
_TAG = re.compile(r'(W/)?"([^"]*)"')
_LIST = re.compile(r'\s*(?:W/)?"[^"]*"\s*(?:,\s*(?:W/)?"[^"]*"\s*)*')


def etag(content: object) -> str:
    """That of a thing with a revision; empty for anything else."""
    revision = getattr(content, "revision", None) if isinstance(content, Struct) else None
    return f'"{revision}"' if isinstance(revision, int) else ""


def takes_if_match(method: str, handler: HTTPRouteHandler) -> bool:
    """Whether what a route changes has a revision that it compares: its body may name one, or it says so."""
    if handler.opt.get("if_match"):
        return True
    body = handler.parsed_fn_signature.parameters.get("data")
    return method == "PATCH" and body is not None and "revision" in getattr(body.annotation, "__struct_fields__", ())


def know_revisions(app: Litestar) -> None:
    """From now on `heed_if_match` knows which routes compare revisions."""
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for method, (handler, _) in route.route_handler_map.items():
                handler.opt["if_match"] = takes_if_match(str(method), handler)


def heed_if_match(request: Request[Any, Any, Any]) -> None:
    """Before a request: what `If-Match` says holds for what it changes. A program that relies on it is told where that
    has no meaning."""
    said = request.headers.get("if-match")
    if said is None or request.method in ("GET", "HEAD", "OPTIONS") or said.strip() == "*":
        return
    if not request.route_handler.opt.get("if_match"):
        raise ClientException("If-Match has no meaning here: this has no revision that could be compared.")
    if len(said) > MAX_HEADER or _LIST.fullmatch(said) is None:
        raise ClientException('If-Match is a revision in quotation marks, as in the header ETag, for example "7".')
    only_at({int(tag) for weak, tag in _TAG.findall(said) if not weak and tag.isdecimal() and tag.isascii()})
