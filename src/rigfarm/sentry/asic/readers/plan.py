"""In which steps a device is asked through pyasic_rs.

The library asks all the questions of one `get_data` side by side: up to 17 connections at once to one small control
board. So a reading is taken in steps of one question each where the fields of a firmware allow it (found by watching
what pyasic_rs 0.8.6 sends), and what hardly ever changes is not asked for in every cycle.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from pyasic_rs.data import DataField

from rigfarm.sentry.asic.readers.base import Scope

__all__ = ["Step", "steps"]


class Step(NamedTuple):
    """One call of `get_data`: names of the fields it is for, and all others, which it leaves out."""

    wanted: tuple[str, ...]
    exclude: list[DataField]


_Fields = tuple[str, ...]
_ALL = {name: getattr(DataField, name) for name in vars(DataField) if name[0].isupper()}

# The first step has the uptime: a device that does not even tell that is not asked on.
_PULSE: dict[str, tuple[_Fields, ...]] = {
    "AntMiner Stock": (("Uptime", "Hashboards", "Fans", "ExpectedHashrate"), ("Hashrate",)),
    "WhatsMiner Stock": (("Uptime", "Hashrate", "ExpectedHashrate", "Fans", "Wattage"), ("Hashboards",)),
    "Braiins": (("Uptime", "ExpectedHashrate"), ("Hashboards",), ("Hashrate", "Wattage")),
    "LuxOS": (("Uptime", "Hashboards", "Hashrate"), ("Wattage",)),
    "UMC OS": (("Uptime", "Hashboards", "Hashrate", "ExpectedHashrate", "Fans", "Wattage", "OperatingState"),),
}
_PULSE_AT_ONCE: tuple[_Fields, ...] = (
    ("Uptime", "Hashboards", "Hashrate", "ExpectedHashrate", "Fans", "Wattage", "OperatingState"),
)

_ROUND: dict[str, tuple[_Fields, ...]] = {
    "Braiins": (("Fans",), ("Pools",)),
    "LuxOS": (("Fans",), ("Pools",)),
    "WhatsMiner Stock": (("Pools",), ("PsuFans",)),
}
_ROUND_AT_ONCE: tuple[_Fields, ...] = (("Pools",),)

_REST: dict[str, tuple[_Fields, ...]] = {
    "AntMiner Stock": (
        ("Wattage",),
        ("Mac", "SerialNumber", "FirmwareVersion", "Hostname"),
        ("Messages",),
        ("IsMining",),
        ("LightFlashing",),
        ("ControlBoardVersion",),
    ),
    "WhatsMiner Stock": (
        ("Mac", "Hostname", "LightFlashing"),
        ("FirmwareVersion", "ControlBoardVersion"),
        ("IsMining",),
        ("Messages",),
    ),
    "Braiins": (
        ("Mac", "Hostname"),
        ("SerialNumber", "FirmwareVersion", "IsMining", "OperatingState", "ControlBoardVersion"),
        ("Messages",),
        ("LightFlashing",),
        ("TuningCapabilities",),
    ),
    "LuxOS": (
        ("Mac", "SerialNumber", "Hostname", "LightFlashing", "ControlBoardVersion"),
        ("FirmwareVersion",),
        ("ExpectedHashrate",),
        ("IsMining",),
        ("Messages",),
    ),
    "UMC OS": (
        ("Mac",),
        ("SerialNumber", "ControlBoardVersion"),
        ("FirmwareVersion", "Hostname", "Messages", "IsMining", "LightFlashing"),
    ),
}
_REST_AT_ONCE: tuple[_Fields, ...] = (
    (
        "Mac",
        "SerialNumber",
        "FirmwareVersion",
        "Hostname",
        "Messages",
        "IsMining",
        "OperatingState",
        "LightFlashing",
        "ControlBoardVersion",
        "TuningCapabilities",
    ),
)


@cache
def steps(firmware: str, scope: Scope) -> tuple[Step, ...]:
    """The steps of a reading of this scope."""
    fields = _PULSE.get(firmware, _PULSE_AT_ONCE)
    if scope is Scope.CHIPS:
        fields = tuple((*step, "Chips") if "Hashboards" in step else step for step in fields)
    if scope is not Scope.PULSE:
        fields += _ROUND.get(firmware, _ROUND_AT_ONCE)
    if scope in (Scope.WHOLE, Scope.CHIPS):
        fields += _REST.get(firmware, _REST_AT_ONCE)
    return tuple(_step(step) for step in fields)


def _step(wanted: _Fields) -> Step:
    return Step(wanted, [field for name, field in _ALL.items() if name not in wanted])
