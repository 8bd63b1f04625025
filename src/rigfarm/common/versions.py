"""Which of two versions is the older one."""

from __future__ import annotations

import re

__all__ = ["is_older"]

_PARTS = re.compile(r"\d+|[a-z]+")
_MOST_PARTS = 12


def is_older(one: str, other: str) -> bool:
    """`0.9` than `0.10`, `1.0rc1` than `1.0`. What follows a `+` does not count."""
    return _key(one) < _key(other)


def _key(version: str) -> list[tuple[int, int, str]]:
    """Words (dev, a, b, rc) come before the end of a version, numbers after it; zeros before either don't count."""
    key: list[tuple[int, int, str]] = []
    for part in _PARTS.findall(version.lower().partition("+")[0].removeprefix("v"))[:_MOST_PARTS]:
        if not part.isdigit():
            _drop_zeros(key)
        key.append((2, int(part[:18]), "") if part.isdigit() else (0, part != "dev", part))
    _drop_zeros(key)
    return [*key, (1, 0, "")]


def _drop_zeros(key: list[tuple[int, int, str]]) -> None:
    while key and key[-1] == (2, 0, ""):
        key.pop()
