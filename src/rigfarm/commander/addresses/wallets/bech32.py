"""The two checksums over GF(32) that wallets carry: Bech32(m), BIP 173 and 350, and CashAddr (Bitcoin Cash, Kaspa)."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["bech32_ok", "cashaddr_ok"]

_CHARSET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_BECH32 = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CASHADDR = (0x98F2BC8E61, 0x79B76D99E2, 0xF33E5FB3C4, 0xAE2EABE2A8, 0x1E4F43E470)
_BECH32_FINAL = (1, 0x2BC830A3)


def bech32_ok(text: str, prefix: str) -> bool:
    """Whether `text` is `prefix`, 1, data and a right checksum, all in one case."""
    lower = text.lower()
    if text not in (lower, text.upper()) or not lower.startswith(prefix + "1"):
        return False
    data = _values(lower[len(prefix) + 1 :])
    expanded = [ord(char) >> 5 for char in prefix] + [0] + [ord(char) & 31 for char in prefix]
    return data is not None and len(data) > 6 and _polymod([*expanded, *data], _BECH32, 25) in _BECH32_FINAL


def cashaddr_ok(text: str, prefix: str, *, needs_prefix: bool) -> bool:
    """Whether `text` is `prefix:`, data and a right checksum."""
    lower = text.lower()
    if text not in (lower, text.upper()):
        return False
    if lower.startswith(prefix + ":"):
        lower = lower[len(prefix) + 1 :]
    elif needs_prefix:
        return False
    data = _values(lower)
    if data is None or len(data) <= 8:
        return False
    return _polymod([*(ord(char) & 31 for char in prefix), 0, *data], _CASHADDR, 35) == 1


def _values(text: str) -> list[int] | None:
    found = [_CHARSET.find(char) for char in text]
    return None if -1 in found else found


def _polymod(values: Iterable[int], generator: tuple[int, ...], shift: int) -> int:
    """CashAddr's definition ends with `^ 1`, so there a right checksum gives 1 here and 0 there."""
    check = 1
    mask = (1 << shift) - 1
    for value in values:
        top = check >> shift
        check = ((check & mask) << 5) ^ value
        for bit, factor in enumerate(generator):
            if top >> bit & 1:
                check ^= factor
    return check
