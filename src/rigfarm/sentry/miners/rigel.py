"""Rigel: NVIDIA miner for Ethash and its relatives, Autolykos2, KawPow, Octopus, Kaspa's and Alephium's families, …

Source: the README for the options. The page is not documented; its fields are from public programs that read it:

- `algorithm` reads "etchash+karlsenhash"; everything else is keyed by algorithm: `hashrate`, `solution_stat`, `pools`.
  H/s; devices have the same keys. ZIL appears as a third algorithm, with a hashrate of 0 between its rounds.
- `pci_address` is hexadecimal. A device that is not `selected` is not used.
- of `pools`, the one in use has an `issued_job` in its `state`; `connection_details` has host, port and user.
"""

from __future__ import annotations

from msgspec import Struct, field

from rigfarm.sentry.miners import lenient, pci
from rigfarm.sentry.miners.adapter import Answers, Http, MinerAdapter
from rigfarm.sentry.miners.units import only_devices, split_user, total
from rigfarm.sentry.readings import MinerReading
from rigfarm.wire.log import Device, Workload

_MAX_ALGORITHMS = 8


class _Solutions(Struct):
    accepted: int | None = None
    rejected: int | None = None
    invalid: int | None = None


class _Connection(Struct):
    username: str | None = None
    worker: str | None = None
    hostname: str | None = None
    port: int | None = None
    ssl: bool = False


class _PoolState(Struct):
    issued_job: str | None = None


class _Pool(Struct):
    connection_details: _Connection = field(default_factory=_Connection)
    state: _PoolState | None = None


class _Monitoring(Struct):
    core_temperature: float | None = None
    memory_temperature: float | None = None
    fan_speed: float | None = None
    power_usage: float | None = None
    core_clock: float | None = None
    memory_clock: float | None = None


class _Device(Struct):
    id: int | None = None
    selected: bool = True
    name: str | None = None
    pci_address: str | int | None = None
    monitoring_info: _Monitoring = field(default_factory=_Monitoring)
    hashrate: dict[str, float | None] = {}
    solution_stat: dict[str, _Solutions] = {}


class _Page(Struct):
    version: str | None = None
    uptime: float | None = None
    algorithm: str | None = None
    hashrate: dict[str, float | None] | None = None
    solution_stat: dict[str, _Solutions] = {}
    pools: dict[str, list[_Pool]] = {}
    devices: list[_Device] = []


def parse(answers: Answers) -> MinerReading | None:
    """The page."""
    page = lenient.read(answers.get("status"), _Page)
    if page is None or (page.algorithm is None and page.hashrate is None):
        return None
    algorithms = (page.algorithm.split("+") if page.algorithm else list(page.hashrate or {}))[:_MAX_ALGORITHMS]
    used = [(position, device) for position, device in enumerate(page.devices) if device.selected]
    return MinerReading(
        workloads=[_workload(name, page) for name in algorithms],
        devices=[_device(device, position, algorithms) for position, device in used],
    )


def _workload(algorithm: str, page: _Page) -> Workload:
    solutions = page.solution_stat.get(algorithm) or _Solutions()
    used = [device for device in page.devices if device.selected]
    by_card = [device.solution_stat.get(algorithm) or _Solutions() for device in used]
    rate = (page.hashrate or {}).get(algorithm)
    connection = _in_use(page.pools.get(algorithm) or []).connection_details
    wallet, worker = split_user(connection.username)
    return Workload(
        version=page.version,
        algorithm=algorithm,
        hashrate=rate if rate is not None else total(device.hashrate.get(algorithm) for device in used),
        accepted=only_devices(solutions.accepted, (card.accepted for card in by_card)),
        rejected=only_devices(solutions.rejected, (card.rejected for card in by_card)),
        invalid=only_devices(solutions.invalid, (card.invalid for card in by_card)),
        pool=_url(connection),
        wallet=wallet,
        worker=connection.worker or worker,
        uptime_s=page.uptime,
    )


def _in_use(pools: list[_Pool]) -> _Pool:
    working = (pool for pool in pools if pool.state and pool.state.issued_job)
    return next(working, pools[0] if pools else _Pool())


def _url(connection: _Connection) -> str | None:
    if connection.hostname is None:
        return None
    port = f":{connection.port}" if connection.port is not None else ""
    return f"stratum+{'ssl' if connection.ssl else 'tcp'}://{connection.hostname}{port}"


def _device(device: _Device, position: int, algorithms: list[str]) -> Device:
    sensors = device.monitoring_info
    return Device(
        kind="gpu",
        index=device.id if device.id is not None else position,
        id=pci.normalise(device.pci_address),
        name=device.name,
        hashrates=[device.hashrate.get(algorithm) for algorithm in algorithms],
        core_c=sensors.core_temperature,
        memory_c=sensors.memory_temperature,
        core_mhz=sensors.core_clock,
        memory_mhz=sensors.memory_clock,
        fan_percent=sensors.fan_speed,
        power_w=sensors.power_usage,
    )


ADAPTER = MinerAdapter(
    name="rigel",
    software="Rigel",
    requests=(Http("status", ("/", "/stat")),),
    parse=parse,
    api_arguments="--api-bind 127.0.0.1:$API_PORT --no-watchdog --no-tui",
)
