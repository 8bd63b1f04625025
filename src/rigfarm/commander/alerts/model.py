"""Alerts: what a rule found, on which rigs, since when, and what was done about it. Times are UTC milliseconds.

a rule finds something    → pending, until it has lasted as long as the rule says
it lasts                  → a member of an alert that fires; rigs with the same cause are members of one alert
an operator acts          → acknowledged, or snoozed for a while
the last member is well   → resolved
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct, field

__all__ = [
    "AROUND_MS",
    "FARM",
    "MAX_NOTES",
    "SEVERITIES",
    "SHARED_WORDS",
    "Alert",
    "AlertState",
    "Dimension",
    "Fact",
    "Member",
    "MemberState",
    "Note",
    "Severity",
    "Subject",
    "around",
    "circuit_in",
]

Severity = Literal["info", "warning", "critical"]
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")
"""The least first."""
AlertState = Literal["firing", "acknowledged", "snoozed", "resolved"]
MemberState = Literal["pending", "firing", "ended"]
Dimension = Literal["rig", "circuit", "sentry", "playbook", "pool", "place", "subnet", "tag"]
"""What those in trouble can share, the most telling first."""
SHARED_WORDS: Mapping[Dimension, str] = {
    "rig": "rig",
    "circuit": "circuit",
    "sentry": "Sentry",
    "playbook": "playbook",
    "pool": "pool",
    "place": "place",
    "subnet": "network",
    "tag": "tag",
}
Fact = tuple[Dimension, str]
FARM = 0
"""Stands for a rig's id where an alert is about the Commander itself; ids below it stand for circuits."""
Subject = tuple[int, int, str]
"""(rule, rig, part): what can be in trouble once."""


def circuit_in(rig_id: int) -> int:
    """The id of the circuit that stands in the place of a rig; and the other way round. Not positive for rigs."""
    return -rig_id


class Member(Struct, eq=False):
    """One rig (or part of it) that a rule found something on."""

    id: int
    rule_id: int
    rig_id: int
    part: str
    """What of the rig: `GPU 3`; empty for all of it."""
    rig_name: str
    state: MemberState
    text: str
    """What was found, with the numbers of the moment it was last seen."""
    value: float | None
    since_ms: int
    """When it was first seen."""
    alert_id: int | None = None
    """Absent while it is pending."""
    fired_ms: int | None = None
    ended_ms: int | None = None
    ending: str = ""
    """Why it ended, in words."""

    @property
    def key(self) -> Subject:
        """What it is about."""
        return self.rule_id, self.rig_id, self.part


MAX_NOTES = 100
"""Of one alert."""


class Note(Struct, frozen=True):
    """What a person wrote, or what happened to an alert."""

    at_ms: int
    who: str
    text: str


class Alert(Struct, eq=False):
    """One cause, on one rig or on many."""

    id: int
    rule_id: int
    rule: str
    """The rule's name when it fired."""
    severity: Severity
    state: AlertState
    shared: list[Fact]
    """What all that are in it share; of one rig: all that is known of it."""
    started_ms: int
    rigs: int = 0
    """How many there were in all."""
    open_rigs: int = 0
    """How many of them are still in trouble."""
    text: str = ""
    """What was found on the first of them."""
    by: str = ""
    """Who acknowledged or snoozed it."""
    by_ms: int | None = None
    until_ms: int | None = None
    """How long it is snoozed."""
    escalates_from_ms: int | None = None
    """Since when it can be escalated, if not since `started_ms`: it fired again, or its maintenance window ended."""
    escalated_ms: int | None = None
    ended_ms: int | None = None
    ending: str = ""
    revision: int = 1
    notes: list[Note] = field(default_factory=list)

    @property
    def open(self) -> bool:
        """Whether it has not been resolved."""
        return self.state != "resolved"

    @property
    def urgent_since_ms(self) -> int:
        """Since when someone should look at it: it fired, fired again, or its maintenance window ended or will end."""
        return self.escalates_from_ms or self.started_ms

    def noted(self, note: Note) -> list[Note]:
        """Its notes with one more: of too many, the oldest goes."""
        return [*self.notes, note][-MAX_NOTES:]


AROUND_MS = 1_800_000


def around(since_ms: int, ended_ms: int | None) -> str:
    """The part of a URL that makes a rig's charts show this time, and half an hour before and after it."""
    return f"?from={since_ms - AROUND_MS}&to={(ended_ms or since_ms) + AROUND_MS}"
