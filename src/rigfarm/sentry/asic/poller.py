"""Reads every device once in a cycle, and lets none of them delay another.

Each device has its own rhythm (a jittered start, then a beat every cycle on the monotonic clock) and its own deadline.
One that fails is asked ever more rarely, and in a lane of its own: however many are dead, the living are read in time.
"""

from __future__ import annotations

import asyncio
import random
import time
import traceback
from collections.abc import Iterable
from dataclasses import dataclass

import structlog

from rigfarm.common.clock import utc_ms
from rigfarm.sentry.asic.checks import exposures
from rigfarm.sentry.asic.conversations import Conversations
from rigfarm.sentry.asic.diagnose import login_refused, look, why
from rigfarm.sentry.asic.follow import Follower
from rigfarm.sentry.asic.happenings import Happenings
from rigfarm.sentry.asic.interpret import AsicReading, identity_of, interpret
from rigfarm.sentry.asic.listener import Listener
from rigfarm.sentry.asic.memory_guard import MemoryGuard
from rigfarm.sentry.asic.model import Identity
from rigfarm.sentry.asic.readers.base import Reader, ReadingError, Scope
from rigfarm.sentry.asic.recognise import Recogniser
from rigfarm.sentry.asic.rhythm import NEVER, Rhythm
from rigfarm.sentry.asic.unit import Unit

__all__ = ["Pace", "Poller"]

_log = structlog.get_logger(__name__)
_ENDLESS = "Its answer never ends; it is not asked again for a while."
_UNVERIFIED = "It now refuses the login, so it cannot be identified: enter the new login."
_DEAD_AFTER = 2
"""Failures in a row: one may be a lost packet, and is simply asked again."""


@dataclass(frozen=True)
class Pace:
    """How often and how long, s."""

    cycle: float = 10.0
    retry: float = 2.0
    """After a first failure: soon enough that it is not taken for gone."""
    reading: float = 8.0
    recognising: float = 12.0
    round_every: float = 30.0
    """Pools, shares, fans."""
    whole_every: float = 60.0
    """Who is it, what does it complain of."""
    chips_every: float = 600.0
    checks_every: float = 6 * 3600.0
    first_checks_within: float = 900.0
    backoff_max: float = 120.0
    living_at_once: int = 256
    dead_at_once: int = 64


class Poller:
    """It reads each device as often as its pace says, or less often if the listener wants so."""

    def __init__(
        self,
        recogniser: Recogniser,
        follower: Follower,
        happenings: Happenings,
        listener: Listener,
        conversations: Conversations | None = None,
        pace: Pace | None = None,
    ) -> None:
        self.pace = pace or Pace()
        self.conversations = conversations or Conversations()
        self._recogniser = recogniser
        self._follower = follower
        self._happenings = happenings
        self._listener = listener
        self._guard = MemoryGuard()
        self._living = asyncio.Semaphore(self.pace.living_at_once)
        self._dead = asyncio.Semaphore(self.pace.dead_at_once)
        self._rhythm = Rhythm(self._turn, self.pace.cycle)

    async def run(self, units: Iterable[Unit]) -> None:
        """Poll these, and those that are added, until cancelled."""
        for unit in units:
            self.add(unit)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._guard.run())
            tasks.create_task(self._follower.run())
            tasks.create_task(self._rhythm.run())

    def add(self, unit: Unit) -> None:
        """Begin with one more."""
        self._rhythm.add(unit)

    async def drop(self, unit: Unit) -> None:
        """Stop with this one."""
        await self._rhythm.drop(unit)
        unit.let_go()

    async def _turn(self, unit: Unit) -> float:
        """One reading, if it is to be read at all; s until the next."""
        if not unit.device.token_invalid:
            await self._beat(unit)
        return self._rest(unit)

    def _rest(self, unit: Unit) -> float:
        """s until it is asked again."""
        if unit.device.token_invalid:
            return NEVER
        cycle = max(self.pace.cycle, self._listener.interval_s)
        if not unit.failures:
            return cycle
        if unit.failures < _DEAD_AFTER:
            return min(self.pace.retry, cycle)
        longest = min(cycle * 2.0 ** min(unit.failures - 1, 16), max(self.pace.backoff_max, cycle))
        return longest * random.uniform(0.75, 1.0)  # noqa: S311 - as above

    async def _beat(self, unit: Unit) -> None:
        lane = self._dead if unit.failures >= _DEAD_AFTER else self._living
        ip, error = unit.ip, None
        try:
            async with lane, self.conversations.with_device(ip):
                await self._read(unit, ip)
        except ReadingError as reason:
            error = reason
        except TimeoutError:
            error = ReadingError("unreachable", _ENDLESS if unit.greedy else "It did not answer in time.")
        except Exception as bug:  # noqa: BLE001 - a bug met by one device must not end the reading of all
            # Without the values of variables, which some log formats add: a login may be among them.
            _log.error("asic.reading_failed", ip=ip, error=traceback.format_exc(limit=-5))
            error = ReadingError("unreachable", f"Reading it failed: {type(bug).__name__}.")
        if error is not None and unit.ip == ip:
            self._failed(unit, error)

    async def _read(self, unit: Unit, ip: str) -> None:
        if unit.ip != ip:
            return
        self._follower.check_neighbour(unit)
        recognised = unit.reader is None
        reader = unit.reader or await self._recognise(unit)
        scope = self._scope(unit, recognised)
        async with self._guard.deadline(unit, self.pace.reading):
            answer = await reader.read(scope)
            if not answer.identified and not answer.silent and unit.is_doubtful(answer, time.monotonic()):
                scope, answer = Scope.WHOLE, await reader.read(Scope.WHOLE)
        if unit.ip != ip:
            return  # it was found elsewhere meanwhile: this was another's answer
        if answer.silent:
            raise await self._silent(unit, recognised)
        if answer.identified:
            await self._verify(unit, identity_of(answer))
        reading = interpret(answer, reader.nature, unit.device)
        changed = self._firmware_changed(unit, reading)
        self._succeeded(unit, reader, reading, scope)
        if changed:
            unit.let_go()
        elif unit.checks_due is not None and time.monotonic() >= unit.checks_due:
            unit.checks_due = time.monotonic() + self.pace.checks_every
            unit.exposures = await exposures(ip, reader.nature.firmware)

    async def _recognise(self, unit: Unit) -> Reader:
        device = unit.device
        async with asyncio.timeout(self.pace.recognising):
            reader = await self._recogniser.recognise(device.ip, device.login, device.model)
        if (unit.device.ip, unit.device.login, unit.device.model) == (device.ip, device.login, device.model):
            unit.reader = reader
        return reader

    def _scope(self, unit: Unit, recognised: bool) -> Scope:
        now, device = time.monotonic(), unit.device
        # Chip detail is told and not kept: not before the Commander, to whom it goes, has taken the token.
        if now >= unit.chips_due and (device.token is None or device.verdict == "ok"):
            return Scope.CHIPS
        if recognised or unit.failures or now >= unit.whole_due:
            return Scope.WHOLE
        return Scope.ROUND if now >= unit.round_due else Scope.PULSE

    async def _silent(self, unit: Unit, recognised: bool) -> ReadingError:
        """Why a device says nothing; looked into only when it was just recognised, so it is there at least."""
        if recognised:
            reason = await why(await look(unit.ip), unit.device.login)
            if reason.state != "unrecognised":
                return reason
        return ReadingError("unreachable", "No answer.")

    async def _verify(self, unit: Unit, seen: Identity) -> None:
        """Make sure that this is the device whose token it has."""
        known = unit.device.identity
        if seen.differs_from(known):
            self._follower.met(seen, unit.ip, unit)
            raise ReadingError("id-mismatch", f"Another device answers here: {seen} instead of {known}.")
        if known and not seen and await login_refused(await look(unit.ip), unit.device.login):
            raise ReadingError("wrong-credentials", _UNVERIFIED)
        self._follower.learn(unit, seen)

    def _firmware_changed(self, unit: Unit, reading: AsicReading) -> bool:
        before, after = unit.device.firmware, reading.specs.firmware_version if reading.specs else None
        if not before or not after or before == after:
            return False
        self._happenings.tell("info", unit.ip, f"{unit.name}: firmware {before} became {after}; recognising it again")
        return True

    def _succeeded(self, unit: Unit, reader: Reader, reading: AsicReading, scope: Scope) -> None:
        now = time.monotonic()
        if unit.state != "reading":
            self._happenings.tell("good", unit.ip, f"{unit.name}: reading {reader.nature.what}")
        if unit.checks_due is None:
            unit.checks_due = now + random.uniform(0, self.pace.first_checks_within)  # noqa: S311 - spreads the load
        if scope is not Scope.PULSE:
            unit.round_due = now + self.pace.round_every * random.uniform(0.9, 1.0)  # noqa: S311 - as above
        if reading.specs is not None:
            unit.whole_due = now + self.pace.whole_every * random.uniform(0.9, 1.1)  # noqa: S311 - as above
        if scope is Scope.CHIPS:
            unit.chips_due = now + self.pace.chips_every
        unit.state, unit.detail, unit.failures = "reading", "", 0
        unit.specs = reading.specs or unit.specs
        unit.reading, unit.read_at, unit.read_at_ms = reading, now, utc_ms()
        unit.cycles += 1
        self._follower.remember(unit, reading)
        self._listener.on_trouble(unit, "", "")
        self._listener.on_reading(unit, reading)

    def _failed(self, unit: Unit, error: ReadingError) -> None:
        if (unit.state, unit.detail) != (error.state, error.message):
            self._happenings.tell("warning", unit.ip, f"{unit.name}: {error.message}")
        unit.state, unit.detail = error.state, error.message
        unit.failures += 4 if unit.greedy else 1
        if unit.failures >= _DEAD_AFTER or error.state != "unreachable":
            unit.let_go()
            self._listener.on_trouble(unit, error.state, error.message)
        if error.state == "id-mismatch":
            self._follower.lost(unit)
