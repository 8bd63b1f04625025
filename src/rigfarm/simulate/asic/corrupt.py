"""Hostile strings and nonsense numbers: what a hacked or broken device may put into an otherwise well-formed answer."""

from __future__ import annotations

from itertools import cycle

from rigfarm.simulate.asic.recorded import Json

__all__ = ["HOSTILE", "NONSENSE", "hostile", "nonsense"]

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
