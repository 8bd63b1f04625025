"""The units of hashrates as mining programs write them."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["hashes_per_unit", "split_user", "total"]

_UNIT = re.compile(r"(?P<prefix>[kmgtpez]?)(?:h|hash|hashes|sol|sols|g|graph|graphs|gps|it|iter|iters)(?:/?s)?")
_FACTOR = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12, "p": 1e15, "e": 1e18, "z": 1e21}


def hashes_per_unit(unit: str | None) -> float | None:
    """1e6 for "MH/s" and "mh/s", 1 for "Sol/s" and for "g/s" (graphs of the cuckoo family); None for an unknown one."""
    found = _UNIT.fullmatch(unit.strip().lower()) if unit else None
    return _FACTOR[found["prefix"]] if found else None


def total(rates: Iterable[float | None]) -> float | None:
    """The sum of the devices that are known, for a program that tells no total; None when none is known."""
    known = [rate for rate in rates if rate is not None]
    return sum(known) if known else None


def split_user(user: str | None) -> tuple[str | None, str | None]:
    """Wallet and worker out of a pool login such as `WALLET.worker`; an e-mail address as login stays whole."""
    if not user or "." not in user or "@" in user:
        return user, None
    wallet, worker = user.split(".", 1)
    return wallet or None, worker or None
