"""XMRig: CPU and GPU miner for RandomX, CryptoNight, Argon2, GhostRider, KawPow.

Source: `doc/api/2/summary.json` and `doc/api/2/backends.json` of the XMRig repository (6.17), and there
`Hashrate.cpp` and `PciTopology.h`. Figures that document does not spell out:

- hashrates are H/s over 10 s, 60 s and 15 min; each is null until its window is full, and *also when it is zero*. The
  shortest that is known counts: a slow card fills no window of 10 s, ever. All of them null after a `highest` was seen
  is a program that stopped hashing (`idle`), not one that starts.
- `cpu.packages` counts the sockets that the one backend "cpu" runs on.
- a GPU runs one or more threads; those of one `bus_id` (hexadecimal, without domain) are one device.
- `worker_id` names the API, by default after the host: it is not the pool's worker.
- CUDA reports `fan_speed` as a list of %, OpenCL reports `rpm`.

Older versions (2.x) have one page, `/1/summary` (`doc/api/1/summary.json`), with the threads inside.
"""

from __future__ import annotations

from msgspec import Struct, field

from rigfarm.sentry.miners import lenient, pci
from rigfarm.sentry.miners.adapter import Answers, Http, MinerAdapter
from rigfarm.sentry.miners.units import shortest, total
from rigfarm.sentry.readings import MinerReading
from rigfarm.wire.log import Device, Workload

_MAX_SOCKETS = 16


class _Hashrate(Struct):
    total: list[float | None] = []
    highest: float | None = None
    threads: list[list[float | None]] = []


class _Results(Struct):
    shares_good: int | None = None
    shares_total: int | None = None


class _Connection(Struct):
    pool: str | None = None


class _Cpu(Struct):
    brand: str | None = None
    packages: int | None = None


class _Summary(Struct):
    hashrate: _Hashrate | None = None
    results: _Results = field(default_factory=_Results)
    connection: _Connection = field(default_factory=_Connection)
    cpu: _Cpu = field(default_factory=_Cpu)
    algo: str | None = None
    version: str | None = None
    uptime: float | None = None
    paused: bool = False


class _Health(Struct):
    temperature: float | None = None
    power: float | None = None
    clock: float | None = None
    mem_clock: float | None = None
    fan_speed: list[float | None] = []
    rpm: float | None = None


class _Thread(Struct):
    hashrate: list[float | None] = []
    index: int | None = None
    name: str | None = None
    board: str | None = None
    bus_id: str | None = None
    health: _Health = field(default_factory=_Health)


class _Backend(Struct):
    type: str | None = None
    hashrate: list[float | None] = []
    threads: list[_Thread] = []


def parse(answers: Answers) -> MinerReading | None:
    """`/2/summary`, and the devices of `/2/backends` where it answered."""
    summary = lenient.read(answers.get("summary"), _Summary)
    if summary is None or summary.hashrate is None:
        return None
    windows = summary.hashrate.total
    rate = shortest(windows[:1] if summary.paused else windows)
    backends = lenient.read_list(answers.get("backends"), _Backend) or []
    devices = [device for backend in backends for device in _devices(backend, summary.cpu)]
    return MinerReading(workloads=[_workload(summary, rate)], devices=devices)


def _workload(summary: _Summary, rate: float | None) -> Workload:
    good, submitted = summary.results.shares_good, summary.results.shares_total
    stopped = summary.paused or (rate is None and summary.hashrate is not None and bool(summary.hashrate.highest))
    return Workload(
        version=summary.version,
        algorithm=summary.algo,
        hashrate=rate,
        accepted=good,
        rejected=submitted - good if good is not None and submitted is not None else None,
        pool=summary.connection.pool,
        uptime_s=summary.uptime,
        state="idle" if stopped else None,
    )


def _devices(backend: _Backend, cpu: _Cpu) -> list[Device]:
    if backend.type == "cpu":
        return _processors(backend, cpu) if backend.threads else []
    cards: dict[str, list[_Thread]] = {}
    for position, thread in enumerate(backend.threads):
        key = thread.bus_id if thread.bus_id not in (None, "n/a") else str(thread.index)
        cards.setdefault(key or str(position), []).append(thread)
    return [_gpu(threads, position) for position, threads in enumerate(cards.values())]


def _processors(backend: _Backend, cpu: _Cpu) -> list[Device]:
    """The processor. Which of several sockets a thread runs on is not told: then their hashrates are unknown."""
    rate = shortest(backend.hashrate)
    if rate is None:
        rate = total(shortest(thread.hashrate) for thread in backend.threads)
    sockets = max(1, min(cpu.packages or 1, _MAX_SOCKETS))
    return [
        Device(kind="cpu", index=socket, name=cpu.brand, hashrates=[rate if sockets == 1 else None])
        for socket in range(sockets)
    ]


def _gpu(threads: list[_Thread], position: int) -> Device:
    first = threads[0]
    fans = [speed for speed in first.health.fan_speed if speed is not None]
    return Device(
        kind="gpu",
        index=first.index if first.index is not None else position,
        id=pci.normalise(first.bus_id),
        name=first.board or first.name,
        hashrates=[total(shortest(thread.hashrate) for thread in threads)],
        core_c=first.health.temperature,
        core_mhz=first.health.clock,
        memory_mhz=first.health.mem_clock,
        fan_percent=max(fans, default=None),
        fan_rpm=first.health.rpm,
        power_w=first.health.power,
    )


ADAPTER = MinerAdapter(
    name="xmrig",
    software="XMRig",
    requests=(
        Http("summary", ("/2/summary", "/1/summary")),
        Http("backends", ("/2/backends",), optional=True),
    ),
    parse=parse,
    api_arguments="--http-host=127.0.0.1 --http-port=$API_PORT",
)
