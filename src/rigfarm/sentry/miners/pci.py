"""PCI addresses: what mining programs write in a dozen ways, as the one form `0000:bb:dd.f`.

A GPU is known by this address everywhere (sensors, log, playbooks), because an index does not survive a card that
falls off the bus. Programs disagree on the base: T-Rex writes the bus 10 as `10`, XMRig as `0a:00.0`; an adapter says
which one its program uses.
"""

from __future__ import annotations

import re
from typing import Literal

__all__ = ["address", "normalise"]

Base = Literal[10, 16]

_FULL = re.compile(
    r"(?:(?P<domain>[0-9a-f]{1,8}):(?=.*\.))?"  # a domain only in front of a complete address: "1:0" is bus:device
    r"(?P<bus>[0-9a-f]{1,3}):(?P<device>[0-9a-f]{1,2})(?:\.(?P<function>[0-7]))?",
    re.IGNORECASE,
)
_BUS = re.compile(r"(?:(?P<hex>0x[0-9a-f]{1,2})|(?P<digits>[0-9a-f]{1,3}))", re.IGNORECASE)


def address(bus: int, device: int = 0, function: int = 0, domain: int = 0) -> str | None:
    """The address made of its numbers; None where they cannot be one, or are the host bridge `0000:00:00.0`, which
    programs write for "no idea" and which is never a GPU."""
    if not (0 <= bus <= 0xFF and 0 <= device <= 0x1F and 0 <= function <= 7 and 0 <= domain <= 0xFFFFFFFF):
        return None
    if not (bus or device or domain):
        return None
    return f"{domain:04x}:{bus:02x}:{device:02x}.{function:x}"


def normalise(value: object, base: Base = 16) -> str | None:
    """`0000:0a:00.0` for `10` (a bus number), "0a:00.0", "00000000:0A:00.0", "0x0a", with base 10 also "10:0" and "10".

    `base` is how the digits of a text are to be read; a number is itself. None for whatever is no PCI address.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        return address(int(value)) if value.is_integer() else None
    if isinstance(value, int):
        return address(value)
    return _from_text(value.strip(), base) if isinstance(value, str) else None


def _from_text(text: str, base: Base) -> str | None:
    if found := _BUS.fullmatch(text):
        return address(int(found["hex"], 16)) if found["hex"] else _from_digits(found["digits"], "0", "0", "0", base)
    if found := _FULL.fullmatch(text):
        return _from_digits(found["bus"], found["device"], found["function"] or "0", found["domain"] or "0", base)
    return None


def _from_digits(bus: str, device: str, function: str, domain: str, base: Base) -> str | None:
    try:
        return address(int(bus, base), int(device, base), int(function), int(domain, 16))
    except ValueError:  # hexadecimal digits where the program writes decimal ones
        return None
