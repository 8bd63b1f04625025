"""How quantities are written for people, and read from them: one function per unit, both ways.

Inside everything is SI (H/s, W, °C, s, J, B; ratios 0..1). What is unknown, impossible (NaN, infinite, negative where
that cannot be) or absurd is written as UNKNOWN, never as 0. Numbers have four significant digits; thousands are
separated by a narrow no-break space.

    hashrate(12_340_000.0)             Quantity("12.34", "MH/s")
    unit = hashrate_unit([998e3, 1002e3])
    format_in(unit, 1002e3)            "1 002" (kH/s, whatever the neighbours are)
    parse_hashrate("12.3 mh/s")        12_300_000.0
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from statistics import median_low
from typing import NamedTuple

__all__ = [
    "UNKNOWN",
    "Quantity",
    "Unit",
    "count",
    "counted",
    "duration",
    "efficiency",
    "energy",
    "energy_per_hash",
    "format_in",
    "hashrate",
    "hashrate_unit",
    "parse_bytes",
    "parse_count",
    "parse_duration",
    "parse_efficiency",
    "parse_energy",
    "parse_hashrate",
    "parse_hashrate_unit",
    "parse_percent",
    "parse_power",
    "parse_temperature",
    "percent",
    "power",
    "power_in",
    "power_unit",
    "size",
    "temperature",
    "watts",
]

UNKNOWN = "–"
THIN = "\u202f"
LARGEST = 1e27
"""Nothing in a farm is larger, in any unit: a bigger number is nonsense."""


class Unit(NamedTuple):
    """A unit and what one of it is in SI."""

    symbol: str
    factor: float


class Quantity(NamedTuple):
    """A number and its unit, apart, so that a page can draw the unit lighter. `unit` is empty for an unknown."""

    number: str
    unit: str

    def __str__(self) -> str:
        return f"{self.number} {self.unit}" if self.unit else self.number


_NOTHING = Quantity(UNKNOWN, "")


def _scale(symbols: str, factors: Iterable[float]) -> tuple[Unit, ...]:
    return tuple(Unit(symbol, factor) for symbol, factor in zip(symbols.split(), factors, strict=True))


HASHRATES = _scale("H/s kH/s MH/s GH/s TH/s PH/s EH/s ZH/s", (1, 1e3, 1e6, 1e9, 1e12, 1e15, 1e18, 1e21))
POWERS = _scale("W kW MW GW", (1, 1e3, 1e6, 1e9))
EFFICIENCIES = _scale("H/W kH/W MH/W GH/W TH/W", (1, 1e3, 1e6, 1e9, 1e12))
COSTS = _scale("J/TH J/GH J/MH J/kH J/H", (1e-12, 1e-9, 1e-6, 1e-3, 1))
ENERGIES = _scale("Wh kWh MWh GWh", (3.6e3, 3.6e6, 3.6e9, 3.6e12))
SIZES = _scale("B KiB MiB GiB TiB PiB", (1, 2**10, 2**20, 2**30, 2**40, 2**50))
_ROUNDS_UP = 999.95
"""From here on four digits would read 1 000: the next unit is due."""


def digits(value: float) -> str:
    """A finite number with four significant digits, at most four of them behind the point; whole ones stay whole."""
    size = -value if value < 0.0 else value
    if size < 9.9995:
        return f"{value:.3f}" if size >= 0.99995 else f"{value:.4f}" if size else "0"
    if size < 99.995:
        return f"{value:.2f}"
    if size < 999.95:
        return f"{value:.1f}"
    return f"{value:,.0f}".replace(",", THIN)


def _pick(units: tuple[Unit, ...], value: float) -> Unit:
    for unit in units:
        if value < _ROUNDS_UP * unit.factor:
            return unit
    return units[-1]


def _format(units: tuple[Unit, ...], value: float | None) -> Quantity:
    if value is None or not 0.0 <= value < LARGEST:
        return _NOTHING
    unit = _pick(units, value)
    return Quantity(digits(value / unit.factor), unit.symbol)


# Writing


def format_in(unit: Unit, value: float | None) -> str:
    """A number of SI size in a given unit, without the unit's symbol."""
    if value is None or not -LARGEST < value < LARGEST:
        return UNKNOWN
    return digits(value / unit.factor)


def hashrate(value: float | None) -> Quantity:
    """H/s in the unit that suits it."""
    return _format(HASHRATES, value)


def hashrate_unit(values: Iterable[float | None]) -> Unit:
    """The one unit for a column of hashrates: the one that suits its middle."""
    known = [value for value in values if value is not None and 0.0 < value < LARGEST]
    return _pick(HASHRATES, median_low(known)) if known else HASHRATES[0]


def power(value: float | None) -> Quantity:
    """W; watts are whole, kilowatts have four digits."""
    if value is None or not 0.0 <= value < LARGEST:
        return _NOTHING
    if value < 999.5:
        return Quantity(f"{value:.0f}" if value >= 99.95 else f"{value:.1f}".removesuffix(".0"), "W")
    return _format(POWERS[1:], max(value, 1000.0))


def watts(value: float | None) -> Quantity:
    """W, whole, however many: what a column of rigs is written in."""
    if value is None or not 0.0 <= value < 1e9:
        return _NOTHING
    return Quantity(f"{value:.0f}" if value < 999.5 else f"{value:,.0f}".replace(",", THIN), "W")


def power_unit(values: Iterable[float | None]) -> Unit:
    """The one unit for a column of powers: watts until the largest would have six digits."""
    known = [value for value in values if value is not None and 0.0 <= value < LARGEST]
    largest = max(known, default=0.0)
    return POWERS[0] if largest < 99_999.5 else _pick(POWERS, largest)


def power_in(unit: Unit, value: float | None) -> Quantity:
    """A power in the unit of its column; watts are whole."""
    if value is None or not 0.0 <= value < LARGEST:
        return _NOTHING
    return watts(value) if unit is POWERS[0] else Quantity(digits(value / unit.factor), unit.symbol)


def temperature(value: float | None) -> Quantity:
    """°C, whole."""
    if value is None or not -273.15 <= value < 1000.0:
        return _NOTHING
    return Quantity(str(round(value)), "°C")


def efficiency(value: float | None) -> Quantity:
    """H/J as GPU people say it, hashrate per watt: more is better."""
    return _format(EFFICIENCIES, value)


def energy_per_hash(value: float | None) -> Quantity:
    """H/J as ASIC people say it, J/TH: less is better."""
    if value is None or not 1e-9 < value < LARGEST:
        return _NOTHING
    return _format(COSTS, 1.0 / value)


def energy(value: float | None) -> Quantity:
    """J as Wh, kWh, …"""
    return _format(ENERGIES, value)


def percent(ratio: float | None) -> Quantity:
    """A ratio (0.008 → 0.8 %): one decimal below ten, and something small is never written as nothing."""
    if ratio is None or not -LARGEST < ratio < LARGEST:
        return _NOTHING
    value = ratio * 100
    if -9.95 < value < 9.95:
        return Quantity(f"{value:.1f}" if value == 0 or abs(value) >= 0.05 else "<0.1", "%")
    return Quantity(f"{value:,.0f}".replace(",", THIN), "%")


def count(value: int | None) -> str:
    """A number of things."""
    if value is None or value < 0:
        return UNKNOWN
    return str(value) if value < 1000 else f"{value:,d}".replace(",", THIN)


def counted(value: int, noun: str, plural: str = "") -> str:
    """`1 rig`, `12 rigs`; `plural` where an s does not do."""
    return f"{count(value)} {noun if value == 1 else plural or f'{noun}s'}"


def size(value: float | None) -> Quantity:
    """Bytes in binary units; bytes themselves are whole."""
    if value is not None and 0 <= value < 1000:
        return Quantity(str(round(value)), "B")
    return _format(SIZES, value)


def duration(seconds: float | None) -> str:
    """A length of time or an age: `4 s`, `12 min`, `3 h 2 min`, `3 d 4 h`, `41 d`."""
    if seconds is None or not -LARGEST < seconds < LARGEST:
        return UNKNOWN
    whole = int(seconds) if seconds > 0.0 else 0
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    if whole < 86400:
        hours, minutes = whole // 3600, whole % 3600 // 60
        return f"{hours} h {minutes} min" if minutes and hours < 10 else f"{hours} h"
    days, hours = whole // 86400, whole % 86400 // 3600
    if hours and days < 10:
        return f"{days} d {hours} h"
    return f"{days} d" if days < 1000 else f"{days:,d} d".replace(",", THIN)


# Reading

_NUMBER = re.compile(
    r"\s*([+-]?(?:\d{1,3}(?:[,\u202f\u2009\u00a0' ]\d{3})+|\d+)(?:\.\d+)?(?:e[+-]?\d+)?|\.\d+)\s*", re.IGNORECASE
)
_SEPARATORS = str.maketrans("", "", ",\u202f\u2009\u00a0' ")
_HASH = re.compile(r"([kmgtpez]?)(?:h|hash|hashes|sol|sols)(?:/s|/sec|ps|s)?", re.IGNORECASE)
_PREFIXES: Mapping[str, float] = {p: 1000.0**n for n, p in enumerate(("", "k", "m", "g", "t", "p", "e", "z"))}
_SECONDS: Mapping[str, int] = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1),
    **dict.fromkeys(("min", "m", "mins", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hour", "hours"), 3600),
    **dict.fromkeys(("d", "day", "days"), 86400),
    **dict.fromkeys(("w", "week", "weeks"), 604800),
    **dict.fromkeys(("y", "year", "years"), 31536000),
}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)[\s,]*", re.IGNORECASE)
_CLOCK = re.compile(r"(?:(\d+):)?(\d+):(\d{1,2}):(\d{1,2})")


def _split(text: str, example: str) -> tuple[float, str]:
    found = _NUMBER.match(text)
    if found is None:
        raise ValueError(f"{text!r} does not begin with a number; write for example {example}")
    value = float(found[1].translate(_SEPARATORS))
    if not -LARGEST < value < LARGEST:
        raise ValueError(f"{text!r} is not a plausible number; write for example {example}")
    return value, text[found.end() :].strip()


def _parse(text: str, units: Mapping[str, float], example: str) -> float:
    value, symbol = _split(text, example)
    factor = units.get(symbol.casefold())
    if factor is None or value < 0:
        raise ValueError(f"{text!r} is not understood; write for example {example}")
    return value * factor


def _symbols(*scales: tuple[Unit, ...], **more: float) -> dict[str, float]:
    return {unit.symbol.casefold(): unit.factor for scale in scales for unit in scale} | more


def parse_hashrate_unit(text: str) -> Unit:
    """`KH/s`, `kh/s`, `MH`, `Sol/s`, whatever the case (a program never means millihashes)."""
    found = _HASH.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is not a unit of hashrate; write for example MH/s")
    factor = _PREFIXES[found[1].casefold()]
    return next(unit for unit in HASHRATES if unit.factor == factor)


def parse_hashrate(text: str) -> float:
    """H/s; a bare number is H/s."""
    value, symbol = _split(text, "12.3 MH/s")
    if value < 0:
        raise ValueError(f"{text!r} is negative; write for example 12.3 MH/s")
    return value * (parse_hashrate_unit(symbol).factor if symbol else 1.0)


def parse_power(text: str) -> float:
    """W; a bare number is W."""
    return _parse(text, _symbols(POWERS) | {"": 1.0, "mw": 1e6}, "850 W or 3.5 kW")


def parse_temperature(text: str) -> float:
    """°C; a bare number is °C, °F is converted."""
    value, symbol = _split(text, "75 °C")
    unit = symbol.replace("°", "").strip().casefold()
    if unit not in ("", "c", "f"):
        raise ValueError(f"{text!r} is not a temperature; write for example 75 °C")
    return (value - 32) / 1.8 if unit == "f" else value


def parse_efficiency(text: str) -> float:
    """H/J from `2.9 MH/W`, `2.9 MH/J` or `29.5 J/TH`."""
    value, symbol = _split(text, "2.9 MH/W or 29.5 J/TH")
    unit = symbol.casefold().replace("h/s/w", "h/w").replace("h/j", "h/w").replace("w/", "j/")
    if unit in (costs := _symbols(COSTS)) and value > 0:
        return 1.0 / (value * costs[unit])
    if unit in (rates := _symbols(EFFICIENCIES)) and value >= 0:
        return value * rates[unit]
    raise ValueError(f"{text!r} is not an efficiency; write for example 2.9 MH/W or 29.5 J/TH")


def parse_energy(text: str) -> float:
    """J from `12.5 kWh`; `J` is understood too."""
    return _parse(text, _symbols(ENERGIES) | {"j": 1.0}, "12.5 kWh")


def parse_percent(text: str) -> float:
    """A ratio from `0.8 %`; a bare number is percent."""
    value, symbol = _split(text, "2.5 %")
    if symbol not in ("", "%"):
        raise ValueError(f"{text!r} is not a percentage; write for example 2.5 %")
    return value / 100


def parse_count(text: str) -> int:
    """A whole number of things."""
    value, rest = _split(text, "12")
    if rest or value < 0 or value != int(value):
        raise ValueError(f"{text!r} is not a whole number; write for example 12")
    return int(value)


def parse_bytes(text: str) -> int:
    """Bytes from `128GB` (decimal), `16 GiB` (binary) or a bare number."""
    decimal = {f"{prefix}b": factor for prefix, factor in _PREFIXES.items()}
    return round(_parse(text, decimal | _symbols(SIZES) | {"": 1.0}, "16 GiB"))


def parse_duration(text: str) -> float:
    """Seconds from `3 d 4 h`, `3 hours, 2 minutes` (`uptime -p`), `04:03:02:01` (days first) or a bare number."""
    text = text.strip().removeprefix("up ")
    if clock := _CLOCK.fullmatch(text):
        days, hours, minutes, seconds = (int(part or 0) for part in clock.groups())
        return float(days * 86400 + hours * 3600 + minutes * 60 + seconds)
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    parts = list(_DURATION.finditer(text))
    known = all(part[2].casefold() in _SECONDS for part in parts)
    if not parts or not known or "".join(part[0] for part in parts) != text:
        raise ValueError(f"{text!r} is not a length of time; write for example 3 d 4 h")
    return sum(float(part[1]) * _SECONDS[part[2].casefold()] for part in parts)
