"""Numbers that name a row, as URLs, forms and JSON carry them: within what a column of the database can hold."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

__all__ = ["MAX_NUMBER", "Number", "asked_number", "number"]

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
