"""One judge for each kind of command: from what is known of a rig, whether the command shows.

Pure: `(command, Seen)` to `Judged`. None of them says *reverted*: that is `model.verdict_after`'s, which knows what
earlier checks saw.
"""

from __future__ import annotations

from rigfarm.commander.effects.judges.mining import judge_pause, judge_resume, judge_shut_down
from rigfarm.commander.effects.judges.pools import judge_pools
from rigfarm.commander.effects.judges.power import judge_power_limit
from rigfarm.commander.effects.judges.programs import compared, judge_playbook
from rigfarm.commander.effects.judges.restarts import judge_restart, judge_restart_miner
from rigfarm.commander.effects.model import Cause, Judged, Runs, Seen
from rigfarm.commander.stats.condition import UP
from rigfarm.wire.commands import (
    Locate,
    Pause,
    PowerLimit,
    Reboot,
    Restart,
    RestartMiner,
    Resume,
    SetPools,
    ShutDown,
    UpdateSentry,
)

__all__ = ["compared", "judge"]


def judge(cause: Cause, seen: Seen) -> Judged:
    """Whether a command shows on a rig."""
    if isinstance(cause, ShutDown):
        return judge_shut_down(seen)
    if isinstance(cause, Locate | UpdateSentry):  # see `model.can_be_measured`
        return Judged("not-measurable", "telemetry does not show it")
    if seen.state not in UP:
        return Judged("not-measurable", f"the rig is {seen.state}")
    if seen.log is None:
        return Judged("not-measurable", "the rig has reported nothing since")
    match cause:
        case PowerLimit():
            return judge_power_limit(cause, seen.before, seen.log)
        case SetPools():
            return judge_pools(cause, seen.log)
        case Pause():
            return judge_pause(seen.before, seen.log)
        case Resume():
            return judge_resume(seen.before, seen.log)
        case Restart() | Reboot():
            return judge_restart(seen.since_ms, seen.log)
        case RestartMiner():
            return judge_restart_miner(cause, seen.since_ms, seen.log)
        case Runs():
            return judge_playbook(cause, seen.log, *seen.playbook)
