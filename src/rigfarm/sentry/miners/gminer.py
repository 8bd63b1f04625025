"""GMiner: NVIDIA and AMD miner for Ethash and its relatives, Equihash, Cuckoo, Beam, KawPow, Autolykos2, Kaspa, …

Source: the README (3.x) for the options. The page `/stat` is not documented (issue 748); its fields are from answers
that users published (1.x; 3.44) and from public programs that read it:

- `devices[].speed` is in `speed_unit`, which GMiner sets to the bare unit: H/s, Sol/s, G/s (graphs). There is no total.
- a second algorithm repeats names with a 2 behind: `server2`, `user2`, `devices[].speed2`, `total_accepted_shares2`,
  …, a third (Zilliqa beside two others, issue 857) with a 3; `algorithm` reads "etchash + kheavyhash + zil".
- `bus_id` is hexadecimal with domain. `power_usage`, `temperature` are 0 where there is no sensor.
- older (before 2.x): no totals and no `algorithm`; shares are told per device.

`--api` takes a port and nothing else (issue 443): the API listens on every address.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from rigfarm.sentry.miners import lenient, pci
from rigfarm.sentry.miners.adapter import Answers, Http, MinerAdapter
from rigfarm.sentry.miners.units import hashes_per_unit, only_devices, split_user, total
from rigfarm.sentry.readings import MinerReading
from rigfarm.wire.log import Device, Workload

_SUFFIXES = ("", "2", "3", "4")
"""Of the names of the first algorithm, the second, …"""


class _Sensors(Struct):
    """What a device tells whatever it mines."""

    gpu_id: int | None = None
    bus_id: str | int | None = None
    name: str | None = None
    temperature: float | None = None
    memory_temperature: float | None = None
    fan: float | None = None
    core_clock: float | None = None
    memory_clock: float | None = None
    power_usage: float | None = None


class _Share(Struct):
    """What a device tells of one algorithm; the suffix of its names is taken off."""

    speed: float | None = None
    accepted_shares: int | None = None
    rejected_shares: int | None = None
    stale_shares: int | None = None
    invalid_shares: int | None = None


class _Algorithm(Struct):
    """What the page tells of one algorithm; the suffix of its names is taken off."""

    server: str | None = None
    user: str | None = None
    speed_unit: str | None = None
    total_accepted_shares: int | None = None
    total_rejected_shares: int | None = None
    total_stale_shares: int | None = None
    total_invalid_shares: int | None = None


class _Stat(Struct):
    miner: str | None = None
    uptime: float | None = None
    algorithm: str | None = None
    devices: list[dict[str, str | float | int]] | None = None


def parse(answers: Answers) -> MinerReading | None:
    """The page `/stat`."""
    tree = lenient.decode(answers.get("stat", b""))
    stat = lenient.shape(tree, _Stat) if isinstance(tree, dict) else None
    if not isinstance(tree, dict) or stat is None or stat.devices is None:
        return None
    used = [suffix for suffix in _SUFFIXES if not suffix or _is_used(suffix, tree, stat.devices)]
    first_unit = lenient.shape(tree, _Algorithm).speed_unit
    workloads, columns = [], []
    for position, suffix in enumerate(used):
        algorithm = lenient.shape(_without(suffix, tree), _Algorithm)
        shares = [lenient.shape(_without(suffix, device), _Share) for device in stat.devices]
        factor = hashes_per_unit(algorithm.speed_unit or first_unit) or 1.0
        rates = [share.speed * factor if share.speed is not None else None for share in shares]
        columns.append(rates)
        workloads.append(_workload(stat, algorithm, position, rates, shares))
    return MinerReading(
        workloads=workloads,
        devices=[
            _device(lenient.shape(device, _Sensors), number, [column[number] for column in columns])
            for number, device in enumerate(stat.devices)
        ],
    )


def _is_used(suffix: str, tree: Mapping[str, object], devices: list[dict[str, str | float | int]]) -> bool:
    return bool(tree.get("server" + suffix)) or any("speed" + suffix in device for device in devices)


def _without(suffix: str, tree: Mapping[str, object]) -> Mapping[str, object]:
    """The members with this suffix, under the names of the first algorithm."""
    return {key.removesuffix(suffix): value for key, value in tree.items() if key.endswith(suffix)} if suffix else tree


def _workload(
    stat: _Stat, algorithm: _Algorithm, position: int, rates: list[float | None], shares: list[_Share]
) -> Workload:
    wallet, worker = split_user(algorithm.user)
    names = [name.strip() for name in stat.algorithm.split("+", 8)] if stat.algorithm else []
    return Workload(
        version=_version(stat.miner),
        algorithm=names[position] if position < len(names) else None,
        hashrate=total(rates),
        accepted=only_devices(algorithm.total_accepted_shares, (share.accepted_shares for share in shares)),
        rejected=only_devices(algorithm.total_rejected_shares, (share.rejected_shares for share in shares)),
        stale=only_devices(algorithm.total_stale_shares, (share.stale_shares for share in shares)),
        invalid=only_devices(algorithm.total_invalid_shares, (share.invalid_shares for share in shares)),
        pool=algorithm.server,
        wallet=wallet,
        worker=worker,
        uptime_s=stat.uptime,
    )


def _device(device: _Sensors, position: int, rates: list[float | None]) -> Device:
    return Device(
        kind="gpu",
        index=device.gpu_id if device.gpu_id is not None else position,
        id=pci.normalise(device.bus_id),
        name=device.name,
        hashrates=rates,
        core_c=device.temperature,
        memory_c=device.memory_temperature,
        core_mhz=device.core_clock,
        memory_mhz=device.memory_clock,
        fan_percent=device.fan,
        power_w=device.power_usage,
    )


def _version(miner: str | None) -> str | None:
    return miner.removeprefix("GMiner ").strip() if miner else None


ADAPTER = MinerAdapter(
    name="gminer",
    software="GMiner",
    requests=(Http("stat", ("/stat",)),),
    parse=parse,
    api_arguments="--api $API_PORT --watchdog 0",
    loopback=False,
)
