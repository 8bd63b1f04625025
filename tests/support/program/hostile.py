"""Archives that try to write where they must not, to fill what they must not, or to be taken for another.

Standard library only, so that they can be made and tried on any Python. Every archive carries, besides its trick, the
executable `miner`, so that a tool which leaves the trick out of account would find it good.
"""

from __future__ import annotations

import io
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from support.program.tarmaker import GNU_LONGLINK, GNU_LONGNAME, PAX_GLOBAL, compressed, entry, pax, tar

__all__ = ["EXECUTABLE", "hostile_archives", "path_max_escape"]

EXECUTABLE = "miner"
_GOOD = entry(EXECUTABLE, b"#!/bin/true\n")
_EVIL = b"evil\n"

Named = tuple[str, str, bytes]
"""Name of the trick, format, archive."""


def hostile_archives(outside: Path, *, members: int, bomb_bytes: int) -> Iterator[Named]:
    """All of them. `outside` is where they try to write; `members` and `bomb_bytes` are for those with too much."""
    for tricks in (_paths(outside), _links(outside), _kinds(), _names(), _headers(), _bombs(members, bomb_bytes)):
        for name, flat in tricks:
            yield name, "tar.gz", compressed(flat)
    for format in ("tar.xz", "tar.bz2"):
        yield f"a way out in {format}", format, compressed(tar(_GOOD, entry("../evil", _EVIL)), format)
        yield f"a bomb in {format}", format, compressed(_zeros(bomb_bytes), format)
    for name, archive in _zips(outside, members, bomb_bytes):
        yield name, "zip", archive


def _paths(outside: Path) -> Iterator[tuple[str, bytes]]:
    ways_out = {
        "parent": "../evil",
        "parent of a folder": "a/../../evil",
        "parent after a dot": "./../evil",
        "grandparent": "a/b/../../../../evil",
        "parent in the middle": "a/../miner/../../evil",
        "absolute": f"{outside}/evil",
        "twice absolute": f"//{str(outside).lstrip('/')}/evil",
        "backslashes": "..\\..\\evil",
        "a drive": "C:\\evil",
        "a drive, relative": "C:evil",
        "only the parent": "..",
    }
    for name, path in ways_out.items():
        yield f"path: {name}", tar(_GOOD, entry(path, _EVIL))
        if len(path) < 90:
            yield f"folder: {name}", tar(_GOOD, entry(path, kind=b"5"), entry(f"{path}/x", _EVIL))
    yield "path: in a pax header", tar(_GOOD, pax(path="../evil"), entry("fine", _EVIL))
    yield "path: absolute in a pax header", tar(_GOOD, pax(path=f"{outside}/evil"), entry("fine", _EVIL))
    yield "path: in a GNU long name", tar(_GOOD, entry("L", b"../evil\0", kind=GNU_LONGNAME), entry("fine", _EVIL))
    yield "path: for all, in a global header", tar(entry("g", b"17 path=../evil\n\n", kind=PAX_GLOBAL), _GOOD)
    yield "path: in ustar's prefix", tar(_GOOD, _with_prefix("evil", "../.."))


def _links(outside: Path) -> Iterator[tuple[str, bytes]]:
    up = "../" * 3
    for kind, what in ((b"2", "symbolic"), (b"1", "hard")):
        yield f"{what} link to the outside", tar(_GOOD, entry("a", kind=kind, link=f"{outside}/precious"))
        yield f"{what} link to a parent", tar(_GOOD, entry("a", kind=kind, link="../outside/precious"))
        yield f"{what} link that is the program", tar(entry(EXECUTABLE, kind=kind, link="/bin/sh"))
        yield (
            f"{what} link, then through it",
            tar(_GOOD, entry("a", kind=kind, link=str(outside)), entry("a/evil", _EVIL)),
        )
        yield f"{what} link, then over it", tar(_GOOD, entry("a", kind=kind, link=f"{outside}/evil"), entry("a", _EVIL))
        yield (
            f"{what} link with a slash",
            tar(_GOOD, entry("a/", kind=kind, link=str(outside)), entry("a/evil", _EVIL)),
        )
        yield (
            f"{what} link named by a pax header",
            tar(_GOOD, pax(linkpath=f"{outside}/precious"), entry("a", kind=kind, link="miner")),
        )
    yield "chain of links", tar(_GOOD, *_chain(["b", "c", f"{up}outside"]), entry("a/evil", _EVIL))
    yield "link to the root itself", tar(_GOOD, entry("a", kind=b"2", link="/"), entry(f"a{outside}/evil", _EVIL))
    yield "link to its own folder's parent", tar(_GOOD, entry("d/a", kind=b"2", link=".."), entry("d/a/../evil", _EVIL))
    yield (
        "link in place of a folder",
        tar(entry("d", kind=b"5"), entry("d", kind=b"2", link=up), entry("d/evil", _EVIL)),
    )
    yield (
        "hard link to a link",
        tar(_GOOD, entry("a", kind=b"2", link=up), entry("b", kind=b"1", link="a/outside/precious")),
    )
    yield (
        "GNU long link",
        tar(_GOOD, entry("K", f"{outside}/precious\0".encode(), kind=GNU_LONGLINK), entry("a", kind=b"2")),
    )
    yield "links longer than PATH_MAX", path_max_escape("outside/precious")


def path_max_escape(target: str) -> bytes:
    """The trick of CVE-2025-4517: links whose resolved path is longer than PATH_MAX. `realpath` gives up on the long
    part and takes the rest as it is written, so a filter that relies on it believes the link stays inside; the kernel,
    which resolves step by step, does not. It overwrites `target`, which is beside the folder it is unpacked into."""
    long = "d" * 247
    steps = "abcdefghijklmnop"
    entries = [_GOOD]
    below = ""
    for step in steps:
        entries += [_long(f"{below}{long}", kind=b"5"), _long(f"{below}{step}", kind=b"2", link=long)]
        below += f"{long}/"
    over = "/".join(steps) + "/" + "l" * 254
    entries.append(_long(over, kind=b"2", link="../" * len(steps)))
    entries.append(_long("out", kind=b"2", link=f"{over}/../{target}"))
    entries += [_long("alias", kind=b"1", link="out"), _long("alias", _EVIL)]
    return tar(*entries)


def _kinds() -> Iterator[tuple[str, bytes]]:
    for kind, what in ((b"3", "character device"), (b"4", "block device"), (b"6", "pipe"), (b"S", "GNU sparse file")):
        yield what, tar(_GOOD, entry("a", kind=kind))
    for kind in (b"M", b"D", b"V", b"N", b"X", b"Z", b"\xff"):
        yield f"kind {kind!r}", tar(_GOOD, entry("a", _EVIL, kind=kind))
    yield (
        "sparse file of pax 1.0",
        tar(_GOOD, pax(GNU__sparse__major="1", GNU__sparse__minor="0"), entry("a", b"1\n0\n1\n")),
    )
    yield "sparse file of pax 0.1", tar(_GOOD, pax(GNU__sparse__map="0,1", GNU__sparse__size="9"), entry("a", b"1"))


def _names() -> Iterator[tuple[str, bytes]]:
    pairs = {
        "the same name twice": ("a", "a"),
        "the same name, written otherwise": ("a/b", "./a//b"),
        "names that differ in case": ("a/lib", "a/LIB"),
        "folders that differ in case": ("lib/x", "LIB/y"),
        "names that case folding makes one": ("straße", "STRASSE"),
        "composed and decomposed": ("\u00e9", "e\u0301"),
        "a file below a file": ("a", "a/b"),
    }
    for what, (first, second) in pairs.items():
        yield what, tar(_GOOD, entry(first, b"1"), entry(second, _EVIL))
    yield "a file over a folder", tar(_GOOD, entry("a/b", b"1"), entry("a", _EVIL))
    yield "a folder over a file", tar(_GOOD, entry("a", b"1"), entry("a", kind=b"5"))
    odd: dict[str, str | bytes] = {
        "a line break": "a\nb",
        "an escape sequence": "\x1b[31mred",
        "a change of direction": "a\u202etxt.exe",
        "not UTF-8": b"\xff\xfe",
        "no name": "",
        "only a dot": ".",
        "only slashes": "./././",
    }
    for what, name in odd.items():
        yield f"name: {what}", tar(_GOOD, entry(name, _EVIL))
    yield "name: a NUL in a pax header", tar(_GOOD, pax(path="a\0/../../evil"), entry("a", _EVIL))
    yield "name: longer than any file system takes", tar(_GOOD, pax(path="n" * 300), entry("a", _EVIL))
    yield "path: longer than PATH_MAX", tar(_GOOD, pax(path="/".join(["n" * 200] * 30)), entry("a", _EVIL))
    yield "folders without end", tar(_GOOD, pax(path="d/" * 400 + "x"), entry("a", _EVIL))


def _headers() -> Iterator[tuple[str, bytes]]:
    yield "a wrong checksum", tar(_GOOD, entry("a", _EVIL, checksum=1))
    yield "a size that is no number", tar(_GOOD, entry("a", _EVIL, size=b"12x4"))
    yield "a size below zero", tar(_GOOD, entry("a", _EVIL, size=b"\xff" * 12))
    yield "a size of exabytes", tar(_GOOD, entry("a", _EVIL, size=b"\x80" + b"\x7f" * 11))
    yield "a size of 4 GiB", tar(_GOOD, entry("a", _EVIL, size=4 << 30))
    yield "a size of 4 GiB in a pax header", tar(_GOOD, pax(size=str(4 << 30)), entry("a", _EVIL))
    yield "a size in a pax header that is none", tar(_GOOD, pax(size="-5"), entry("a", _EVIL))
    yield "an end in the middle of a file", tar(_GOOD, entry("a", _EVIL, size=100_000))
    yield "an end in the middle of a header", _GOOD + entry("a", _EVIL)[:300]
    yield "a pax header of 1 GiB", tar(_GOOD, entry("x", b"9 path=a\n", kind=b"x", size=1 << 30), entry("a", _EVIL))
    yield "a long name of 1 GiB", tar(_GOOD, entry("L", b"a\0", kind=b"L", size=1 << 30), entry("a", _EVIL))
    for what, content in {
        "beyond its end": b"99 path=a\n",
        "of length zero": b"0 path=a\n",
        "without a length": b"path=a\n",
        "of digits only": b"1" * 60_000,
    }.items():
        yield f"a pax record {what}", tar(_GOOD, entry("x", content, kind=b"x"), entry("a", _EVIL))


def _bombs(members: int, bomb_bytes: int) -> Iterator[tuple[str, bytes]]:
    yield "a bomb of zeros", _zeros(bomb_bytes)
    yield "too many files", tar(_GOOD, *(entry(f"{n}", b"") for n in range(members)))
    yield "too many folders", tar(_GOOD, *(entry(f"{n}/", kind=b"5") for n in range(members)))
    yield "too many headers", tar(_GOOD, *(entry("L", b"a\0", kind=b"L") for n in range(members)), entry("a", _EVIL))


def _zips(outside: Path, members: int, bomb_bytes: int) -> Iterator[tuple[str, bytes]]:
    for name in ("../evil", "a/../../evil", f"{outside}/evil", "..\\evil", "a\nb", "../"):
        yield f"zip: {name!r}", _zip({name: _EVIL})
    yield "zip: the same name twice", _zip({"a": b"1", "./a": _EVIL})
    yield "zip: names that differ in case", _zip({"a": b"1", "A": _EVIL})
    for kind, what in (
        (stat.S_IFLNK, "link"),
        (stat.S_IFCHR, "device"),
        (stat.S_IFIFO, "pipe"),
        (stat.S_IFSOCK, "socket"),
    ):
        yield f"zip: {what}", _zip({"a": f"{outside}/precious".encode()}, mode=kind | 0o777)
    yield "zip: link, then through it", _zip({"a": str(outside).encode(), "a/evil": _EVIL}, mode=stat.S_IFLNK | 0o777)
    yield "zip: too many files", _zip({str(n): b"" for n in range(members)})
    yield "zip: a bomb", _zip({"a": bytes(bomb_bytes)})
    yield "zip: encrypted", _patched(_zip({"a": _EVIL}), flags=1)
    yield "zip: an unknown method", _patched(_zip({"a": _EVIL}), method=99)
    yield "zip: LZMA, with a dictionary of its choice", _zip({"a": _EVIL}, method=zipfile.ZIP_LZMA)
    yield "zip: a wrong checksum", _zip({"a": _EVIL}, method=zipfile.ZIP_STORED).replace(_EVIL, b"EVIL\n", 1)
    yield "zip: another name in the file's own header", _zip({"aaaaaaa": _EVIL}).replace(b"aaaaaaa", b"../evil", 1)
    yield "zip: a name with a NUL", _zip({"aXb": _EVIL}).replace(b"aXb", b"a\0b")
    yield "zip: another name in an extra field", _zip({"fine": _EVIL}, extra=_unicode_path("fine", "../evil"))
    yield "zip: a directory of 4 GiB", _zip({"a": _EVIL})[:-10] + b"\xff" * 8 + b"\0\0"
    yield "zip: a second directory in zip64", _with_zip64(_zip({"a": _EVIL}))
    yield "zip: one file under many names", _overlapping(64, bomb_bytes // 16)


def _with_prefix(name: str, prefix: str) -> bytes:
    header = bytearray(entry(name, b""))
    header[345 : 345 + len(prefix)] = prefix.encode()
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header[:512])
    return bytes(header)


def _chain(targets: list[str]) -> Iterator[bytes]:
    for name, target in zip("abc", targets, strict=False):
        yield entry(name, kind=b"2", link=target)


def _long(name: str, content: bytes = b"", *, kind: bytes = b"0", link: str = "") -> bytes:
    """An entry whose names may be too long for its header."""
    long = {}
    if len(name) > 100:
        long["path"] = name
    if len(link) > 100:
        long["linkpath"] = link
    return (pax(**long) if long else b"") + entry(name, content, kind=kind, link=link)


def _zeros(size: int) -> bytes:
    return tar(_GOOD, entry("a", bytes(size)))


def _zip(files: dict[str, bytes], *, mode: int = 0, method: int = zipfile.ZIP_DEFLATED, extra: bytes = b"") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(EXECUTABLE, b"#!/bin/true\n")
        for name, content in files.items():
            info = zipfile.ZipInfo("placeholder")
            info.filename = name  # the constructor would tidy it
            info.external_attr = mode << 16
            info.compress_type = method
            info.extra = extra
            archive.writestr(info, content)
    return out.getvalue()


def _patched(archive: bytes, *, flags: int = 0, method: int | None = None) -> bytes:
    """With other flags or another method in the last file's headers."""
    data = bytearray(archive)
    for mark, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        place = data.rfind(mark)
        data[place + at] |= flags
        if method is not None:
            data[place + at + 2 : place + at + 4] = struct.pack("<H", method)
    return bytes(data)


def _unicode_path(name: str, other: str) -> bytes:
    """Info-ZIP's extra field 0x7075, which some readers let replace the name."""
    body = struct.pack("<BL", 1, zlib.crc32(name.encode())) + other.encode()
    return struct.pack("<HH", 0x7075, len(body)) + body


def _with_zip64(archive: bytes) -> bytes:
    """With a zip64 end record and locator before the plain end, which readers believe more."""
    end = archive.rfind(b"PK\5\6")
    record = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 1 << 40, 1 << 40, 1 << 40, 0)
    return archive[:end] + record + struct.pack("<4sLQL", b"PK\6\7", 0, end, 1) + archive[end:]


def _overlapping(names: int, size: int) -> bytes:
    """One compressed file that the directory lists under many names: it would unpack many times."""
    single = _zip({"aaaa": os.urandom(1 << 10) + bytes(size)})
    start, end = single.find(b"PK\1\2"), single.rfind(b"PK\5\6")
    second = single.find(b"PK\1\2", start + 4)
    listed = b"".join(single[second:end].replace(b"aaaa", b"%04d" % n) for n in range(names))
    directory = single[start:second] + listed
    tail = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, names + 1, names + 1, len(directory), start, 0)
    return single[:start] + directory + tail
