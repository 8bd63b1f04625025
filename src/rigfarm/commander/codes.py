"""What is printed on the stickers of devices: MAC addresses and serial numbers, however they are written.

mac_key("AA-BB-CC-DD-EE-FF")                   aabbccddeeff
read_code("SN:JYZ123;MAC:AA:BB:CC:DD:EE:FF")   a MAC address, and words one of which may be a serial number
"""

from __future__ import annotations

import re

from msgspec import Struct

from rigfarm.commander.refusals import Invalid

__all__ = ["MAX_CODE", "Code", "mac_key", "read_code", "serial_key"]

MAX_CODE = 1_000
"""Characters of a code: a QR code may have four thousand, a sticker of a device has a hundred."""
MAX_WORDS = 64
"""Words of a code that are looked up."""
_SEPARATORS = re.compile(r"[:.\-\s]")
_MAC = re.compile(
    r"(?<![0-9A-Za-z])(?:[0-9A-Fa-f]{2}(?:([:\- ]?)[0-9A-Fa-f]{2})(?:\1[0-9A-Fa-f]{2}){4}"
    r"|[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4})(?![:\-.]?[0-9A-Za-z])"
)
_KEY = re.compile(r"[0-9a-f]{12}")
_BETWEEN = re.compile(r"[\s;,|&?=/<>(){}\[\]\"'\x00-\x1f]+")


class Code(Struct, frozen=True):
    """What a code says, as keys that things are found by."""

    text: str
    macs: tuple[str, ...]
    words: tuple[str, ...]
    """The whole text, then its parts; any of them may be a serial number or a name."""


def mac_key(text: str) -> str:
    """A MAC address as it is compared, 12 digits; empty for a text that is not one."""
    key = _SEPARATORS.sub("", text).lower()
    return key if _KEY.fullmatch(key) else ""


def serial_key(text: str) -> str:
    """A serial number as it is compared: without regard to case and blanks."""
    return " ".join(text.split()).casefold()


def read_code(text: str) -> Code:
    """The keys in a text that was scanned or typed. Invalid for one that is empty or too long."""
    whole = serial_key(text)
    if not whole:
        raise Invalid("Scan or enter a MAC address or a serial number.", field="code")
    if len(text) > MAX_CODE:
        raise Invalid(
            f"This code has {len(text)} characters, and a sticker with a MAC address or a serial number has at most "
            f"{MAX_CODE}: scan another code of the device.",
            field="code",
        )
    macs = dict.fromkeys(mac_key(found[0]) for found in _MAC.finditer(text))
    words = dict.fromkeys((whole,))
    for part in _BETWEEN.split(text.strip()):
        labelled, _, rest = part.partition(":")
        words |= dict.fromkeys(word for word in map(serial_key, (part, rest, labelled)) if word)
    return Code(text.strip(), tuple(macs), tuple(words)[:MAX_WORDS])
