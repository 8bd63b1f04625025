"""Monero's addresses: base58 in blocks of 8 bytes, of which the last 4 bytes are the head of a Keccak-256."""

from __future__ import annotations

import base58
from Crypto.Hash import keccak

__all__ = ["monero_ok"]

_BYTES_OF = {0: 0, 2: 1, 3: 2, 5: 3, 6: 4, 7: 5, 9: 6, 10: 7, 11: 8}
"""Characters of a block -> bytes."""
_NETWORKS = {18: 69, 19: 77, 42: 69}
"""First byte of an address, an integrated address and a subaddress of the main network -> length in bytes."""


def monero_ok(text: str) -> bool:
    """Whether the text is an address of Monero's main network, checksum included."""
    raw = _decode(text)
    if raw is None or _NETWORKS.get(raw[0]) != len(raw):
        return False
    return keccak.new(data=raw[:-4], digest_bits=256).digest()[:4] == raw[-4:]


def _decode(text: str) -> bytes | None:
    raw = b""
    for start in range(0, len(text), 11):
        block = text[start : start + 11]
        size = _BYTES_OF.get(len(block))
        try:
            number = base58.b58decode_int(block)
        except ValueError:
            return None
        if size is None or number >= 1 << 8 * size:
            return None
        raw += number.to_bytes(size, "big")
    return raw or None
