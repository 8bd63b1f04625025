"""Addresses and names as rigs report them."""

from __future__ import annotations

from rigfarm.common.text import printable

__all__ = ["is_shortened", "quoted"]

_MARKS = ("…", "...", "***")


def is_shortened(text: str) -> bool:
    """Whether a program left out a part of it, so that it can't be compared."""
    return any(mark in text for mark in _MARKS)


def quoted(text: str | None) -> str:
    """For a message: short and visible."""
    return printable(text or "", "?", most=100)
