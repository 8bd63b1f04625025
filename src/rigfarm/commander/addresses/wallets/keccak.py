"""Keccak-256 as Ethereum and Monero use it: SHA-3's permutation with the padding of before the standard, which hashlib
does not offer. For a few dozen bytes at a time."""

from __future__ import annotations

__all__ = ["keccak256"]

_MASK = (1 << 64) - 1
_RATE = 136
_ROUNDS = 24


def keccak256(data: bytes) -> bytes:
    """The 32 bytes of digest."""
    padded = bytearray(data)
    padded += b"\x01" + b"\0" * (-(len(data) + 1) % _RATE)
    padded[-1] |= 0x80
    lanes = [0] * 25
    for start in range(0, len(padded), _RATE):
        for i in range(_RATE // 8):
            lanes[i] ^= int.from_bytes(padded[start + 8 * i : start + 8 * i + 8], "little")
        lanes = _permute(lanes)
    return b"".join(lane.to_bytes(8, "little") for lane in lanes[:4])


def _permute(lanes: list[int]) -> list[int]:
    """Keccak-f[1600]; lane (x, y) is at x + 5 y."""
    register = 1
    for _ in range(_ROUNDS):
        parity = [lanes[x] ^ lanes[x + 5] ^ lanes[x + 10] ^ lanes[x + 15] ^ lanes[x + 20] for x in range(5)]
        lanes = [lanes[i] ^ parity[(i + 4) % 5] ^ _rotated(parity[(i + 1) % 5], 1) for i in range(25)]
        lanes = _rho_and_pi(lanes)
        lanes = [
            lanes[i] ^ (~lanes[i - i % 5 + (i + 1) % 5] & _MASK & lanes[i - i % 5 + (i + 2) % 5]) for i in range(25)
        ]
        for bit in range(7):
            if register & 1:
                lanes[0] ^= 1 << ((1 << bit) - 1)
            register = (register << 1) ^ (0x171 if register & 0x80 else 0)
    return lanes


def _rho_and_pi(lanes: list[int]) -> list[int]:
    moved = list(lanes)
    x, y = 1, 0
    for step in range(_ROUNDS):
        x, y, lane = y, (2 * x + 3 * y) % 5, lanes[x + 5 * y]
        moved[x + 5 * y] = _rotated(lane, (step + 1) * (step + 2) // 2 % 64)
    return moved


def _rotated(lane: int, by: int) -> int:
    return (lane << by | lane >> (64 - by)) & _MASK if by else lane
