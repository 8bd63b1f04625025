"""The frames of the link: one WebSocket per Sentry, binary messages, one msgpack array each, `[type, ...]`.

A rig is named by its *slot*, the position of its token in the last Hello. Fields may be appended to a frame, with a
default; a receiver ignores surplus ones, and a frame of an unknown type (see `codec`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Raw, Struct

from rigfarm.wire.commands import Command, CommandState
from rigfarm.wire.limits import (
    MAX_LOGS_PER_FRAME,
    MAX_TOKENS,
    Id,
    Line,
    Paragraph,
    Sequence,
    Slot,
    Text,
    UtcMs,
    Word,
)
from rigfarm.wire.playbooks import AssignedPlaybook, PlaybookStatus
from rigfarm.wire.signing import NONCE_BYTES
from rigfarm.wire.specs import BoardDetail, Specs

__all__ = [
    "MAX_RANGES",
    "MAX_SIGNED",
    "MAX_SUCCESSIONS",
    "PROTOCOL",
    "Acks",
    "CommandResult",
    "Console",
    "ConsoleWatch",
    "DownFrame",
    "Gap",
    "Hello",
    "Logs",
    "Playbooks",
    "Proof",
    "Prove",
    "RigBoards",
    "RigCommand",
    "RigPlaybooks",
    "RigSpecs",
    "RigTrouble",
    "Signed",
    "Succession",
    "UpFrame",
    "Verdict",
    "VerdictKind",
    "Verdicts",
    "Welcome",
]

PROTOCOL = 1

MAX_RANGES = 20_000
"""In one frame of acknowledgements."""
MAX_SIGNED = 10_000
"""Frames that are signed together."""
MAX_SUCCESSIONS = 16
"""Changes of the Commander's key that a Sentry can catch up with."""

_Key = Annotated[bytes, Meta(min_length=32, max_length=32)]
_Signature = Annotated[bytes, Meta(min_length=64, max_length=64)]

Interval = Annotated[float, Meta(ge=0.01, le=86_400)]
"""Between two reports of a rig, s."""
VerdictKind = Literal["ok", "removed", "unknown"]


class _Frame(Struct, array_like=True, gc=False):
    pass


# Up: Sentry -> Commander


class Hello(_Frame, tag=1):
    """First frame after Prove, and again whenever the Sentry's tokens change. Answered by Welcome."""

    protocol: Id
    version: Word
    spool: Annotated[bytes, Meta(min_length=16, max_length=16)]
    """16 random bytes, made with the spool and never shown: sequence numbers count within it."""
    tokens: Annotated[list[Annotated[str, Meta(max_length=128)]], Meta(min_length=1, max_length=MAX_TOKENS)]
    """Each once."""


class RigSpecs(_Frame, tag=2):
    slot: Slot
    specs: Specs


class Logs(_Frame, tag=3):
    """Logs with consecutive sequence numbers `first`, `first + 1`, …; acknowledged when they are durable.

    `logs` are encoded OperationalLogs: the Commander journals these bytes as they came.
    """

    first: Sequence
    slots: Annotated[list[Slot], Meta(min_length=1, max_length=MAX_LOGS_PER_FRAME)]
    logs: Annotated[list[Raw], Meta(min_length=1, max_length=MAX_LOGS_PER_FRAME)]


class Gap(_Frame, tag=4):
    """The spool was full: logs `first`..`last` (inclusive) were dropped and will never come. Acknowledged like logs."""

    first: Sequence
    last: Sequence
    lost: bool = True
    """False: nobody misses them (their token was removed, or they come again under other numbers), so nobody counts."""
    dropped: Annotated[list[tuple[Slot, Sequence, Sequence]], Meta(max_length=MAX_TOKENS)] | None = None
    """Whose they were: slot, how many of its logs this spool has lost in all, and of how many of these the Commander
    has acknowledged to have heard. Totals, so that a frame that comes twice counts once. Empty: another frame says."""


class RigBoards(_Frame, tag=5):
    """Chip by chip, for an ASIC's page; sent now and then, only the latest is kept."""

    slot: Slot
    boards: Annotated[list[BoardDetail], Meta(max_length=64)]


class RigPlaybooks(_Frame, tag=6):
    """Status of every playbook of one rig (always all of them)."""

    slot: Slot
    statuses: Annotated[list[PlaybookStatus], Meta(max_length=64)]


class Console(_Frame, tag=7):
    """Lines a mining program printed, `first` being the number of the first one since it started."""

    slot: Slot
    playbook: Id
    first: Sequence
    lines: Annotated[list[Line], Meta(max_length=1_000)]


class CommandResult(_Frame, tag=8):
    id: Word
    slot: Slot
    state: CommandState
    detail: Paragraph = ""


class Prove(_Frame, tag=9):
    """First frame of a Sentry, before anything secret: show that you are my Commander. Answered by Proof."""

    nonce: Annotated[bytes, Meta(min_length=NONCE_BYTES, max_length=NONCE_BYTES)]
    """32 random bytes of this connection; everything signed on it covers them (see `signing`)."""


class RigTrouble(_Frame, tag=10):
    """Why a Sentry has nothing to report of a rig that it reads, for example an ASIC that refuses the login. Sent when
    it changes, and at each connect while it lasts. A Commander that does not know it ignores it."""

    slot: Slot
    kind: Word
    """`unreachable`, `wrong-credentials`, `unrecognised`, `id-mismatch`; empty: nothing is wrong now."""
    detail: Paragraph = ""
    """For people: what is wrong, and what to do."""


# Down: Commander -> Sentry


class Verdict(_Frame):
    """What the Commander thinks of one token. Only `removed` ever stops mining; `unknown` stops the sending."""

    kind: VerdictKind
    rig: Id | None = None
    name: Text | None = None


class Welcome(_Frame, tag=101):
    now_ms: UtcMs
    """The Commander's clock, UTC ms: a Sentry stamps its logs by it, so a rig's wrong clock harms nothing."""
    interval_s: Interval
    verdicts: Annotated[list[Verdict], Meta(max_length=MAX_TOKENS)]
    """One per token of the Hello, in its order."""
    version: Word
    highest: Sequence | None = None
    """The highest sequence number ever taken from this spool. A Sentry that has not given it out yet (a cloned or a
    restored disk) takes a new spool id, for else its new logs would be taken for old ones."""


class Acks(_Frame, tag=102):
    """Sequence numbers that are durable, as inclusive ranges [first, last]."""

    ranges: Annotated[list[tuple[Sequence, Sequence]], Meta(max_length=MAX_RANGES)]


class Verdicts(_Frame, tag=103):
    """A verdict changed while connected: (slot, verdict)."""

    changes: Annotated[list[tuple[Slot, Verdict]], Meta(max_length=MAX_TOKENS)]


class Playbooks(_Frame, tag=104):
    """All playbooks of one rig: it runs these and no others. Sent after Welcome and at every change."""

    slot: Slot
    revision: Annotated[int, Meta(ge=0, le=1 << 62)]
    playbooks: Annotated[list[AssignedPlaybook], Meta(max_length=64)]


class RigCommand(_Frame, tag=105):
    id: Word
    slot: Slot
    command: Command


class ConsoleWatch(_Frame, tag=106):
    """A page shows (or left) the console of a playbook. Send the last lines, then each new one, while `on`."""

    slot: Slot
    playbook: Id
    on: bool


class ReportEvery(_Frame, tag=107):
    """Change of the report interval, s."""

    interval_s: Interval


class Succession(_Frame):
    """A Commander changed its key: the one before vouches for the next."""

    key: _Key
    """The next public key."""
    signature: _Signature
    """By the key before it."""


class Proof(_Frame, tag=108):
    """The answer to Prove."""

    key: _Key
    """The Commander's Ed25519 public key."""
    certificate: Annotated[bytes, Meta(max_length=32)]
    """SHA-256 of the certificate that the Commander itself serves, so that no other machine can pass this proof on;
    empty when it serves plain http, to a proxy."""
    signature: _Signature
    successions: Annotated[list[Succession], Meta(max_length=MAX_SUCCESSIONS)] = []
    """Earlier keys and what they vouched for, oldest first."""


class Signed(_Frame, tag=109):
    """Frames that change something on a rig: a Sentry acts on Playbooks, RigCommand and the verdict `removed` only when
    they come in one of these."""

    sequence: Sequence
    """Higher than that of every earlier one of this connection."""
    frames: Annotated[list[bytes], Meta(max_length=MAX_SIGNED)]
    """Encoded frames, in their order."""
    signature: _Signature


UpFrame = Prove | Hello | RigSpecs | Logs | Gap | RigBoards | RigPlaybooks | Console | CommandResult | RigTrouble
DownFrame = Welcome | Acks | Verdicts | Playbooks | RigCommand | ConsoleWatch | ReportEvery | Proof | Signed
