"""What the Sentry and its pyasic worker say to each other: one JSON object a line."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from rigfarm.sentry.asic.answer import DeviceAnswer, Nature
from rigfarm.sentry.asic.model import DeviceState, Login
from rigfarm.wire.commands import Command

__all__ = ["MAX_LINE_BYTES", "NOT_INSTALLED", "Answer", "Request"]

MAX_LINE_BYTES = 1 << 20
NOT_INSTALLED = 3
"""Exit status of a worker that finds no pyasic."""


class Request(Struct):
    id: int
    do: Literal["identify", "read", "obey", "forget"]
    ip: str
    login: Login | None = None
    command: Command | None = None
    timeout_s: float = 15.0


class Answer(Struct):
    """Exactly one of the three is there, or none for a plain yes."""

    id: int
    nature: Nature | None = None
    reading: DeviceAnswer | None = None
    trouble: str | None = None
    state: DeviceState = "unreachable"
