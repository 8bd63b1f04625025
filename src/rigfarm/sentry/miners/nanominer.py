"""nanominer: AMD, NVIDIA, Intel GPU and CPU miner for Ethash and its relatives, KawPow, Autolykos2, RandomX, Verus, …

Source: nanopool's BoringAPI (1.0), which nanominer serves at `/stats`, and the README (3.8) for the options:

- `Algorithms` is a list of objects; each maps an algorithm's name to its `Total`, its `CurrentPool` and an entry per
  device ("GPU 0", "CPU"). `Hashrate` is a text such as "1.136852e+07", H/s.
- `Devices` is a list of objects that map the same device names to `Pci` (hexadecimal, without domain), `Fan` %,
  `Temperature` °C, `Power` W.
- the version is not told. `Denied` are rejected shares. `WorkTime` s.

Options may stand on the command line instead of in config.ini, but before the first `-algo`. `webPort` has no address:
the API listens on every one. `mport 0` closes the other, EthMan's, port, which is open by default.
"""

from __future__ import annotations

from itertools import islice

from msgspec import Struct, field

from rigfarm.sentry.miners import lenient, pci
from rigfarm.sentry.miners.adapter import Answers, Http, MinerAdapter
from rigfarm.sentry.miners.units import only_devices, total
from rigfarm.sentry.readings import MinerReading
from rigfarm.wire.log import Device, Workload

_MAX_ALGORITHMS = 8


class _Figures(Struct):
    """A device's entry, or the total's."""

    accepted: int | None = field(default=None, name="Accepted")
    denied: int | None = field(default=None, name="Denied")
    hashrate: float | None = field(default=None, name="Hashrate")


class _Hardware(Struct):
    name: str | None = field(default=None, name="Name")
    pci: str | int | None = field(default=None, name="Pci")
    fan: float | None = field(default=None, name="Fan")
    temperature: float | None = field(default=None, name="Temperature")
    power: float | None = field(default=None, name="Power")


class _Algorithm(Struct):
    name: str
    pool: str | None
    total: _Figures
    devices: dict[str, _Figures]


class _Page(Struct):
    devices: list[dict[str, _Hardware]] = field(default_factory=list, name="Devices")
    work_time: float | None = field(default=None, name="WorkTime")


def parse(answers: Answers) -> MinerReading | None:
    """The page `/stats`."""
    tree = lenient.decode(answers.get("stats", b""))
    told: object = tree.get("Algorithms") if isinstance(tree, dict) else None
    if not isinstance(tree, dict) or not isinstance(told, list):
        return None
    page = lenient.shape(tree, _Page)
    algorithms = _algorithms(told)
    hardware = {name: entry for entries in page.devices for name, entry in entries.items()}
    names = dict.fromkeys([*hardware, *(name for algorithm in algorithms for name in algorithm.devices)])
    mining = [name for name in names if any(name in algorithm.devices for algorithm in algorithms)]
    return MinerReading(
        workloads=[_workload(algorithm, page) for algorithm in algorithms],
        devices=[_device(name, hardware.get(name) or _Hardware(), algorithms) for name in mining],
    )


def _algorithms(told: list[object]) -> list[_Algorithm]:
    """One per name, whether they share an object or have one each."""
    named = ((name, body) for entry in told if isinstance(entry, dict) for name, body in entry.items())
    found = (_algorithm(str(name), body) for name, body in named if isinstance(body, dict))
    return list(islice(found, _MAX_ALGORITHMS))


def _algorithm(name: str, body: dict[str, object]) -> _Algorithm:
    figures = {str(key): lenient.shape(value, _Figures) for key, value in body.items() if isinstance(value, dict)}
    pool = body.get("CurrentPool")
    return _Algorithm(
        name=name,
        pool=pool if isinstance(pool, str) else None,
        total=figures.pop("Total", _Figures()),
        devices=figures,
    )


def _workload(algorithm: _Algorithm, page: _Page) -> Workload:
    whole, parts = algorithm.total, list(algorithm.devices.values())
    return Workload(
        algorithm=algorithm.name,
        hashrate=whole.hashrate if whole.hashrate is not None else total(part.hashrate for part in parts),
        accepted=only_devices(whole.accepted, (part.accepted for part in parts)),
        rejected=only_devices(whole.denied, (part.denied for part in parts)),
        pool=algorithm.pool,
        uptime_s=page.work_time,
    )


def _device(name: str, hardware: _Hardware, algorithms: list[_Algorithm]) -> Device:
    kind, _, number = name.partition(" ")
    return Device(
        kind="cpu" if kind == "CPU" else "gpu",
        index=int(number) if number.isascii() and number.isdigit() and len(number) < 5 else 0,
        id=pci.normalise(hardware.pci),
        name=hardware.name,
        hashrates=[algorithm.devices.get(name, _Figures()).hashrate for algorithm in algorithms],
        core_c=hardware.temperature,
        fan_percent=hardware.fan,
        power_w=hardware.power,
    )


ADAPTER = MinerAdapter(
    name="nanominer",
    software="nanominer",
    requests=(Http("stats", ("/stats",)),),
    parse=parse,
    api_arguments="-webPort $API_PORT -mport 0 -watchdog false",
    loopback=False,
)
