"""Tar archives written header by header: what no honest tool would write. Standard library only."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Iterable

__all__ = ["GNU_LONGLINK", "GNU_LONGNAME", "PAX", "PAX_GLOBAL", "compressed", "entry", "pax", "tar"]

PAX, PAX_GLOBAL, GNU_LONGNAME, GNU_LONGLINK = b"x", b"g", b"L", b"K"
_BLOCK = 512


def entry(
    name: str | bytes,
    content: bytes = b"",
    *,
    kind: bytes = b"0",
    link: str | bytes = b"",
    mode: int = 0o755,
    size: int | bytes | None = None,
    checksum: int | None = None,
    magic: bytes = b"ustar\x0000",
) -> bytes:
    """One header and its content. `size` may lie; bytes of it go into the field as they are."""
    length = len(content) if size is None else size
    field = length if isinstance(length, bytes) else b"%011o\0" % length
    header = bytearray(_BLOCK)
    header[0:100] = _bytes(name)[:100].ljust(100, b"\0")
    header[100:108] = b"%07o\0" % mode
    header[108:124] = b"0000000\0" * 2
    header[124:136] = field.ljust(12, b"\0")[:12]
    header[136:148] = b"%011o\0" % 0
    header[148:156] = b" " * 8
    header[156:157] = kind
    header[157:257] = _bytes(link)[:100].ljust(100, b"\0")
    header[257:265] = magic
    header[329:345] = b"0000001\0" * 2
    header[148:156] = b"%06o\0 " % (sum(header) if checksum is None else checksum)
    return bytes(header) + content + bytes(-len(content) % _BLOCK)


def pax(**records: str | bytes) -> bytes:
    """An extended header for the entry that follows; `__` in a key is a dot."""
    content = b"".join(_record(key.replace("__", ".").encode(), _bytes(value)) for key, value in records.items())
    return entry("pax", content, kind=PAX)


def tar(*entries: bytes) -> bytes:
    """Entries and the end of the archive."""
    return b"".join(entries) + bytes(2 * _BLOCK)


def compressed(flat: bytes | Iterable[bytes], format: str = "tar.gz") -> bytes:
    """For the format's name."""
    data = flat if isinstance(flat, bytes) else b"".join(flat)
    if format == "tar.xz":
        return lzma.compress(data, preset=0)
    return bz2.compress(data) if format == "tar.bz2" else gzip.compress(data, 6)


def _record(key: bytes, value: bytes) -> bytes:
    body = b" " + key + b"=" + value + b"\n"
    length = len(body) + 1
    while length != len(b"%d" % length) + len(body):
        length = len(b"%d" % length) + len(body)
    return b"%d" % length + body


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()
