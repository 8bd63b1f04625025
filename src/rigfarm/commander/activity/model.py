"""What the activity says of one change, and how it is made from what is known of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import get_args

import msgspec
from msgspec import Struct

from rigfarm.commander.changes import Actor, ActorKind, Change, Outcome, TargetKind
from rigfarm.common.clock import moment
from rigfarm.common.text import printable
from rigfarm.units import counted

__all__ = [
    "KINDS_OF_ACTORS",
    "Compared",
    "Details",
    "Draft",
    "Entry",
    "Query",
    "draft_of",
    "range_count",
    "ranges",
    "unranged",
]

MAX_TEXT = 200
MAX_RESULT = 400
MAX_NAMES = 5
"""Names of one entry; of more it says how many there are."""
MAX_TARGETS = 20_000
KINDS_OF_ACTORS: Mapping[ActorKind, str] = {
    "session": "login",
    "visitor": "visitor",
    "api-key": "API key",
    "enrolment-key": "enrolment key",
    "command": "command",
    "rule": "rule",
    "mqtt": "MQTT",
    "sentry": "Sentry",
    "commander": "Commander",
    "stranger": "someone without a login",
}
"""In words for people."""
_WORDS: Mapping[TargetKind, str] = {
    "rig": "rig",
    "playbook": "playbook",
    "address": "address",
    "software": "mining software version",
    "rollout": "roll-out",
    "key": "key",
}


class Compared(Struct, frozen=True, array_like=True):
    """One value that was replaced."""

    what: str
    before: str
    after: str


class Details(Struct, frozen=True):
    """What the columns do not say."""

    did: str
    facts: dict[str, str]
    compared: list[Compared]
    targets: dict[str, str]
    """Numbers by kind, as `1-5,8`."""
    names: dict[str, list[str]]
    """Names of the first of them."""


_details = msgspec.json.Decoder(Details)


class Draft(Struct, frozen=True):
    """An entry that has no place in the chain yet. Time is UTC ms."""

    at: int
    who_kind: ActorKind
    who: str
    who_ref: str
    address: str
    action: str
    target: str
    details: str
    """JSON of Details."""
    outcome: Outcome
    result: str

    @property
    def read_details(self) -> Details:
        """What the columns do not say."""
        return _details.decode(self.details)

    @property
    def targets(self) -> list[tuple[str, int]]:
        """Everything it is about, by kind and number."""
        found = self.read_details.targets
        return [(kind, number) for kind, text in found.items() for number in unranged(text)]


class Entry(Struct, frozen=True):
    """One row: a draft with its place in the chain."""

    id: int
    draft: Draft
    hash: bytes

    @property
    def moment(self) -> datetime:
        """When it was."""
        return moment(self.draft.at)


class Query(Struct, frozen=True, kw_only=True):
    """Which entries: all that match everything that is given. Times are UTC ms, `until` not included."""

    words: tuple[str, ...] = ()
    kind: str = ""
    who: str = ""
    action: str = ""
    outcome: str = ""
    about: tuple[str, int] | None = None
    rigs: frozenset[int] | None = None
    """Only what is about one of these."""
    since: int | None = None
    until: int | None = None
    before: int | None = None
    """Only entries with a smaller number: the next page."""


def draft_of(change: Change, now_ms: int) -> Draft:
    """What there is to store of a change. All its texts are visible, and have their limits."""
    who = change.who or Actor("stranger", "unknown")
    targets = {kind: dict(sorted(names.items())[:MAX_TARGETS]) for kind, names in change.targets.items() if names}
    details = Details(
        _text(change.did),
        {_text(name): _text(value) for name, value in change.facts.items()},
        [Compared(_text(what), _text(old), _text(new)) for what, (old, new) in change.compared.items()],
        {kind: ranges(names) for kind, names in targets.items()},
        {kind: [_text(name) for name in list(names.values())[:MAX_NAMES]] for kind, names in targets.items()},
    )
    return Draft(
        now_ms,
        who.kind,
        _text(who.name),
        _text(who.ref),
        _text(change.address),
        _text(change.action or change.did),
        _text(_target(targets), 3 * MAX_TEXT),
        msgspec.json.encode(details).decode(),
        change.outcome or "changed",
        _text(change.result, MAX_RESULT),
    )


def _text(text: str, most: int = MAX_TEXT) -> str:
    return printable(text, "\ufffd", most=most)


def _target(targets: Mapping[TargetKind, Mapping[int, str]]) -> str:
    """`rig-04`, or `212 rigs: rig-01, rig-02, …`."""
    parts = []
    for kind, names in targets.items():
        some = ", ".join(list(names.values())[:MAX_NAMES])
        if len(names) == 1:
            parts.append(some)
        else:
            parts.append(f"{counted(len(names), _WORDS[kind])}: {some}{', …' if len(names) > MAX_NAMES else ''}")
    return "; ".join(parts)


def ranges(numbers: Iterable[int]) -> str:
    """`1-5,8`: whole numbers as a short text."""
    found: list[list[int]] = []
    for number in sorted(set(numbers)):
        if found and found[-1][1] == number - 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in found)


def unranged(text: str) -> Iterator[int]:
    """The numbers of `ranges`, ascending. ValueError for anything else, and for more than an entry has."""
    for span in _spans(text):
        yield from span


def range_count(text: str) -> int:
    """How many numbers `ranges` stands for. ValueError as above."""
    return sum(map(len, _spans(text)))


def _spans(text: str) -> Iterator[range]:
    found = 0
    for part in text.split(",") if text else ():
        first, _, last = part.partition("-")
        span = range(int(first), int(last or first) + 1)
        found += len(span)
        if not span or found > MAX_TARGETS:
            raise ValueError("not the numbers of an entry")
        yield span


assert set(KINDS_OF_ACTORS) == set(get_args(ActorKind))
