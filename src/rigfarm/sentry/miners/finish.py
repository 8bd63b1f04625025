"""What every reading goes through before it leaves this package: cleaned, completed, its states decided.

State, where the program does not tell it: *mining* with a hashrate; *starting* while none is measured yet; *idle* with
a hashrate of zero, which then is a figure. Several programs write 0 until their first measurement, so a zero of a
program that has just started and has no share yet counts as "not measured".
"""

from __future__ import annotations

import msgspec

from rigfarm.sentry.miners import clean, pci
from rigfarm.sentry.miners.adapter import MinerAdapter
from rigfarm.sentry.readings import MinerReading, WorkloadSource
from rigfarm.wire.log import Device, Workload

__all__ = ["STARTUP_S", "finish", "unreachable"]

STARTUP_S = 120.0
"""How long a zero may mean "not measured yet": the largest DAGs take a minute and a half."""
_MAX_WORKLOADS = 8
_MAX_DEVICES = 128


def finish(reading: MinerReading, source: WorkloadSource, adapter: MinerAdapter) -> MinerReading:
    """The reading, fit for the log."""
    workloads = [
        _workload(workload, position, source, adapter)
        for position, workload in enumerate(reading.workloads[:_MAX_WORKLOADS])
    ]
    devices = [_device(device, workloads) for device in reading.devices[:_MAX_DEVICES]]
    problems = [sentence for problem in reading.problems if (sentence := clean.text(problem, 500))]
    return MinerReading(workloads=workloads, devices=devices, problems=problems)


def unreachable(source: WorkloadSource, adapter: MinerAdapter, why: str) -> MinerReading:
    """The reading of a program that does not answer: its workloads as far as the source knows them, and why."""
    silent = Workload(state="unreachable")
    workloads = [_workload(silent, position, source, adapter) for position in range(max(1, len(source.coins)))]
    return MinerReading(workloads=workloads[:_MAX_WORKLOADS], problems=[why])


def _workload(said: Workload, position: int, source: WorkloadSource, adapter: MinerAdapter) -> Workload:
    coin = source.coins[position] if position < len(source.coins) else said.coin
    tidy = msgspec.structs.replace(
        said,
        software=clean.text(source.software or adapter.software, 64),
        version=clean.text(said.version or source.version, 64),
        coin=clean.text(coin, 32),
        algorithm=clean.text(said.algorithm, 64),
        hashrate=clean.hashrate(said.hashrate),
        accepted=clean.count(said.accepted),
        rejected=clean.count(said.rejected),
        stale=clean.count(said.stale),
        invalid=clean.count(said.invalid),
        pool=clean.pool(said.pool),
        wallet=clean.text(said.wallet, 256) or source.wallet,
        worker=clean.text(said.worker, 64) or source.worker,
        uptime_s=clean.seconds(said.uptime_s),
        playbook=source.playbook,
    )
    return _with_state(tidy)


def _with_state(workload: Workload) -> Workload:
    if workload.state is not None:
        return workload
    if workload.hashrate == 0.0 and _just_started(workload):
        return msgspec.structs.replace(workload, hashrate=None, state="starting")
    if workload.hashrate is None:
        return msgspec.structs.replace(workload, state="starting")
    return msgspec.structs.replace(workload, state="mining" if workload.hashrate else "idle")


def _just_started(workload: Workload) -> bool:
    return workload.uptime_s is not None and workload.uptime_s < STARTUP_S and not workload.accepted


def _device(said: Device, workloads: list[Workload]) -> Device:
    return msgspec.structs.replace(
        said,
        index=max(0, min(said.index, 10_000)),
        id=pci.normalise(said.id),
        name=clean.text(said.name),
        hashrates=[_rate(said.hashrates, position, workload) for position, workload in enumerate(workloads)],
        core_c=clean.celsius(said.core_c),
        memory_c=clean.celsius(said.memory_c),
        chip_c=clean.celsius(said.chip_c),
        core_mhz=clean.megahertz(said.core_mhz),
        memory_mhz=clean.megahertz(said.memory_mhz),
        fan_percent=clean.fan_percent(said.fan_percent),
        fan_rpm=clean.rpm(said.fan_rpm),
        power_w=clean.watts(said.power_w),
        power_limit_w=clean.watts(said.power_limit_w),
    )


def _rate(rates: list[float | None], position: int, workload: Workload) -> float | None:
    rate = clean.hashrate(rates[position]) if position < len(rates) else None
    return None if rate == 0.0 and workload.state == "starting" else rate
