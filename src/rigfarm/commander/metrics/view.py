"""What is given, as it is at one moment: taken on the event loop, read in another thread."""

from __future__ import annotations

import asyncio

from msgspec import Struct

from rigfarm.commander.kinds import KindName
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.stats import OperationalStats
from rigfarm.commander.stats.condition import UP, Condition
from rigfarm.commander.stats.contribution import NOTHING, Contribution
from rigfarm.wire.log import OperationalLog

__all__ = ["CoinNow", "LinkFigures", "RigNow", "coins_now", "rigs_now"]

AT_ONCE = 1_000
"""Rigs in one turn of the loop: half a millisecond."""


class LinkFigures(Struct, frozen=True):
    """What links know."""

    open: int
    received: int
    """Logs since the start."""


class RigNow(Struct, frozen=True, gc=False):
    """One rig."""

    id: int
    name: str
    kind: KindName
    place: str
    condition: Condition
    heard_ms: int | None
    log: OperationalLog | None
    """Absent unless the rig is up: old numbers are not shown."""
    contribution: Contribution


class CoinNow(Struct, frozen=True, gc=False):
    """The totals of a coin."""

    kind: KindName
    coin: str
    hashrate: float
    rigs: int


async def rigs_now(book: Rigs, stats: OperationalStats) -> list[RigNow]:
    """All rigs; others have their turns in between."""
    found: list[RigNow] = []
    every = list(stats.rigs.values())
    for start in range(0, len(every), AT_ONCE):
        for one in every[start : start + AT_ONCE]:
            rig = book.rigs.get(one.rig_id)
            if rig is not None:
                up = one.condition.state in UP
                log, share = (one.log, one.contribution) if up else (None, NOTHING)
                found.append(RigNow(rig.id, rig.name, rig.kind, rig.place, one.condition, one.heard_ms, log, share))
        await asyncio.sleep(0)
    return found


def coins_now(stats: OperationalStats) -> list[CoinNow]:
    """The totals of all coins."""
    return [
        CoinNow(kind, coin, sums.hashrate, sums.rigs)
        for kind, totals in stats.totals.items()
        for coin, sums in totals.coins.items()
    ]
