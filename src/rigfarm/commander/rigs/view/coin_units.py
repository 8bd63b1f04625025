"""One unit of hashrate per coin, so that neighbouring rows can be compared: it follows what a rig of the coin makes on
average, and changes only when that has clearly left it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rigfarm.commander.stats import CoinTotals
from rigfarm.units import Unit, hashrate_unit

__all__ = ["CoinUnits"]

LEAVES_BELOW = 0.3
LEAVES_ABOVE = 3_000.0
MAX_COINS = 1_000
"""More are forgotten as soon as no rig mines them."""


class CoinUnits:
    """The units of the rows of one kind's index. Cheap enough to be asked for every cell."""

    def __init__(self) -> None:
        self._units: dict[str, Unit] = {}

    def of_all(self, coins: Iterable[str]) -> tuple[Unit | None, ...]:
        """What a row of these coins was rendered with: if it differs, the row shows another unit now."""
        return tuple(map(self._units.get, coins))

    def follow(self, coins: Mapping[str, CoinTotals]) -> bool:
        """Look at the totals; True when a unit changed. O(coins)."""
        if len(self._units) > MAX_COINS:
            self._units = {name: unit for name, unit in self._units.items() if name in coins}
        changed = False
        for name, totals in coins.items():
            if not totals.rigs or totals.millihashes <= 0:
                continue
            mean = totals.hashrate / totals.rigs
            unit = self._units.get(name)
            if unit is None or not LEAVES_BELOW <= mean / unit.factor < LEAVES_ABOVE:
                changed = self._set(name, hashrate_unit((mean,))) or changed
        return changed

    def of(self, coin: str, value: float | None = None) -> Unit:
        """The coin's unit; for a coin never seen before, the one that suits the value."""
        return self._units.get(coin) or hashrate_unit((value,))

    def _set(self, coin: str, unit: Unit) -> bool:
        if self._units.get(coin) == unit:
            return False
        self._units[coin] = unit
        return True
