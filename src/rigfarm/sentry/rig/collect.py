"""Join what the sensors and the mining programs say of the same devices into one operational log. Pure.

Cards are identified by their PCI addresses. A program that reports no addresses numbers the cards itself: if it reports
as many as the sensors see, they are those cards, in the order of their addresses. If it reports fewer, it is unknown
which ones it means, and its hashrates are kept for the program alone, as are those of one CPU on a machine with two.
Sensors are believed in what they measure, a program fills in what no sensor tells, and devices that only a program
knows are added. Silence never becomes a zero, and what cannot be true is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec
from msgspec import Struct, field

from rigfarm.sentry.readings import MinerReading, SensorReading
from rigfarm.sentry.readings.believable import believable
from rigfarm.sentry.sensors.merge import overlay
from rigfarm.wire.log import Device, DeviceKind, Devices, OperationalLog

__all__ = ["join"]

_MAX_MESSAGES = 32
_MAX_MESSAGE = 500
_NO_DOMAIN = "0000:"


def join(
    sensors: SensorReading,
    miners: list[MinerReading],
    now_ms: int,
    uptime_s: float | None = None,
    lan_ip: str | None = None,
) -> OperationalLog:
    """The log of this moment. Workloads are the programs' in their order; so are the hashrate columns."""
    table = _Table(sensors.devices, width=sum(len(miner.workloads) for miner in miners))
    first = 0
    for miner in miners:
        table.add(miner, first)
        first += len(miner.workloads)
    devices = _one_power_per_chip(table.devices(), sensors.within_cpu)
    return OperationalLog(
        t=now_ms,
        uptime_s=uptime_s,
        power_w=sensors.power_w if sensors.power_w is not None else _total_power(devices),
        lan_ip=lan_ip,
        workloads=[workload for miner in miners for workload in miner.workloads],
        devices=Devices.from_rows(devices),
        fans=sensors.fans,
        messages=_messages([sensors.problems, *(miner.problems for miner in miners), table.problems]),
    )


class _Row(Struct):
    """One device of the log while it is put together."""

    device: Device
    hashrates: list[float | None]
    sensed: bool
    claimed_by: set[int] = field(default_factory=set)
    """First columns of the programs that spoke of it."""


class _Table:
    """The rows, and which of them a program means."""

    def __init__(self, sensed: list[Device], width: int) -> None:
        self._width = width
        self._rows = [_Row(device, [None] * width, sensed=True) for device in sensed]
        self.problems: list[str] = []
        """What programs tell and cannot be true."""

    def add(self, miner: MinerReading, first: int) -> None:
        """Put what one program says into its columns, `first` and on."""
        for kind in ("cpu", "gpu"):
            devices = [device for device in miner.devices if device.kind == kind]
            meant = self._by_number(devices)
            for position, device in enumerate(devices):
                row = self._by_address(device, first) or meant.get(position) or self._new(device, devices)
                if row is None or first in row.claimed_by:
                    continue
                row.claimed_by.add(first)
                self._complete(row, device)
                for column, rate in enumerate(device.hashrates[: len(miner.workloads)]):
                    row.hashrates[first + column] = rate

    def devices(self) -> list[Device]:
        """CPUs, then GPUs, by number."""
        rows = sorted(self._rows, key=lambda row: (row.device.kind, row.device.index))
        return [msgspec.structs.replace(row.device, hashrates=row.hashrates) for row in rows]

    def _by_address(self, device: Device, first: int) -> _Row | None:
        if device.id is None:
            return None
        free = [row for row in self._of(device.kind) if first not in row.claimed_by and row.device.id is not None]
        exact = next((row for row in free if row.device.id == device.id), None)
        if exact is not None or not device.id.startswith(_NO_DOMAIN):
            return exact
        # Most programs tell no PCI domain, and take it for 0.
        place = device.id.removeprefix(_NO_DOMAIN)
        same = [row for row in free if row.sensed and row.device.id.endswith(f":{place}")]  # type: ignore[union-attr]  # rows that are sensed have a device
        return same[0] if len(same) == 1 else None

    def _by_number(self, devices: list[Device]) -> dict[int, _Row]:
        """The rows of those devices of one program (by position) that have no address, as far as they are certain."""
        numbered = sorted((device.index, position) for position, device in enumerate(devices) if device.id is None)
        sensed = [row for row in self._of(devices[0].kind) if row.sensed] if devices else []
        if len(numbered) != len(devices) or len({index for index, _ in numbered}) != len(numbered):
            return {}
        if not sensed and devices and devices[0].kind == "cpu":
            sensed = list(self._of("cpu"))  # a rig's processors are counted alike by all
        sensed.sort(key=lambda row: (row.device.id or "", row.device.index))
        for candidates in (sensed, [row for row in sensed if not row.device.missing]):
            if len(candidates) == len(numbered):
                return {position: row for (_, position), row in zip(numbered, candidates, strict=True)}
        indexes = [index for index, _ in numbered]
        if indexes and indexes[0] == 0 and len(indexes) <= indexes[-1] < len(sensed):
            return {position: sensed[index] for index, position in numbered}  # gaps: it counts the unused ones too
        return {}

    def _new(self, device: Device, devices: list[Device]) -> _Row | None:
        """A row for a device that no sensor knows; None where it may be one that a sensor does."""
        known = sum(row.sensed for row in self._of(device.kind))
        if device.id is None and known and (len(devices) <= known or device.kind == "cpu"):
            return None
        taken = {row.device.index for row in self._of(device.kind)}
        number = device.index
        while number in taken:
            number += 1
        row = _Row(msgspec.structs.replace(device, index=number, hashrates=[]), [None] * self._width, sensed=False)
        self._rows.append(row)
        return row

    def _complete(self, row: _Row, said: Device) -> None:
        """The row's device with what the program adds. Of a card that is gone a program only tells old news."""
        if row.sensed and row.device.missing:
            return
        whole = msgspec.structs.replace(
            overlay(row.device, said),
            id=row.device.id or said.id,
            missing=row.device.missing and said.missing,
        )
        row.device, impossible = believable(whole, "Mining program")
        self.problems += impossible

    def _of(self, kind: DeviceKind) -> Iterator[_Row]:
        return (row for row in self._rows if row.device.kind == kind)


def _one_power_per_chip(devices: list[Device], within_cpu: list[str]) -> list[Device]:
    """Graphics that are part of the processor tell the power of both; where the processor's is known, it is that."""
    if not within_cpu or all(device.power_w is None for device in devices if device.kind == "cpu"):
        return devices
    return [msgspec.structs.replace(device, power_w=None) if device.id in within_cpu else device for device in devices]


def _total_power(devices: list[Device]) -> float | None:
    """W of the devices that tell; None if none does."""
    known = [device.power_w for device in devices if device.power_w is not None and not device.missing]
    return sum(known) if known else None


def _messages(problems: Iterable[list[str]]) -> list[str]:
    """Each problem once, and not without end."""
    distinct = dict.fromkeys(problem[:_MAX_MESSAGE] for group in problems for problem in group)
    return list(distinct)[:_MAX_MESSAGES]
