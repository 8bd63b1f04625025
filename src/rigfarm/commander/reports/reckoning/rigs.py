"""Rigs compared with each other: who delivered what of its own normal hashrate, and its grade."""

from __future__ import annotations

from rigfarm.commander.history import Life, RigSums
from rigfarm.commander.reports.model import Grade, Letter, RigFigures
from rigfarm.commander.rigs.model import Rig
from rigfarm.units import duration, percent

__all__ = ["grade_of", "of_rig"]

_STEPS: tuple[tuple[float, Letter], ...] = ((0.98, "A"), (0.95, "B"), (0.90, "C"), (0.75, "D"), (0.50, "E"))
"""From which share of what a rig could have mined it gets which grade."""
REJECTS_B, REJECTS_C = 0.02, 0.05
HOT_B, HOT_DAY_C = 600.0, 7_200.0
"""Seconds too hot from which a rig is at most a B; on the average day, from which it is at most a C."""


def of_rig(rig: Rig, sums: RigSums, life: Life | None, begin_ms: int, end_ms: int, unknown_ms: int) -> RigFigures:
    """What a rig did between two times; for `unknown_ms` of them it was silent while the Commander did not run."""
    there_ms = life.within(begin_ms, end_ms) if life is not None else 0
    known_ms = there_ms - unknown_ms - sums.stopped_ms
    mined_ms = sums.online_ms + sums.degraded_ms
    available = min(mined_ms / known_ms, 1.0) if known_ms > 0 else None
    coin = max(sums.coins, key=lambda name: (sums.coins[name].ms, name), default="")
    speed = _speed(sums)
    delivered = available * speed if available is not None and speed is not None else None
    if available == 0.0:
        delivered = 0.0
    accepted = sum(one.accepted for one in sums.coins.values())
    rejected = sum(one.rejected for one in sums.coins.values())
    rejects = rejected / (accepted + rejected) if accepted + rejected else None
    seconds = (end_ms - begin_ms) / 1000
    return RigFigures(
        rig_id=rig.id,
        name=rig.name,
        href=rig.href,
        coin=coin,
        hashrate=sums.coins[coin].work / seconds if coin and seconds > 0 else None,
        available=available,
        speed=speed,
        delivered=delivered,
        lost_s=max(1.0 - delivered, 0.0) * known_ms / 1000 if delivered is not None else None,
        rejects=rejects,
        hot_s=sums.hot_ms / 1000,
        program_starts=sums.program_starts,
        rig_starts=sums.rig_starts,
        energy_j=sums.mj / 1000 if sums.powered_ms else None,
        grade=grade_of(delivered, available, speed, rejects, sums.hot_ms / 1000, there_ms / 86_400_000),
    )


def _speed(sums: RigSums) -> float | None:
    """Hashrates against what was expected of them while they were mined, coins together by time."""
    known = [one for one in sums.coins.values() if one.expected and one.ms]
    total = sum(one.ms for one in known)
    return sum(one.judged / one.expected * one.ms for one in known) / total if total else None


def grade_of(
    delivered: float | None,
    available: float | None,
    speed: float | None,
    rejects: float | None,
    hot_s: float,
    days: float,
) -> Grade | None:
    """The worst of what a rig delivered, of its rejects and of its heat; None where nothing is known."""
    if delivered is None:
        return None
    letter: Letter = next((letter for least, letter in _STEPS if delivered >= least), "F")
    found = Grade(letter)
    if found.letter != "A":
        found = Grade(found.letter, _why(delivered, available, speed))
    if rejects is not None and rejects >= REJECTS_B:
        found = _worse(found, Grade("C" if rejects >= REJECTS_C else "B", f"{percent(rejects)} of shares rejected"))
    if hot_s >= HOT_B:
        hot = Grade("C" if hot_s >= HOT_DAY_C * max(days, 1.0) else "B", f"too hot for {duration(hot_s)}")
        found = _worse(found, hot)
    return found


def _worse(one: Grade, other: Grade) -> Grade:
    return other if other.letter > one.letter else one


def _why(delivered: float, available: float | None, speed: float | None) -> str:
    if available is not None and (speed is None or available <= speed):
        return f"mined {percent(available)} of the time"
    return f"mined at {percent(speed or delivered)} of its normal hashrate"
