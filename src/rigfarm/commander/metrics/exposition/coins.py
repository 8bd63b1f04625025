"""Coins as values of labels: rigs say what they mine, and each name makes series."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from rigfarm.commander.metrics.exposition.text import Labels
from rigfarm.commander.metrics.view import CoinNow, RigNow
from rigfarm.commander.stats.contribution import MAX_COINS, OTHER
from rigfarm.wire.log import OperationalLog, Workload

__all__ = ["MAX_FARM_COINS", "Coins", "Shares"]

MAX_FARM_COINS = 200
"""As many as the history keeps."""

Shares = dict[str, list[int | None]]
"""[accepted, rejected] by coin; unknown where no program says it."""


class Coins:
    """The coins that most rigs mine have a name; the others are OTHER."""

    def __init__(self, labels: Labels, totals: Iterable[CoinNow], rigs: Iterable[RigNow]) -> None:
        self._labels = labels
        self._names: dict[str, str] = {}
        found: Counter[str] = Counter()
        for one in totals:
            found[labels.clean(one.coin)] += one.rigs
        for coin in {_coin(workload) for rig in rigs if rig.log is not None for workload in rig.log.workloads}:
            found.setdefault(labels.clean(coin), 0)
        by_rank = sorted(found, key=lambda coin: (-found[coin], coin))
        self._named = frozenset(by_rank[:MAX_FARM_COINS])
        self.folded = len(by_rank) - len(self._named)

    def name(self, coin: str) -> str:
        """What a coin is called in labels."""
        name = self._names.get(coin)
        if name is None:
            clean = self._labels.clean(coin)
            name = self._names[coin] = clean if clean in self._named else OTHER
        return name

    def shares(self, log: OperationalLog) -> Shares:
        """A rig's shares; of as many coins as its hashrate has."""
        found: Shares = {}
        for workload in log.workloads:
            coin = self.name(_coin(workload))
            sums = found.get(coin)
            if sums is None:
                if len(found) >= MAX_COINS:
                    coin = OTHER
                sums = found.setdefault(coin, [None, None])
            for place, count in enumerate((workload.accepted, workload.rejected)):
                if count is not None and count >= 0:
                    sums[place] = (sums[place] or 0) + count
        return found

    def of_workloads(self, log: OperationalLog) -> list[str]:
        """The coin of each workload."""
        return [self.name(_coin(workload)) for workload in log.workloads]


def _coin(workload: Workload) -> str:
    return workload.coin or workload.algorithm or "?"
