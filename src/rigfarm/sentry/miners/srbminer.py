"""SRBMiner-MULTI: CPU, AMD, NVIDIA and Intel miner for a hundred algorithms, up to four at once.

Source: `Parameters` of its repository for the options. The page `/` is not documented; its fields are from public
programs that read 0.4, 2.x and 3.6:

- `algorithms[].hashrate` has `gpu` and `cpu`, each with a `total` and an entry per device (`gpu0`, `thread0`), H/s, and
  averages over both (`1min`, …).
  2.x also has `now` and `mining_time`; 3.6 has neither, its uptime is `uptime`, and `/api/v2/status` serves it too.
- `gpu_devices[].device` ("GPU0") is the key in lower case; `bus_id` is decimal; fans are told in rpm.
- older (to 0.4.7): one algorithm, `hashrate_total_now`, `gpu_hashrate[0]`, `cpu_hashrate[0]`.

The API has no option for its address: it listens on every one.
"""

from __future__ import annotations

from msgspec import Struct, field

from rigfarm.sentry.miners import lenient, pci
from rigfarm.sentry.miners.adapter import Answers, Http, MinerAdapter
from rigfarm.sentry.miners.units import shortest, total
from rigfarm.sentry.readings import MinerReading
from rigfarm.wire.log import Device, Workload

_Rates = dict[str, float | None]


class _Gpu(Struct):
    device: str | None = None
    device_id: int | None = None
    model: str | None = None
    bus_id: int | str | None = None
    temperature: float | None = None
    core_clock: float | None = None
    memory_clock: float | None = None
    asic_power: float | None = None
    fan_speed_rpm: float | None = None


class _Pool(Struct):
    pool: str | None = None


class _Shares(Struct):
    accepted: int | None = None
    rejected: int | None = None


class _Hashrate(Struct):
    now: float | None = None
    minute: float | None = field(default=None, name="1min")
    five_minutes: float | None = field(default=None, name="5min")
    half_an_hour: float | None = field(default=None, name="30min")
    gpu: _Rates = {}
    cpu: _Rates = {}


class _Algorithm(Struct):
    name: str | None = None
    pool: _Pool = field(default_factory=_Pool)
    shares: _Shares = field(default_factory=_Shares)
    hashrate: _Hashrate = field(default_factory=_Hashrate)


class _Page(Struct):
    miner_version: str | None = None
    mining_time: float | None = None
    uptime: float | None = None
    gpu_devices: list[_Gpu] = []
    algorithms: list[_Algorithm] = []
    # to 0.4.7
    algorithm: str | None = None
    hashrate_total_now: float | None = None
    hashrate_total_1min: float | None = None
    hashrate_total_5min: float | None = None
    gpu_hashrate: list[_Rates] = []
    cpu_hashrate: list[_Rates] = []
    pool: _Pool = field(default_factory=_Pool)
    shares: _Shares = field(default_factory=_Shares)


def parse(answers: Answers) -> MinerReading | None:
    """The page `/`, of any version."""
    page = lenient.read(answers.get("status"), _Page)
    algorithms = _algorithms(page) if page else []
    if page is None or not algorithms:
        return None
    gpus = [_device(gpu, position, algorithms) for position, gpu in enumerate(page.gpu_devices)]
    return MinerReading(
        workloads=[_workload(algorithm, page) for algorithm in algorithms],
        devices=[*gpus, *_processor(algorithms)],
    )


def _algorithms(page: _Page) -> list[_Algorithm]:
    """Those of the page; the one of an old version in the form of the new ones."""
    if page.algorithms or page.algorithm is None:
        return page.algorithms
    rates = _Hashrate(
        now=page.hashrate_total_now,
        minute=page.hashrate_total_1min,
        five_minutes=page.hashrate_total_5min,
        gpu=_only(page.gpu_hashrate),
        cpu=_only(page.cpu_hashrate),
    )
    return [_Algorithm(name=page.algorithm, pool=page.pool, shares=page.shares, hashrate=rates)]


def _only(rates: list[_Rates]) -> _Rates:
    return rates[0] if rates else {}


def _workload(algorithm: _Algorithm, page: _Page) -> Workload:
    rates = algorithm.hashrate
    parts = [_whole(rates.gpu, "gpu"), _whole(rates.cpu, "thread")]
    now = shortest((rates.now, total(parts), rates.minute, rates.five_minutes, rates.half_an_hour))
    return Workload(
        version=page.miner_version,
        algorithm=algorithm.name,
        hashrate=now,
        accepted=algorithm.shares.accepted,
        rejected=algorithm.shares.rejected,
        pool=algorithm.pool.pool,
        uptime_s=page.uptime if page.uptime is not None else page.mining_time,
    )


def _device(gpu: _Gpu, position: int, algorithms: list[_Algorithm]) -> Device:
    index = gpu.device_id if gpu.device_id is not None else position
    key = gpu.device.lower() if gpu.device else f"gpu{index}"
    return Device(
        kind="gpu",
        index=index,
        id=pci.normalise(gpu.bus_id, 10),
        name=gpu.model,
        hashrates=[algorithm.hashrate.gpu.get(key) for algorithm in algorithms],
        core_c=gpu.temperature,
        core_mhz=gpu.core_clock,
        memory_mhz=gpu.memory_clock,
        fan_rpm=gpu.fan_speed_rpm,
        power_w=gpu.asic_power,
    )


def _processor(algorithms: list[_Algorithm]) -> list[Device]:
    """The CPU as one device, where any algorithm runs threads on it."""
    if not any(key.startswith("thread") for algorithm in algorithms for key in algorithm.hashrate.cpu):
        return []
    return [
        Device(kind="cpu", index=0, hashrates=[_whole(algorithm.hashrate.cpu, "thread") for algorithm in algorithms])
    ]


def _whole(rates: _Rates, part: str) -> float | None:
    """The total, else the sum of the parts named `gpu0` or `thread0` and on."""
    whole = rates.get("total")
    return whole if whole is not None else total(rate for key, rate in rates.items() if key.startswith(part))


ADAPTER = MinerAdapter(
    name="srbminer",
    software="SRBMiner-MULTI",
    requests=(Http("status", ("/", "/api/v2/status")),),
    parse=parse,
    api_arguments="--api-enable --api-port $API_PORT --disable-worker-watchdog",
    loopback=False,
)
