"""The moving charts of a rig's page: hashrate, the hottest devices and power of the last hour, as data for charts.js.

All charts share the time axis: one log gives one moment and one value per series. Unknown is a gap.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from rigfarm.commander.stats.marks import plausible
from rigfarm.wire.log import DeviceKind, OperationalLog

__all__ = ["Chart", "ChartData", "Moment", "Series", "chart_data", "moment", "new_points"]

SPAN_MS = 3_600_000
MAX_SERIES = 4
_PARTS = ("GPU core", "GPU memory", "board", "chip", "CPU")
_CORES: Mapping[DeviceKind, str] = {"gpu": "GPU core", "cpu": "CPU", "hashboard": "board"}
_MEMORIES: Mapping[DeviceKind, str] = {"gpu": "GPU memory"}
_CHIPS: Mapping[DeviceKind, str] = {"hashboard": "chip"}


class Series(Struct, frozen=True):
    """One line. `values` are SI: H/s, °C, W."""

    name: str
    values: list[float | None]


class Chart(Struct, frozen=True):
    """One chart. `unit` is H/s, °C or W."""

    id: str
    title: str
    unit: str
    series: list[Series]


class ChartData(Struct, frozen=True):
    """All charts of a page. `t` is UTC ms; a pause longer than `gap_ms` is drawn as a gap."""

    span_ms: int
    gap_ms: int
    t: list[int]
    charts: list[Chart]


class Moment(Struct, frozen=True):
    """What the charts show of one log; a log itself may be a thousand times as large."""

    t: int
    rates: dict[str, float]
    """H/s by coin."""
    hottest: dict[str, float]
    """°C by part."""
    power_w: float | None


def moment(log: OperationalLog) -> Moment:
    """Of a log."""
    return Moment(log.t, _rates(log), _hottest(log), _power(log))


def chart_data(moments: Iterable[Moment], interval_s: float) -> ChartData:
    """Charts of these moments, oldest first."""
    kept = list(moments)
    rates = [one.rates for one in kept]
    hottest = [one.hottest for one in kept]
    coins = list(dict.fromkeys(coin for rate in reversed(rates) for coin in rate))[:MAX_SERIES]
    parts = [part for part in _PARTS if any(part in found for found in hottest)]
    return ChartData(
        SPAN_MS,
        round(interval_s * 3000) + 1000,
        [one.t for one in kept],
        [
            *(
                Chart(f"hashrate-{n}", _title(coin, coins), "H/s", [Series(coin, [one.get(coin) for one in rates])])
                for n, coin in enumerate(coins)
            ),
            Chart("temperature", "Hottest", "°C", [Series(part, [one.get(part) for one in hottest]) for part in parts]),
            Chart("power", "Power", "W", [Series("rig", [one.power_w for one in kept])]),
        ],
    )


def new_points(log: OperationalLog, shown: ChartData) -> list[list[float | None]] | None:
    """One more log's values by chart and series, for charts that show the series of `shown`; None when it has a coin
    or a part that they do not show yet: they need all data anew."""
    rates, hottest = _rates(log), _hottest(log)
    *coins, parts, _ = ([series.name for series in chart.series] for chart in shown.charts)
    known = {name for names in coins for name in names}
    if (not rates.keys() <= known and len(known) < MAX_SERIES) or not hottest.keys() <= set(parts):
        return None
    return [*([rates.get(name) for name in names] for names in coins), [hottest.get(p) for p in parts], [_power(log)]]


def _title(coin: str, coins: Sequence[str]) -> str:
    """Coins are not comparable: each has a chart, and an axis, of its own."""
    return f"Hashrate {coin}" if len(coins) > 1 else "Hashrate"


def _rates(log: OperationalLog) -> dict[str, float]:
    """H/s by coin."""
    found: dict[str, float] = {}
    for workload in log.workloads:
        rate = workload.hashrate
        if rate is not None and 0.0 <= rate < 1e24:
            coin = workload.coin or workload.algorithm or "?"
            found[coin] = found.get(coin, 0.0) + rate
    return found


def _hottest(log: OperationalLog) -> dict[str, float]:
    """°C by part, the hottest of each."""
    devices = log.devices
    found: dict[str, float] = {}
    columns: Sequence[tuple[Sequence[float | None], Mapping[DeviceKind, str]]] = (
        (devices.core_c, _CORES),
        (devices.memory_c, _MEMORIES),
        (devices.chip_c, _CHIPS),
    )
    for column, parts in columns:
        if len(column) != len(devices.kinds):
            continue
        for kind, celsius in zip(devices.kinds, column, strict=True):
            value, part = plausible(celsius), parts.get(kind)
            if value is not None and part is not None and value > found.get(part, -1000.0):
                found[part] = value
    return found


def _power(log: OperationalLog) -> float | None:
    return log.power_w if log.power_w is not None and 0.0 <= log.power_w < 1e7 else None
