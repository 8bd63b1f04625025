"""The units of hashrates as mining programs write them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["hashes_per_unit", "of_an_answer", "only_devices", "shortest", "split_user", "total"]

_UNIT = re.compile(r"(?P<prefix>[kmgtpez]?)(?:h|hash|hashes|sol|sols|g|graph|graphs|gps|it|iter|iters)(?:/?s)?")
_FACTOR = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12, "p": 1e15, "e": 1e18, "z": 1e21}

_cut_off = ContextVar("cut_off", default=False)


@contextmanager
def of_an_answer(*, cut_off: bool) -> Iterator[None]:
    """While an answer is read: if it is cut off, what it tells of some devices is not summed up to a total, for a sum
    without the others would look like a rig that makes less."""
    before = _cut_off.set(cut_off)
    try:
        yield
    finally:
        _cut_off.reset(before)


def hashes_per_unit(unit: str | None) -> float | None:
    """1e6 for "MH/s" and "mh/s", 1 for "Sol/s" and for "g/s" (graphs of the cuckoo family); None for an unknown one."""
    found = _UNIT.fullmatch(unit.strip().lower()) if unit else None
    return _FACTOR[found["prefix"]] if found else None


def total(rates: Iterable[float | None]) -> float | None:
    """The sum of the devices that are known, for a program that tells no total; None when none is known."""
    if _cut_off.get():
        return None
    known = [rate for rate in rates if rate is not None]
    return sum(known) if known else None


def shortest(windows: Iterable[float | None]) -> float | None:
    """Of averages over longer and longer times the first that is known: a short window may be unknown while a long one
    is not, on a slow device for good."""
    return next((rate for rate in windows if rate is not None), None)


def only_devices(told: int | None, parts: Iterable[int | None]) -> int | None:
    """A number of shares: as told for all together, else the sum of what is told per device."""
    if told is not None or _cut_off.get():
        return told
    known = [part for part in parts if part is not None]
    return sum(known) if known else None


def split_user(user: str | None) -> tuple[str | None, str | None]:
    """Wallet and worker out of a pool login such as `WALLET.worker`; an e-mail address as login stays whole."""
    if not user or "." not in user or "@" in user:
        return user, None
    wallet, worker = user.split(".", 1)
    return wallet or None, worker or None
