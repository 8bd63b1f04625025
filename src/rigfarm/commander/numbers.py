"""Numbers that URLs, forms and JSON carry: those that name a row, within what a column of the database can hold, and
those that operators type."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated

from msgspec import Meta

from rigfarm.commander.refusals import Invalid

__all__ = [
    "MAX_NUMBER",
    "Number",
    "asked_number",
    "number",
    "read_decimal",
    "read_percent",
    "within",
    "write_decimal",
    "write_percent",
]

_DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?")

MAX_NUMBER = 2**31 - 1
"""The largest that PostgreSQL's `integer` holds."""
Number = Annotated[int, Meta(ge=0, le=MAX_NUMBER)]
"""An id or a revision in JSON."""


def number(text: str) -> int | None:
    """The number that a text is; None for a text that is not one, or is larger than any row's."""
    if not text.isascii() or not text.isdecimal() or len(text) > 10:
        return None
    found = int(text)
    return found if found <= MAX_NUMBER else None


def asked_number(text: str) -> int | None:
    """For a choice that may be left open: None for an empty text, and 0, which no row has, for what is not a number."""
    return (number(text) or 0) if text else None


def read_decimal(text: str, field: str = "") -> float | None:
    """A number with or without decimals, as people type it; None when nothing was typed. Invalid, of this field of a
    form."""
    text = text.strip().replace(",", ".")
    if not text:
        return None
    if len(text) > 16 or not _DECIMAL.fullmatch(text):
        raise Invalid("Enter a number, for example 85 or 2.5.", field=field)
    return float(text)


def read_percent(text: str) -> float | None:
    """A ratio from percent: `5` or `5 %` is 0.05."""
    percent = read_decimal(text.strip().removesuffix("%"))
    return None if percent is None else percent / 100.0


def write_decimal(value: float | None) -> str:
    """As `read_decimal` reads it; empty when there is none."""
    return "" if value is None else f"{value:.10g}"


def write_percent(value: float | None) -> str:
    """As `read_percent` reads it, without the sign."""
    return "" if value is None else f"{value * 100.0:.10g}"


def within(
    low: float, high: float, unit: str, shown: float = 1.0, *, optional: bool = False
) -> Callable[[object, object], float | None]:
    """A field's check: a number from `low` to `high`. `shown`: what it is multiplied by for people."""

    def check(value: object, _: object) -> float | None:
        if value is None and optional:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise Invalid(f"Enter a number from {low * shown:g} to {high * shown:g} {unit}".rstrip() + ".")
        return float(value)

    return check
