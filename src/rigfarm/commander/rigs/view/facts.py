"""What a rig is made of, as label and value: only what is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from ipaddress import ip_address, ip_network

from msgspec import Struct

from rigfarm.commander.bundle import Bundle
from rigfarm.commander.lan import host_for_others
from rigfarm.commander.rigs.model import Rig
from rigfarm.common.versions import is_older
from rigfarm.units import count, hashrate, size, watts
from rigfarm.wire.log import OperationalLog
from rigfarm.wire.specs import Specs

__all__ = ["Fact", "facts", "own_page"]


_LAN = "LAN address"
_PRIVATE = [ip_network(net) for net in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")]
"""What pages may link to: not this machine, not the Internet."""


class Fact(Struct, frozen=True):
    """One line of the specs."""

    label: str
    value: str
    href: str = ""
    """The device's own page."""


def facts(rig: Rig, log: OperationalLog | None, offered: Sequence[Bundle] = ()) -> tuple[Fact, ...]:
    """Specs and addresses of a rig of either kind. `offered`: the Sentries that the Commander hands out."""
    specs = rig.specs
    found = _asic(specs) if rig.of.has_boards else _computer(specs)
    if log is not None:
        found += [(_LAN, log.lan_ip), ("WAN address", log.wan_ip)]
    if specs is not None:
        found.append(("Sentry", f"{specs.sentry_version}{_newer(specs, offered)}"))
    own = own_page(log.lan_ip) if log is not None and rig.of.has_boards else ""
    return tuple(Fact(label, value, own if label == _LAN else "") for label, value in found if value)


def _newer(specs: Specs, offered: Sequence[Bundle]) -> str:
    """That the Commander has a newer Sentry for its machine."""
    for one in offered:
        if one.machine == specs.sentry_machine and is_older(specs.sentry_version, one.version):
            return f" · update available: {one.version}"
    return ""


def own_page(lan_ip: str | None) -> str:
    """The URL of a device's own page; empty where its Sentry did not report a private address of a LAN."""
    try:
        address = ip_address(lan_ip or "")
    except ValueError:
        return ""
    if not any(address in net for net in _PRIVATE):
        return ""
    return f"http://{host_for_others(str(address))}"


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
