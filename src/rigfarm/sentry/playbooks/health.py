"""Is a mining program doing its work? Judged from what its stats API says and when; pure, no clock of its own."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from rigfarm.sentry.playbooks.ledger import Memory
from rigfarm.sentry.readings import MinerReading
from rigfarm.units import duration
from rigfarm.wire.playbooks import Supervision

__all__ = ["Finding", "Health", "Trouble"]

Trouble = Literal["silent", "idle", "low"]
"""silent: the API does not answer. idle: it hashes nothing. low: far below its own normal."""

SAMPLE_EVERY_S = 30.0
SAMPLES = 240
"""Two hours of them make the normal, …"""
ENOUGH_SAMPLES = 20
"""… ten minutes are the least."""


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
            memory.program, memory.normal = program, []
        self._supervision = supervision
        self._memory = memory
        self._well_at = started
        self._well_since: float | None = None
        self._sampled_at = started

    def look(self, now: float, reading: MinerReading) -> Finding:
        """Judge one reading."""
        rates = [workload.hashrate for workload in reading.workloads]
        trouble, detail = self._trouble(reading, rates)
        if trouble is None:
            self._well_at = now
            self._well_since = now if self._well_since is None else self._well_since
            self._sample(now, rates)
            return Finding(hashing=True)
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

    def _trouble(self, reading: MinerReading, rates: Sequence[float | None]) -> tuple[Trouble | None, str]:
        if not rates or all(workload.state == "unreachable" for workload in reading.workloads):
            return "silent", "its stats API has not answered"
        if not any(rates):
            return "idle", "it has not hashed"
        for number, rate in enumerate(rates):
            normal = self.normal(number)
            if normal is not None and (rate or 0.0) < normal * self._supervision.low_fraction:
                return "low", f"it has made less than {self._supervision.low_fraction:.0%} of its own normal hashrate"
        return None, ""

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
