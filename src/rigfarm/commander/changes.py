"""A change while it is carried out: the code that does the work adds in a few words what it is about.

Every request and every command on this machine that changes something runs inside a `Change`. When it ends, the log
gets a line (`auth.changes`) and the activity an entry (`commander.activity`): who made it, from where, what it was,
what it was about, what was there before, and how it ended.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal

from msgspec import Struct

__all__ = [
    "Actor",
    "ActorKind",
    "Change",
    "Outcome",
    "TargetKind",
    "change_under_way",
    "compare",
    "concerns",
    "describe",
    "made_by",
    "nothing_changed",
    "part_of_it",
    "short",
]

MAX_VALUE = 120
"""Characters of one value."""
MAX_FACTS = 12
MAX_COMPARED = 24
"""Values with a before and an after."""

ActorKind = Literal[
    "session", "visitor", "api-key", "enrolment-key", "command", "rule", "mqtt", "sentry", "commander", "stranger"
]
TargetKind = Literal["rig", "playbook", "address", "software", "rollout", "key"]
Outcome = Literal["changed", "refused", "failed", ""]


class Actor(Struct, frozen=True):
    """Who makes a change."""

    kind: ActorKind
    name: str
    """For people: a login's label, a key's name."""
    ref: str = ""
    """Which one, where several have one name: of a login the beginning of its hash and its browser."""

    @property
    def label(self) -> str:
        """In a line of the log."""
        match self.kind:
            case "session":
                session, _, browser = self.ref.partition(" ")
                labelled = f" ({browser})" if browser != self.name else ""
                return f"session {session} {self.name}{labelled}"
            case "visitor":
                return f"visitor {self.ref.partition(' ')[0]} {self.name}"
            case "api-key":
                return f"API key {self.name}"
            case "enrolment-key":
                return f"enrolment key {self.name}"
            case "rule":
                return f"rule {self.name}"
            case _:
                return self.name


_current: ContextVar[Change | None] = ContextVar("change", default=None)


class Change:
    """One change and what is known of it."""

    def __init__(self, did: str, address: str, who: Actor | None = None) -> None:
        self.did = did
        """The route or command, as its author wrote it."""
        self.address = address
        self.who = who
        """None: a stranger, whose attempts leave no line."""
        self.action = ""
        """The same in plain words: `rename rig`."""
        self.facts: dict[str, str] = {}
        self.compared: dict[str, tuple[str, str]] = {}
        """What was there before, and what is there now, by what it is."""
        self.targets: dict[TargetKind, dict[int, str]] = {}
        """What it is about: names by number."""
        self.result = "no answer"
        """How it ended: an HTTP status, for example."""
        self.outcome: Outcome = "failed"
        """Empty: it was only a look."""


@contextmanager
def change_under_way(change: Change) -> Iterator[None]:
    """What is described inside the block belongs to this change."""
    token = _current.set(change)
    try:
        yield
    finally:
        _current.reset(token)


def describe(action: str = "", /, *, who: Actor | None = None, **facts: object) -> None:
    """Say what the change under way is about: an action in plain words, names and numbers, never a secret and never a
    whole form. Does nothing where there is none."""
    change = _current.get()
    if change is None:
        return
    change.who = who or change.who
    change.action = action or change.action
    for name, value in facts.items():
        if len(change.facts) < MAX_FACTS or name in change.facts:
            change.facts[name] = short(value)


def part_of_it(did: str) -> Change:
    """A change of its own, made by who makes the one under way: for a request that does many things."""
    change = _current.get()
    return Change(did, "", None) if change is None else Change(did, change.address, change.who)


def made_by() -> str:
    """Who makes the change under way, for people; empty where there is none."""
    change = _current.get()
    who = None if change is None else change.who
    return "" if who is None else short(who.name if who.kind == "session" else who.label)


def concerns(kind: TargetKind, names: Mapping[int, str]) -> None:
    """Say which things the change under way is about: names by number."""
    change = _current.get()
    if change is not None:
        change.targets.setdefault(kind, {}).update(names)


def compare(before: Mapping[str, object], after: Mapping[str, object]) -> None:
    """Say what the change under way replaces: of both, what is different. Never a secret."""
    change = _current.get()
    if change is None:
        return
    for name in dict.fromkeys([*before, *after]):
        old, new = (str(one.get(name, "")) for one in (before, after))
        if old != new and len(change.compared) < MAX_COMPARED:
            change.compared[name] = (short(old), short(new))


def nothing_changed() -> None:
    """The request turned out to be read-only."""
    change = _current.get()
    if change is not None:
        change.who = None


def short(value: object) -> str:
    """A value as a line of the log has it, cut to its limit."""
    text = str(value)
    return text if len(text) <= MAX_VALUE else text[: MAX_VALUE - 1] + "…"
