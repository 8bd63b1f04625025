"""Whether a power limit shows in what the rig draws, or in the limit that its devices report."""

from __future__ import annotations

from rigfarm.commander.effects.model import Before, Judged, hashrate_of
from rigfarm.common.plausible import possible
from rigfarm.wire.commands import PowerLimit
from rigfarm.wire.log import OperationalLog

__all__ = ["TOLERANCE", "judge_power_limit"]

TOLERANCE = 0.05
"""Of the limit: so much more is still within it, and what changed by less did not change."""
LEAST_W = 10.0


def judge_power_limit(command: PowerLimit, before: Before, log: OperationalLog) -> Judged:
    """By the reported limit where there is one; else by the power, if that can tell."""
    limit = command.watts
    slack = max(TOLERANCE * limit, LEAST_W)
    reported = _reported_limit(log)
    if reported is not None:
        if abs(reported - limit) <= slack:
            return Judged("took-effect", f"its limit is {_w(reported)}")
        return Judged("no-effect", f"its limit is {_w(reported)}, not {_w(limit)}")
    drawn = possible("machine_w", log.power_w)
    if drawn is None:
        return Judged("not-measurable", "its power is unknown")
    if drawn > limit + slack:
        still = "still " if before.watts is not None and abs(drawn - before.watts) <= slack else ""
        return Judged("no-effect", f"{still}{_w(drawn)}, limit {_w(limit)}")
    if hashrate_of(log) == 0.0:
        return Judged("not-measurable", f"it mines nothing, so {_w(drawn)} say nothing about the limit")
    if before.watts is None:
        return Judged("not-measurable", f"{_w(drawn)}, but its power before is unknown")
    if before.watts <= limit + slack and drawn - before.watts <= slack:
        return Judged("not-measurable", f"{_w(drawn)}, limit {_w(limit)}: it drew {_w(before.watts)} before")
    return Judged("took-effect", f"{_w(drawn)}, limit {_w(limit)}")


def _w(watts: float) -> str:
    """As messages take it, too."""
    return f"{watts:,.0f} W"


def _reported_limit(log: OperationalLog) -> float | None:
    """W of all hashboards together, if each reports its own."""
    limits = [
        possible("machine_w", one.power_limit_w) for one in log.devices if one.kind == "hashboard" and not one.missing
    ]
    known = [one for one in limits if one]
    return sum(known) if known and len(known) == len(limits) else None
