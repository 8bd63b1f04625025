"""Whether a rig runs what a playbook says: its program, coin, pool, wallet and worker; and mines."""

from __future__ import annotations

from collections.abc import Iterable

from rigfarm.commander.effects.judges.reported import is_shortened, quoted
from rigfarm.commander.effects.model import Judged, Mined, Runs
from rigfarm.common.intermittent import intermittent
from rigfarm.common.plausible import possible
from rigfarm.common.pool_url import same_pool
from rigfarm.common.text import printable
from rigfarm.units import hashrate
from rigfarm.wire.log import OperationalLog, Workload

__all__ = ["compared", "judge_playbook"]

_INSTALLING = frozenset(("queued", "downloading", "verifying", "unpacking", "starting", "stopping", "offline"))
_FAILED = frozenset(("failed", "backing-off"))


def judge_playbook(runs: Runs, log: OperationalLog, state: str, detail: str) -> Judged:
    """By the workloads of this playbook. What its Sentry says explains why there is none, never that all is well."""
    own = [one for one in log.workloads if one.playbook == runs.playbook_id]
    rates = [possible("hashrate", one.hashrate) for one in own]
    if runs.wanted != "running":
        if any(rates):
            return Judged("no-effect", f"{runs.name} still mines {hashrate(sum(rate or 0.0 for rate in rates))}")
        unknown = [one for one, rate in zip(own, rates, strict=True) if rate is None and one.state != "stopped"]
        if unknown:
            return Judged("not-measurable", f"whether {runs.name} still mines is unknown")
        return Judged("took-effect", f"{runs.name} no longer mines")
    if state in _FAILED:
        return Judged(
            "no-effect", f"{runs.name} {'failed' if state == 'failed' else 'keeps failing'}{_because(detail)}"
        )
    if not any(rates) and state in _INSTALLING:
        return Judged("not-measurable", f"{runs.name} is {state}{_because(detail)}")
    wrong = [text for one in own for _, text, right in compared(one, runs) if right is False]
    if wrong:
        return Judged("no-effect", "; ".join(wrong))
    missing = [
        mined.coin
        for mined in runs.workloads
        if not intermittent(mined.coin) and not any(_is_of(one, mined) for one in own)
    ]
    if missing:
        return Judged("no-effect", f"no {' and '.join(missing)} in what it mines")
    if None in rates and not any(rates):
        return Judged("not-measurable", f"the hashrate of {runs.name} is unknown")
    if not any(rates):
        return Judged("no-effect", f"{runs.software} runs, and mines nothing")
    coins = ", ".join(f"{one.coin or '?'} {hashrate(rate)}" for one, rate in zip(own, rates, strict=True) if rate)
    return Judged("took-effect", f"{runs.software} mines {quoted(coins)}")


def compared(workload: Workload, runs: Runs) -> Iterable[tuple[str, str, bool | None]]:
    """(what, in words, whether it is as the playbook says; None when that cannot be said) of its pool, wallet and
    worker."""
    mined = _mined(workload, runs)
    if mined is None:
        return
    coin = mined.coin
    if mined.wallet:
        yield (
            f"{coin} wallet",
            f"mines {coin} to wallet {quoted(workload.wallet)}",
            _same_wallet(workload.wallet, mined.wallet),
        )
    if mined.pools:
        yield (
            f"{coin} pool",
            f"mines {coin} at {quoted(workload.pool)}",
            same_pool(workload.pool, mined.pools),
        )
    if runs.worker:
        yield (
            f"{coin} worker",
            f"mines {coin} as worker {quoted(workload.worker)}",
            None if not workload.worker else runs.worker in workload.worker,
        )


def _mined(workload: Workload, runs: Runs) -> Mined | None:
    """Which of the playbook's workloads this is."""
    if len(runs.workloads) == 1:
        return runs.workloads[0]
    same = [one for one in runs.workloads if workload.coin and one.coin.casefold() == workload.coin.casefold()]
    return same[0] if len(same) == 1 else None


def _is_of(workload: Workload, mined: Mined) -> bool:
    """A program that does not name its coin may mine this one."""
    return not workload.coin or workload.coin.casefold() == mined.coin.casefold()


def _same_wallet(reported: str | None, assigned: str) -> bool | None:
    """Programs add the worker to it, and some shorten it."""
    if not reported or is_shortened(reported):
        return None
    bare = reported.partition(":")[2] if ":" in reported and ":" not in assigned else reported
    return assigned in reported or (bare.partition(".")[0] in assigned.split(".")[0] and len(bare) > 24)


def _because(detail: str) -> str:
    said = printable(detail, " ", most=200)
    return f": {said}" if said else ""
