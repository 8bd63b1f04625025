"""What no handler has to expect: numbers beyond the database, text with NUL, JSON nested without end, questions that
would not be understood.

Refused here, once, for every route. Litestar refuses what is not of a handler's types, msgspec what is not JSON.
"""

from __future__ import annotations

import re
from typing import Any

from litestar import Litestar, Request
from litestar.datastructures import FormMultiDict
from litestar.exceptions import ClientException, NotFoundException
from litestar.routes import HTTPRoute

from rigfarm.commander.numbers import MAX_NUMBER
from rigfarm.commander.web.conditional import heed_if_match, know_revisions
from rigfarm.commander.web.sparse import ask_for_fields, has_fields, know_fields
from rigfarm.common.text import printable

__all__ = ["CheckedRequest", "asks", "check_address", "know_questions"]

_NUL_IN_JSON = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_KNOWN = "query parameters"
_NUL = "The request contains a NUL character, which no text here may have. Remove it, then try again."


async def check_address(request: Request[Any, Any, Any]) -> None:
    """For `Litestar(before_request=…)`: refuse a path or a query that nothing can be meant by."""
    for value in request.path_params.values():
        if isinstance(value, int) and not 0 <= value <= MAX_NUMBER:
            raise NotFoundException("Nothing with this number exists here.")
    if b"%00" in request.scope["query_string"] or "\0" in request.scope["path"]:
        raise ClientException(_NUL)
    known = request.route_handler.opt.get(_KNOWN)
    if known is not None and (unknown := set(request.query_params) - known):
        there = f"Known parameters: {', '.join(sorted(known))}." if known else "It takes none here."
        raise ClientException(f"Unknown query parameter {printable(min(unknown), '?', most=40)}. {there}")
    ask_for_fields(request)
    heed_if_match(request)


def asks(*names: str) -> dict[str, object]:
    """For a handler's `opt`: the query parameters that it reads from the request by itself."""
    return {_KNOWN: frozenset(names)}


def know_questions(app: Litestar) -> None:
    """From now on `check_address` refuses a query parameter that a page or an operation of the API does not have: a
    slip of the pen must not mean everything."""
    know_fields(app)
    know_revisions(app)
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for handler, kwargs in route.route_handler_map.values():
                own = frozenset(one.field_alias for one in kwargs.expected_query_params)
                more = {"fields"} if has_fields(handler.opt) else set()
                handler.opt[_KNOWN] = own | more | handler.opt.get(_KNOWN, frozenset())


class CheckedRequest(Request[Any, Any, Any]):
    """A request whose body has no NUL in any text, and whose JSON is not nested deeper than can be read."""

    async def body(self) -> bytes:
        """The body, whole. ClientException for a form or JSON that contains NUL."""
        body = await super().body()
        kind = self.content_type[0]
        if kind == "application/x-www-form-urlencoded":
            found = b"%00" in body or b"\0" in body
        else:
            found = kind.endswith("json") and _NUL_IN_JSON.search(body) is not None
        if found:
            raise ClientException(_NUL)
        return body

    async def json(self) -> Any:
        """The decoded body. ClientException when it is nested too deeply, or not UTF-8."""
        try:
            return await super().json()
        except UnicodeDecodeError:
            raise ClientException("The JSON is not UTF-8.") from None
        except RecursionError:
            raise ClientException("The JSON is nested too deeply.") from None

    async def form(self) -> FormMultiDict:
        """The fields. ClientException for one that contains NUL; the content of files is anything."""
        form = await super().form()
        if any(isinstance(value, str) and "\0" in value for value in form.values()):
            raise ClientException(_NUL)
        return form
