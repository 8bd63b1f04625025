"""The seal of Whatsminer's write API: md5crypt signs, AES-256-ECB hides. Only a fake may use ciphers this old.

Written out because nothing in our dependencies has them: AES after FIPS 197, md5crypt after FreeBSD's `$1$` scheme.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache

__all__ = ["md5crypt", "seal", "unseal"]

_ITOA64 = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ROUNDS = 14


def seal(secret: str, text: str) -> str:
    """Text as base64 of AES-256-ECB under SHA-256 of `secret`, padded with zeros."""
    data = text.encode()
    data += b"\0" * (-len(data) % 16)
    keys = _schedule(hashlib.sha256(secret.encode()).digest())
    return base64.b64encode(b"".join(_encrypt(data[i : i + 16], keys) for i in range(0, len(data), 16))).decode()


def unseal(secret: str, sealed: str) -> str:
    """The text of `seal`; ValueError if it is none."""
    data = base64.b64decode(sealed, validate=True)
    if len(data) % 16:
        raise ValueError("not whole blocks")
    keys = _schedule(hashlib.sha256(secret.encode()).digest())
    return b"".join(_decrypt(data[i : i + 16], keys) for i in range(0, len(data), 16)).rstrip(b"\0").decode()


def _md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()


def md5crypt(password: str, salt: str) -> str:
    """The hash part of `$1$salt$hash`."""
    key, grain = password.encode(), salt.encode()[:8]
    inner = _md5(key + grain + key)
    start = key + b"$1$" + grain + (inner * (len(key) // 16 + 1))[: len(key)]
    bits = len(key)
    while bits:
        start += b"\0" if bits & 1 else key[:1]
        bits >>= 1
    final = _md5(start)
    for turn in range(1000):
        middle = (grain if turn % 3 else b"") + (key if turn % 7 else b"")
        final = _md5((key if turn & 1 else final) + middle + (final if turn & 1 else key))
    groups = [(0, 6, 12), (1, 7, 13), (2, 8, 14), (3, 9, 15), (4, 10, 5)]
    text = "".join(_letters(final[a] << 16 | final[b] << 8 | final[c], 4) for a, b, c in groups)
    return text + _letters(final[11], 2)


def _letters(value: int, count: int) -> str:
    return "".join(_ITOA64[value >> 6 * place & 63] for place in range(count))


def _times(a: int, b: int) -> int:
    """Product in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1."""
    product = 0
    while b:
        product ^= a if b & 1 else 0
        a = a << 1 ^ (0x11B if a & 0x80 else 0)
        b >>= 1
    return product


@cache
def _boxes() -> tuple[bytes, bytes]:
    inverse = {0: 0} | {a: next(b for b in range(1, 256) if _times(a, b) == 1) for a in range(1, 256)}
    box = bytearray(256)
    for a in range(256):
        b = inverse[a]
        box[a] = b ^ _turn(b, 1) ^ _turn(b, 2) ^ _turn(b, 3) ^ _turn(b, 4) ^ 0x63
    back = bytearray(256)
    for a, value in enumerate(box):
        back[value] = a
    return bytes(box), bytes(back)


def _turn(value: int, by: int) -> int:
    return (value << by | value >> 8 - by) & 0xFF


@cache
def _products(by: int) -> bytes:
    return bytes(_times(value, by) for value in range(256))


@cache
def _schedule(key: bytes) -> tuple[bytes, ...]:
    box, _ = _boxes()
    words = [key[i : i + 4] for i in range(0, 32, 4)]
    constant = 1
    for i in range(8, 4 * (_ROUNDS + 1)):
        word = words[-1]
        if i % 8 == 0:
            word = (word[1:] + word[:1]).translate(box)
            word = bytes([word[0] ^ constant]) + word[1:]
            constant = _times(constant, 2)
        elif i % 8 == 4:
            word = word.translate(box)
        words.append(_xor(word, words[i - 8]))
    return tuple(b"".join(words[i : i + 4]) for i in range(0, len(words), 4))


def _xor(a: bytes, b: bytes) -> bytes:
    return bytes(x ^ y for x, y in zip(a, b, strict=True))


def _mix(block: bytes, factors: tuple[int, int, int, int]) -> bytes:
    tables = [_products(factor) for factor in factors]
    mixed = bytearray(16)
    for column in range(0, 16, 4):
        for row in range(4):
            for i in range(4):
                mixed[column + row] ^= tables[i][block[column + (row + i) % 4]]
    return bytes(mixed)


def _encrypt(block: bytes, keys: tuple[bytes, ...]) -> bytes:
    box, _ = _boxes()
    state = _xor(block, keys[0])
    for turn in range(1, _ROUNDS + 1):
        state = state.translate(box)
        state = bytes(state[(i + 4 * (i % 4)) % 16] for i in range(16))
        if turn < _ROUNDS:
            state = _mix(state, (2, 3, 1, 1))
        state = _xor(state, keys[turn])
    return state


def _decrypt(block: bytes, keys: tuple[bytes, ...]) -> bytes:
    _, back = _boxes()
    state = block
    for turn in range(_ROUNDS, 0, -1):
        state = _xor(state, keys[turn])
        if turn < _ROUNDS:
            state = _mix(state, (14, 11, 13, 9))
        state = bytes(state[(i - 4 * (i % 4)) % 16] for i in range(16))
        state = state.translate(back)
    return _xor(state, keys[0])
