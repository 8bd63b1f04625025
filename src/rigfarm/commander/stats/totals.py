"""Running totals of one kind of rig."""

from __future__ import annotations

from collections import Counter

from msgspec import Struct

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
        return self.states["online"] + self.states["degraded"] + self.states["idle"]

    def change_state(self, old: str | None, new: str | None) -> None:
        """Count a rig under another state; None: it was not, or is no more, here."""
        self.version += 1
        if old is not None:
            self.states[old] -= 1
        if new is not None:
            self.states[new] += 1

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
