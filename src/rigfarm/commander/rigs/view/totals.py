"""The totals above an index and on the overview: a line or card per coin, and one for the farm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from msgspec import Struct

from rigfarm.commander.channels import Kind
from rigfarm.commander.rigs.view.levels import LEVELS
from rigfarm.commander.rigs.view.row import PATHS
from rigfarm.commander.stats import CoinTotals, Totals
from rigfarm.commander.stats.marks import REJECTS
from rigfarm.commander.web.spark import Spark, spark
from rigfarm.units import (
    Quantity,
    Unit,
    count,
    efficiency,
    energy_per_hash,
    hashrate,
    percent,
    power,
    power_in,
    power_unit,
)

__all__ = ["CoinTotal", "Count", "FarmTotal", "TotalsView", "coin_totals", "farm_total", "totals_view"]

MAX_CARDS = 24
STATES = ("online", "degraded", "idle", "offline", "waiting")
TONES = {"degraded": "warn", "idle": "bad", "offline": "bad"}
Sparks = Mapping[str, Sequence[float | None]]


class CoinTotal(Struct, frozen=True):
    """One coin over the rigs that are up. `href` is the index filtered by it."""

    coin: str
    href: str
    hashrate: Quantity
    rigs: str
    """`4 rigs`"""
    number: str
    """`4`"""
    power: Quantity
    efficiency: Quantity
    rejects: Quantity
    level: str
    spark: Spark


class Count(Struct, frozen=True):
    """So many rigs in a state; `tone` is empty where there is nothing to worry about, or nobody."""

    state: str
    number: str
    href: str
    tone: str


class FarmTotal(Struct, frozen=True):
    """All rigs of a kind."""

    kind: Kind
    href: str
    alive: str
    rigs: str
    power: Quantity
    counts: tuple[Count, ...]
    """States that at least one rig is in, online first."""

    @property
    def trouble(self) -> tuple[Count, ...]:
        """Those that need attention."""
        return tuple(one for one in self.counts if one.tone)


class TotalsView(Struct, frozen=True):
    """The cards above an index."""

    coins: tuple[CoinTotal, ...]
    more: int
    farm: FarmTotal


def totals_view(totals: Totals, kind: Kind, sparks: Sparks | None = None) -> TotalsView:
    """Cards of one kind; `sparks` are equidistant hashrates (H/s) of the last 24 h by coin."""
    cards = coin_totals(totals.coins, PATHS[kind], sparks or {}, asic=kind == "asic")
    return TotalsView(cards[:MAX_CARDS], max(len(cards) - MAX_CARDS, 0), farm_total(totals, kind))


def coin_totals(
    coins: Mapping[str, CoinTotals], path: str, sparks: Sparks, *, asic: bool = False
) -> tuple[CoinTotal, ...]:
    """One line a coin: those of most rigs first, then by name, so that a coin keeps its place while rates move."""
    ranked = sorted(coins.items(), key=lambda item: (-item[1].rigs, item[0]))
    unit = power_unit(totals.power_w for totals in coins.values())
    return tuple(_coin(name, totals, path, sparks.get(name, ()), unit, asic) for name, totals in ranked)


def _coin(name: str, totals: CoinTotals, path: str, day: Sequence[float | None], unit: Unit, asic: bool) -> CoinTotal:
    write = energy_per_hash if asic else efficiency
    return CoinTotal(
        coin=name,
        href=f"{path}?{urlencode({'coin': name})}",
        hashrate=hashrate(totals.hashrate),
        rigs=f"{count(totals.rigs)} {'ASIC' if asic else 'rig'}{'' if totals.rigs == 1 else 's'}",
        number=count(totals.rigs),
        power=power_in(unit, totals.power_w),
        efficiency=write(totals.efficiency),
        rejects=percent(totals.reject_ratio),
        level=LEVELS[REJECTS.level(totals.reject_ratio)],
        spark=spark(day),
    )


def farm_total(totals: Totals, kind: Kind) -> FarmTotal:
    """Alive of all, power, and how many are in each state."""
    path = PATHS[kind]
    return FarmTotal(
        kind=kind,
        href=path,
        alive=count(totals.alive),
        rigs=count(totals.rigs - totals.states["waiting"]),
        power=power(totals.power_w),
        counts=tuple(
            Count(state, count(number), f"{path}?state={state}", TONES.get(state, ""))
            for state in STATES
            if (number := totals.states[state]) > 0
        ),
    )
