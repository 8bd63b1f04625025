"""Whether the client that asked for a change may still make it, checked again just before it takes effect.

A form or an upload may take minutes to arrive, and its login may end meanwhile. The gate provides the check; code that
changes something calls it (`Storage.begin` does, before and after each transaction's work). It holds for the task of
the request only: work that a request starts, such as a roll-out, goes on after the login has ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["ONLY_A_VISITOR", "check_permission", "permitted_by"]

ONLY_A_VISITOR = (
    "You are logged in as a visitor: you see everything, but can't change anything. Sign out, and log in with the "
    "farm's own password."
)

_current: ContextVar[tuple[asyncio.Task[object] | None, Callable[[], None]] | None] = ContextVar(
    "permission", default=None
)


@contextmanager
def permitted_by(check: Callable[[], None]) -> Iterator[None]:
    """Changes by this task inside the block are checked by `check`, which raises when they are no longer allowed."""
    token = _current.set((asyncio.current_task(), check))
    try:
        yield
    finally:
        _current.reset(token)


def check_permission() -> None:
    """Raises what the gate answers to a login, key or token that has ended; does nothing outside a request."""
    found = _current.get()
    if found is not None and found[0] is asyncio.current_task():
        found[1]()
