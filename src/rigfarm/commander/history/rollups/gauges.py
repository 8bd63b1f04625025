"""What logs of one form measure, as columns by key.

| key | what |
|---|---|
| ("", "power_w", …) | the rig's power, W |
| ("coin", COIN, …) / ("watts", COIN, …) | H/s of a coin, and the power that goes into it, W |
| ("expected", COIN, …) | H/s that the device itself says it should make |
| ("gpu0", "core_c", …), also cpu, hashboard | °C, % or rpm, W, working and expected chips of a device |
| ("gpu0:rate", COIN, …) | H/s of a device for a coin |
| ("fan", "0", …) | rpm of a rig's own fan |
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from rigfarm.commander.history.chunks.chunk import COUNTED, Part
from rigfarm.commander.history.chunks.codes import UNKNOWN
from rigfarm.commander.stats.contribution import contribution_of
from rigfarm.common.plausible import COLDEST_C, HOTTEST_C, MOST

__all__ = ["MEASURES", "Column", "Gauges", "coin_of", "gauges_of"]

Column: TypeAlias = list[float | None]
Gauges: TypeAlias = dict[tuple[str, str], Column]

MEASURES: dict[str, tuple[float, float]] = {
    "core_c": (COLDEST_C, HOTTEST_C),
    "memory_c": (COLDEST_C, HOTTEST_C),
    "chip_c": (COLDEST_C, HOTTEST_C),
    "fan_percent": (0.0, 1e3),
    "fan_rpm": (0.0, 1e6),
    "power_w": (0.0, 1e7),
    "chips": (0.0, 1e6),
    "chips_expected": (0.0, 1e6),
}
"""What is kept of a device besides its hashrates, and between which numbers it can be true."""
_RATE = (0.0, MOST["hashrate"])


def coin_of(coin: str | None, algorithm: str | None) -> str:
    """What a workload's hashrate is called."""
    return coin or algorithm or "?"


def gauges_of(part: Part) -> Gauges:
    """A column for each thing that is measured; an unknown is None."""
    form = part.form
    columns = iter(part.measured)
    power = _within(next(columns), MEASURES["power_w"])
    found: Gauges = {("", "power_w"): power}
    rates, expected = [], []
    for _ in form.workloads:
        rates.append(_within(next(columns), _RATE))
        expected.append(_within(next(columns), _RATE))
    coins = [coin_of(one.coin, one.algorithm) for one in form.workloads]
    _coins(found, part, coins, rates, power)
    for coin, column in zip(coins, expected, strict=True):
        if column.count(None) < len(column):
            _add(found, ("expected", coin), column)
    devices = _devices(part)
    for measure in part.measures:
        for device in devices:
            column = next(columns)
            if measure in MEASURES:
                found[device, measure] = _within(column, MEASURES[measure])
    for workload in part.rated:
        for device in devices:
            _add(
                found,
                (f"{device}:rate", coins[workload] if workload < len(coins) else "?"),
                _within(next(columns), _RATE),
            )
    found |= {("fan", str(n)): _within(column, MEASURES["fan_rpm"]) for n, column in enumerate(columns)}
    counted = iter(part.counted[2 + len(COUNTED) * len(form.workloads) + 2 * len(form.pools) :])
    for measure in part.chips:
        for device in devices:
            whole = [None if one == UNKNOWN else float(one) for one in next(counted)]
            found[device, measure] = _within(whole, MEASURES[measure])
    return found


def _devices(part: Part) -> list[str]:
    devices = part.form.devices
    indexes = devices.indexes if len(devices.indexes) == len(devices) else range(len(devices))
    return [f"{kind}{index}" for kind, index in zip(devices.kinds, indexes, strict=True)]


def _coins(found: Gauges, part: Part, coins: Sequence[str], rates: Sequence[Column], power: Column) -> None:
    """By coin; where there are several, `contribution_of` decides what of the power is whose."""
    if len(set(coins)) == 1:
        coin = coins[0]
        for column in rates:
            _add(found, ("coin", coin), column)
        rate = found["coin", coin]
        found["watts", coin] = (
            power
            if None not in rate
            else [None if one is None else watts for one, watts in zip(rate, power, strict=True)]
        )
    elif coins:
        count = len(part.times)
        for row in range(count):
            for share in contribution_of(part.log(row)).coins:
                found.setdefault(("coin", share.coin), [None] * count)[row] = share.millihashes / 1000
                watts = found.setdefault(("watts", share.coin), [None] * count)
                watts[row] = None if share.milliwatts is None else share.milliwatts / 1000


def _add(found: Gauges, key: tuple[str, str], column: Column) -> None:
    old = found.get(key)
    if old is not None:
        column = [
            one if two is None else two if one is None else one + two for one, two in zip(old, column, strict=True)
        ]
    found[key] = column


def _within(column: Column, limits: tuple[float, float]) -> Column:
    low, high = limits
    known: Sequence[float] = [one for one in column if one is not None] if None in column else column  # type: ignore[assignment]
    if not known or (low <= min(known) and max(known) < high):
        return column
    return [one if one is not None and low <= one < high else None for one in column]
