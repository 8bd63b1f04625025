"""Is a mining program doing its work? Judged from what its stats API says and when; pure, no clock of its own."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from rigfarm.common.intermittent import Rounds, intermittent
from rigfarm.sentry.playbooks.ledger import Memory
from rigfarm.sentry.readings import MinerReading
from rigfarm.units import duration
from rigfarm.wire.log import Workload
from rigfarm.wire.playbooks import Supervision

__all__ = ["Finding", "Health", "Trouble"]

Trouble = Literal["silent", "idle", "low"]
"""silent: the API does not answer. idle: it hashes nothing. low: far below its own normal.

What an answer leaves unknown is no trouble: a program is not restarted for what its API cannot tell."""

SAMPLE_EVERY_S = 30.0
SAMPLES = 240
"""Two hours of them make the normal, …"""
ENOUGH_SAMPLES = 20
"""… ten minutes are the least."""


ROUND_S = 900.0
"""No round of a coin that is mined now and then lasts longer. Some programs go on telling its last hashrate between
rounds (nanominer, issue 255), which is then no reason for its partner to stand still."""


class Finding(Struct, frozen=True):
    """What one look showed."""

    hashing: bool
    trouble: Trouble | None = None
    stalled: Trouble | None = None
    """Set once the same trouble has lasted `stall_s`."""
    summary: str = ""
    """The trouble in words that stay the same while it lasts."""
    detail: str = ""
    """The same, and for how long."""


class Health:
    """Of one run of one program, from its start at `started` (s, any clock that is then used throughout)."""

    def __init__(self, supervision: Supervision, memory: Memory, program: str, started: float) -> None:
        if memory.program != program:
            memory.program, memory.normal, memory.rounds = program, [], []
        self._supervision = supervision
        self._memory = memory
        self._well_at = started
        self._well_since: float | None = None
        self._sampled_at = started
        self._accepted: int | None = None
        self._paused_since: float | None = None
        self._looked_at = started

    def look(self, now: float, reading: MinerReading) -> Finding:
        """Judge one reading."""
        rates = [workload.hashrate for workload in reading.workloads]
        self._learn_rounds(now, rates)
        trouble, detail = self._trouble(now, reading.workloads)
        if trouble is None:
            self._well_at = now
            self._well_since = now if self._well_since is None else self._well_since
            if self._paused_since is None and not all(self._in_rounds(reading.workloads)):
                self._sample(now, rates)
            return Finding(hashing=any(rates), summary=detail)
        self._well_since = None
        lasting = now - self._well_at
        stalled = trouble if lasting >= self._supervision.stall_s else None
        return Finding(trouble == "low", trouble, stalled, detail, f"{detail} for {duration(lasting)}")

    def well_s(self, now: float) -> float:
        """How long it has been hashing without trouble, s."""
        return 0.0 if self._well_since is None else now - self._well_since

    def normal(self, workload: int) -> float | None:
        """Its own normal hashrate, H/s; None until enough has been seen."""
        samples = self._memory.normal[workload] if workload < len(self._memory.normal) else []
        return statistics.median(samples) if len(samples) >= ENOUGH_SAMPLES else None

    def _trouble(self, now: float, workloads: Sequence[Workload]) -> tuple[Trouble | None, str]:
        found_share = self._found_share(workloads)
        if not workloads or all(workload.state == "unreachable" for workload in workloads):
            return "silent", "its stats API has not answered"
        rates = [_known_rate(workload) for workload in workloads]
        rounds = self._in_rounds(workloads)
        if not any(rates):
            if found_share or None in rates:
                return None, "it answers, but its hashrate cannot be read"
            return (None, "it waits for its next round") if all(rounds) else ("idle", "it has not hashed")
        if not self._is_low(rates, rounds):
            self._paused_since = None
            return None, ""
        if any(rate for rate, in_rounds in zip(rates, rounds, strict=True) if in_rounds):
            self._paused_since = now if self._paused_since is None else self._paused_since
            if now - self._paused_since < ROUND_S:
                return None, ""  # a round: the other coins are paused for it
        return "low", f"it has made less than {self._supervision.low_fraction:.0%} of its own normal hashrate"

    def _learn_rounds(self, now: float, rates: Sequence[float | None]) -> None:
        seconds, self._looked_at = now - self._looked_at, now
        rounds = self._memory.rounds
        rounds.extend(Rounds() for _ in range(len(rates) - len(rounds)))
        hashing = sum(bool(rate) for rate in rates)
        for one, rate in zip(rounds, rates, strict=False):
            if rate is not None:
                one.see(seconds, hashing=bool(rate), others_hash=hashing > bool(rate))

    def _in_rounds(self, workloads: Sequence[Workload]) -> list[bool]:
        """Which of them are mined now and then."""
        learned = [one.learned for one in self._memory.rounds]
        return [
            intermittent(workload.coin, workload.algorithm, workload.pool)
            or (number < len(learned) and learned[number])
            for number, workload in enumerate(workloads)
        ]

    def _is_low(self, rates: Sequence[float | None], rounds: Sequence[bool]) -> bool:
        """Whether a coin that is mined all the time makes far less than its normal."""
        for number, (rate, in_rounds) in enumerate(zip(rates, rounds, strict=True)):
            normal = self.normal(number)
            if normal is None or rate is None or in_rounds:
                continue
            if rate < normal * self._supervision.low_fraction:
                return True
        return False

    def _found_share(self, workloads: Sequence[Workload]) -> bool:
        """Whether a pool accepted one since the look before: it hashes, whatever its rates say."""
        known = [workload.accepted for workload in workloads if workload.accepted is not None]
        if not known:
            return False
        before, self._accepted = self._accepted, sum(known)
        return before is not None and self._accepted > before

    def _sample(self, now: float, rates: Sequence[float | None]) -> None:
        """Only healthy moments make the normal, so a slump does not become it."""
        if now - self._sampled_at < min(SAMPLE_EVERY_S, self._supervision.stall_s / 4):
            return
        self._sampled_at = now
        normal = self._memory.normal
        normal.extend([] for _ in range(len(rates) - len(normal)))
        for samples, rate in zip(normal, rates, strict=False):
            if rate and math.isfinite(rate):
                samples.append(rate)
                del samples[:-SAMPLES]


def _known_rate(workload: Workload) -> float | None:
    """H/s; 0 for a program that says, by its state or by hashing nothing since its start, that it makes none."""
    if workload.hashrate is None and workload.state is not None and workload.state != "mining":
        return 0.0
    return workload.hashrate
