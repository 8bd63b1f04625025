"""Figures from the sums of history."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rigfarm.commander.history import Absence, Sums
from rigfarm.commander.reports.model import CoinFigures, Figures

__all__ = ["Ledger"]

_COUNTS = ("accepted", "rejected", "stale", "invalid")
_STATES = ("online", "degraded", "idle", "stopped")
HOUR_S = 3600.0


class Ledger:
    """What a farm or a rig did hour by hour, and what each hour's energy costs."""

    def __init__(self, sums: Sums, absence: Absence, prices: Sequence[float | None]) -> None:
        """Columns of hours: `sums` as `rollups.totals` describes them, the price of a kWh for each."""
        self._sums = sums
        self._absence = absence
        self._prices = prices
        self._coins = sorted({name for scope, name, _ in sums if scope == "coin"})

    def figures(self, rows: range) -> Figures:
        """Of some of the hours, together."""
        states = {state: self._total(("state", state, "ms"), rows) for state in _STATES}
        silent = [
            self._absence.silent_ms(n, sum(self._at(("state", state, "ms"), n) for state in states)) for n in rows
        ]
        energy, cost, unpriced = self._costs(("", "power_w", "mj"), rows)
        coins = [self._coin(coin, rows) for coin in self._coins]
        powered_s = self._total(("", "power_w", "ms"), rows) / 1000
        return Figures(
            seconds=len(rows) * HOUR_S,
            there_s=sum(self._absence.there_ms[n] for n in rows) / 1000,
            online_s=states["online"] / 1000,
            degraded_s=states["degraded"] / 1000,
            idle_s=states["idle"] / 1000,
            stopped_s=states["stopped"] / 1000,
            offline_s=sum(offline for offline, _ in silent) / 1000,
            unknown_s=sum(unknown for _, unknown in silent) / 1000,
            energy_j=energy if powered_s else None,
            powered_s=powered_s,
            cost=cost,
            unpriced_j=unpriced,
            coins=sorted((one for one in coins if one.hashes), key=lambda one: (-one.accepted, one.coin)),
        )

    def _coin(self, coin: str, rows: range) -> CoinFigures:
        work = self._total(("coin", coin, "work"), rows)
        energy, cost, unpriced = self._costs(("coin", coin, "mj"), rows)
        counts = {name: self._total(("coin", coin, name), rows) for name in _COUNTS}
        return CoinFigures(
            coin=coin,
            hashes=float(work),
            hashrate=work / (len(rows) * HOUR_S) if rows else 0.0,
            efficiency=self._total(("coin", coin, "powered"), rows) / energy if energy else None,
            energy_j=energy or None,
            cost=cost,
            unpriced_j=unpriced,
            **counts,
        )

    def _costs(self, key: tuple[str, str, str], rows: range) -> tuple[float, float | None, float]:
        """(J, what those with a price cost, J without a price)."""
        energy = cost = unpriced = 0.0
        priced = False
        for n in rows:
            joules = self._at(key, n) / 1000
            price = self._prices[n]
            energy += joules
            if price is None:
                unpriced += joules
            else:
                priced = priced or joules > 0
                cost += joules / 3.6e6 * price
        return energy, cost if priced else None, unpriced

    def _at(self, key: tuple[str, str, str], n: int) -> int:
        column = self._sums.get(key)
        return 0 if column is None else column[n]

    def _total(self, key: tuple[str, str, str], rows: Iterable[int]) -> int:
        return sum(self._at(key, n) for n in rows)
