"""Hostile strings and nonsense numbers: what a hacked or broken device may put into an otherwise well-formed answer."""

from __future__ import annotations

from copy import deepcopy
from itertools import cycle
from random import Random

from rigfarm.simulate.asic.recorded import Json

__all__ = ["HOSTILE", "NONSENSE", "hostile", "mangled", "mangled_bytes", "nonsense"]

HOSTILE = (
    "\x1b[2J\x1b]0;owned\x07rig",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "safe\u202egnp.exe\u2066\u200f",
    "two\nlines\r\nthree\x00four\x85five",
    "{{7*7}} ${jndi:ldap://x} '; DROP TABLE rigs; --",
    "A" * 9000,
)
NONSENSE: tuple[Json, ...] = (-1, 1e308, "text", None, -273.15e9, 99999999999999999999, "NaN", 1e-320, [], "-inf")

_KEPT = {
    "STATUS",
    "Type",
    "Model",
    "miner_type",
    "minertype",
    "ASICModel",
    "Driver",
    "modelName",
    "full",
    "CompileTime",
}
"""What a device is known by: a fake that lies about these is simply not found."""


def hostile(answer: Json) -> Json:
    """Every string but the identifying ones becomes one of HOSTILE."""
    payloads = cycle(HOSTILE)

    def twist(value: Json, key: str) -> Json:
        match value:
            case str() if key not in _KEPT:
                return next(payloads)
            case dict():
                return {name: twist(item, name) for name, item in value.items()}
            case list():
                return [twist(item, key) for item in value]
        return value

    return twist(answer, "")


def nonsense(answer: Json, start: int = 0) -> Json:
    """Every number becomes one of NONSENSE."""
    payloads = cycle(NONSENSE[start % len(NONSENSE) :] + NONSENSE[: start % len(NONSENSE)])

    def twist(value: Json, key: str) -> Json:
        match value:
            case bool():
                return value
            case int() | float() if key not in _KEPT:
                return next(payloads)
            case dict():
                return {name: twist(item, name) for name, item in value.items()}
            case list():
                return [twist(item, key) for item in value]
        return value

    return twist(answer, "")


_ODD: tuple[Json, ...] = (*NONSENSE, *HOSTILE, {}, [[]], True, {"a": {"a": {"a": []}}}, 2**64, -0.0, "")


def mangled(answer: Json, dice: Random) -> Json:
    """An answer in which one to three places are gone, doubled, or something else altogether."""
    spoilt = deepcopy(answer)
    for _ in range(dice.randint(1, 3)):
        places = list(_places(spoilt))
        if not places:
            return spoilt
        within, place = dice.choice(places)
        _spoil(within, place, dice)
    return spoilt


def mangled_bytes(payload: bytes, dice: Random) -> bytes:
    """Bytes that were cut, doubled, flipped or stuffed somewhere."""
    at, some = dice.randrange(len(payload) + 1), dice.randrange(1, 40)
    match dice.randrange(4):
        case 0:
            return payload[:at]
        case 1:
            return payload[: at + some] + payload[at:]
        case 2:
            return payload[:at] + dice.randbytes(some) + payload[at + some :]
    return payload[:at] + dice.choice((b"[" * 5_000, b"9" * 400, b'"', b"\\ud800", b"\0", b"\xff\xfe")) + payload[at:]


def _places(value: Json) -> list[tuple[dict[str, Json] | list[Json], str | int]]:
    """Everything that could be something else, with what holds it."""
    found: list[tuple[dict[str, Json] | list[Json], str | int]] = []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        assert isinstance(value, (dict, list))
        found.append((value, key))
        found += _places(item)
    return found


def _spoil(within: dict[str, Json] | list[Json], place: str | int, dice: Random) -> None:
    choice = dice.randrange(8)
    if isinstance(within, dict):
        key = str(place)
        if choice == 0:
            del within[key]
        else:
            within[key] = deepcopy(dice.choice(_ODD))
    elif choice == 0:
        del within[int(place)]
    elif choice == 1:
        within += [deepcopy(within[int(place)])] * dice.choice((1, 200))
    else:
        within[int(place)] = deepcopy(dice.choice(_ODD))
