"""Who the kernel says is at an address of this LAN: its ARP table, read without asking any device anything."""

from __future__ import annotations

from pathlib import Path

from rigfarm.sentry.asic import clean

__all__ = ["neighbours"]

_TABLE = Path("/proc/net/arp")
_COMPLETE = 0x2


def neighbours(table: Path = _TABLE) -> dict[str, str]:
    """Address -> hardware address of the neighbours heard of lately; empty where there is no such table."""
    try:
        lines = table.read_text("ascii", "replace").splitlines()[1:]
    except OSError:
        return {}
    found: dict[str, str] = {}
    for line in lines:
        ip, _, flags, hardware, *_ = [*line.split(), "", "", "", ""]
        mac = clean.mac(hardware)
        if mac is not None and flags.startswith("0x") and int(flags, 16) & _COMPLETE:
            found[ip] = mac
    return found
