"""One shape of paging for every list of the JSON API: `limit` and `after` in the query, and the next page's URL in the
header `Link`, as RFC 8288 has it. The last page has no such header."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
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
    "answer_page",
    "loaded_page",
    "number_after",
    "numbers_after",
    "one_page",
    "page_of",
    "pair_after",
    "sifted",
]

LIMIT = 500
MAX_LIMIT = 2_000
SIFTED = 50
"""Rows that are read at once where most may be left out."""

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
    """A page of a list that is in memory. NotUnderstood for a cursor of another list."""
    some, cursor = page_of(items, limit, after, key)
    return answer_page(request, [answer(one) for one in some], cursor)


def page_of(items: Sequence[T], limit: int, after: str, key: Callable[[T], object]) -> tuple[Sequence[T], str]:
    """(the items of a page, the cursor of the next one, or empty). The cursor is the last one's position and key: the
    next page begins behind it wherever it is then, or at its position if it has been removed. NotUnderstood for
    another cursor."""
    start = 0
    if (cursor := pair_after(after)) is not None:
        position, last = cursor
        start = position
        if not (0 < position <= len(items) and str(key(items[position - 1])) == last):
            start = next((at for at, one in enumerate(items, 1) if str(key(one)) == last), max(position - 1, 0))
    some = items[start : start + limit]
    more = start + limit < len(items)
    return some, f"{start + limit}-{key(some[-1])}" if more else ""


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
    return answer_page(request, [answer(one) for one in some], cursor(some[-1]) if len(loaded) > limit else "")


async def sifted(
    load: Callable[[int | None, int], Awaitable[list[T]]],
    after: str,
    limit: int,
    *,
    fits: Callable[[T], bool],
    cursor: Callable[[T], int],
) -> list[T]:
    """For `loaded_page`: the next rows that fit, where the database can't tell. `load` takes a cursor and how many."""
    found: list[T] = []
    before, some = number_after(after), [*found]
    while len(found) <= limit and (some := await load(before, SIFTED)):
        found += filter(fits, some)
        before = cursor(some[-1])
    return found[: limit + 1]


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


def answer_page(request: Request[Any, Any, Any], content: list[A], after: str, **said: str) -> Response[list[A]]:
    """A page, and where the next one is. `said`: parameters that the next page is asked with in place of this one's."""
    if not after:
        return JsonAnswer(content)
    query = [(name, said.get(name, value)) for name, value in request.query_params.multi_items() if name != "after"]
    url = f"{request.scope['path']}?{urlencode([*query, ('after', after)])}"
    return JsonAnswer(content, headers={"Link": f'<{url}>; rel="next"'})
