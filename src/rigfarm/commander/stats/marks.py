"""Warning marks: where a value begins to deserve a colour (warn), and where its rig counts as sick (bad).

`Thresholds` is the one struct that says them: operators change it on the page of alert rules, and what pages colour,
what makes a rig sick and what raises an alert follow it. Temperatures °C, ratios 0..1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Final, NamedTuple

from msgspec import Struct

from rigfarm.commander.fields import form_field
from rigfarm.commander.numbers import read_decimal, read_percent, within, write_decimal, write_percent
from rigfarm.commander.refusals import Invalid
from rigfarm.common.plausible import is_celsius
from rigfarm.wire.log import DeviceKind

__all__ = [
    "BAD",
    "MARKS",
    "WARN",
    "WELL",
    "Mark",
    "Marks",
    "Thresholds",
    "hottest",
    "plausible",
]

WELL: Final = 0
WARN: Final = 1
BAD: Final = 2


class Mark(NamedTuple):
    """From `warn` on a value is coloured, from `bad` on it makes its rig sick."""

    warn: float
    bad: float

    def level(self, value: float | None) -> int:
        """WELL, WARN or BAD; what is unknown is well."""
        if value is None or not value >= self.warn:
            return WELL
        return BAD if value >= self.bad else WARN


def _pair(warn: str, low: float, high: float, unit: str) -> Callable[[object, object], object]:
    """Checks a `bad` mark: within its range, and not below the `warn` mark."""
    check = within(low, high, unit)

    def both(value: object, form: object) -> object:
        bad, at = check(value, form), getattr(form, warn)
        if isinstance(bad, float) and isinstance(at, float) and bad < at:
            raise Invalid("This mark must not be below the one for the warning.")
        return bad

    return both


_C: Final = {"read": read_decimal, "write": write_decimal, "max_length": 8}
_PERCENT: Final = {"read": read_percent, "write": write_percent, "max_length": 8}
_celsius = within(30.0, 129.0, "°C")
_ratio = within(0.001, 0.99, "%", 100.0)


class Thresholds(Struct, frozen=True, forbid_unknown_fields=True):
    """The farm's marks: from `…_warn` on a value is coloured, from `…_bad` on its rig counts as sick."""

    cpu_warn: Annotated[float, form_field("CPU, warning", check=_celsius, **_C)] = 80.0
    cpu_bad: Annotated[float, form_field("CPU, too hot", check=_pair("cpu_warn", 30, 129, "°C"), **_C)] = 90.0
    gpu_warn: Annotated[float, form_field("GPU core, warning", check=_celsius, **_C)] = 75.0
    gpu_bad: Annotated[float, form_field("GPU core, too hot", check=_pair("gpu_warn", 30, 129, "°C"), **_C)] = 85.0
    memory_warn: Annotated[float, form_field("GPU memory, warning", check=_celsius, **_C)] = 95.0
    memory_bad: Annotated[float, form_field("GPU memory, too hot", check=_pair("memory_warn", 30, 129, "°C"), **_C)] = (
        105.0
    )
    hotspot_warn: Annotated[float, form_field("GPU hotspot, warning", check=_celsius, **_C)] = 105.0
    hotspot_bad: Annotated[
        float, form_field("GPU hotspot, too hot", check=_pair("hotspot_warn", 30, 129, "°C"), **_C)
    ] = 110.0
    board_warn: Annotated[float, form_field("ASIC board, warning", check=_celsius, **_C)] = 75.0
    board_bad: Annotated[float, form_field("ASIC board, too hot", check=_pair("board_warn", 30, 129, "°C"), **_C)] = (
        85.0
    )
    chip_warn: Annotated[float, form_field("ASIC chip, warning", check=_celsius, **_C)] = 80.0
    chip_bad: Annotated[float, form_field("ASIC chip, too hot", check=_pair("chip_warn", 30, 129, "°C"), **_C)] = 95.0
    rejects_warn: Annotated[float, form_field("Rejected shares, warning (%)", check=_ratio, **_PERCENT)] = 0.02
    rejects_bad: Annotated[
        float,
        form_field(
            "Rejected shares, too many (%)",
            check=_pair("rejects_warn", 0.001, 0.99, "%"),
            **_PERCENT,
        ),
    ] = 0.05
    shortfall_warn: Annotated[float, form_field("Hashrate below normal, warning (%)", check=_ratio, **_PERCENT)] = 0.10
    shortfall_bad: Annotated[
        float,
        form_field(
            "Hashrate below normal, too low (%)",
            check=_pair("shortfall_warn", 0.001, 0.99, "%"),
            **_PERCENT,
        ),
    ] = 0.30


class Marks:
    """The thresholds of this farm as marks, by device. A process serves one farm, so there is one of these."""

    def __init__(self) -> None:
        self.use(Thresholds())

    def use(self, thresholds: Thresholds) -> None:
        """From now on these count."""
        t = self.thresholds = thresholds
        self.core: Mapping[DeviceKind, Mark] = {
            "cpu": Mark(t.cpu_warn, t.cpu_bad),
            "gpu": Mark(t.gpu_warn, t.gpu_bad),
            "hashboard": Mark(t.board_warn, t.board_bad),
        }
        """Of `core_c`: CPU package, GPU core, ASIC board."""
        self.memory: Mapping[DeviceKind, Mark] = {"gpu": Mark(t.memory_warn, t.memory_bad)}
        """Of `memory_c`."""
        self.chip: Mapping[DeviceKind, Mark] = {
            "gpu": Mark(t.hotspot_warn, t.hotspot_bad),
            "hashboard": Mark(t.chip_warn, t.chip_bad),
        }
        """Of `chip_c`: a GPU's hotspot, a board's hottest chip."""
        self.rejects = Mark(t.rejects_warn, t.rejects_bad)
        """Of rejected / (accepted + rejected)."""
        self.shortfall = Mark(t.shortfall_warn, t.shortfall_bad)
        """Of 1 - hashrate / normal."""
        every = (*self.core.values(), *self.memory.values(), *self.chip.values())
        self.coolest_bad = min(mark.bad for mark in every)
        """No temperature below this makes any device too hot."""


MARKS: Final = Marks()


def plausible(celsius: float | None) -> float | None:
    """A temperature that a working sensor could mean; anything else is unknown."""
    return celsius if celsius is not None and is_celsius(celsius) else None


def hottest(column: Sequence[float | None]) -> float | None:
    """The highest plausible temperature of a column, °C: asked for every rig when an index is sorted by it."""
    if not column:
        return None
    if None not in column:
        # A NaN compares with nothing: it is the maximum only where it stands first, and is seen to be none then.
        most = max(column)  # type: ignore[type-var]  # a None raises, which is caught
        if plausible(most) is not None:
            return most
    return max((t for t in map(plausible, column) if t is not None), default=None)
