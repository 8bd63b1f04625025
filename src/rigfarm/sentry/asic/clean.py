"""What a device says is hostile until it has been through here: strings capped and stripped, numbers checked.

A number outside of what is physically possible is *unknown*, never a record: a device that claims 1e308 H/s would
otherwise win every chart.
"""

from __future__ import annotations

import math
import re
import unicodedata

from rigfarm.common.plausible import COLDEST_C, HOTTEST_C, MOST, is_celsius

__all__ = [
    "chips",
    "count",
    "frequency",
    "hashrate",
    "mac",
    "power",
    "rpm",
    "temperature",
    "text",
    "uptime",
    "voltage",
]

_MAX_COUNT = (1 << 53) - 1
_MAX_CHIPS = 10_000
_MAC = re.compile(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}")
_NOBODY = {"00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff"}


def text(value: object, limit: int = 80) -> str | None:
    """One printable line of at most `limit` characters, or None if nothing is left.

    Control characters (ANSI escapes, NUL, line ends), bidi overrides, zero-width and private characters are dropped,
    so that it is inert in a terminal, a log file and a page.
    """
    if not isinstance(value, str):
        return None
    if len(value) <= limit and value.isascii() and value.isprintable():
        return value.strip() or None
    kept = "".join(" " if c.isspace() else c for c in value[: 4 * limit] if c.isspace() or _printable(c))
    return " ".join(kept.split())[:limit] or None


def _printable(character: str) -> bool:
    return not unicodedata.category(character).startswith("C")


def _between(value: object, low: float, high: float) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) and low <= number <= high else None


def hashrate(value: object) -> float | None:
    """H/s. Below one hash in a second is nonsense; a true zero is not."""
    number = _between(value, 0, MOST["hashrate"])
    return number if number == 0 or (number is not None and number >= 1) else None


def temperature(value: object) -> float | None:
    """°C. Zero and below is how a device without a sensor says so."""
    number = _between(value, COLDEST_C, HOTTEST_C)
    return round(number, 2) if number is not None and is_celsius(number) else None


def power(value: object) -> float | None:
    """W of one device."""
    number = _between(value, 0, MOST["machine_w"])
    return None if number is None or 0 < number < 1e-3 else round(number, 2)


def rpm(value: object) -> float | None:
    """Revolutions a minute; zero is a fan that stands."""
    number = _between(value, 0, MOST["rpm"])
    return None if number is None else float(round(number))


def uptime(value: object) -> float | None:
    """s, up to thirty years."""
    return _between(value, 0, 30 * 366 * 86_400)


def count(value: object) -> int | None:
    """A counter: a whole number that fits any reader."""
    number = _between(value, 0, _MAX_COUNT)
    return int(number) if number is not None and number == int(number) else None


def chips(value: object) -> int | None:
    """Chips of one board."""
    number = count(value)
    return number if number is not None and number <= _MAX_CHIPS else None


def voltage(value: object) -> float | None:
    """V"""
    return _between(value, 1e-3, 1_000)


def frequency(value: object) -> float | None:
    """MHz"""
    return _between(value, 1e-3, MOST["mhz"])


def mac(value: object) -> str | None:
    """A hardware address as `aa:bb:cc:dd:ee:ff`, or None for what is none or belongs to no device."""
    if not isinstance(value, str):
        return None
    address = value.strip().lower().replace("-", ":")[:18]
    return address if _MAC.fullmatch(address) and address not in _NOBODY else None
