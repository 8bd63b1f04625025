"""How a rig was, log by log, without looking at each log: if even the worst that its logs can add up to is no trouble,
none of them is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rigfarm.commander.history.chunks.chunk import COUNTED, Part
from rigfarm.commander.history.chunks.codes import UNKNOWN
from rigfarm.commander.stats import condition
from rigfarm.commander.stats.condition import MIN_SHARES
from rigfarm.common.plausible import MOST
from rigfarm.wire.log import OperationalLog

__all__ = ["STATES", "Was", "state_of", "states_of"]

STATES = tuple(state for state in condition.STATES if state in condition.UP)
"""What a rig that reports can be."""


class Was(NamedTuple):
    """A state, and why it is degraded, in a word: hot, slow, rejecting, missing, chips, down, no answer."""

    state: str
    why: str = ""


WELL = Was("online")


def state_of(log: OperationalLog, interval_s: float) -> Was:
    """How the rig was, by this log alone: what is normal for it is not known here."""
    found = condition.condition(
        log, link_up=True, last_seen_age_s=0.0, interval_s=interval_s, normal_hashrate=lambda _coin: None
    )
    why = (found.word or found.cause.partition(" ")[0]) if found.state == "degraded" else ""
    return Was(found.state, why)


def states_of(part: Part, interval_s: float) -> list[Was]:
    """How it was in each log."""
    worst = _worst(part)
    if worst is not None and state_of(worst, interval_s) == WELL:
        return [WELL] * len(part.times)
    return [state_of(part.log(row), interval_s) for row in range(len(part.times))]


def _worst(part: Part) -> OperationalLog | None:
    """A log with the highest temperatures, lowest hashrates, fewest chips and most rejected shares; None where it could
    be better than one of the logs that it is made of."""
    form = part.form
    counted = [max(column) for column in part.counted]
    for n in range(len(form.workloads)):
        at = 2 + n * len(COUNTED)
        counted[at] = max(min(part.counted[at]), 0)
    accepted = sum(counted[2 :: len(COUNTED)][: len(form.workloads)])
    rejected = sum(max(one, 0) for one in counted[3 :: len(COUNTED)][: len(form.workloads)])
    if rejected and accepted + rejected < MIN_SHARES:
        return None
    first = 2 + len(COUNTED) * len(form.workloads) + 2 * len(form.pools)
    if "chips" in part.chips:
        for n in range(first, first + len(form.devices)):
            counted[n] = min((one for one in part.counted[n] if one != UNKNOWN), default=UNKNOWN)
    measured = [_most(column) for column in part.measured]
    for n in range(len(form.workloads)):
        column = part.measured[1 + 2 * n]
        if None in column:
            if column.count(None) < len(column):
                return None
        elif not 0.0 <= min(column) <= max(column) <= MOST["hashrate"]:  # type: ignore[type-var, operator]
            return None
        else:
            measured[1 + 2 * n] = min(column)  # type: ignore[type-var]
    return part.made(counted, measured)


def _most(column: Sequence[float | None]) -> float | None:
    if None in column:
        return max((one for one in column if one is not None), default=None)
    return max(column)  # type: ignore[type-var]
