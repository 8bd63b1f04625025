"""The one place where what a mining program says is made fit for a log.

What no device can be although it may have a sensor (140 °C, 2,180 W) is for `believable` to say, by the one rule of
`common.plausible`.

A program's answer is text from a stranger: a number may be NaN, negative, 1e308, a sensor's "not available" (511 °C,
0 W), a string may carry terminal escapes or letters that turn the writing direction. What cannot be true is unknown.
"""

from __future__ import annotations

import math
import re
import unicodedata

from rigfarm.common.plausible import possible, told

__all__ = ["celsius", "count", "fan_percent", "hashrate", "megahertz", "pool", "rpm", "seconds", "text", "watts"]

_MAX_COUNT = 2**53 - 1
_MAX_SECONDS = 1e9
_MAX_WATTS = 1e10

_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories that are never part of a name: controls, writing direction and other invisible marks, halves of
surrogate pairs (which cannot even be sent), line separators."""
_USERINFO = re.compile(r"(?<=//)[^/@\s]*@")


def hashrate(value: float | None) -> float | None:
    """H/s; zero is a figure of its own."""
    return possible("hashrate", value)


def celsius(value: float | None) -> float | None:
    """°C. Zero and below, and a byte or more of ones (255, NVIDIA's 511), mean that there is no sensor."""
    return told("celsius", None if value is None or value < 0.1 else value)


def watts(value: float | None) -> float | None:
    """W of one device. Zero means that there is no sensor: what mines draws power."""
    return _within(value, 0.1, _MAX_WATTS)


def megahertz(value: float | None) -> float | None:
    """MHz; zero means that there is no sensor."""
    return told("mhz", None if value is None or value < 1.0 else value)


def fan_percent(value: float | None) -> float | None:
    """%; zero is a fan that stands still, as many do when cool."""
    return told("fan_percent", value)


def rpm(value: float | None) -> float | None:
    """Turns per minute; zero is a fan that stands still."""
    return told("rpm", value)


def seconds(value: float | None) -> float | None:
    """A duration in s."""
    return _within(value, 0.0, _MAX_SECONDS)


def count(value: int | None) -> int | None:
    """A number of shares."""
    return value if value is not None and 0 <= value <= _MAX_COUNT else None


def text(value: str | None, longest: int = 128) -> str | None:
    """One line of visible characters, at most `longest`; None when nothing is left."""
    if value is None:
        return None
    visible = "".join(c for c in value[: longest * 4] if unicodedata.category(c) not in _UNSAFE)
    return visible.strip()[:longest].strip() or None


def pool(value: str | None) -> str | None:
    """A pool's address without the user and password some programs keep in it."""
    address = text(value, 256)
    return _USERINFO.sub("", address) if address else None


def _within(value: float | None, low: float, high: float) -> float | None:
    if value is None or not math.isfinite(value):
        return None
    return float(value) if low <= value <= high else None
