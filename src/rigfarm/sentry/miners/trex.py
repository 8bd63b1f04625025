"""T-Rex: NVIDIA miner for Ethash and its relatives, Autolykos2, KawPow, Octopus, Blake3 (dual).

Source: the project's README (options) and its wiki page "API" (October 2021), which names the handlers but not their
fields; these are from answers of API 3.3 (0.19.9) and 4.1 (2022) that users published:

- all hashrates H/s, averaged over 60 s unless told otherwise, and also over a minute, an hour, a day; 0, not null,
  before the first measurement.
- shares are told per card too: in `gpus[].shares`, before API 4 in `stat_by_gpu`.
- `pci_domain`, `pci_bus`, `pci_id` are decimal numbers (0.20 and later); before, a GPU is known by its index only.
- `dual_stat` repeats the page for the second algorithm. Its `gpus` are matched by `device_id`, else by position.
- `paused`, of a GPU or of all.

The watchdog is a process of its own that restarts the miner and can reboot the machine: `--no-watchdog`.
"""

from __future__ import annotations

from msgspec import Struct, field

from rigfarm.sentry.miners import lenient, pci
from rigfarm.sentry.miners.adapter import Answers, Http, MinerAdapter
from rigfarm.sentry.miners.units import only_devices, shortest, split_user
from rigfarm.sentry.readings import MinerReading
from rigfarm.wire.log import Device, Workload


class _Pool(Struct):
    url: str | None = None
    user: str | None = None
    worker: str | None = None


class _Shares(Struct):
    accepted_count: int | None = None
    rejected_count: int | None = None
    invalid_count: int | None = None


class _Averages(Struct):
    hashrate: float | None = None
    hashrate_minute: float | None = None
    hashrate_hour: float | None = None
    hashrate_day: float | None = None


class _Gpu(_Averages):
    device_id: int | None = None
    gpu_id: int | None = None
    name: str | None = None
    vendor: str | None = None
    shares: _Shares = field(default_factory=_Shares)
    temperature: float | None = None
    memory_temperature: float | None = None
    fan_speed: float | None = None
    power: float | None = None
    cclock: float | None = None
    mclock: float | None = None
    pci_bus: int | None = None
    pci_domain: int = 0
    pci_id: int = 0


class _Stat(_Averages):
    """One algorithm's part of the page: the page itself, or its `dual_stat`."""

    algorithm: str | None = None
    coin: str | None = None
    accepted_count: int | None = None
    rejected_count: int | None = None
    invalid_count: int | None = None
    active_pool: _Pool = field(default_factory=_Pool)
    gpus: list[_Gpu] = []
    stat_by_gpu: list[_Shares] = []
    paused: bool = False


class _Summary(_Stat):
    uptime: float | None = None
    version: str | None = None
    dual_stat: _Stat | None = None


def parse(answers: Answers) -> MinerReading | None:
    """The page `/summary`."""
    summary = lenient.read(answers.get("summary"), _Summary)
    if summary is None or (_rate(summary) is None and not summary.gpus and summary.algorithm is None):
        return None
    stats: list[_Stat] = [summary, summary.dual_stat] if summary.dual_stat else [summary]
    columns = [_rates(stat, summary.gpus) for stat in stats]
    return MinerReading(
        workloads=[_workload(stat, summary) for stat in stats],
        devices=[_device(gpu, n, [column[n] for column in columns]) for n, gpu in enumerate(summary.gpus)],
    )


def _workload(stat: _Stat, summary: _Summary) -> Workload:
    wallet, worker = split_user(stat.active_pool.user)
    by_card = [gpu.shares for gpu in stat.gpus] + stat.stat_by_gpu
    return Workload(
        version=summary.version,
        coin=stat.coin,
        algorithm=stat.algorithm,
        hashrate=_rate(stat),
        accepted=only_devices(stat.accepted_count, (shares.accepted_count for shares in by_card)),
        rejected=only_devices(stat.rejected_count, (shares.rejected_count for shares in by_card)),
        invalid=only_devices(stat.invalid_count, (shares.invalid_count for shares in by_card)),
        pool=stat.active_pool.url,
        wallet=wallet,
        worker=stat.active_pool.worker or worker,
        uptime_s=summary.uptime,
        state="idle" if summary.paused else None,
    )


def _device(gpu: _Gpu, position: int, rates: list[float | None]) -> Device:
    name = f"{gpu.vendor} {gpu.name}" if gpu.vendor and gpu.name else gpu.name
    return Device(
        kind="gpu",
        index=gpu.device_id if gpu.device_id is not None else position,
        id=pci.address(gpu.pci_bus, gpu.pci_id, domain=gpu.pci_domain) if gpu.pci_bus is not None else None,
        name=name,
        hashrates=rates,
        core_c=gpu.temperature,
        memory_c=gpu.memory_temperature,
        core_mhz=gpu.cclock,
        memory_mhz=gpu.mclock,
        fan_percent=gpu.fan_speed,
        power_w=gpu.power,
    )


def _rate(averages: _Averages) -> float | None:
    return shortest(
        (averages.hashrate, averages.hashrate_minute, averages.hashrate_hour, averages.hashrate_day),
    )


def _rates(stat: _Stat, gpus: list[_Gpu]) -> list[float | None]:
    """The hashrates of one algorithm, in the order of `gpus`."""
    by_id = {gpu.device_id: _rate(gpu) for gpu in stat.gpus if gpu.device_id is not None}
    if by_id:
        return [by_id.get(gpu.device_id) if gpu.device_id is not None else None for gpu in gpus]
    return [_rate(stat.gpus[n]) if n < len(stat.gpus) else None for n in range(len(gpus))]


ADAPTER = MinerAdapter(
    name="trex",
    software="T-Rex",
    requests=(Http("summary", ("/summary",)),),
    parse=parse,
    api_arguments="--api-bind-http 127.0.0.1:$API_PORT --api-read-only --no-watchdog",
)
