"""A change while it is carried out: the code that does the work can add in a few words what it is about.

Every request and every command on this machine that changes something runs inside a `Change`. When it ends, one line in
the log says who made it, from where, what it was and how it ended (`auth.changes`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal

__all__ = ["Change", "change_under_way", "describe", "nothing_changed", "short"]

MAX_VALUE = 120
"""Characters of one value."""
MAX_FACTS = 12

_current: ContextVar[Change | None] = ContextVar("change", default=None)


class Change:
    """One change and what is known of it."""

    def __init__(self, did: str, address: str, who: str = "") -> None:
        self.did = did
        self.address = address
        self.who = who
        """Empty: a stranger, whose attempts leave no line."""
        self.facts: dict[str, str] = {}
        self.result = "no answer"
        """How it ended: an HTTP status, for example."""
        self.outcome: Literal["changed", "refused", "failed", ""] = "failed"
        """Empty: it was only a look."""


@contextmanager
def change_under_way(change: Change) -> Iterator[None]:
    """What is described inside the block belongs to this change."""
    token = _current.set(change)
    try:
        yield
    finally:
        _current.reset(token)


def describe(*, who: str = "", **facts: object) -> None:
    """Say what the change under way is about: names and numbers, never a secret and never a whole form. Does nothing
    where there is none."""
    change = _current.get()
    if change is None:
        return
    change.who = who or change.who
    for name, value in facts.items():
        if len(change.facts) < MAX_FACTS:
            change.facts[name] = short(value)


def nothing_changed() -> None:
    """What was asked turned out to be a question only."""
    change = _current.get()
    if change is not None:
        change.who = ""


def short(value: object) -> str:
    """A value as a line of the log has it, cut to its limit."""
    text = str(value)
    return text if len(text) <= MAX_VALUE else text[: MAX_VALUE - 1] + "…"
