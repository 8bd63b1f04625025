"""One shape of paging for every list of the JSON API: `limit` and `after` in the query, and the next page's URL in the
header `Link`, as RFC 8288 has it. The last page has no such header."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeAlias, TypeVar
from urllib.parse import urlencode

from litestar import Request, Response
from litestar.params import QueryParameter

from rigfarm.commander.refusals import NotUnderstood
from rigfarm.commander.web.json_answers import JsonAnswer

__all__ = [
    "LIMIT",
    "MAX_LIMIT",
    "After",
    "Limit",
    "loaded_page",
    "number_after",
    "numbers_after",
    "one_page",
    "pair_after",
]

LIMIT = 500
MAX_LIMIT = 2_000

Limit: TypeAlias = Annotated[int, QueryParameter(ge=1, le=MAX_LIMIT, description="How many at most.")]
After: TypeAlias = Annotated[
    str, QueryParameter(max_length=64, description="Go on after this one, as the URL in the header `Link` says.")
]
_PAIR = re.compile(r"(\d{1,15})-([0-9A-Za-z_.-]{1,48})", re.ASCII)

T = TypeVar("T")
A = TypeVar("A")


def one_page(
    request: Request[Any, Any, Any],
    items: Sequence[T],
    limit: int,
    after: str,
    *,
    key: Callable[[T], object],
    answer: Callable[[T], A],
) -> Response[list[A]]:
    """A page of a list that is in memory. The cursor is the last one's position and key: the next page begins behind
    it wherever it is then, or at its position if it has been removed. NotUnderstood for another cursor."""
    start = 0
    if (cursor := pair_after(after)) is not None:
        position, last = cursor
        start = position
        if not (0 < position <= len(items) and str(key(items[position - 1])) == last):
            start = next((at for at, one in enumerate(items, 1) if str(key(one)) == last), max(position - 1, 0))
    some = items[start : start + limit]
    more = start + limit < len(items)
    return _answer(request, [answer(one) for one in some], f"{start + limit}-{key(some[-1])}" if more else "")


def loaded_page(
    request: Request[Any, Any, Any],
    loaded: Sequence[T],
    limit: int,
    *,
    cursor: Callable[[T], str],
    answer: Callable[[T], A],
) -> Response[list[A]]:
    """A page that was loaded from the database with one row more than `limit`, if there is one."""
    some = loaded[:limit]
    return _answer(request, [answer(one) for one in some], cursor(some[-1]) if len(loaded) > limit else "")


def number_after(after: str) -> int | None:
    """A cursor that is a number; None on the first page. NotUnderstood for any other."""
    if not after:
        return None
    if not (after.isascii() and after.isdecimal()) or len(after) > 15:
        raise _wrong()
    return int(after)


def pair_after(after: str) -> tuple[int, str] | None:
    """A cursor that is a number and a key; None on the first page. NotUnderstood for any other."""
    if not after:
        return None
    found = _PAIR.fullmatch(after)
    if found is None:
        raise _wrong()
    return int(found[1]), found[2]


def numbers_after(after: str) -> tuple[int, int] | None:
    """A cursor that is two numbers; None on the first page. NotUnderstood for any other."""
    found = pair_after(after)
    if found is None or (second := number_after(found[1])) is None:
        return None
    return found[0], second


def _wrong() -> NotUnderstood:
    return NotUnderstood("after is not a cursor of this list: take the URL in the header Link, or leave it out.")


def _answer(request: Request[Any, Any, Any], content: list[A], after: str) -> Response[list[A]]:
    if not after:
        return JsonAnswer(content)
    query = [(name, value) for name, value in request.query_params.multi_items() if name != "after"]
    url = f"{request.scope['path']}?{urlencode([*query, ('after', after)])}"
    return JsonAnswer(content, headers={"Link": f'<{url}>; rel="next"'})
