"""Join what the sensors and the mining programs say of the same devices into one operational log. Pure.

A card is the same card if its PCI address is; where a program does not tell addresses, if its number among its kind is.
Sensors are believed in what they measure, a program fills in what no sensor tells, and a device that only a program
knows is added. Nobody's silence becomes a zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec
from msgspec import Struct, field

from rigfarm.sentry.readings import MinerReading, SensorReading
from rigfarm.sentry.sensors.merge import overlay
from rigfarm.wire.log import Device, DeviceKind, Devices, OperationalLog

__all__ = ["join"]

_MAX_MESSAGES = 32
_MAX_MESSAGE = 500


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
    devices = table.devices()
    return OperationalLog(
        t=now_ms,
        uptime_s=uptime_s,
        power_w=sensors.power_w if sensors.power_w is not None else _total_power(devices),
        lan_ip=lan_ip,
        workloads=[workload for miner in miners for workload in miner.workloads],
        devices=Devices.from_rows(devices),
        fans=sensors.fans,
        messages=_messages([sensors.problems, *(miner.problems for miner in miners)]),
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

    def add(self, miner: MinerReading, first: int) -> None:
        """Put what one program says into its columns, `first` and on."""
        numbers = _numbers(miner.devices, self._rows)
        for device, number in zip(miner.devices, numbers, strict=True):
            row = self._meant(device, number, first) or self._new(device, number)
            row.claimed_by.add(first)
            row.device = _completed(row, device)
            for column, rate in enumerate(device.hashrates[: len(miner.workloads)]):
                row.hashrates[first + column] = rate

    def devices(self) -> list[Device]:
        """CPUs, then GPUs, by number."""
        rows = sorted(self._rows, key=lambda row: (row.device.kind, row.device.index))
        return [msgspec.structs.replace(row.device, hashrates=row.hashrates) for row in rows]

    def _meant(self, device: Device, number: int, first: int) -> _Row | None:
        """The row that `device` is, unless the same program already spoke of that one."""
        for row in self._of(device.kind):
            same = row.device.id == device.id if device.id and row.device.id else row.device.index == number
            if same and first not in row.claimed_by:
                return row
        return None

    def _new(self, device: Device, number: int) -> _Row:
        taken = {row.device.index for row in self._of(device.kind)}
        while number in taken:
            number += 1
        row = _Row(msgspec.structs.replace(device, index=number, hashrates=[]), [None] * self._width, sensed=False)
        self._rows.append(row)
        return row

    def _of(self, kind: DeviceKind) -> Iterator[_Row]:
        return (row for row in self._rows if row.device.kind == kind)


def _numbers(devices: list[Device], rows: list[_Row]) -> list[int]:
    """The number of each device among its kind, as the rig counts. A program started after a card fell off the bus
    counts only those left: when it tells of exactly as many as are left, it means those, in their order."""
    numbers = [device.index for device in devices]
    for kind in {device.kind for device in devices if device.id is None}:
        sensed = [row.device for row in rows if row.sensed and row.device.kind == kind]
        left = sorted(device.index for device in sensed if not device.missing)
        meant = sorted(
            (device.index, position)
            for position, device in enumerate(devices)
            if device.kind == kind and device.id is None
        )
        if len(left) == len(meant) < len(sensed):
            for (_, position), number in zip(meant, left, strict=True):
                numbers[position] = number
    return numbers


def _completed(row: _Row, said: Device) -> Device:
    """The row's device with what the program adds. Of a card that is gone a program only tells old news."""
    if row.sensed and row.device.missing:
        return row.device
    return msgspec.structs.replace(
        overlay(row.device, said),
        id=row.device.id or said.id,
        missing=row.device.missing and said.missing,
    )


def _total_power(devices: list[Device]) -> float | None:
    """W of the devices that tell; None if none does."""
    known = [device.power_w for device in devices if device.power_w is not None and not device.missing]
    return sum(known) if known else None


def _messages(problems: Iterable[list[str]]) -> list[str]:
    """Each problem once, and not without end."""
    distinct = dict.fromkeys(problem[:_MAX_MESSAGE] for group in problems for problem in group)
    return list(distinct)[:_MAX_MESSAGES]
