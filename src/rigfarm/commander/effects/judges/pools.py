"""Whether an ASIC mines at the pools that it was given."""

from __future__ import annotations

from rigfarm.commander.effects.judges.reported import is_shortened, quoted
from rigfarm.commander.effects.model import Judged
from rigfarm.common.pool_url import pool_host, same_pool
from rigfarm.wire.commands import PoolLogin, SetPools
from rigfarm.wire.log import OperationalLog

__all__ = ["judge_pools"]


def judge_pools(command: SetPools, log: OperationalLog) -> Judged:
    """By the pool that is active and the user there; a failover to another of the given pools is as it should be."""
    url, user = _active(log)
    host = pool_host(url)
    if not host:
        return Judged("not-measurable", "which pool is active is unknown")
    at = quoted(host)
    same = [pool for pool in command.pools if pool_host(pool.url) == host]
    if not same:
        if same_pool(url, [pool.url for pool in command.pools]) is None:
            return Judged("not-measurable", f"mines at {at}, an address that may be any pool's")
        return Judged("no-effect", f"mines at {at}, not at {pool_host(command.pools[0].url)}")
    if not user or is_shortened(user):
        return Judged("not-measurable", f"mines at {at}, but its user there is unknown")
    if not any(_is_user(user, pool) for pool in same):
        return Judged("no-effect", f"mines at {at} as {quoted(user)}, not as {same[0].user}")
    return Judged("took-effect", f"mines at {at} as {quoted(user)}")


def _active(log: OperationalLog) -> tuple[str | None, str | None]:
    """(URL, user) of the active pool; the only workload says it where the pools don't."""
    active = [pool for pool in log.pools if pool.active]
    if len(active) == 1:
        return active[0].url, active[0].user
    if len(log.workloads) == 1:
        one = log.workloads[0]
        users = {pool.user for pool in log.pools if pool_host(pool.url) == pool_host(one.pool)}
        return one.pool, users.pop() if len(users) == 1 else one.worker
    return None, None


def _is_user(reported: str, pool: PoolLogin) -> bool:
    return reported.strip().casefold() == pool.user.strip().casefold()
