"""Looking at the first rigs of a roll-out: what they did before, what they do now, and whether that is worse."""

from __future__ import annotations

from collections.abc import Iterator

from rigfarm.commander.rollouts.model import Before, Rollout, Watched
from rigfarm.commander.stats import RigStats
from rigfarm.common.plausible import possible
from rigfarm.units import format_in, hashrate_unit, percent
from rigfarm.wire.log import Workload

__all__ = ["SETTLE_SHARE", "before_of", "look", "worse"]

SETTLE_SHARE = 0.2
"""Of the watch: a program's first minutes say little about its hashrate."""
SETTLE_S = 60.0
MIN_SHARES_BEFORE = 20


def before_of(stats: RigStats | None, coins: list[str]) -> dict[str, Before]:
    """What a rig does now with these coins: its own normal where that is known, else the hashrate of the moment."""
    found: dict[str, Before] = {}
    for coin in coins:
        workloads = [] if stats is None or stats.log is None else [w for w in stats.log.workloads if w.coin == coin]
        rate = sum(possible("hashrate", w.hashrate) or 0.0 for w in workloads)
        normal = stats.expected(coin) if stats is not None else None
        accepted = sum(max(w.accepted or 0, 0) for w in workloads)
        rejected = sum(max(w.rejected or 0, 0) for w in workloads)
        decided = accepted + rejected
        found[coin] = Before(
            hashrate=(normal or rate) if rate else None,
            rejects=rejected / decided if decided >= MIN_SHARES_BEFORE else None,
        )
    return found


def look(rollout: Rollout, stats: dict[int, RigStats], passed_s: float) -> None:
    """Add what the first rigs' latest logs say, for a span of time that passed."""
    settled = rollout.progress.watched_s >= min(SETTLE_S, rollout.plan.watch_s * SETTLE_SHARE)
    for rig_id in rollout.plan.first:
        rig = stats.get(rig_id)
        if rig is None:
            continue
        seen = rollout.progress.seen.setdefault(rig_id, {})
        for workload in _workloads(rig, rollout.playbook_id):
            coin = workload.coin or workload.algorithm or "?"
            _add(seen.setdefault(coin, Watched()), workload, passed_s if settled else 0.0)


def worse(rollout: Rollout, names: dict[int, str]) -> str:
    """Why the first rigs do worse than before, for a person; empty when they do not."""
    plan = rollout.plan
    for rig_id in plan.first:
        name = names.get(rig_id, f"rig {rig_id}")
        for coin, before in plan.before.get(rig_id, {}).items():
            seen = rollout.progress.seen.get(rig_id, {}).get(coin, Watched())
            if reason := _worse(before, seen, plan.tolerance, plan.max_rejects):
                return f"{name}, {coin}: {reason}"
    return ""


def _worse(before: Before, seen: Watched, tolerance: float, max_rejects: float) -> str:
    rate = seen.hashrate
    if not rate:
        return "it had no hashrate"
    if before.hashrate is not None and rate < before.hashrate * (1 - tolerance):
        unit = hashrate_unit([before.hashrate])
        was, now = format_in(unit, before.hashrate), format_in(unit, rate)
        return f"{now} instead of {was} {unit.symbol}, {percent(1 - rate / before.hashrate)} less"
    if seen.rejects is not None and seen.rejects > (before.rejects or 0.0) + max_rejects:
        return f"{percent(seen.rejects)} of its shares were rejected"
    return ""


def _workloads(rig: RigStats, playbook_id: int) -> Iterator[Workload]:
    if rig.log is not None:
        yield from (workload for workload in rig.log.workloads if workload.playbook == playbook_id)


def _add(seen: Watched, workload: Workload, passed_s: float) -> None:
    rate = possible("hashrate", workload.hashrate)
    if passed_s and rate is not None:
        seen.seconds += passed_s
        seen.hashes += rate * passed_s
    if workload.accepted is not None:
        seen.accepted += _grown(seen.last_accepted, workload.accepted)
        seen.last_accepted = workload.accepted
    if workload.rejected is not None:
        seen.rejected += _grown(seen.last_rejected, workload.rejected)
        seen.last_rejected = workload.rejected


def _grown(before: int | None, now: int) -> int:
    """What a counter gained; it starts at zero again with its program."""
    if before is None:
        return 0
    return max(now - before if now >= before else now, 0)
