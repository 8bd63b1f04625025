"""Which numbers can be true. A dead card says 511 °C, a sleeping one 0xFFFF rpm, a driver -1: that is *unknown*.

What is true is rounded to what a sensor can tell: digits of noise cost space in every log that is kept.
"""

from __future__ import annotations

import math

__all__ = ["celsius", "count", "megahertz", "memory_celsius", "percent", "rpm", "watts"]


def _within(value: float | None, low: float, high: float, digits: int = 1) -> float | None:
    if value is None or not math.isfinite(value) or not low <= value <= high:
        return None
    return round(float(value), digits)


def celsius(value: float | None) -> float | None:
    """°C of silicon that runs: mining in a Siberian winter yes, 150 °C no."""
    return _within(value, -40.0, 150.0)


def memory_celsius(value: float | None) -> float | None:
    """°C of memory or of a hotspot. Drivers say 0 where there is no such sensor."""
    return None if value == 0 else celsius(value)


def watts(value: float | None) -> float | None:
    """W of one device or one machine."""
    return _within(value, 0.0, 50_000.0)


def megahertz(value: float | None) -> float | None:
    """MHz. A sleeping clock may say 0."""
    return _within(value, 0.0, 100_000.0, 0)


def percent(value: float | None) -> float | None:
    """Fan speed in %. NVIDIA documents that it may exceed 100."""
    return _within(value, 0.0, 200.0)


def rpm(value: float | None) -> float | None:
    """Fan speed in rpm. 65535 is a register that was never written."""
    return _within(value, 0.0, 60_000.0, 0)


def count(value: int | None) -> int | None:
    """A number of things."""
    return value if value is not None and 0 <= value < 1 << 53 else None
