"""The part of the tar format in which mining programs are shipped: POSIX ustar, pax paths and sizes, GNU long names.

Source: POSIX.1-2017, `pax` ("ustar Interchange Format" and "pax Extended Header"), and GNU tar's manual, "Basic Tar
Format". A link is one to a file of the archive (libraries are shipped so); devices, sparse files and whatever else
there is are refused by name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rigfarm.common.archives.limits import Meter, UnpackError
from rigfarm.common.archives.member import CHUNK, Member
from rigfarm.common.archives.names import link_target
from rigfarm.common.archives.streams import Stream

__all__ = ["members"]

_BLOCK = 512
_EXTENDED = {b"x": "", b"g": "", b"L": "path", b"K": "linkpath"}
"""Headers of other headers; of GNU's, what they say."""
_MAX_EXTENDED = 64 << 10
_REGULAR = (b"0", b"\0", b"7")
_FOLDER = b"5"
_REFUSED = {
    b"3": "a device",
    b"4": "a device",
    b"6": "a pipe",
    b"S": "a sparse file",
}
_HARD_LINK, _SYMBOLIC_LINK = b"1", b"2"


@dataclass
class _Header:
    name: str
    size: int
    mode: int
    kind: bytes
    link: str = ""


def members(stream: Stream, meter: Meter) -> Iterator[Member]:
    """The members in their order. Raises UnpackError for whatever is damaged or not allowed."""
    overrides: dict[str, str] = {}
    while (block := stream.take(_BLOCK)) and any(block):
        header = _header(block)
        meter.member()
        if header.kind in _EXTENDED:
            content = _small(stream, header)
            # What a later header says of one member replaces what an earlier one said; a global one may not say it.
            long = _EXTENDED[header.kind]
            overrides |= {long: _text(content)} if long else _pax(content, is_global=header.kind == b"g")
            continue
        name, size = overrides.pop("path", header.name), int(overrides.pop("size", header.size))
        link = overrides.pop("linkpath", header.link)
        yield from _member(stream, meter, _Header(name, size, header.mode, header.kind, link))


def _member(stream: Stream, meter: Meter, header: _Header) -> Iterator[Member]:
    if header.kind in (_HARD_LINK, _SYMBOLIC_LINK):
        # A size beside a link is that of the file it points to; no content follows.
        target = header.link if header.kind == _HARD_LINK else link_target(header.name, header.link)
        yield Member(header.name, is_folder=False, executable=False, content=iter(()), link=target)
        return
    if header.kind not in (*_REGULAR, _FOLDER):
        what = _REFUSED.get(header.kind, f"an entry of unknown kind {header.kind!r}")
        raise UnpackError(f"the archive contains {what}: {header.name!r}; only files and folders are unpacked")
    meter.declared(header.name, header.size)
    is_folder = header.kind == _FOLDER or header.name.endswith("/")
    content = _content(stream, header)
    yield Member(header.name, is_folder, bool(header.mode & 0o111), iter(()) if is_folder else content)
    for _ in content:
        pass  # what the caller left unread, and the padding


def _content(stream: Stream, header: _Header) -> Iterator[bytes]:
    left = header.size
    while left:
        chunk = stream.take(min(left, CHUNK))
        if not chunk:
            raise UnpackError("the archive ends in the middle of a file")
        left -= len(chunk)
        yield chunk
    stream.take(-header.size % _BLOCK)


def _small(stream: Stream, header: _Header) -> bytes:
    """The content of an extended header."""
    if header.size > _MAX_EXTENDED:
        raise UnpackError("the archive has an extended header of an absurd size")
    content = stream.take(header.size)
    if len(content) < header.size:
        raise UnpackError("the archive ends in the middle of a header")
    stream.take(-header.size % _BLOCK)
    return content


def _header(block: bytes) -> _Header:
    if len(block) < _BLOCK:
        raise UnpackError("the archive ends in the middle of a header")
    if _number(block[148:156]) != sum(block[:148]) + 8 * ord(" ") + sum(block[156:]):
        raise UnpackError("the archive has a header with a wrong checksum")
    name = _text(block[:100])
    prefix = _text(block[345:500]) if block[257:263] == b"ustar\0" else ""
    return _Header(
        name=f"{prefix}/{name}" if prefix else name,
        size=_number(block[124:136]),
        mode=_number(block[100:108]),
        kind=block[156:157],
        link=_text(block[157:257]),
    )


def _number(field: bytes) -> int:
    """Octal digits; or, with the top bit set, a big-endian number (GNU, for files of 8 GiB and more)."""
    if field[0] & 0x80:
        return int.from_bytes(bytes([field[0] & 0x7F]) + field[1:], "big")
    digits = field.split(b"\0", 1)[0].strip(b" ")
    if digits and not digits.isdigit():
        raise UnpackError("the archive has a damaged header")
    try:
        return int(digits or b"0", 8)
    except ValueError:
        raise UnpackError("the archive has a damaged header") from None


def _text(field: bytes) -> str:
    return _decoded(field.split(b"\0", 1)[0])


def _decoded(name: bytes) -> str:
    try:
        return name.decode()
    except UnicodeDecodeError:
        raise UnpackError(f"the archive has a name that is not UTF-8: {name!r}") from None


def _pax(content: bytes, *, is_global: bool) -> dict[str, str]:
    """`path`, `linkpath` and `size` of records `length key=value\\n`; other keys (times, owners, …) do not matter."""
    found: dict[str, str] = {}
    at = 0
    while at < len(content):
        digits, _, _ = content[at : at + 8].partition(b" ")
        length = int(digits) if digits.isdigit() else 0
        record = content[at + len(digits) + 1 : at + length]
        if length <= len(digits) + 1 or at + length > len(content) or not record.endswith(b"\n"):
            raise UnpackError("the archive has a damaged extended header")
        key, _, value = record[:-1].partition(b"=")
        found |= _pax_record(key, value)
        at += length
    if found and is_global:
        raise UnpackError("the archive has a global header that renames files")
    return found


def _pax_record(key: bytes, value: bytes) -> dict[str, str]:
    if key.startswith(b"GNU.sparse"):
        raise UnpackError("the archive contains a sparse file; only plain files and folders are unpacked")
    if key in (b"path", b"linkpath"):
        return {key.decode(): _decoded(value)}
    if key == b"size":
        if not value.isdigit() or len(value) > 15:
            raise UnpackError("the archive has a damaged extended header")
        return {"size": value.decode()}
    return {}
