"""Looking after a running program until it ends, or has to be ended."""

from __future__ import annotations

import asyncio

from msgspec import Struct

from rigfarm.sentry.playbooks import words
from rigfarm.sentry.playbooks.console import Console
from rigfarm.sentry.playbooks.health import Finding, Health
from rigfarm.sentry.playbooks.plan import Plan
from rigfarm.sentry.playbooks.restarts import LOW_TRIES, Restarts
from rigfarm.sentry.playbooks.software import Report
from rigfarm.sentry.playbooks.surroundings import Surroundings
from rigfarm.sentry.processes.process import Ending, Process
from rigfarm.sentry.readings import MinerReading

__all__ = ["Outcome", "Watch"]

_READ_S = 10.0
_UNREAD_S = 10.0
"""A program that cannot be read is taken to mine after so long."""
_LAST_LINES = 3


class Outcome(Struct, frozen=True):
    """Why a program does not run on."""

    reason: str
    failure: bool
    """A stall or a crash, which may call for a reboot; not a plain exit."""


class Watch:
    """Of one run. Times are the event loop's, which is monotonic."""

    def __init__(
        self, process: Process, plan: Plan, began: float, restarts: Restarts, rig: Surroundings, say: Report
    ) -> None:
        self._process = process
        self._plan = plan
        self._began = began
        self._restarts = restarts
        self._rig = rig
        self._say = say
        self._now = asyncio.get_running_loop().time
        memory = rig.ledger.of(plan.assigned.id)
        self._health = Health(restarts.supervision, memory, plan.signature.hex(), self._now())
        self._hashed = False

    async def run(self, console: Console) -> Outcome:
        """Until the program ended, or stalled: then it still runs, and is to be stopped."""
        while True:
            ending = await self._ended_within(self._interval())
            if ending is not None:
                return self._outcome(ending, console)
            finding = await self._look()
            if finding is None:
                continue
            self._reflect(finding)
            if self._health.well_s(self._now()) >= self._restarts.supervision.stall_s:
                self._restarts.well()
            if finding.stalled is not None and self._worth_a_restart(finding):
                self._restarts.lows += finding.stalled == "low"
                return Outcome(finding.detail, failure=True)

    async def _ended_within(self, wait_s: float) -> Ending | None:
        try:
            async with asyncio.timeout(wait_s):
                return await self._process.ended()
        except TimeoutError:
            return None

    async def _look(self) -> Finding | None:
        reading = await self._read()
        if reading is not None:
            return self._health.look(self._now(), reading)
        if self._now() - self._began >= _UNREAD_S:
            self._say("mining", f"no adapter named {self._plan.assigned.adapter!r}: its hashrate cannot be watched")
        return None

    async def _read(self) -> MinerReading | None:
        try:
            async with asyncio.timeout(_READ_S):
                return await self._rig.read(self._plan.source())
        except TimeoutError:
            return MinerReading()

    def _reflect(self, finding: Finding) -> None:
        """Tell what is new: the first hashes, trouble that begins or ends."""
        self._hashed = self._hashed or finding.hashing
        if finding.trouble == "low" and finding.stalled is not None and not self._worth_a_restart(finding):
            self._say("mining", f"{finding.summary}, and {LOW_TRIES} restarts have not helped: look at the rig")
        elif self._hashed or finding.trouble is None:
            self._say("mining", finding.summary or self._plan.note)

    def _worth_a_restart(self, finding: Finding) -> bool:
        return finding.stalled != "low" or self._restarts.lows < LOW_TRIES

    def _interval(self) -> float:
        settings = self._rig.settings
        longest = min(settings.poll_s, self._restarts.supervision.stall_s / 5)
        return max(0.05, longest if self._hashed else min(longest, settings.poll_starting_s))

    def _outcome(self, ending: Ending, console: Console) -> Outcome:
        reason = words.ending(ending, self._now() - self._began, console.tail(_LAST_LINES))
        return Outcome(reason, failure=ending.signal is not None or ending.lost or bool(ending.survivors))
