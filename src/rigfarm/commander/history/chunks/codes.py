"""Measurements as whole numbers: the first 24 bits of a 32-bit float (sign, exponent, 16 bits of the mantissa).

A code is within eight millionths of its value, small changes are small differences of codes, and what was coded once
is coded the same again: so rollups can be made again from what is stored, in any order, and come out the same.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from functools import lru_cache
from sys import byteorder

__all__ = ["UNKNOWN", "coarse", "code", "codes", "value", "values"]

UNKNOWN = -(1 << 26)
"""The code of what is unknown; no measurement and no counter has it."""
_LARGEST = 0x7F7FFF80
_SIGN = 0x80000000
_CODE, _NO_CODE = 0x01FFFFFF, 0xFE000000
"""The bits that a code of a number above zero has, and those that it has not."""
_MOST = 3.4e38
_NAN = float("nan")


def codes(measured: Sequence[float | None]) -> list[int]:
    """Measurements as codes; NaN, infinite and absurd ones are unknown."""
    known = [_NAN if one is None else one for one in measured] if None in measured else measured
    bits = array("I")
    try:
        bits.frombytes(array("f", known).tobytes())  # type: ignore[type-var]
    except OverflowError:
        return [UNKNOWN if one is None else code(one) for one in measured]
    every, count = int.from_bytes(bits.tobytes(), byteorder), len(bits)
    if (every | every + _each(_SIGN - _LARGEST, count)) & _each(_SIGN, count):
        return [(one + 64) >> 7 if one < _LARGEST else _rare(one) for one in bits]
    rounded = every + _each(64, count) >> 7 & _each(_CODE, count)  # all of them at once
    return array("I", rounded.to_bytes(4 * count, byteorder)).tolist()


def code(measured: float | None) -> int:
    """One measurement as a code."""
    if measured is None or not -_MOST < measured < _MOST:
        return UNKNOWN
    bits = array("I")
    bits.frombytes(array("f", (measured,)).tobytes())
    return (bits[0] + 64) >> 7 if bits[0] < _LARGEST else _rare(bits[0])


def _rare(bits: int) -> int:
    """Of a negative number; what is too large or not a number is unknown."""
    size = bits & ~_SIGN
    return -((size + 64) >> 7) if bits & _SIGN and size < _LARGEST else UNKNOWN


def coarse(coded: int, step: int) -> int:
    """A code rounded to a multiple of `step`: each doubling keeps one bit less."""
    return coded if coded == UNKNOWN else (coded + step // 2) // step * step


def values(coded: Sequence[int]) -> list[float | None]:
    """Inverse of `codes`."""
    found = array("f")
    try:
        every = int.from_bytes(array("I", coded).tobytes(), byteorder)
    except OverflowError:  # some are negative
        found.frombytes(array("I", [one << 7 if one > 0 else 0 for one in coded]).tobytes())
        rare = True
    else:
        if every & _each(_NO_CODE, len(coded)):
            raise OverflowError("not a code")
        found.frombytes((every << 7).to_bytes(4 * len(coded), byteorder))  # of all at once
        rare = False
    values: list[float | None] = list(found)
    if rare:
        for n, one in enumerate(coded):
            if one < 0:
                values[n] = value(one)
    return values


@lru_cache(maxsize=1024)
def _each(number: int, count: int) -> int:
    """The same number of 32 bits so many times."""
    return int.from_bytes(number.to_bytes(4, byteorder) * count, byteorder)


def value(coded: int) -> float | None:
    """Inverse of `code`."""
    if coded == UNKNOWN:
        return None
    found = array("f")
    found.frombytes(array("I", (abs(coded) << 7,)).tobytes())
    return found[0] if coded >= 0 else -found[0]
