"""What every reader offers: read one device, carry out a command on it."""

from __future__ import annotations

from enum import Enum
from typing import Protocol

from rigfarm.sentry.asic.answer import DeviceAnswer, Nature
from rigfarm.sentry.asic.model import DeviceState
from rigfarm.wire.commands import Command

__all__ = ["Reader", "ReadingError", "Refused", "Scope"]


class Scope(Enum):
    """How much a reading asks for."""

    PULSE = "pulse"
    """What changes from one cycle to the next: hashrate, boards, power."""
    ROUND = "round"
    """Also pools, shares and fans."""
    WHOLE = "whole"
    """Also who it is, its messages and settings."""
    CHIPS = "chips"
    """Also every chip."""


class ReadingError(Exception):
    """It could not be read; `state` is what the list shows, the text why and what to do."""

    def __init__(self, state: DeviceState, message: str) -> None:
        super().__init__(message)
        self.state: DeviceState = state
        self.message = message


class Refused(Exception):  # noqa: N818 - an answer of the device, not an error of ours
    """The device, or its firmware, does not do what it was ordered to; the text says why."""


class Reader(Protocol):
    """A handle on one identified device, kept from reading to reading. Never used by two at once."""

    @property
    def nature(self) -> Nature:
        """What kind of device it is."""

    async def read(self, scope: Scope) -> DeviceAnswer:
        """Ask it. A device that says nothing gives a `silent` answer or ReadingError, within the caller's timeout."""

    async def obey(self, command: Command) -> None:
        """Pass a command on: returns if the device took it, raises Refused if not."""

    def close(self) -> None:
        """Let go of what is kept for it."""
