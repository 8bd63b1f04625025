"""What no handler has to expect: numbers beyond the database, text with NUL, JSON nested without end.

Refused here, once, for every route. Litestar refuses what is not of a handler's types, msgspec what is not JSON.
"""

from __future__ import annotations

import re
from typing import Any

from litestar import Request
from litestar.datastructures import FormMultiDict
from litestar.exceptions import ClientException, NotFoundException

from rigfarm.commander.numbers import MAX_NUMBER

__all__ = ["CheckedRequest", "check_address"]

_NUL_IN_JSON = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_NUL = "The request contains a NUL character, which no text here may have. Remove it, then try again."


def check_address(request: Request[Any, Any, Any]) -> None:
    """For `Litestar(before_request=…)`: refuse a path or a query that nothing can be meant by."""
    for value in request.path_params.values():
        if isinstance(value, int) and not 0 <= value <= MAX_NUMBER:
            raise NotFoundException("Nothing with this number exists here.")
    if b"%00" in request.scope["query_string"] or "\0" in request.scope["path"]:
        raise ClientException(_NUL)


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
        """The decoded body. ClientException when it is nested too deeply."""
        try:
            return await super().json()
        except RecursionError:
            raise ClientException("The JSON is nested too deeply.") from None

    async def form(self) -> FormMultiDict:
        """The fields. ClientException for one that contains NUL; the content of files is anything."""
        form = await super().form()
        if any(isinstance(value, str) and "\0" in value for value in form.values()):
            raise ClientException(_NUL)
        return form
