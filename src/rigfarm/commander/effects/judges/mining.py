"""Whether a rig stopped hashing, hashes again, or is off."""

from __future__ import annotations

from rigfarm.commander.effects.model import Before, Judged, Seen, hashrate_of
from rigfarm.commander.stats.condition import UP
from rigfarm.units import duration, hashrate
from rigfarm.wire.log import OperationalLog

__all__ = ["judge_pause", "judge_resume", "judge_shut_down"]


def judge_pause(before: Before, log: OperationalLog) -> Judged:
    """It hashes nothing, and did before."""
    rate = hashrate_of(log)
    if rate is None:
        return Judged("not-measurable", "its hashrate is unknown")
    if rate:
        return Judged("no-effect", f"it mines {hashrate(rate)}")
    if before.hashrate == 0.0:
        return Judged("not-measurable", "it mined nothing before, either")
    return Judged("took-effect", "it mines nothing")


def judge_resume(before: Before, log: OperationalLog) -> Judged:
    """It hashes, and did not before."""
    rate = hashrate_of(log)
    if rate is None:
        return Judged("not-measurable", "its hashrate is unknown")
    if not rate:
        return Judged("no-effect", "it mines nothing")
    if before.hashrate:
        return Judged("not-measurable", f"it mines {hashrate(rate)}, as it did before")
    return Judged("took-effect", f"it mines {hashrate(rate)}")


def judge_shut_down(seen: Seen) -> Judged:
    """It is offline: the only command of which that is the effect."""
    if seen.state == "offline":
        return Judged("took-effect", "it is offline")
    if seen.state not in UP:
        return Judged("not-measurable", f"the rig is {seen.state}")
    if seen.log is None:
        return Judged("not-measurable", "its connection has not ended yet")
    up = f": up for {duration(seen.log.uptime_s)}" if seen.log.uptime_s is not None else ""
    return Judged("no-effect", f"it reports{up}")
