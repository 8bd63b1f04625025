"""OneZeroMiner: NVIDIA and AMD miner for Dynex, Xelis, Cryptix, Qubitcoin and others, two algorithms at once.

Source: the README for the options. The page `/` is not documented; its fields are from public programs that read
1.7.8 and 1.8.0:

- `algos[]`: `hashrates[]` parallel to `devices[]`, `total_hashrate`, both H/s; shares in `total_accepted_shares`,
  `total_rejected_shares` and, since 1.8.0, `total_invalid_shares`, and per device in `accepted_shares[]`, ….
- `devices[].bus_id` decimal, `temp` and `mem_temp` °C, `fan` %, `power` W, `cclk` and `mclk` MHz.
"""

from __future__ import annotations

from msgspec import Struct

from rigfarm.sentry.miners import lenient, pci
from rigfarm.sentry.miners.adapter import Answers, Http, MinerAdapter
from rigfarm.sentry.miners.units import only_devices, total
from rigfarm.sentry.readings import MinerReading
from rigfarm.wire.log import Device, Workload


class _Device(Struct):
    id: int | None = None
    bus_id: int | str | None = None
    name: str | None = None
    cclk: float | None = None
    mclk: float | None = None
    temp: float | None = None
    mem_temp: float | None = None
    fan: float | None = None
    power: float | None = None


class _Algorithm(Struct):
    name: str | None = None
    pool: str | None = None
    hashrates: list[float | None] = []
    total_hashrate: float | None = None
    total_accepted_shares: int | None = None
    total_rejected_shares: int | None = None
    total_invalid_shares: int | None = None
    accepted_shares: list[int | None] = []
    rejected_shares: list[int | None] = []
    invalid_shares: list[int | None] = []


class _Page(Struct):
    version: str | None = None
    uptime_seconds: float | None = None
    devices: list[_Device] = []
    algos: list[_Algorithm] = []


def parse(answers: Answers) -> MinerReading | None:
    """The page `/`."""
    page = lenient.read(answers.get("status"), _Page)
    if page is None or not page.algos:
        return None
    return MinerReading(
        workloads=[_workload(algorithm, page) for algorithm in page.algos],
        devices=[_device(device, position, page.algos) for position, device in enumerate(page.devices)],
    )


def _workload(algorithm: _Algorithm, page: _Page) -> Workload:
    return Workload(
        version=page.version,
        algorithm=algorithm.name,
        hashrate=algorithm.total_hashrate if algorithm.total_hashrate is not None else total(algorithm.hashrates),
        accepted=only_devices(algorithm.total_accepted_shares, algorithm.accepted_shares),
        rejected=only_devices(algorithm.total_rejected_shares, algorithm.rejected_shares),
        invalid=only_devices(algorithm.total_invalid_shares, algorithm.invalid_shares),
        pool=algorithm.pool,
        uptime_s=page.uptime_seconds,
    )


def _device(device: _Device, position: int, algorithms: list[_Algorithm]) -> Device:
    return Device(
        kind="gpu",
        index=device.id if device.id is not None else position,
        id=pci.normalise(device.bus_id, 10),
        name=device.name,
        hashrates=[
            algorithm.hashrates[position] if position < len(algorithm.hashrates) else None for algorithm in algorithms
        ],
        core_c=device.temp,
        memory_c=device.mem_temp,
        core_mhz=device.cclk,
        memory_mhz=device.mclk,
        fan_percent=device.fan,
        power_w=device.power,
    )


ADAPTER = MinerAdapter(
    name="onezerominer",
    software="OneZeroMiner",
    requests=(Http("status", ("/",)),),
    parse=parse,
    api_arguments="--api-host 127.0.0.1 --api-port $API_PORT",
)
