"""What every reading goes through before it leaves this package: cleaned, completed, its states decided.

State, where the program does not tell it: *mining* with a hashrate; *starting* while none is measured yet; *idle* with
a hashrate of zero, which then is a figure. Several programs write 0 until their first measurement, so a zero of a
program that has just started and has no share yet counts as "not measured". A hashrate that is missing from a damaged
answer, cannot be one, or is missing although shares were found, says nothing: then the state is unknown too. A zero in
total of cards that hash is their sum.
"""

from __future__ import annotations

import msgspec

from rigfarm.common.intermittent import intermittent
from rigfarm.common.plausible import told
from rigfarm.sentry.miners import clean, pci
from rigfarm.sentry.miners.adapter import MinerAdapter
from rigfarm.sentry.readings import MinerReading, WorkloadSource
from rigfarm.sentry.readings.believable import believable, impossible
from rigfarm.wire.log import Device, Workload

__all__ = ["STARTUP_S", "finish", "unreachable", "unreadable"]

STARTUP_S = 120.0
"""How long a zero may mean "not measured yet": the largest DAGs take a minute and a half."""
_MAX_WORKLOADS = 8
_MAX_DEVICES = 128
_MAX_PROBLEMS = 32


def finish(
    reading: MinerReading, source: WorkloadSource, adapter: MinerAdapter, *, damaged: bool = False
) -> MinerReading:
    """The reading, fit for the log. `damaged`: not all of the answer could be read."""
    said = reading.workloads[:_MAX_WORKLOADS]
    sums = [_sum(reading.devices, position) for position in range(len(said))]
    workloads = [
        _with_state(
            _workload(workload, coin, source, adapter), sums[position], unreadable=damaged or _nonsense(workload)
        )
        for position, (workload, coin) in enumerate(zip(said, _coins(said, source.coins), strict=True))
    ]
    devices, problems = [], list(reading.problems)
    teller = f"{source.software or adapter.software} on port {source.port}"
    for one, workload in zip(said, workloads, strict=True):
        if told("hashrate", one.hashrate) is not None and workload.hashrate is None:
            problems.append(impossible(teller, "hashrate", workload.coin or workload.algorithm or "its algorithm"))
    addresses = _addresses(reading.devices, source.cards)
    for device in reading.devices[:_MAX_DEVICES]:
        found, sentences_of_it = believable(_device(device, workloads, addresses), teller)
        devices.append(found)
        problems += sentences_of_it
    sentences = [sentence for problem in problems[:_MAX_PROBLEMS] if (sentence := clean.text(problem, 500))]
    return MinerReading(workloads=workloads, devices=devices, problems=sentences)


def unreachable(source: WorkloadSource, adapter: MinerAdapter, why: str) -> MinerReading:
    """The reading of a program that does not answer: its workloads as far as the source knows them, and why."""
    return _nothing_said(Workload(state="unreachable"), source, adapter, why)


def unreadable(source: WorkloadSource, adapter: MinerAdapter, why: str) -> MinerReading:
    """The reading of a program that answers, but not in a way that says how it does: its state is unknown."""
    return _nothing_said(Workload(), source, adapter, why)


def _nothing_said(workload: Workload, source: WorkloadSource, adapter: MinerAdapter, why: str) -> MinerReading:
    coins: list[str | None] = [*source.coins[:_MAX_WORKLOADS]] or [None]
    return MinerReading(workloads=[_workload(workload, coin, source, adapter) for coin in coins], problems=[why])


def _coins(said: list[Workload], coins: list[str]) -> list[str | None]:
    """The coin of each workload: the source's, in the program's order, except that a coin that is mined in rounds goes
    to the algorithm that is. A program may tell of that one alone while its round lasts."""
    in_rounds = [coin for coin in coins if intermittent(coin)]
    others = [coin for coin in coins if not intermittent(coin)]
    found: list[str | None] = []
    for workload in said:
        fitting = in_rounds if intermittent(workload.coin, workload.algorithm, workload.pool) else others
        left = fitting if fitting else [] if workload.algorithm else in_rounds
        found.append(left.pop(0) if left else workload.coin)
    return found


def _workload(said: Workload, coin: str | None, source: WorkloadSource, adapter: MinerAdapter) -> Workload:
    return msgspec.structs.replace(
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


def _nonsense(said: Workload) -> bool:
    return said.hashrate is not None and clean.hashrate(said.hashrate) is None


def _sum(devices: list[Device], position: int) -> float:
    rates = (clean.hashrate(device.hashrates[position]) for device in devices if position < len(device.hashrates))
    return sum(rate for rate in rates if rate)


def _with_state(workload: Workload, of_its_devices: float, *, unreadable: bool) -> Workload:
    if workload.state is not None:
        return workload
    if workload.hashrate is None and (unreadable or workload.accepted):
        return workload
    if workload.hashrate == 0.0 and of_its_devices:
        return msgspec.structs.replace(workload, hashrate=of_its_devices, state="mining")
    if workload.hashrate == 0.0 and _just_started(workload):
        return msgspec.structs.replace(workload, hashrate=None, state="starting")
    if workload.hashrate is None:
        return msgspec.structs.replace(workload, state="starting")
    return msgspec.structs.replace(workload, state="mining" if workload.hashrate else "idle")


def _just_started(workload: Workload) -> bool:
    return workload.uptime_s is not None and workload.uptime_s < STARTUP_S and not workload.accepted


def _addresses(said: list[Device], cards: list[str]) -> dict[int, str]:
    """PCI addresses of a program that tells none, by its numbers: it was given `cards` to see and counts those."""
    numbers = sorted(device.index for device in said if device.kind == "gpu" and pci.normalise(device.id) is None)
    ordered = sorted(address for card in cards if (address := pci.normalise(card)) is not None)
    return dict(enumerate(ordered)) if numbers == list(range(len(ordered))) else {}


def _device(said: Device, workloads: list[Workload], addresses: dict[int, str]) -> Device:
    return msgspec.structs.replace(
        said,
        index=max(0, min(said.index, 10_000)),
        id=pci.normalise(said.id) or (addresses.get(said.index) if said.kind == "gpu" else None),
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
    rate = told("hashrate", rates[position]) if position < len(rates) else None
    return None if rate == 0.0 and workload.state == "starting" else rate
