"""A minute as the log that stands for it where logs are no longer kept, and what such a log adds to the totals."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import takewhile
from typing import cast

from msgspec.structs import replace

from rigfarm.commander.history.chunks.codes import UNKNOWN, value, values
from rigfarm.commander.history.chunks.columns import Columns, Key
from rigfarm.commander.history.model import HOUR_MS
from rigfarm.commander.history.rollups.minutes import MINUTE_MS
from rigfarm.commander.stats.contribution import Contribution, contribution_of, of_one_coin
from rigfarm.wire.log import Device, DeviceKind, Devices, OperationalLog, Workload

__all__ = ["hour_in_brief", "minute_as_log", "minute_in_brief"]

_POWER: Key = ("", "power_w", "mean")
_DEVICE = re.compile(r"(cpu|gpu|hashboard)(\d{1,4})")
_MEASURES = frozenset(("core_c", "memory_c", "chip_c", "fan_percent", "fan_rpm", "power_w"))


def hour_in_brief(columns: Columns, hour: int) -> list[tuple[int, Contribution]]:
    """(when it began, UTC ms, what it added) of each minute of which something is known, in any order."""
    begin_ms, rates = hour * HOUR_MS, _rates(columns)
    times = range(begin_ms, begin_ms + columns.rows * MINUTE_MS, MINUTE_MS)
    if len(rates) > 1:
        return [one for t_ms in times if (one := minute_in_brief(columns, t_ms)) is not None]
    coin, unknown = rates[0][1] if rates else "", [UNKNOWN] * columns.rows
    power = values(columns.get(_POWER) or unknown)
    rate = values(columns.get(rates[0]) or unknown) if rates else [None] * columns.rows
    found, others = [], []
    for minute, (watts, hashrate) in enumerate(zip(power, rate, strict=True)):
        if watts is None and hashrate is None:
            others.append(minute)
        else:
            found.append((times[minute], of_one_coin(coin, hashrate, watts, None, None)))
    if others:
        means = [columns.get(key) or unknown for key in columns.keys if _is_mean(key)]
        found += [(times[n], Contribution()) for n in others if any(column[n] != UNKNOWN for column in means)]
    return found


def minute_in_brief(columns: Columns, t_ms: int) -> tuple[int, Contribution] | None:
    """The same of the minute that holds a time."""
    rates = _rates(columns)
    if len(rates) <= 1:
        found = columns.row(t_ms % HOUR_MS // MINUTE_MS, [_POWER, *rates])
        power, rate = value(found.get(_POWER, UNKNOWN)), value(found[rates[0]]) if rates else None
        if power is not None or rate is not None:
            began_ms = t_ms // MINUTE_MS * MINUTE_MS
            return began_ms, of_one_coin(rates[0][1] if rates else "", rate, power, None, None)
    # What each of several coins takes is known from the devices, and so may it be that the rig reported at all.
    log = minute_as_log(columns, t_ms)
    return None if log is None else (log.t, contribution_of(log))


def _rates(columns: Columns) -> list[Key]:
    """Of hashrates by coin. Keys are in order."""
    return [
        key for key in takewhile(lambda key: key[0] <= "coin", columns.keys) if key[0] == "coin" and key[2] == "mean"
    ]


def minute_as_log(columns: Columns, t_ms: int) -> OperationalLog | None:
    """The means of the minute that holds a time; None where none is known."""
    found = columns.row(t_ms % HOUR_MS // MINUTE_MS, filter(_is_mean, columns.keys))
    means = {key[:2]: value(coded) for key, coded in found.items() if coded != UNKNOWN}
    return _as_log(means, t_ms // MINUTE_MS * MINUTE_MS) if means else None


@lru_cache(4096)
def _is_mean(key: Key) -> bool:
    return key[2] == "mean" and (key[0] in ("", "coin", "fan") or _DEVICE.match(key[0]) is not None)


def _as_log(means: Mapping[tuple[str, str], float | None], t_ms: int) -> OperationalLog:
    coins = sorted(name for scope, name in means if scope == "coin")
    devices: dict[str, dict[str, float | None]] = {}
    for (scope, name), mean in means.items():
        if found := _DEVICE.match(scope):
            devices.setdefault(found[0], {})[f"rate {name}" if scope.endswith(":rate") else name] = mean
    fans = {int(name): mean for (scope, name), mean in means.items() if scope == "fan" and name.isdecimal()}
    return OperationalLog(
        t=t_ms,
        power_w=means.get(("", "power_w")),
        workloads=[Workload(coin=coin, hashrate=means["coin", coin], state="mining") for coin in coins],
        devices=Devices.from_rows(
            [_device(name, known, coins) for name, known in sorted(devices.items(), key=lambda one: _split(one[0]))]
        ),
        fans=[fans.get(n) for n in range(max(fans, default=-1) + 1)][:64],
    )


def _split(name: str) -> tuple[DeviceKind, int]:
    found = _DEVICE.match(name)
    assert found is not None
    return cast("DeviceKind", found[1]), int(found[2])


def _device(name: str, known: Mapping[str, float | None], coins: Iterable[str]) -> Device:
    kind, index = _split(name)
    chips, expected = known.get("chips"), known.get("chips_expected")
    device = Device(
        kind=kind,
        index=index,
        hashrates=[known.get(f"rate {coin}") for coin in coins],
        chips=None if chips is None else round(chips),
        chips_expected=None if expected is None else round(expected),
    )
    return replace(device, **{measure: mean for measure, mean in known.items() if measure in _MEASURES})
