"""The totals above an index and on the overview: a line or card per coin, and one for the farm."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from rigfarm.commander.kinds import KINDS, Kind, KindName
from rigfarm.commander.rigs.view.levels import LEVELS
from rigfarm.commander.stats import CoinTotals, Totals
from rigfarm.commander.stats.condition import STATES
from rigfarm.commander.stats.marks import MARKS
from rigfarm.commander.web.spark import Spark, spark
from rigfarm.units import (
    Quantity,
    Unit,
    count,
    hashrate,
    percent,
    power,
    power_in,
    power_unit,
)

__all__ = ["CoinTotal", "Count", "FarmTotal", "TotalsView", "coin_totals", "farm_total", "totals_view"]

MAX_CARDS = 24
TONES = {"degraded": "warn", "idle": "bad", "offline": "bad"}
Sparks = Mapping[str, Sequence[float | None]]


class CoinTotal(Struct, frozen=True):
    """One coin over the rigs that are up. `href` is the index filtered by it."""

    coin: str
    kind: Kind
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
    """So many rigs in a state; `tone` is empty where there is nothing to worry about, or no rig."""

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


def totals_view(totals: Totals, kind: KindName, sparks: Sparks | None = None, at: str = "") -> TotalsView:
    """Cards of one kind; `sparks` are equidistant hashrates (H/s) of the last 24 h by coin; `at`
    is another time, whose totals these are."""
    cards = coin_totals(totals.coins, KINDS[kind], sparks or {}, at)
    return TotalsView(cards[:MAX_CARDS], max(len(cards) - MAX_CARDS, 0), farm_total(totals, kind, at))


def coin_totals(coins: Mapping[str, CoinTotals], kind: Kind, sparks: Sparks, at: str = "") -> tuple[CoinTotal, ...]:
    """One line a coin: those of most rigs first, then by name, so that a coin keeps its place while rates move."""
    ranked = sorted(coins.items(), key=lambda item: (-item[1].rigs, item[0]))
    unit = power_unit(totals.power_w for totals in coins.values())
    return tuple(_coin(name, totals, kind, sparks.get(name, ()), unit, at) for name, totals in ranked)


def _coin(name: str, totals: CoinTotals, kind: Kind, day: Sequence[float | None], unit: Unit, at: str) -> CoinTotal:
    return CoinTotal(
        coin=name,
        kind=kind,
        href=kind.href(coin=name, at=at),
        hashrate=hashrate(totals.hashrate),
        rigs=kind.counted(totals.rigs),
        number=count(totals.rigs),
        power=power_in(unit, totals.power_w),
        efficiency=kind.efficiency(totals.efficiency),
        rejects=percent(totals.reject_ratio),
        level=LEVELS[MARKS.rejects.level(totals.reject_ratio)],
        spark=spark(day),
    )


def farm_total(totals: Totals, kind: KindName, at: str = "") -> FarmTotal:
    """Alive of all, power, and how many are in each state."""
    return FarmTotal(
        kind=KINDS[kind],
        href=KINDS[kind].href(at=at),
        alive=count(totals.alive),
        rigs=count(totals.rigs - totals.states["waiting"]),
        power=power(totals.power_w),
        counts=tuple(_counts(totals, KINDS[kind], at)),
    )


def _counts(totals: Totals, kind: Kind, at: str) -> Iterator[Count]:
    """A rig in maintenance counts under its state, and once more by itself."""
    for state in STATES:
        if totals.states[state] > 0:
            tone = TONES.get(state, "") if totals.sick[state] else ""
            yield Count(state, count(totals.states[state]), kind.href(state=state, at=at), tone)
    if totals.maintained:
        yield Count("in maintenance", count(totals.maintained), kind.href(state="maintenance", at=at), "")
