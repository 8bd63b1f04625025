"""lolMiner: AMD, NVIDIA and Intel miner for Ethash and its relatives, Autolykos2, Beam, Cuckoo, Equihash, Kaspa, …

Source: the README (1.76) for the options, the maintainer's answers in issues 74 (units) and 157 (`--apihost`, 1.21).
The page `/summary` is not documented; its fields are from public programs that read it:

- newer (about 1.50 on): `Algorithms[]`, one per algorithm, with `Worker_Performance[]` parallel to `Workers[]`. A rate
  counts `Performance_Factor` hashes ("Mh/s" has 1000000); where that is missing, `Performance_Unit` says it. Shares
  are told as totals and per worker (`Worker_Accepted[]`, …).
- older: `Session`, `Mining`, `GPUs[]`; the unit is in `Session.Performance_Unit`: "mh/s" for Ethash and Etchash,
  "sol/s" and "g/s" (solutions, graphs) for the others. `Session.Submitted` includes what was rejected.
- `PCIE_Address` is bus:device, decimal. `Juc_Temp` is the junction.

Without `--apihost` the API listens on every address.
"""

from __future__ import annotations

from msgspec import Struct, field

from rigfarm.sentry.miners import lenient, pci
from rigfarm.sentry.miners.adapter import Answers, Http, MinerAdapter
from rigfarm.sentry.miners.units import hashes_per_unit, only_devices, split_user, total
from rigfarm.sentry.readings import MinerReading
from rigfarm.wire.log import Device, Workload


class _Session(Struct):
    uptime: float | None = field(default=None, name="Uptime")
    accepted: int | None = field(default=None, name="Accepted")
    submitted: int | None = field(default=None, name="Submitted")
    performance_summary: float | None = field(default=None, name="Performance_Summary")
    performance_unit: str | None = field(default=None, name="Performance_Unit")


class _Worker(Struct):
    index: int | None = field(default=None, name="Index")
    name: str | None = field(default=None, name="Name")
    power: float | None = field(default=None, name="Power")
    core_mhz: float | None = field(default=None, name="CCLK")
    memory_mhz: float | None = field(default=None, name="MCLK")
    core_c: float | None = field(default=None, name="Core_Temp")
    junction_c: float | None = field(default=None, name="Juc_Temp")
    memory_c: float | None = field(default=None, name="Mem_Temp")
    fan: float | None = field(default=None, name="Fan_Speed")
    pcie: str | None = field(default=None, name="PCIE_Address")


class _Algorithm(Struct):
    name: str | None = field(default=None, name="Algorithm")
    pool: str | None = field(default=None, name="Pool")
    user: str | None = field(default=None, name="User")
    worker: str | None = field(default=None, name="Worker")
    unit: str | None = field(default=None, name="Performance_Unit")
    factor: float | None = field(default=None, name="Performance_Factor")
    total: float | None = field(default=None, name="Total_Performance")
    accepted: int | None = field(default=None, name="Total_Accepted")
    rejected: int | None = field(default=None, name="Total_Rejected")
    stale: int | None = field(default=None, name="Total_Stales")
    errors: int | None = field(default=None, name="Total_Errors")
    rates: list[float | None] = field(default_factory=list, name="Worker_Performance")
    each_accepted: list[int | None] = field(default_factory=list, name="Worker_Accepted")
    each_rejected: list[int | None] = field(default_factory=list, name="Worker_Rejected")
    each_stale: list[int | None] = field(default_factory=list, name="Worker_Stales")
    each_errors: list[int | None] = field(default_factory=list, name="Worker_Errors")


class _OldGpu(Struct):
    index: int | None = field(default=None, name="Index")
    name: str | None = field(default=None, name="Name")
    rate: float | None = field(default=None, name="Performance")
    power: float | None = field(default=None, name="Consumption (W)")
    fan: float | None = field(default=None, name="Fan Speed (%)")
    core_c: float | None = field(default=None, name="Temp (deg C)")
    memory_c: float | None = field(default=None, name="Mem Temp (deg C)")
    errors: int | None = field(default=None, name="Session_HWErr")
    pcie: str | None = field(default=None, name="PCIE_Address")


class _Mining(Struct):
    coin: str | None = field(default=None, name="Coin")
    algorithm: str | None = field(default=None, name="Algorithm")


class _Stratum(Struct):
    pool: str | None = field(default=None, name="Current_Pool")
    user: str | None = field(default=None, name="Current_User")


class _Summary(Struct):
    software: str | None = field(default=None, name="Software")
    session: _Session | None = field(default=None, name="Session")
    algorithms: list[_Algorithm] = field(default_factory=list, name="Algorithms")
    workers: list[_Worker] = field(default_factory=list, name="Workers")
    mining: _Mining = field(default_factory=_Mining, name="Mining")
    stratum: _Stratum = field(default_factory=_Stratum, name="Stratum")
    gpus: list[_OldGpu] = field(default_factory=list, name="GPUs")


def parse(answers: Answers) -> MinerReading | None:
    """The page `/summary`, of either schema."""
    summary = lenient.read(answers.get("summary"), _Summary)
    if summary is None or summary.session is None:
        return None
    return _newer(summary, summary.session) if summary.algorithms else _older(summary, summary.session)


def _newer(summary: _Summary, session: _Session) -> MinerReading:
    return MinerReading(
        workloads=[_workload(algorithm, summary, session) for algorithm in summary.algorithms],
        devices=[_device(worker, position, summary.algorithms) for position, worker in enumerate(summary.workers)],
    )


def _workload(algorithm: _Algorithm, summary: _Summary, session: _Session) -> Workload:
    wallet, worker = split_user(algorithm.user)
    return Workload(
        version=_version(summary.software),
        algorithm=algorithm.name,
        hashrate=_in_hashes(
            algorithm.total if algorithm.total is not None else total(algorithm.rates), _factor(algorithm)
        ),
        accepted=only_devices(algorithm.accepted, algorithm.each_accepted),
        rejected=only_devices(algorithm.rejected, algorithm.each_rejected),
        stale=only_devices(algorithm.stale, algorithm.each_stale),
        invalid=only_devices(algorithm.errors, algorithm.each_errors),
        pool=algorithm.pool,
        wallet=wallet,
        worker=algorithm.worker or worker,
        uptime_s=session.uptime,
    )


def _device(worker: _Worker, position: int, algorithms: list[_Algorithm]) -> Device:
    return Device(
        kind="gpu",
        index=worker.index if worker.index is not None else position,
        id=pci.normalise(worker.pcie, 10),
        name=worker.name,
        hashrates=[
            _in_hashes(algorithm.rates[position] if position < len(algorithm.rates) else None, _factor(algorithm))
            for algorithm in algorithms
        ],
        core_c=worker.core_c,
        memory_c=worker.memory_c,
        chip_c=worker.junction_c,
        core_mhz=worker.core_mhz,
        memory_mhz=worker.memory_mhz,
        fan_percent=worker.fan,
        power_w=worker.power,
    )


def _older(summary: _Summary, session: _Session) -> MinerReading:
    factor = hashes_per_unit(session.performance_unit) or _customary(summary.mining.algorithm)
    wallet, worker = split_user(summary.stratum.user)
    accepted, submitted = session.accepted, session.submitted
    errors = [gpu.errors for gpu in summary.gpus if gpu.errors is not None]
    workload = Workload(
        version=_version(summary.software),
        coin=summary.mining.coin,
        algorithm=summary.mining.algorithm,
        hashrate=_in_hashes(session.performance_summary, factor),
        accepted=accepted,
        rejected=max(0, submitted - accepted) if accepted is not None and submitted is not None else None,
        invalid=sum(errors) if errors else None,
        pool=summary.stratum.pool,
        wallet=wallet,
        worker=worker,
        uptime_s=session.uptime,
    )
    return MinerReading(
        workloads=[workload],
        devices=[_old_device(gpu, position, factor) for position, gpu in enumerate(summary.gpus)],
    )


def _old_device(gpu: _OldGpu, position: int, factor: float) -> Device:
    return Device(
        kind="gpu",
        index=gpu.index if gpu.index is not None else position,
        id=pci.normalise(gpu.pcie, 10),
        name=gpu.name,
        hashrates=[_in_hashes(gpu.rate, factor)],
        core_c=gpu.core_c,
        memory_c=gpu.memory_c,
        fan_percent=gpu.fan,
        power_w=gpu.power,
    )


def _version(software: str | None) -> str | None:
    return software.removeprefix("lolMiner ").strip() if software else None


def _factor(algorithm: _Algorithm) -> float | None:
    """Hashes per unit; None when the program does not say, for a rate off by a million is worse than none."""
    return algorithm.factor or hashes_per_unit(algorithm.unit)


def _customary(algorithm: str | None) -> float:
    return 1e6 if algorithm and algorithm.lower() in ("ethash", "etchash") else 1.0


def _in_hashes(rate: float | None, factor: float | None) -> float | None:
    return rate * factor if rate is not None and factor is not None else None


ADAPTER = MinerAdapter(
    name="lolminer",
    software="lolMiner",
    requests=(Http("summary", ("/summary",)),),
    parse=parse,
    api_arguments="--apihost 127.0.0.1 --apiport $API_PORT --watchdog off",
)
