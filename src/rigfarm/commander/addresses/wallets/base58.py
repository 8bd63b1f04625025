"""Base58 with its four bytes of checksum, as Bitcoin and its many descendants write addresses."""

from __future__ import annotations

import hashlib

__all__ = ["ALPHABET", "base58check_version", "decode"]

ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_VALUES = {char: value for value, char in enumerate(ALPHABET)}
_CHECKSUM = 4
_HASH = 20


def decode(text: str) -> bytes | None:
    """The bytes; None when a character is none of the 58."""
    number = 0
    for char in text:
        value = _VALUES.get(char)
        if value is None:
            return None
        number = number * 58 + value
    zeros = len(text) - len(text.lstrip("1"))
    return b"\0" * zeros + number.to_bytes((number.bit_length() + 7) // 8, "big")


def base58check_version(text: str) -> bytes | None:
    """The version in front of the 20 bytes of hash; None when length or checksum are wrong."""
    raw = decode(text)
    if raw is None or len(raw) < _HASH + _CHECKSUM + 1:
        return None
    body, checksum = raw[:-_CHECKSUM], raw[-_CHECKSUM:]
    if hashlib.sha256(hashlib.sha256(body).digest()).digest()[:_CHECKSUM] != checksum:
        return None
    return body[:-_HASH]
