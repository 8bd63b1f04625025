"""The devices of a rig as a table per kind: a column without a value is not shown, one unknown value is “–”."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from rigfarm.commander.rigs.view.levels import LEVELS
from rigfarm.commander.stats.condition import device_label
from rigfarm.commander.stats.marks import MARKS, Mark, plausible
from rigfarm.units import UNKNOWN, count, format_in, hashrate_unit, watts
from rigfarm.wire.log import Device, DeviceKind, OperationalLog

__all__ = ["Cell", "DeviceRow", "DeviceTable", "device_tables"]

_TITLES: Mapping[DeviceKind, str] = {"gpu": "GPU", "cpu": "CPU", "hashboard": "Board"}
_SANE = 1e6


class Cell(Struct, frozen=True):
    """A value of a device; `level` is empty, warn or bad."""

    text: str
    unit: str = ""
    level: str = ""


class DeviceRow(Struct, frozen=True):
    """One device. `sub` is what it is known by: its PCI address or serial number."""

    key: str
    label: str
    name: str
    sub: str
    missing: bool
    cells: tuple[Cell, ...]


class DeviceTable(Struct, frozen=True):
    """Devices of one kind."""

    kind: DeviceKind
    title: str
    heads: tuple[str, ...]
    rows: tuple[DeviceRow, ...]


Write = Callable[[Device], Cell]
_NOTHING = Cell(UNKNOWN)


def device_tables(log: OperationalLog | None) -> tuple[DeviceTable, ...]:
    """GPUs and boards first, then CPUs."""
    if log is None:
        return ()
    by_kind: dict[DeviceKind, list[Device]] = {"hashboard": [], "gpu": [], "cpu": []}
    for device in log.devices:
        by_kind[device.kind].append(device)
    return tuple(_table(kind, devices, log) for kind, devices in by_kind.items() if devices)


def _table(kind: DeviceKind, devices: Sequence[Device], log: OperationalLog) -> DeviceTable:
    columns = [*_rates(devices, log), *_COLUMNS[kind]]
    cells = [[write(device) for device in devices] for _, write in columns]
    kept = [n for n, column in enumerate(cells) if any(cell.text != UNKNOWN for cell in column)]
    rows = tuple(
        DeviceRow(
            key=f"{kind}-{device.index}",
            label=device_label(kind, device.index),
            name=device.name or "",
            sub=device.id or "",
            missing=device.missing,
            cells=tuple(_NOTHING if device.missing else cells[n][at] for n in kept),
        )
        for at, device in enumerate(devices)
    )
    return DeviceTable(kind, _TITLES[kind], tuple(columns[n][0] for n in kept), rows)


def _rates(devices: Sequence[Device], log: OperationalLog) -> list[tuple[str, Write]]:
    """A hashrate column per workload, each in one unit."""
    columns: list[tuple[str, Write]] = []
    for at, workload in enumerate(log.workloads[: len(devices[0].hashrates)]):
        values = [device.hashrates[at] if at < len(device.hashrates) else None for device in devices]
        unit = hashrate_unit(values)

        def write(device: Device, at: int = at, unit: object = unit) -> Cell:
            value = device.hashrates[at] if at < len(device.hashrates) else None
            if value is None or not 0.0 <= value < 1e24:
                return _NOTHING
            return Cell(format_in(unit, value), unit.symbol)  # type: ignore[arg-type, attr-defined]  # the unit says which kind of value it is

        coin = workload.coin or workload.algorithm
        columns.append((f"{coin}" if len(log.workloads) > 1 and coin else "Hashrate", write))
    return columns


def _degrees(read: Callable[[Device], float | None], marks: Callable[[], Mapping[DeviceKind, Mark]]) -> Write:
    def write(device: Device) -> Cell:
        value = plausible(read(device))
        if value is None:
            return _NOTHING
        mark = marks().get(device.kind)
        return Cell(f"{value:.0f}", "°C", LEVELS[mark.level(value)] if mark is not None else "")

    return write


def _whole(read: Callable[[Device], float | None], unit: str) -> Write:
    def write(device: Device) -> Cell:
        value = read(device)
        return _NOTHING if value is None or not 0 <= value < _SANE else Cell(count(round(value)), unit)

    return write


def _power(device: Device) -> Cell:
    drawn = watts(device.power_w)
    limit = watts(device.power_limit_w)
    return Cell(drawn.number, f"of {limit.number} W" if drawn.unit and limit.unit else drawn.unit)


def _chips(device: Device) -> Cell:
    if device.chips is None:
        return _NOTHING
    expected = device.chips_expected
    level = "bad" if expected is not None and device.chips < expected else ""
    return Cell(count(device.chips), f"of {count(expected)}" if expected is not None else "", level)


_CORE = _degrees(lambda device: device.core_c, lambda: MARKS.core)
_MEMORY = _degrees(lambda device: device.memory_c, lambda: MARKS.memory)
_CHIP = _degrees(lambda device: device.chip_c, lambda: MARKS.chip)
_CLOCK = _whole(lambda device: device.core_mhz, "MHz")
_FAN = _whole(lambda device: device.fan_percent, "%")
_RPM = _whole(lambda device: device.fan_rpm, "rpm")
_COLUMNS: Mapping[DeviceKind, tuple[tuple[str, Write], ...]] = {
    "gpu": (
        ("Core", _CORE),
        ("Memory", _MEMORY),
        ("Hotspot", _CHIP),
        ("Core clock", _CLOCK),
        ("Memory clock", _whole(lambda device: device.memory_mhz, "MHz")),
        ("Fan", _FAN),
        ("Fan speed", _RPM),
        ("Power", _power),
    ),
    "cpu": (("Temperature", _CORE), ("Clock", _CLOCK), ("Fan", _FAN), ("Fan speed", _RPM), ("Power", _power)),
    "hashboard": (
        ("Board", _CORE),
        ("Chip", _CHIP),
        ("Chips", _chips),
        ("Clock", _CLOCK),
        ("Fan speed", _RPM),
        ("Power", _power),
    ),
}
