"""What each circuit draws now: sums over all rigs, made every few seconds in slices, away from what receives logs.

Power that is not known is not zero: a rig that is offline, or whose log has no power, is counted as unknown.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Iterable, Mapping

from msgspec import Struct

from rigfarm.commander.circuits import broadcasts
from rigfarm.commander.circuits.model import Circuit, Feeds
from rigfarm.commander.kinds import KINDS, KindName
from rigfarm.commander.live import Hub
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.stats import OperationalStats, RigStats
from rigfarm.commander.supervised import Part

__all__ = ["NOTHING", "Draw", "Draws", "is_hashing", "milliwatts_of"]

EVERY_S = 2.0
SLICE = 500
"""Rigs in one turn of the loop: less than half a millisecond."""
MINED_FADES_S = 3_600.0
"""What a rig drew while it mined is believed to be less by two thirds of the difference after this."""


class Draw(Struct, frozen=True):
    """What a circuit draws."""

    watts: float = 0.0
    """Of the rigs whose power is known."""
    rigs: int = 0
    unknown: int = 0
    """Rigs whose power is unknown."""
    last_w: float = 0.0
    """What those of them that are offline drew when they last reported."""

    @property
    def known_w(self) -> float | None:
        """W, at least; None when no rig's power is known."""
        return None if self.rigs and self.unknown == self.rigs else self.watts


NOTHING = Draw()


def milliwatts_of(rig: RigStats) -> int | None:
    """What a rig draws now; None: unknown. One that was shut down draws nothing."""
    if rig.counted:
        return rig.contribution.milliwatts
    return 0 if rig.off and not rig.link_up else None


class _Sum:
    """Whole milliwatts: what is summed in another order is the same."""

    __slots__ = ("kinds", "last", "milliwatts", "unknown")

    def __init__(self) -> None:
        self.milliwatts = self.unknown = self.last = 0
        self.kinds: dict[KindName, int] = dict.fromkeys(KINDS, 0)

    def draw(self) -> Draw:
        return Draw(self.milliwatts / 1000, sum(self.kinds.values()), self.unknown, self.last / 1000)

    def by_kind(self) -> dict[KindName, int]:
        return {kind: number for kind, number in self.kinds.items() if number}


class Draws:
    """Used from the event loop only."""

    def __init__(self, hub: Hub, rigs: Rigs, stats: OperationalStats) -> None:
        self._hub = hub
        self._rigs = rigs
        self._stats = stats
        self._feeds = Feeds(())
        self._ids: tuple[int, ...] = ()
        self._draws: Mapping[int, Draw] = {}
        self.kinds: Mapping[int, Mapping[KindName, int]] = {}
        """How many rigs of each kind a circuit has."""
        self._seen = time.monotonic()
        self._turn = asyncio.Lock()

    def of(self, circuit_id: int) -> Draw:
        """What a circuit draws; at most EVERY_S old."""
        return self._draws.get(circuit_id, NOTHING)

    def feeding(self, rig_id: int) -> Circuit | None:
        """The circuit of a rig."""
        rig = self._rigs.rigs.get(rig_id)
        return None if rig is None else self._feeds.of(rig.place)

    def feeds(self, place: str) -> Circuit | None:
        """The circuit that names this place."""
        return self._feeds.exact(place)

    async def use(self, feeds: Feeds, circuits: Iterable[Circuit]) -> None:
        """These are the circuits from now on; their sums are ready on return."""
        self._feeds, self._ids = feeds, tuple(one.id for one in circuits)
        await self.add_up()

    async def run(self, part: Part) -> None:
        """Add up, until cancelled. On a slow machine less often."""
        pause_s = EVERY_S
        while True:
            await asyncio.sleep(pause_s)
            before, began = self._draws, time.perf_counter()
            await self.add_up()
            pause_s = max(EVERY_S, 100 * (time.perf_counter() - began))
            if self._draws != before:
                broadcasts.changed(self._hub)
            part.beat()

    async def add_up(self) -> None:
        """Sums as they are now; and rigs know their circuit, and what they draw while they mine."""
        async with self._turn:
            now = time.monotonic()
            fades = math.exp((self._seen - now) / MINED_FADES_S)
            self._seen = now
            done = False
            while not done:
                done = await self._add_up(fades)
                fades = 1.0

    async def _add_up(self, fades: float) -> bool:
        """False when the circuits were replaced meanwhile."""
        feeds, ids = self._feeds, self._ids
        sums = {one: _Sum() for one in ids}
        every = list(self._stats.rigs.values())
        rigs = self._rigs.rigs
        for start in range(0, len(every), SLICE):
            for stats in every[start : start + SLICE]:
                rig = rigs.get(stats.rig_id)
                if rig is None:
                    continue
                milliwatts = milliwatts_of(stats)
                if milliwatts is not None and is_hashing(stats):
                    _note_mined(stats, milliwatts / 1000, fades)
                circuit = feeds.of(rig.place)
                self._stats.fed_by(stats, "" if circuit is None else circuit.form.name)
                if circuit is None:
                    continue
                its = sums[circuit.id]
                its.kinds[stats.kind] += 1
                if milliwatts is None:
                    its.unknown += 1
                    its.last += stats.contribution.milliwatts or 0
                else:
                    its.milliwatts += milliwatts
            await asyncio.sleep(0)
            if feeds is not self._feeds:
                return False
        self._draws = {one: its.draw() for one, its in sums.items()}
        self.kinds = {one: its.by_kind() for one, its in sums.items()}
        return True


def _note_mined(rig: RigStats, watts: float, fades: float) -> None:
    """The most that it drew lately while it mined. A rig that stops shows its last hashrate for some seconds while it
    draws less and less: what is remembered fades slowly."""
    before = rig.mined_w
    rig.mined_w = watts if before is None or watts >= before else watts + (before - watts) * fades


def is_hashing(rig: RigStats) -> bool:
    """Whether it is up and reports a hashrate."""
    if rig.counted:
        for share in rig.contribution.coins:
            if share.millihashes > 0:
                return True
    return False
