"""Running totals of one kind of rig."""

from __future__ import annotations

from collections import Counter

from msgspec import Struct

from rigfarm.commander.stats.condition import UP, Condition
from rigfarm.commander.stats.contribution import Contribution

__all__ = ["CoinTotals", "Totals"]


class CoinTotals(Struct):
    """Sums over the online rigs that mine one coin, as integers so that they never drift."""

    millihashes: int = 0
    rigs: int = 0
    milliwatts: int = 0
    powered_millihashes: int = 0
    """Hashrate of the rigs whose power for this coin is known: efficiency is over these alone."""
    powered_rigs: int = 0
    accepted: int = 0
    rejected: int = 0

    @property
    def hashrate(self) -> float:
        """H/s"""
        return self.millihashes / 1000

    @property
    def power_w(self) -> float | None:
        """W, of the rigs that know it; absent when none does."""
        return self.milliwatts / 1000 if self.powered_rigs else None

    @property
    def efficiency(self) -> float | None:
        """H/J (that is H/s per W)."""
        return self.powered_millihashes / self.milliwatts if self.milliwatts else None

    @property
    def reject_ratio(self) -> float | None:
        """Rejected of all decided shares, 0..1."""
        decided = self.accepted + self.rejected
        return self.rejected / decided if decided else None


class Totals:
    """Totals of one kind, kept by taking a rig's old contribution out and its new one in: O(1) per log."""

    def __init__(self) -> None:
        self.coins: dict[str, CoinTotals] = {}
        self.states: Counter[str] = Counter()
        """Number of rigs by state word."""
        self.sick: Counter[str] = Counter()
        """Those of them that need attention."""
        self.maintained = 0
        """Rigs in maintenance, whatever their state."""
        self.milliwatts = 0
        self.powered_rigs = 0
        self.version = 0
        """Grows with every change; what a rendered fragment is cached by."""

    @property
    def power_w(self) -> float | None:
        """W, of the online rigs that know it."""
        return self.milliwatts / 1000 if self.powered_rigs else None

    @property
    def rigs(self) -> int:
        """All rigs, whatever their state."""
        return self.states.total()

    @property
    def alive(self) -> int:
        """Rigs that report now: online, degraded or idle."""
        return sum(self.states[state] for state in UP)

    @property
    def counts(self) -> dict[str, int]:
        """Rigs by state word, those in `maintenance`, and those that need `attention`."""
        return {**self.states, "attention": self.sick.total(), "maintenance": self.maintained}

    def change_state(self, old: Condition | None, new: Condition | None) -> None:
        """Count a rig under another condition; None: it was not here, or is gone."""
        self.version += 1
        for condition, sign in ((old, -1), (new, 1)):
            if condition is not None:
                self.states[condition.state] += sign
                self.sick[condition.state] += sign * (condition.severity > 0)
                self.maintained += sign * condition.maintenance

    def add(self, contribution: Contribution, sign: int) -> None:
        """Put a contribution in (1) or take it out (-1)."""
        self.version += 1
        if contribution.milliwatts is not None:
            self.milliwatts += sign * contribution.milliwatts
            self.powered_rigs += sign
        for share in contribution.coins:
            coin = self.coins.get(share.coin)
            if coin is None:
                coin = self.coins[share.coin] = CoinTotals()
            coin.millihashes += sign * share.millihashes
            coin.rigs += sign
            coin.accepted += sign * share.accepted
            coin.rejected += sign * share.rejected
            if share.milliwatts is not None:
                coin.milliwatts += sign * share.milliwatts
                coin.powered_millihashes += sign * share.millihashes
                coin.powered_rigs += sign
            if not coin.rigs:
                del self.coins[share.coin]
