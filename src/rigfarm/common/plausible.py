"""Which values a measurement can have at all. One rule for each measure, for sensors, mining programs, ASICs and the
Commander alike: a value beyond it is unknown, whatever its source, and its reader says so in a message.

What a source says that has no sensor (`says_nothing`) is unknown, too, but no cause for a message.
"""

from __future__ import annotations

import math
from typing import Final, Literal

__all__ = [
    "COLDEST_C",
    "HOTTEST_C",
    "MOST",
    "MOST_W",
    "OVER_LIMIT",
    "Measure",
    "is_celsius",
    "is_possible",
    "is_watts",
    "possible",
    "says_nothing",
    "told",
]

COLDEST_C: Final = 0.0
HOTTEST_C: Final = 130.0
"""Silicon that runs is warmer than the one and throttles or dies before the other."""
OVER_LIMIT: Final = 1.5
"""A card exceeds its power limit for moments, and by less than half."""
MOST_W: Final = {"gpu": 1_000.0, "cpu": 1_000.0, "hashboard": 5_000.0}
"""Of one device whose limit is not known."""

Measure = Literal["celsius", "machine_w", "hashrate", "mhz", "rpm", "fan_percent"]
MOST: Final[dict[Measure, float]] = {
    "celsius": HOTTEST_C,
    "machine_w": 100_000.0,
    "hashrate": 1e18,
    "mhz": 30_000.0,
    "rpm": 30_000.0,
    "fan_percent": 200.0,
}
"""W of a whole machine; H/s, a thousand times the strongest ASIC; MHz, memory's effective clock included; turns per
minute; % of a fan's nominal speed, which NVIDIA documents to exceed 100."""
_UNWRITTEN: Final[dict[Measure, float]] = {"celsius": 250.0, "rpm": 65_535.0, "mhz": 65_535.0, "fan_percent": 255.0}
"""From here on it is a register that was never written: 255 and 511 °C, 0xFFFF rpm."""


def is_possible(measure: Measure, value: float) -> bool:
    """Whether a device that runs may have this value."""
    if measure == "celsius":
        return COLDEST_C < value < HOTTEST_C
    return 0.0 <= value <= MOST[measure]


def says_nothing(measure: Measure, value: float | None) -> bool:
    """Whether this is how a source says that it has no sensor: nothing, NaN, less than zero, an unwritten register."""
    if value is None or not math.isfinite(value) or value < 0.0 or (measure == "celsius" and value <= COLDEST_C):
        return True
    return value >= _UNWRITTEN.get(measure, math.inf)


def told(measure: Measure, value: float | None) -> float | None:
    """What a source says, possible or not; None when it says nothing."""
    return None if value is None or says_nothing(measure, value) else float(value)


def possible(measure: Measure, value: float | None) -> float | None:
    """The value if it is possible, else None: for who has told of the others already, or cannot."""
    return float(value) if value is not None and is_possible(measure, value) else None


def is_celsius(value: float) -> bool:
    """Whether a device that runs may have this temperature."""
    return is_possible("celsius", value)


def is_watts(value: float, kind: str, limit_w: float | None = None) -> bool:
    """Whether one device of this kind may draw so much."""
    most = limit_w * OVER_LIMIT if limit_w else MOST_W.get(kind, MOST_W["hashboard"])
    return 0.0 <= value <= most
