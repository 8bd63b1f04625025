"""Records of the spool: each describes itself and carries a checksum, so that it survives whatever hits its neighbours.

    magic (4) | CRC-32 of all the rest (4) | length of the body (4) | seq (8) | epoch (4) | key (8) | body

Numbers are big-endian. The magic begins with 0xF5, a byte that never occurs in UTF-8, so no name, pool or message in
a log can pretend to be a record.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from rigfarm.wire.tokens import hash_token

__all__ = [
    "DROPS",
    "GAP",
    "HELD",
    "LOG",
    "META",
    "OVERHEAD",
    "Record",
    "from_row",
    "pack",
    "scan",
    "token_key",
    "unpack",
]

LOG = b"\xf5RL1"
"""An operational log; key: whose."""
HELD = b"\xf5RH1"
"""A log put aside while its token is refused; its number is void, it gets a new one."""
GAP = b"\xf5RG1"
"""Numbers seq..key will never come; epoch 1: their logs are lost, 0: they are not wanted (any more)."""
DROPS = b"\xf5RD1"
"""How many logs of each token were lost, and how many of them the Commander knows of."""
META = b"\xf5RM1"
"""What the spool knows about itself; seq: the next number."""

_HEAD = struct.Struct(">4sIIQI8s")
_CHECKED = struct.Struct(">IQI8s")
_MAGIC = re.compile(rb"\xf5R[LHGDM]1")
OVERHEAD = _HEAD.size


class Record(NamedTuple):
    """One unpacked record."""

    magic: bytes
    seq: int
    epoch: int
    """0: `t` of the log is the Commander's clock; else the number of the stretch of time before it was known."""
    key: bytes
    body: bytes


@lru_cache(maxsize=4096)
def token_key(token: str) -> bytes:
    """How the spool names a token: eight bytes of its hash, never the token."""
    return hash_token(token)[:8]


def pack(record: Record) -> bytes:
    """A record as bytes."""
    checked = _CHECKED.pack(len(record.body), record.seq, record.epoch, record.key)
    crc = zlib.crc32(record.body, zlib.crc32(record.magic + checked))
    return b"".join((record.magic, crc.to_bytes(4, "big"), checked, record.body))


def unpack(data: bytes, at: int = 0) -> Record | None:
    """The record that begins at `at`; None when there is none, or it is damaged."""
    end = at + OVERHEAD
    if len(data) < end:
        return None
    magic, crc, length, seq, epoch, key = _HEAD.unpack_from(data, at)
    if len(data) < end + length:
        return None
    checked = data[at + 8 : end]
    body = data[end : end + length]
    if zlib.crc32(body, zlib.crc32(magic + checked)) != crc:
        return None
    return Record(magic, seq, epoch, key, body)


def from_row(cell: object) -> Record | None:
    """The record in a column of the spool; None when it is damaged (and may be of any type)."""
    return unpack(cell) if isinstance(cell, bytes) else None


def scan(data: bytes) -> Iterator[Record]:
    """Every whole record in these bytes, wherever it lies."""
    at = 0
    while (found := _MAGIC.search(data, at)) is not None:
        record = unpack(data, found.start())
        at = found.start() + (4 if record is None else OVERHEAD + len(record.body))
        if record is not None:
            yield record
