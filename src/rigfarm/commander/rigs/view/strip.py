"""The device strip: one small cell per device with the temperature that matters most.

A cell shows the sensor that is worst by its own marks, else the hottest. It is built here rather than in a template
because it is most of a row, and rows are rendered for every log; all text that comes from devices is escaped.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TypeVar

from markupsafe import Markup, escape

from rigfarm.commander.stats.condition import device_label
from rigfarm.commander.stats.marks import MARKS
from rigfarm.common.plausible import COLDEST_C, HOTTEST_C
from rigfarm.units import UNKNOWN
from rigfarm.wire.log import DeviceKind, Devices, OperationalLog

__all__ = ["FOLD_AT", "strip", "worst_temperature"]

FOLD_AT = 12
"""More devices than this fold into `+4`; those that need attention stay in sight."""
GONE = 3
_LEVELS = ("", " warn", " bad", " gone")
_T = TypeVar("_T")


def worst_temperature(
    kind: DeviceKind, core: float | None, memory: float | None, chip: float | None
) -> tuple[int, float | None]:
    """(level, °C) of the sensor that matters most; implausible readings are unknown."""
    level, shown = 0, None
    if core is not None and COLDEST_C < core < HOTTEST_C:
        mark = MARKS.core[kind]
        level, shown = 0 if core < mark.warn else 1 if core < mark.bad else 2, core
    for celsius, marks in ((memory, MARKS.memory), (chip, MARKS.chip)):
        if celsius is None or kind not in marks or not COLDEST_C < celsius < HOTTEST_C:
            continue
        mark = marks[kind]
        its = 0 if celsius < mark.warn else 1 if celsius < mark.bad else 2
        hotspot = kind == "gpu" and marks is MARKS.chip  # hotter than the core by nature: shown when it is too hot
        if shown is None or its > level or (its == level and celsius > shown and not hotspot):
            level, shown = its, celsius
    return level, shown


def strip(log: OperationalLog | None) -> Markup:
    """The strip as HTML: GPUs and boards; the CPU where it is all there is, where it mines, or where it is hot."""
    if log is None or not log.devices.kinds:
        return Markup("")
    shown = _cells(log.devices)
    rest = ""
    if len(shown) > FOLD_AT:
        more = len(shown) - FOLD_AT + 1
        rest = f'<b class="dev more" title="{more} more devices, none worse than these">+{more}</b>'
        shown = _sickest(shown, FOLD_AT - 1)
    return Markup("".join([html for _, html in shown]) + rest)  # noqa: S704 - _cells escapes


def _cells(devices: Devices) -> list[tuple[int, str]]:
    """(level, HTML) of each."""
    kinds = devices.kinds
    count = len(kinds)
    some_cpu = "cpu" in kinds
    only_cpus = some_cpu and all(kind == "cpu" for kind in kinds)
    found: list[tuple[int, str]] = []
    for row, (kind, gone, title, core, memory, chip) in enumerate(
        zip(
            kinds,
            devices.missing if len(devices.missing) == count else (False,) * count,
            _titles(devices),
            _column(devices.core_c, count),
            _column(devices.memory_c, count),
            _column(devices.chip_c, count),
            strict=True,
        )
    ):
        if gone:
            found.append((GONE, f'<b class="dev gone" title="{title} · missing"><s>{UNKNOWN}</s></b>'))
            continue
        level, celsius = worst_temperature(kind, core, memory, chip)
        style = _LEVELS[level]
        if some_cpu and kind == "cpu":
            if not only_cpus and not level and not _hashes(devices, row):
                continue
            style += " cpu"
        text = UNKNOWN if celsius is None else f"{celsius:.0f}"
        found.append((level, f'<b class="dev{style}" title="{title}">{text}</b>'))
    return found


def _column(column: Sequence[_T], count: int) -> Sequence[_T | None]:
    return column if len(column) == count else (None,) * count


def _hashes(devices: Devices, row: int) -> bool:
    return any(row < len(column) and column[row] for column in devices.hashrates)


@lru_cache(8192)
def _name(kind: DeviceKind, index: int, name: str | None) -> str:
    label = device_label(kind, index)
    return str(escape(f"{label} {name}" if name else label))


def _titles(devices: Devices) -> list[str]:
    """All about each device, escaped. Columns that are wholly known are formatted at once."""
    kinds = devices.kinds
    count = len(kinds)
    indexes = devices.indexes if len(devices.indexes) == count else range(count)
    columns: list[Sequence[object]] = [list(map(_name, kinds, indexes, _column(devices.names, count)))]
    form = "{}"
    partly: list[tuple[Sequence[float | None], str]] = []
    for column, its in (
        (devices.core_c, " · {:.0f} °C"),
        (devices.memory_c, " · {:.0f} °C memory"),
        (devices.chip_c, " · {:.0f} °C chip"),
        (devices.fan_percent, " · fan {:.0f} %"),
        (devices.power_w, " · {:.0f} W"),
        (devices.chips, " · {:.0f} chips"),
    ):
        if len(column) != count:
            continue
        if None in column or not abs(sum(column)) < 1e6:  # type: ignore[arg-type]  # None was looked for first
            partly.append((column, its))
        else:
            form += its
            columns.append(column)
    titles = list(map(form.format, *columns))
    for cells, its in partly:
        for row, value in enumerate(cells):
            if value is not None and -1e6 < value < 1e6:
                titles[row] += its.format(value)
    return titles


def _sickest(shown: list[tuple[int, str]], count: int) -> list[tuple[int, str]]:
    """So many of them, the worst ones among them, in their old order."""
    ranked = sorted(range(len(shown)), key=lambda row: (-shown[row][0], row))
    return [shown[row] for row in sorted(ranked[:count])]
