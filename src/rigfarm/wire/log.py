"""The operational log: the one shape in which every rig, of either kind, says how it does.

Units: hashrates H/s, power W, temperatures °C, clocks MHz, fan speed % or rpm, times UTC milliseconds, durations s.
Unknown is absent (`None`, or an empty column), never zero. A float may be anything (NaN, infinite): its
reader takes what cannot be for unknown. Everything else has its limits in its type.

On the link a log is a msgpack array and its devices are columns: a column without values costs one byte. Position
says which value is which, so a new field goes last and has a default: Sentry and Commander may be of different
versions. History keeps only the fields that `commander/history/chunks/chunk.py` names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal, TypeVar

from msgspec import Meta, Struct

from rigfarm.wire.limits import MAX_DEVICES, MAX_WORKLOADS, Count, Id, Position, Text, UtcMs, Word

__all__ = ["Device", "DeviceKind", "Devices", "OperationalLog", "Pool", "Workload", "WorkloadState"]

_T = TypeVar("_T")

DeviceKind = Literal["cpu", "gpu", "hashboard"]
WorkloadState = Literal["starting", "mining", "idle", "unreachable", "stopped", "failed"]


class Workload(Struct, array_like=True, gc=False, frozen=True):
    """One algorithm that one mining program works on. Dual mining is two workloads of the same program."""

    software: Word | None = None
    version: Word | None = None
    coin: Word | None = None
    algorithm: Word | None = None
    hashrate: float | None = None
    """H/s, as the program says; not the sum of the devices unless the program has no total."""
    accepted: Count | None = None
    rejected: Count | None = None
    stale: Count | None = None
    invalid: Count | None = None
    pool: Text | None = None
    wallet: Text | None = None
    worker: Text | None = None
    state: WorkloadState | None = None
    uptime_s: float | None = None
    """Since the mining program started."""
    playbook: Id | None = None
    """Id of the playbook that runs it; absent when it was started otherwise."""
    expected_hashrate: float | None = None
    """H/s the device itself says it should make (ASICs)."""


class Pool(Struct, array_like=True, gc=False, frozen=True):
    """One configured pool of an ASIC, in failover order."""

    url: Text
    user: Text | None = None
    alive: bool | None = None
    active: bool | None = None
    accepted: Count | None = None
    rejected: Count | None = None


class Device(Struct, gc=False, frozen=True, omit_defaults=True):
    """One device as a row: how people and the JSON API see it. `hashrates` is parallel to the log's workloads."""

    kind: DeviceKind
    index: int
    id: str | None = None
    """PCI address `0000:bb:dd.f` of a GPU; a board's serial number."""
    name: str | None = None
    missing: bool = False
    """Was there before and is gone: a GPU off the bus, a dead board."""
    hashrates: list[float | None] = []
    core_c: float | None = None
    memory_c: float | None = None
    chip_c: float | None = None
    """Hottest chip of a hashboard; junction (hotspot) of a GPU."""
    core_mhz: float | None = None
    memory_mhz: float | None = None
    fan_percent: float | None = None
    fan_rpm: float | None = None
    power_w: float | None = None
    power_limit_w: float | None = None
    chips: int | None = None
    chips_expected: int | None = None

    @property
    def hottest_c(self) -> float | None:
        """The highest of its temperatures, °C."""
        return max((t for t in (self.core_c, self.memory_c, self.chip_c) if t is not None), default=None)


_PER_DEVICE = Meta(max_length=MAX_DEVICES)
_Measures = Annotated[list[float | None], _PER_DEVICE]
_Counts = Annotated[list[Count | None], _PER_DEVICE]


class Devices(Struct, array_like=True, gc=False, frozen=True):
    """Devices as columns. A column is empty (it is not measured) or as long as `kinds`."""

    kinds: Annotated[list[DeviceKind], _PER_DEVICE] = []
    indexes: Annotated[list[Position], _PER_DEVICE] = []
    ids: Annotated[list[Word | None], _PER_DEVICE] = []
    names: Annotated[list[Text | None], _PER_DEVICE] = []
    missing: Annotated[list[bool], _PER_DEVICE] = []
    hashrates: Annotated[list[_Measures], Meta(max_length=MAX_WORKLOADS)] = []
    """One column per workload of the log."""
    core_c: _Measures = []
    memory_c: _Measures = []
    chip_c: _Measures = []
    core_mhz: _Measures = []
    memory_mhz: _Measures = []
    fan_percent: _Measures = []
    fan_rpm: _Measures = []
    power_w: _Measures = []
    power_limit_w: _Measures = []
    chips: _Counts = []
    chips_expected: _Counts = []

    def __len__(self) -> int:
        return len(self.kinds)

    def __iter__(self) -> Iterator[Device]:
        """The devices as rows, in the log's order. A column of a wrong length is read as unknown, and the last columns
        that are are left out."""
        count = len(self.kinds)
        rates = [column if len(column) == count else [] for column in self.hashrates]
        while rates and not rates[-1]:
            rates.pop()

        def cell(column: Sequence[_T], row: int) -> _T | None:
            return column[row] if len(column) == count else None

        for row, kind in enumerate(self.kinds):
            yield Device(
                kind=kind,
                index=self.indexes[row] if len(self.indexes) == count else row,
                id=cell(self.ids, row),
                name=cell(self.names, row),
                missing=bool(cell(self.missing, row)),
                hashrates=[cell(column, row) for column in rates],
                core_c=cell(self.core_c, row),
                memory_c=cell(self.memory_c, row),
                chip_c=cell(self.chip_c, row),
                core_mhz=cell(self.core_mhz, row),
                memory_mhz=cell(self.memory_mhz, row),
                fan_percent=cell(self.fan_percent, row),
                fan_rpm=cell(self.fan_rpm, row),
                power_w=cell(self.power_w, row),
                power_limit_w=cell(self.power_limit_w, row),
                chips=cell(self.chips, row),
                chips_expected=cell(self.chips_expected, row),
            )

    @classmethod
    def from_rows(cls, rows: list[Device]) -> Devices:
        """Columns from rows; a column in which every cell is unknown becomes empty."""

        def column(cells: list[_T]) -> list[_T]:
            return cells if any(cell is not None for cell in cells) else []

        workloads = max((len(row.hashrates) for row in rows), default=0)
        return cls(
            kinds=[row.kind for row in rows],
            indexes=[row.index for row in rows],
            ids=column([row.id for row in rows]),
            names=column([row.name for row in rows]),
            missing=[row.missing for row in rows] if any(row.missing for row in rows) else [],
            hashrates=[
                [row.hashrates[w] if w < len(row.hashrates) else None for row in rows] for w in range(workloads)
            ],
            core_c=column([row.core_c for row in rows]),
            memory_c=column([row.memory_c for row in rows]),
            chip_c=column([row.chip_c for row in rows]),
            core_mhz=column([row.core_mhz for row in rows]),
            memory_mhz=column([row.memory_mhz for row in rows]),
            fan_percent=column([row.fan_percent for row in rows]),
            fan_rpm=column([row.fan_rpm for row in rows]),
            power_w=column([row.power_w for row in rows]),
            power_limit_w=column([row.power_limit_w for row in rows]),
            chips=column([row.chips for row in rows]),
            chips_expected=column([row.chips_expected for row in rows]),
        )


class OperationalLog(Struct, array_like=True, gc=False):
    """What one rig was doing at one moment. `t` is UTC milliseconds, strictly increasing per rig."""

    t: UtcMs
    uptime_s: float | None = None
    power_w: float | None = None
    """The whole rig: measured at the wall or PSU where possible, else the sum of what its devices say."""
    lan_ip: Word | None = None
    wan_ip: Word | None = None
    workloads: Annotated[list[Workload], Meta(max_length=MAX_WORKLOADS)] = []
    devices: Devices = Devices()
    fans: Annotated[list[float | None], Meta(max_length=64)] = []
    """rpm of the rig's own fans (ASICs, cases), by position."""
    pools: Annotated[list[Pool], Meta(max_length=16)] = []
    messages: Annotated[list[str], Meta(max_length=64)] = []
    """What the device itself complains about (ASICs), or the Sentry about a source it cannot read."""
