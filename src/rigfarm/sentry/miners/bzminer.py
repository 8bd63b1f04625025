"""BzMiner: AMD, NVIDIA, Intel and CPU miner for Ethash and its relatives, KawPow, Kaspa, Ergo, …, several at once.

Source: the README (13.2) for the options; issue 67 (9.0.0) shows a pool of the page `/status`. The rest of its fields
are from public programs that read it:

- each device has `pool`, the ids of the pools it mines to, and parallel to it `hashrate[]`, H/s. Pools that no device
  names are not in use: they carry defaults and garbage (`status` -771801344), and are left out.
- shares: `valid_`, `rejected_`, `stale_` and `invalid_solutions` of a pool, and, parallel to `pool`, of a device.
- `pci_bus_id`, `pci_device_id` decimal; `vendor` 4 is the CPU.

The API listens on every address unless told `--http_address`. The watchdog is a process of its own: `--no_watchdog`.
"""

from __future__ import annotations

from msgspec import Struct

from rigfarm.sentry.miners import lenient, pci
from rigfarm.sentry.miners.adapter import Answers, Http, MinerAdapter
from rigfarm.sentry.miners.units import only_devices, total
from rigfarm.sentry.readings import MinerReading
from rigfarm.wire.log import Device, Workload

_VENDOR_CPU = 4
_MAX_POOLS = 8


class _Pool(Struct):
    id: int | None = None
    algorithm: str | None = None
    wallet: str | None = None
    username: str | None = None
    current_url: str | None = None
    valid_solutions: int | None = None
    rejected_solutions: int | None = None
    stale_solutions: int | None = None
    invalid_solutions: int | None = None


class _Device(Struct):
    name: str | None = None
    vendor: int | None = None
    pool: list[int | None] = []
    hashrate: list[float | None] = []
    valid_solutions: list[int | None] = []
    rejected_solutions: list[int | None] = []
    stale_solutions: list[int | None] = []
    invalid_solutions: list[int | None] = []
    pci_bus_id: int | None = None
    pci_device_id: int = 0
    core_temp: float | None = None
    mem_temp: float | None = None
    fan: float | None = None
    power: float | None = None
    clock_rate: float | None = None
    memory_rate: float | None = None


class _Status(Struct):
    bzminer_version: str | None = None
    uptime_s: float | None = None
    pools: list[_Pool] = []
    devices: list[_Device] | None = None


def parse(answers: Answers) -> MinerReading | None:
    """The page `/status`."""
    status = lenient.read(answers.get("status"), _Status)
    if status is None or status.devices is None:
        return None
    used = _used(status.devices)
    pools = {position if pool.id is None else pool.id: pool for position, pool in enumerate(status.pools)}
    devices = _devices(status.devices, used)
    workloads = [
        _workload(pool, pools.get(pool, _Pool()), total(device.hashrates[position] for device in devices), status)
        for position, pool in enumerate(used)
    ]
    return MinerReading(workloads=workloads, devices=devices)


def _used(devices: list[_Device]) -> list[int]:
    """The ids of the pools that are mined to, in the program's order; without any, the first is about to be."""
    ids = dict.fromkeys(pool for device in devices for pool in _pools(device) if pool is not None)
    return list(ids)[:_MAX_POOLS] or [0]


def _pools(device: _Device) -> list[int | None]:
    """The pool of each of the device's hashrates; a device of an old version mines to the pools in their order."""
    return device.pool or list(range(len(device.hashrate)))


def _workload(id: int, pool: _Pool, rate: float | None, status: _Status) -> Workload:
    version = status.bzminer_version
    devices = status.devices or []

    def each(name: str) -> list[int | None]:
        return [
            share
            for device in devices
            for of, share in zip(_pools(device), getattr(device, name), strict=False)
            if of == id
        ]

    return Workload(
        version=version.removeprefix("v") if version else None,
        algorithm=pool.algorithm,
        hashrate=rate,
        accepted=only_devices(pool.valid_solutions, each("valid_solutions")),
        rejected=only_devices(pool.rejected_solutions, each("rejected_solutions")),
        stale=only_devices(pool.stale_solutions, each("stale_solutions")),
        invalid=only_devices(pool.invalid_solutions, each("invalid_solutions")),
        pool=pool.current_url,
        wallet=pool.wallet,
        worker=pool.username,
        uptime_s=status.uptime_s,
    )


def _devices(told: list[_Device], used: list[int]) -> list[Device]:
    """Each kind counted on its own."""
    devices: list[Device] = []
    for device in told:
        cpu = device.vendor == _VENDOR_CPU
        index = sum((before.kind == "cpu") is cpu for before in devices)
        devices.append(_device(device, index, used))
    return devices


def _device(device: _Device, index: int, used: list[int]) -> Device:
    rates = dict(zip(_pools(device), device.hashrate, strict=False))
    bus = device.pci_bus_id
    return Device(
        kind="cpu" if device.vendor == _VENDOR_CPU else "gpu",
        index=index,
        id=pci.address(bus, device.pci_device_id) if bus is not None and device.vendor != _VENDOR_CPU else None,
        name=device.name,
        hashrates=[rates.get(pool) for pool in used],
        core_c=device.core_temp,
        memory_c=device.mem_temp,
        core_mhz=device.clock_rate,
        memory_mhz=device.memory_rate,
        fan_percent=device.fan,
        power_w=device.power,
    )


ADAPTER = MinerAdapter(
    name="bzminer",
    software="BzMiner",
    requests=(Http("status", ("/status",)),),
    parse=parse,
    api_arguments="--http_enabled 1 --http_address 127.0.0.1 --http_port $API_PORT --no_watchdog",
)
