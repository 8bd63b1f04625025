"""GMiner: NVIDIA and AMD miner for Ethash and its relatives, Equihash, Cuckoo, Beam, KawPow, Autolykos2, Kaspa, …

Source: the README (3.x) for the options. The page `/stat` is not documented (issue 748); its fields are from answers
that users published (1.x; 3.44) and from public programs that read it:

- `devices[].speed` is in `speed_unit`, which GMiner sets to the bare unit: H/s, Sol/s, G/s (graphs). There is no total.
- dual mining repeats names with a 2 behind: `server2`, `user2`, `devices[].speed2`, `total_accepted_shares2`, … and
  `algorithm` reads "etchash + kheavyhash".
- `bus_id` is hexadecimal with domain. `power_usage`, `temperature` are 0 where there is no sensor.
- older (before 2.x): no totals and no `algorithm`; shares are told per device.

`--api` takes a port and nothing else (issue 443): the API listens on every address.
"""

from __future__ import annotations

from msgspec import Struct

from rigfarm.sentry.miners import lenient, pci
from rigfarm.sentry.miners.adapter import Answers, Http, MinerAdapter
from rigfarm.sentry.miners.units import hashes_per_unit, split_user, total
from rigfarm.sentry.readings import MinerReading
from rigfarm.wire.log import Device, Workload


class _Device(Struct):
    gpu_id: int | None = None
    bus_id: str | int | None = None
    name: str | None = None
    speed: float | None = None
    speed2: float | None = None
    accepted_shares: int | None = None
    rejected_shares: int | None = None
    temperature: float | None = None
    memory_temperature: float | None = None
    fan: float | None = None
    core_clock: float | None = None
    memory_clock: float | None = None
    power_usage: float | None = None


class _Stat(Struct):
    miner: str | None = None
    uptime: float | None = None
    algorithm: str | None = None
    server: str | None = None
    server2: str | None = None
    user: str | None = None
    user2: str | None = None
    total_accepted_shares: int | None = None
    total_accepted_shares2: int | None = None
    total_rejected_shares: int | None = None
    total_rejected_shares2: int | None = None
    total_stale_shares: int | None = None
    total_stale_shares2: int | None = None
    total_invalid_shares: int | None = None
    total_invalid_shares2: int | None = None
    speed_unit: str | None = None
    devices: list[_Device] | None = None


def parse(answers: Answers) -> MinerReading | None:
    """The page `/stat`."""
    stat = lenient.read(answers.get("stat"), _Stat)
    if stat is None or stat.devices is None:
        return None
    factor = hashes_per_unit(stat.speed_unit) or 1.0
    dual = bool(stat.server2) or any(device.speed2 is not None for device in stat.devices)
    devices = [_device(device, position, factor, dual) for position, device in enumerate(stat.devices)]
    workloads = [_first(stat, devices)]
    return MinerReading(workloads=[*workloads, _second(stat, devices)] if dual else workloads, devices=devices)


def _first(stat: _Stat, devices: list[Device]) -> Workload:
    wallet, worker = split_user(stat.user)
    shares = stat.devices or []
    return Workload(
        version=_version(stat.miner),
        algorithm=_algorithm(stat, 0),
        hashrate=total(device.hashrates[0] for device in devices),
        accepted=_or_sum(stat.total_accepted_shares, [device.accepted_shares for device in shares]),
        rejected=_or_sum(stat.total_rejected_shares, [device.rejected_shares for device in shares]),
        stale=stat.total_stale_shares,
        invalid=stat.total_invalid_shares,
        pool=stat.server,
        wallet=wallet,
        worker=worker,
        uptime_s=stat.uptime,
    )


def _second(stat: _Stat, devices: list[Device]) -> Workload:
    wallet, worker = split_user(stat.user2)
    return Workload(
        version=_version(stat.miner),
        algorithm=_algorithm(stat, 1),
        hashrate=total(device.hashrates[1] for device in devices),
        accepted=stat.total_accepted_shares2,
        rejected=stat.total_rejected_shares2,
        stale=stat.total_stale_shares2,
        invalid=stat.total_invalid_shares2,
        pool=stat.server2,
        wallet=wallet,
        worker=worker,
        uptime_s=stat.uptime,
    )


def _device(device: _Device, position: int, factor: float, dual: bool) -> Device:
    speeds = [device.speed, device.speed2] if dual else [device.speed]
    return Device(
        kind="gpu",
        index=device.gpu_id if device.gpu_id is not None else position,
        id=pci.normalise(device.bus_id),
        name=device.name,
        hashrates=[speed * factor if speed is not None else None for speed in speeds],
        core_c=device.temperature,
        memory_c=device.memory_temperature,
        core_mhz=device.core_clock,
        memory_mhz=device.memory_clock,
        fan_percent=device.fan,
        power_w=device.power_usage,
    )


def _algorithm(stat: _Stat, position: int) -> str | None:
    names = [name.strip() for name in stat.algorithm.split("+")] if stat.algorithm else []
    return names[position] if position < len(names) else None


def _version(miner: str | None) -> str | None:
    return miner.removeprefix("GMiner ").strip() if miner else None


def _or_sum(told: int | None, parts: list[int | None]) -> int | None:
    known = [part for part in parts if part is not None]
    return told if told is not None else (sum(known) if known else None)


ADAPTER = MinerAdapter(
    name="gminer",
    software="GMiner",
    requests=(Http("stat", ("/stat",)),),
    parse=parse,
    api_arguments="--api $API_PORT --watchdog 0",
    loopback=False,
)
