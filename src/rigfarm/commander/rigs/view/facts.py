"""What a rig is made of, as label and value: only what is known."""

from __future__ import annotations

from collections import Counter

from msgspec import Struct

from rigfarm.commander.rigs.model import Rig
from rigfarm.units import count, hashrate, size, watts
from rigfarm.wire.log import OperationalLog
from rigfarm.wire.specs import Specs

__all__ = ["Fact", "facts"]


class Fact(Struct, frozen=True):
    """One line of the specs."""

    label: str
    value: str


def facts(rig: Rig, log: OperationalLog | None) -> tuple[Fact, ...]:
    """Specs and addresses of a rig of either kind."""
    specs = rig.specs
    found = _asic(specs) if rig.kind == "asic" else _computer(specs)
    if log is not None:
        found += [("LAN address", log.lan_ip), ("WAN address", log.wan_ip)]
    if specs is not None:
        found.append(("Sentry", specs.sentry_version))
    return tuple(Fact(label, value) for label, value in found if value)


def _computer(specs: Specs | None) -> list[tuple[str, str | None]]:
    if specs is None:
        return []
    cores = f"{specs.cpu_cores} cores, {specs.cpu_threads} threads" if specs.cpu_cores and specs.cpu_threads else None
    return [
        ("Host name", specs.hostname),
        ("CPU", specs.cpu),
        ("Cores", cores),
        ("Memory", str(size(specs.ram_bytes)) if specs.ram_bytes else None),
        ("Board", specs.board),
        ("BIOS", specs.bios),
        ("GPUs", _gpus(specs)),
        ("Driver", ", ".join(dict.fromkeys(gpu.driver for gpu in specs.gpus if gpu.driver))),
        ("System", " · ".join(part for part in (specs.os, specs.kernel) if part)),
    ]


def _gpus(specs: Specs) -> str:
    """`6 × RTX 3080, 1 × RX 6800`"""
    names = Counter(gpu.name or "unknown" for gpu in specs.gpus)
    return ", ".join(f"{number} × {name}" for name, number in names.items())


def _asic(specs: Specs | None) -> list[tuple[str, str | None]]:
    if specs is None:
        return []
    expected = hashrate(specs.expected_hashrate)
    return [
        ("Model", " ".join(part for part in (specs.make, specs.model, specs.variant) if part)),
        ("Firmware", " ".join(part for part in (specs.firmware, specs.firmware_version) if part)),
        ("Control board", specs.control_board),
        ("Hashboards", str(specs.hashboards_expected) if specs.hashboards_expected else None),
        ("Chips", count(specs.chips_expected) if specs.chips_expected else None),
        ("Fans", str(specs.fans_expected) if specs.fans_expected else None),
        ("Expected hashrate", str(expected) if expected.unit else None),
        ("Power limits", _limits(specs)),
        ("Host name", specs.hostname),
        ("MAC address", specs.mac),
        ("Serial number", specs.serial),
    ]


def _limits(specs: Specs) -> str | None:
    low, high = watts(specs.power_limit_min_w), watts(specs.power_limit_max_w)
    return f"{low.number} to {high.number} W" if low.unit and high.unit else None
