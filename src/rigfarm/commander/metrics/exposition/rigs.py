"""The samples of each rig and of its devices."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from rigfarm.commander.metrics.exposition.coins import Coins, Shares
from rigfarm.commander.metrics.exposition.text import Families, Labels
from rigfarm.commander.metrics.view import CoinNow, RigNow
from rigfarm.commander.stats.condition import device_label
from rigfarm.common.plausible import Measure, is_possible, is_watts, possible
from rigfarm.wire.log import Device, OperationalLog

__all__ = ["add_coins", "add_rigs"]

MAX_DEVICES = 64
"""Of one rig. What reports more has the rest left out."""
AT_ONCE = 250
BREATH_S = 0.00005
"""After so many rigs, some five milliseconds, the interpreter belongs to others for so long. More often would cost more
than it is worth: each time, the event loop keeps it until it has nothing more to do."""
LONGEST_S = 1e10
WHOLE_FROM = 10**9


def add_coins(families: Families, coins: Coins, totals: Iterable[CoinNow]) -> None:
    """Who mines what."""
    hashrates: dict[tuple[str, str], float] = {}
    mining: dict[tuple[str, str], int] = {}
    for one in totals:
        key = one.kind, coins.name(one.coin)
        hashrates[key] = hashrates.get(key, 0.0) + one.hashrate
        mining[key] = mining.get(key, 0) + one.rigs
    for (kind, coin), hashrate in hashrates.items():
        labels = Labels.of(kind=kind, coin=coin)
        families["rigfarm_hashrate_hashes_per_second"].add(hashrate, labels)
        families["rigfarm_rigs_mining"].add(mining[kind, coin], labels)
    families["rigfarm_metrics_coins_folded"].add(coins.folded)


def add_rigs(families: Families, labels: Labels, coins: Coins, rigs: Sequence[RigNow]) -> None:
    """The shares of all; every rig and its devices where the detail has them."""
    sums: dict[str, Shares] = {}
    of_rigs = _Rigs(families) if families.detail != "farm" else None
    of_devices = _Devices(families, labels, coins) if families.detail == "devices" else None
    for start in range(0, len(rigs), AT_ONCE):
        for rig in rigs[start : start + AT_ONCE]:
            shares = coins.shares(rig.log) if rig.log is not None else {}
            _sum_up(sums.setdefault(rig.kind, {}), shares)
            if of_rigs is not None:
                of_rig = Labels.of(rig=rig.name, kind=rig.kind)
                of_rigs.add(rig, coins, shares, of_rig)
                if of_devices is not None and rig.log is not None:
                    of_devices.add(rig.log, of_rig)
        time.sleep(BREATH_S)
    for kind, of_kind in sums.items():
        for coin, (accepted, rejected) in of_kind.items():
            of_coin = Labels.of(kind=kind, coin=coin)
            families["rigfarm_running_shares_accepted"].add(accepted, of_coin)
            families["rigfarm_running_shares_rejected"].add(rejected, of_coin)
    if of_devices is not None:
        families["rigfarm_metrics_devices_left_out"].add(of_devices.left_out)


def _sum_up(sums: Shares, shares: Shares) -> None:
    for coin, counts in shares.items():
        total = sums.setdefault(coin, [None, None])
        for place, count in enumerate(counts):
            if count is not None:
                total[place] = (total[place] or 0) + count


class _Rigs:
    def __init__(self, families: Families) -> None:
        self._of = {name.removeprefix("rigfarm_rig_"): families[name] for name in families.names("rigs")}
        self._coin_labels: dict[str, str] = {}

    def add(self, rig: RigNow, coins: Coins, shares: Shares, labels: str) -> None:
        of, condition = self._of, rig.condition
        of["info"].add(1, f"{labels},{Labels.of(rig_id=str(rig.id), place=rig.place)}")
        of["up"].add(int(rig.log is not None), labels)
        of["state"].add(1, f'{labels},state="{condition.state}"')
        of["attention"].add(condition.severity, labels)
        of["maintenance"].add(int(condition.maintenance), labels)
        if rig.heard_ms is not None:
            of["last_seen_timestamp_seconds"].add(rig.heard_ms // 1000, labels)
        if rig.log is not None:
            self._mining(rig, coins, shares, labels)
            self._machine(rig.log, labels)

    def _mining(self, rig: RigNow, coins: Coins, shares: Shares, labels: str) -> None:
        of = self._of
        hashrates: dict[str, int] = {}
        for share in rig.contribution.coins:
            coin = coins.name(share.coin)
            hashrates[coin] = hashrates.get(coin, 0) + share.millihashes
        for coin, millihashes in hashrates.items():
            of["hashrate_hashes_per_second"].add(_hashes(millihashes), self._with_coin(labels, coin))
        if rig.contribution.milliwatts is not None:
            of["power_watts"].add(rig.contribution.milliwatts / 1000, labels)
        for coin, (accepted, rejected) in shares.items():
            with_coin = self._with_coin(labels, coin)
            of["shares_accepted_total"].add(accepted, with_coin)
            of["shares_rejected_total"].add(rejected, with_coin)

    def _machine(self, log: OperationalLog, labels: str) -> None:
        of, devices, count = self._of, log.devices, len(log.devices)
        of["uptime_seconds"].add(_duration(log.uptime_s), labels)
        for number, rpm in enumerate(log.fans):
            of["fan_rpm"].add(possible("rpm", rpm), f'{labels},fan="{number}"')
        for sensor, column in (("core", devices.core_c), ("memory", devices.memory_c), ("chip", devices.chip_c)):
            if len(column) == count:
                of["temperature_max_celsius"].add(_most("celsius", column), f'{labels},sensor="{sensor}"')
        fastest = _most("fan_percent", devices.fan_percent) if len(devices.fan_percent) == count else None
        of["device_fan_max_ratio"].add(None if fastest is None else fastest / 100, labels)
        of["devices"].add(count, labels)
        of["devices_missing"].add(sum(devices.missing) if len(devices.missing) == count else 0, labels)

    def _with_coin(self, labels: str, coin: str) -> str:
        found = self._coin_labels.get(coin)
        if found is None:
            found = self._coin_labels[coin] = Labels.of(coin=coin)
        return f"{labels},{found}"


class _Devices:
    def __init__(self, families: Families, labels: Labels, coins: Coins) -> None:
        self._of = {name.removeprefix("rigfarm_device_"): families[name] for name in families.names("devices")}
        self._labels = labels
        self._coins = coins
        self.left_out = 0

    def add(self, log: OperationalLog, of_rig: str) -> None:
        coins = self._coins.of_workloads(log)
        seen: set[str] = set()
        for device in log.devices:
            name = device_label(device.kind, device.index)
            if name in seen or len(seen) >= MAX_DEVICES:
                self.left_out += 1
                continue
            seen.add(name)
            self._device(device, coins, f'{of_rig},device="{name}"')

    def _device(self, device: Device, coins: Sequence[str], labels: str) -> None:
        of, clean = self._of, self._labels.clean
        what = Labels.of(model=clean(device.name or ""), id=clean(device.id or ""))
        of["info"].add(1, f"{labels},{what}")
        of["missing"].add(int(device.missing), labels)
        hashrates: dict[str, float] = {}
        for coin, rate in zip(coins, device.hashrates, strict=False):
            if (rate := possible("hashrate", rate)) is not None:
                hashrates[coin] = hashrates.get(coin, 0.0) + rate
        for coin, rate in hashrates.items():
            of["hashrate_hashes_per_second"].add(rate, f"{labels},{Labels.of(coin=coin)}")
        for sensor, celsius in (("core", device.core_c), ("memory", device.memory_c), ("chip", device.chip_c)):
            of["temperature_celsius"].add(possible("celsius", celsius), f'{labels},sensor="{sensor}"')
        limit = _watts(device.power_limit_w, device.kind)
        of["power_watts"].add(_watts(device.power_w, device.kind, limit), labels)
        of["power_limit_watts"].add(limit, labels)
        of["fan_ratio"].add(_scaled("fan_percent", device.fan_percent, 0.01), labels)
        of["fan_rpm"].add(possible("rpm", device.fan_rpm), labels)
        of["core_clock_hertz"].add(_scaled("mhz", device.core_mhz, 1e6), labels)
        of["memory_clock_hertz"].add(_scaled("mhz", device.memory_mhz, 1e6), labels)
        of["chips"].add(_count(device.chips), labels)
        of["chips_expected"].add(_count(device.chips_expected), labels)


def _most(measure: Measure, column: Sequence[float | None]) -> float | None:
    known = [value for value in column if value is not None]
    most = max(known, default=None)
    if most is None or is_possible(measure, most):
        return most
    return max((value for value in known if is_possible(measure, value)), default=None)


def _scaled(measure: Measure, value: float | None, factor: float) -> float | None:
    value = possible(measure, value)
    return None if value is None else value * factor


def _watts(value: float | None, kind: str, limit: float | None = None) -> float | None:
    return value if value is not None and is_watts(value, kind, limit) else None


def _hashes(millihashes: int) -> float:
    """H/s; whole ones from a megahash on, which are written in a quarter of the time."""
    return millihashes // 1000 if millihashes >= WHOLE_FROM else millihashes / 1000


def _duration(value: float | None) -> int | None:
    return int(value) if value is not None and 0.0 <= value <= LONGEST_S else None


def _count(value: int | None) -> int | None:
    return value if value is not None and value >= 0 else None
