"""The clock of the logs: the Commander's, carried on by one that cannot be set.

A rig's wall clock may be wrong, jump, or begin in 1970 at every boot. So a log is stamped by the Commander's clock as
the last Welcome told it, carried on by the kernel's boot-time clock, which counts suspended time and which no NTP
steps. While the Commander's clock is unknown, stamps are estimated; the stretch of time they were made in (an *epoch*)
is noted with each log, and the error of the whole stretch is corrected when the next Welcome tells it.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from rigfarm.common.clock import utc_ms
from rigfarm.wire.limits import MAX_T_MS

__all__ = ["EARLIEST_MS", "LATEST_MS", "Anchor", "Clock", "Correction", "boot_id", "boottime_ms", "wall_ms"]

FAR_MS = 30 * 86_400_000
"""A Commander's clock that steps back by more than this was wrong before; below it no stamp is ever repeated."""
EARLIEST_MS = 1_600_000_000_000
LATEST_MS = MAX_T_MS - 365 * 86_400_000
"""A clock outside 2020…2098 is nonsense. After that there is a year in which a Sentry may run on."""


def boottime_ms() -> int:
    """ms since boot, suspended time included."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


def wall_ms() -> int:
    """The machine's own idea of UTC, ms."""
    return utc_ms()


def boot_id() -> str:
    """Differs after every boot; empty where the kernel does not tell."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


class Anchor(msgspec.Struct, frozen=True):
    """What a restarted Sentry needs to know what time it is."""

    boot: str
    boottime_ms: int
    now_ms: int
    """What the clock said at `boottime_ms` of that boot."""
    epoch: int = 0
    """0: it was the Commander's time."""
    ahead_ms: int = 0
    """By how much the Commander's clock was ahead of the machine's."""
    last_ms: int = 0
    """The latest stamp given to any rig."""
    final_ms: int | None = None
    """The latest of those that no Welcome will correct; absent: the same."""
    first_ms: int | None = None
    """The first and the last stamp of this epoch, while it is not known."""
    here_ms: int | None = None

    @property
    def is_possible(self) -> bool:
        """Whether a clock can go by it."""
        times = (self.now_ms, self.last_ms, self.final_ms or 0, self.first_ms or 0, self.here_ms or 0)
        return (
            all(0 <= t < LATEST_MS for t in times)
            and 0 <= self.boottime_ms < LATEST_MS
            and abs(self.ahead_ms) < LATEST_MS
            and 0 <= self.epoch < 1 << 31
        )


class Correction(NamedTuple):
    """What a Welcome tells of a stretch of time that was stamped by an estimate."""

    epoch: int
    delta_ms: int
    """To be added to all its stamps."""
    before_ms: int
    """Its first stamp, corrected (now, without one): earlier epochs that never became known lie before it."""


class Clock:
    """Stamps for logs. Every source of time is a parameter, for tests."""

    def __init__(
        self,
        anchor: Anchor | None = None,
        *,
        carrier: Callable[[], int] = boottime_ms,
        wall: Callable[[], int] = wall_ms,
        boot: str | None = None,
    ) -> None:
        self._carrier = carrier
        self._wall = wall
        self._boot = boot_id() if boot is None else boot
        anchor = anchor or Anchor("", 0, 0)
        self._ahead = anchor.ahead_ms
        self._last = anchor.last_ms
        """Nothing is stamped at or before this."""
        self._final = anchor.last_ms if anchor.final_ms is None else anchor.final_ms
        """Nothing is corrected to a time at or before this. (Epochs before this one that nobody ever knew the time of
        may have later stamps; they are corrected together with it, to lie before it.)"""
        self._latest: dict[str, int] = {}
        self._first: int | None = None
        """The first stamp of an epoch that is not known yet, and the last one of lives before this one."""
        self._here: int | None = None
        if anchor.boot == self._boot and self._boot:
            self._base = anchor.now_ms - anchor.boottime_ms
            self.epoch = anchor.epoch
            self._first, self._here = anchor.first_ms, anchor.here_ms
        else:
            self._last = max(self._last, anchor.now_ms)
            if not anchor.epoch:
                self._final = self._last
            estimate = min(max(wall() + self._ahead, EARLIEST_MS), LATEST_MS)
            self._base = max(estimate, self._last + 1) - carrier()
            self.epoch = secrets.randbits(31) | 1

    @property
    def known(self) -> bool:
        """Whether this is the Commander's time, not an estimate."""
        return self.epoch == 0

    @property
    def time_ms(self) -> int:
        """What the clock says now."""
        return self._base + self._carrier()

    def now_ms(self, token: str) -> int:
        """A stamp for a log of this rig, later than its last one."""
        stamp = max(self.time_ms, self._latest.get(token, self._last) + 1)
        self._latest[token] = stamp
        if self._first is None and not self.known:
            self._first = stamp
        return stamp

    def forget(self, token: str) -> None:
        """Nothing more will be stamped for this rig."""
        self._latest.pop(token, None)

    def told(self, commander_ms: int, *, age_ms: int = 0) -> Correction | None:
        """The Commander told its time, `age_ms` ago; what to correct when until now the time was an estimate."""
        now_ms = commander_ms + age_ms
        self._disbelieve(now_ms + FAR_MS)
        base = now_ms - self._carrier()
        self._ahead = now_ms - self._wall()
        delta, self._base = base - self._base, base
        if self.known:
            return None
        if self._first is not None:
            delta = max(delta, self._final + 1 - self._first)
        before = now_ms if self._first is None else self._first + delta
        self._latest = {token: stamp + delta for token, stamp in self._latest.items()}
        self._last = self._final if self._here is None else self._here + delta
        self._first = self._here = None
        epoch, self.epoch = self.epoch, 0
        return Correction(epoch, delta, before)

    def _disbelieve(self, far_ms: int) -> None:
        """Stamps beyond this were the work of a clock that was altogether wrong: they bind no later ones."""
        if self._final > far_ms:
            self._final = 0
        if self.known:
            self._latest = {token: stamp for token, stamp in self._latest.items() if stamp <= far_ms}
            if self._last > far_ms:
                self._last = 0

    def anchor(self) -> Anchor:
        """To be kept, and given to the next start."""
        carrier = self._carrier()
        now_ms = self._base + carrier
        last = max((self._last, *self._latest.values()))
        if self.known:
            return Anchor(self._boot, carrier, now_ms, 0, self._ahead, last)
        here = max(self._latest.values(), default=self._here)
        return Anchor(self._boot, carrier, now_ms, self.epoch, self._ahead, last, self._final, self._first, here)
