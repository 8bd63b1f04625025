"""Whether a machine or its mining programs began again after they were told to."""

from __future__ import annotations

import math

from rigfarm.commander.effects.model import Judged
from rigfarm.units import duration
from rigfarm.wire.commands import RestartMiner
from rigfarm.wire.log import OperationalLog

__all__ = ["SLACK_S", "judge_restart", "judge_restart_miner"]

SLACK_S = 15.0
"""Uptimes are rounded and a little late; what began so long before the command may have begun after it."""


def judge_restart(since_ms: int, log: OperationalLog) -> Judged:
    """By its uptime; by that of its programs where it has none."""
    uptime = log.uptime_s
    if uptime is None:
        uptime = _longest([one.uptime_s for one in log.workloads])
    return _by(uptime, since_ms, log.t)


def judge_restart_miner(command: RestartMiner, since_ms: int, log: OperationalLog) -> Judged:
    """By the uptimes of the programs in question."""
    asked = [one for one in log.workloads if command.playbook is None or one.playbook == command.playbook]
    if not asked:
        return Judged("no-effect", "no mining program is running")
    return _by(_longest([one.uptime_s for one in asked]), since_ms, log.t)


def _longest(uptimes: list[float | None]) -> float | None:
    """Of all; None when one is unknown: it may be the one that did not restart."""
    known = [one for one in uptimes if one is not None]
    return max(known) if known and len(known) == len(uptimes) else None


def _by(uptime_s: float | None, since_ms: int, now_ms: int) -> Judged:
    if uptime_s is None or not math.isfinite(uptime_s) or uptime_s < 0:
        return Judged("not-measurable", "its uptime is unknown")
    passed_s = (now_ms - since_ms) / 1000
    if uptime_s <= passed_s + SLACK_S:
        return Judged("took-effect", f"up for {duration(uptime_s)}")
    return Judged("no-effect", f"up for {duration(uptime_s)}, and it was told {duration(max(passed_s, 0.0))} ago")
