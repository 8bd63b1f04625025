"""The frames of the link: one WebSocket per Sentry, binary messages, one msgpack array each, `[type, ...]`.

A rig is named by its *slot*, the position of its token in the last Hello. Fields may be appended to a frame, with a
default; a receiver ignores surplus ones, and a frame of an unknown type (see `codec`).
"""

from __future__ import annotations

from typing import Literal

from msgspec import Raw, Struct

from rigfarm.wire.orders import Order, OrderState
from rigfarm.wire.playbooks import PlaybookOrder, PlaybookStatus
from rigfarm.wire.specs import BoardDetail, Specs

__all__ = [
    "PROTOCOL",
    "Acks",
    "Command",
    "CommandResult",
    "Console",
    "ConsoleWatch",
    "DownFrame",
    "Gap",
    "Hello",
    "Logs",
    "Playbooks",
    "RigBoards",
    "RigPlaybooks",
    "RigSpecs",
    "UpFrame",
    "Verdict",
    "VerdictKind",
    "Verdicts",
    "Welcome",
]

PROTOCOL = 1

VerdictKind = Literal["ok", "removed", "unknown"]


class _Frame(Struct, array_like=True, gc=False):
    pass


# Up: Sentry -> Commander


class Hello(_Frame, tag=1):
    """First frame, and again whenever the Sentry's tokens change. Answered by Welcome."""

    protocol: int
    version: str
    spool: bytes
    """16 random bytes, made with the spool and never shown: sequence numbers count within it."""
    tokens: list[str]


class RigSpecs(_Frame, tag=2):
    slot: int
    specs: Specs


class Logs(_Frame, tag=3):
    """Logs with consecutive sequence numbers `first`, `first + 1`, …; acknowledged when they are durable.

    `logs` are encoded OperationalLogs: the Commander journals these bytes as they came.
    """

    first: int
    slots: list[int]
    logs: list[Raw]


class Gap(_Frame, tag=4):
    """The spool was full: logs `first`..`last` (inclusive) were dropped and will never come. Acknowledged like logs."""

    first: int
    last: int
    lost: bool = True
    """False: nobody misses them (their token was removed, or they come again under other numbers), so nobody counts."""
    dropped: list[tuple[int, int, int]] | None = None
    """Whose they were: slot, how many of its logs this spool has lost in all, and of how many of these the Commander
    has acknowledged to have heard. Totals, so that a frame that comes twice counts once. Empty: another frame says."""


class RigBoards(_Frame, tag=5):
    """Chip by chip, for an ASIC's page; sent now and then, only the latest is kept."""

    slot: int
    boards: list[BoardDetail]


class RigPlaybooks(_Frame, tag=6):
    """Status of every playbook of one rig (always all of them)."""

    slot: int
    statuses: list[PlaybookStatus]


class Console(_Frame, tag=7):
    """Lines a mining program printed, `first` being the number of the first one since it started."""

    slot: int
    playbook: int
    first: int
    lines: list[str]


class CommandResult(_Frame, tag=8):
    id: str
    slot: int
    state: OrderState
    detail: str = ""


# Down: Commander -> Sentry


class Verdict(_Frame):
    """What the Commander thinks of one token. Only `removed` ever stops mining; `unknown` stops the sending."""

    kind: VerdictKind
    rig: int | None = None
    name: str | None = None


class Welcome(_Frame, tag=101):
    now_ms: int
    """The Commander's clock, UTC ms: a Sentry stamps its logs by it, so a rig's wrong clock harms nothing."""
    interval_s: float
    verdicts: list[Verdict]
    """One per token of the Hello, in its order."""
    version: str
    highest: int | None = None
    """The highest sequence number ever taken from this spool. A Sentry that has not given it out yet (a cloned or a
    restored disk) takes a new spool id, for else its new logs would be taken for old ones."""


class Acks(_Frame, tag=102):
    """Sequence numbers that are durable, as inclusive ranges [first, last]."""

    ranges: list[tuple[int, int]]


class Verdicts(_Frame, tag=103):
    """A verdict changed while connected: (slot, verdict)."""

    changes: list[tuple[int, Verdict]]


class Playbooks(_Frame, tag=104):
    """All playbooks of one rig: it runs these and no others. Sent after Welcome and at every change."""

    slot: int
    revision: int
    playbooks: list[PlaybookOrder]


class Command(_Frame, tag=105):
    id: str
    slot: int
    order: Order


class ConsoleWatch(_Frame, tag=106):
    """Somebody looks at (or left) the console of a playbook. Send the last lines, then each new one, while `on`."""

    slot: int
    playbook: int
    on: bool


class ReportEvery(_Frame, tag=107):
    """Change of the report interval, s."""

    interval_s: float


UpFrame = Hello | RigSpecs | Logs | Gap | RigBoards | RigPlaybooks | Console | CommandResult
DownFrame = Welcome | Acks | Verdicts | Playbooks | Command | ConsoleWatch | ReportEvery
