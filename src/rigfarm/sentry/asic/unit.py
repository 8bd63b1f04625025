"""One device at work: its handle, its state, its last reading."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from rigfarm.sentry.asic import clean
from rigfarm.sentry.asic.answer import DeviceAnswer
from rigfarm.sentry.asic.interpret import AsicReading
from rigfarm.sentry.asic.model import Device, DeviceState
from rigfarm.sentry.asic.readers.base import Reader
from rigfarm.wire.specs import Specs

__all__ = ["Unit"]

_UPTIME_SLACK_S = 20.0
_STEADY = 0.25
"""A hashrate that differs by more, as a share of the larger one, is looked into."""


@dataclass(eq=False)
class Unit:
    """All times are of the monotonic clock unless they end in _ms."""

    device: Device
    state: DeviceState = "new"
    detail: str = ""
    """Why it is in this state, and what to do."""
    reader: Reader | None = None
    reading: AsicReading | None = None
    specs: Specs | None = None
    """Of the last reading that asked for them."""
    read_at: float | None = None
    read_at_ms: int | None = None
    cycles: int = 0
    """Readings that were reported."""
    failures: int = 0
    """In a row."""
    round_due: float = 0.0
    whole_due: float = 0.0
    chips_due: float = 0.0
    checks_due: float | None = None
    exposures: list[str] = field(default_factory=list)
    neighbour_confirmed: bool = False
    """The kernel's ARP table has named it as it names itself."""
    greedy: bool = False
    """It was cut off for answering without end."""
    nudge: Callable[[], None] = lambda: None
    """Look at it now: set by what gives it its turns."""

    @property
    def ip(self) -> str:
        return self.device.ip

    @property
    def shown_state(self) -> DeviceState:
        """What the list shows: a token that is no good outranks everything."""
        return "token-invalid" if self.device.token_invalid else self.state

    @property
    def name(self) -> str:
        """What people call it."""
        return self.device.name or self.device.ip

    def tell_chips_within(self, seconds: float) -> None:
        """Its Commander may have forgotten its chips: ask for them soon, not all devices at once."""
        self.chips_due = min(self.chips_due, time.monotonic() + random.uniform(0, seconds))  # noqa: S311 - spreads load

    def let_go(self) -> None:
        """Forget the handle: the device will be recognised again."""
        if self.reader is not None:
            self.reader.close()
        self.reader = None

    def is_doubtful(self, answer: DeviceAnswer, now: float) -> bool:
        """Whether a part of it may come from another device, which took the address during the reading."""
        return self._skipped(answer, now) or self._jumped(answer)

    def _jumped(self, answer: DeviceAnswer) -> bool:
        before = (self.reading.workload.hashrate if self.reading else None) or 0.0
        after = clean.hashrate(answer.hashrate) or 0.0
        return abs(after - before) > _STEADY * max(after, before)

    def _skipped(self, answer: DeviceAnswer, now: float) -> bool:
        """Whether its uptime is not what it would be had the same device run on: it restarted, or it is another."""
        before, after = self.reading.uptime_s if self.reading else None, clean.uptime(answer.uptime_s)
        if before is None or after is None or self.read_at is None:
            return before != after
        passed = now - self.read_at
        return abs(after - before - passed) > _UPTIME_SLACK_S + 0.02 * passed
