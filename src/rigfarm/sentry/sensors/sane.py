"""What a sensor says. A dead card says 511 °C, a sleeping one 0xFFFF rpm, a driver -1: that is *unknown*. Whether a
device can have what a sensor says is for `believable`, by the one rule of `common.plausible`.

It is rounded to what a sensor can tell: digits of noise cost space in every log that is kept.
"""

from __future__ import annotations

from rigfarm.common.plausible import Measure, is_possible, told

__all__ = ["celsius", "count", "megahertz", "memory_celsius", "percent", "rpm", "watts"]


def _told(measure: Measure, value: float | None, digits: int = 1) -> float | None:
    said = told(measure, value)
    return None if said is None else round(said, digits)


def celsius(value: float | None) -> float | None:
    """°C. Many drivers report zero or less when there is no sensor; 255, 511 and the like are registers that were never
    written."""
    return _told("celsius", None if value is None or value < 0.1 else value)


def memory_celsius(value: float | None) -> float | None:
    """°C of memory or of a hotspot."""
    return celsius(value)


def watts(value: float | None) -> float | None:
    """W of one device or one machine."""
    return _told("machine_w", value if value is None or is_possible("machine_w", value) else None)


def megahertz(value: float | None) -> float | None:
    """MHz. A sleeping clock may say 0."""
    return _told("mhz", value, 0)


def percent(value: float | None) -> float | None:
    """Fan speed in %."""
    return _told("fan_percent", value)


def rpm(value: float | None) -> float | None:
    """Fan speed in rpm. 65535 is a register that was never written."""
    return _told("rpm", value, 0)


def count(value: int | None) -> int | None:
    """A number of things."""
    return value if value is not None and 0 <= value < 1 << 53 else None
