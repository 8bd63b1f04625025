"""What is told of a device, without what cannot be true."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from rigfarm.common import plausible
from rigfarm.common.plausible import Measure
from rigfarm.wire.log import Device

__all__ = ["believable", "impossible"]

_MEASURES: Mapping[str, tuple[Measure, str]] = MappingProxyType(
    {
        "core_c": ("celsius", "temperature"),
        "memory_c": ("celsius", "memory temperature"),
        "chip_c": ("celsius", "hotspot temperature"),
        "core_mhz": ("mhz", "clock"),
        "memory_mhz": ("mhz", "memory clock"),
        "fan_percent": ("fan_percent", "fan speed"),
        "fan_rpm": ("rpm", "fan speed"),
    }
)
_NAMES = {"cpu": "CPU", "gpu": "GPU", "hashboard": "board"}


def impossible(teller: str, what: str, whose: str) -> str:
    """The sentence for a value that cannot be; without the value, so that it is the same at every look."""
    return f"{teller}: the {what} reported for {whose} is impossible; it counts as unknown."


def believable(device: Device, teller: str, limit_w: float | None = None) -> tuple[Device, list[str]]:
    """The device with its impossible values unknown, and a sentence for each, the same at every look. `limit_w` is its
    power limit, where another source than the device itself tells it."""
    wrong: dict[str, object] = {}
    said: dict[str, None] = {}
    for field, (measure, what) in _MEASURES.items():
        value = getattr(device, field)
        if value is not None and not plausible.is_possible(measure, value):
            wrong[field] = None
            said[what] = None
    limit = limit_w if limit_w is not None else device.power_limit_w
    if device.power_w is not None and not plausible.is_watts(device.power_w, device.kind, limit):
        wrong["power_w"] = None
        said["power"] = None
    rates = [plausible.possible("hashrate", rate) for rate in device.hashrates]
    if rates != device.hashrates:
        wrong["hashrates"] = rates
        said["hashrate"] = None
    if not wrong:
        return device, []
    name = f"{_NAMES[device.kind]} {device.index}"
    return msgspec.structs.replace(device, **wrong), [impossible(teller, what, name) for what in said]
