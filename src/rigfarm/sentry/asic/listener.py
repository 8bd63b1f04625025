"""Who is told what comes of reading the devices."""

from __future__ import annotations

from typing import Protocol

from rigfarm.sentry.asic.interpret import AsicReading
from rigfarm.sentry.asic.unit import Unit

__all__ = ["Listener"]


class Listener(Protocol):
    """The way to the Commander. Every call is non-blocking."""

    @property
    def interval_s(self) -> float:
        """How often the Commander wants to hear of each rig; it may change at any time."""

    def on_reading(self, unit: Unit, reading: AsicReading) -> None:
        """A reading whose device is surely the right one."""

    def on_trouble(self, unit: Unit, kind: str, detail: str) -> None:
        """Why a device is not read; an empty kind: it is read again."""

    def on_tokens_changed(self) -> None:
        """A device got a token, another one, or none."""
