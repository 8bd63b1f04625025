"""The Commander that keeps an archive and the rig that unpacks it judge alike: what one takes, the other can use."""

from __future__ import annotations

import bz2
import gzip
import io
import itertools
import lzma
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rigfarm.commander.mining_software.archives.contents import BadArchiveError, look_into
from rigfarm.common.archives import Limits, UnpackError, examine, format_of, unpack

Entry = tuple[str, bytes, str]
"""Name, tar type, and what a link points to; or of a file, its content."""

FILE, FOLDER, LINK, HARD = tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE
MINER: Entry = ("pkg/miner", FILE, "program")
LIBRARY: Entry = ("pkg/libcudart.so.9.0", FILE, "library")

GOOD: dict[str, list[Entry]] = {
    "flat": [("miner", FILE, "program")],
    "with a folder": [("pkg/", FOLDER, ""), MINER],
    "a library's short name": [LIBRARY, ("pkg/libcudart.so", LINK, "libcudart.so.9.0"), MINER],
    "the link comes first": [("pkg/libcudart.so", LINK, "libcudart.so.9.0"), LIBRARY, MINER],
    "a link to a link": [LIBRARY, ("pkg/b", LINK, "a"), ("pkg/a", LINK, "libcudart.so.9.0"), MINER],
    "a link into another folder": [MINER, ("pkg/lib/run", LINK, "../miner")],
    "a link with detours": [MINER, ("pkg/lib/run", LINK, ".././miner")],
    "a hard link": [MINER, ("pkg/miner-2", HARD, "pkg/miner")],
    "the program is a link": [("pkg/bin/miner-1.0", FILE, "program"), ("pkg/miner", LINK, "bin/miner-1.0")],
    "the program twice, one deeper": [MINER, ("pkg/old/miner", FILE, "old")],
    "dots in names": [("./pkg/./miner", FILE, "program")],
    "a long name": [(f"{'d' * 120}/{'e' * 120}/miner", FILE, "program")],
    "a link with long names": [(f"p/{'t' * 150}", FILE, "x"), (f"p/{'l' * 150}", LINK, "t" * 150), MINER],
    "empty files": [("pkg/empty", FILE, ""), MINER],
}
BAD: dict[str, list[Entry]] = {
    "nothing": [],
    "without the program": [("pkg/other", FILE, "x")],
    "the program is a folder": [("pkg/miner/", FOLDER, "")],
    "the program in two folders": [("a/miner", FILE, "1"), ("b/miner", FILE, "2")],
    "a path upwards": [MINER, ("../evil", FILE, "x")],
    "an absolute path": [MINER, ("/etc/evil", FILE, "x")],
    "a link upwards": [MINER, ("pkg/x", LINK, "../../etc/passwd")],
    "an absolute link": [MINER, ("pkg/x", LINK, "/bin/sh")],
    "an absolute hard link": [MINER, ("pkg/x", HARD, "/bin/sh")],
    "a link to nothing": [MINER, ("pkg/x", LINK, "nothing")],
    "a link to a folder": [MINER, ("pkg/lib/", FOLDER, ""), ("pkg/x", LINK, "lib")],
    "a link to itself": [MINER, ("pkg/x", LINK, "x")],
    "links in a circle": [MINER, ("pkg/a", LINK, "b"), ("pkg/b", LINK, "a")],
    "a file through a link": [MINER, ("pkg/x", LINK, "miner"), ("pkg/x/y", FILE, "x")],
    "a file twice": [MINER, MINER],
    "a file over a link": [LIBRARY, ("pkg/x", LINK, "libcudart.so.9.0"), ("pkg/x", FILE, "1"), MINER],
    "two spellings": [MINER, ("PKG/other", FILE, "x")],
    "a device": [MINER, ("pkg/x", tarfile.CHRTYPE, "")],
    "a pipe": [MINER, ("pkg/x", tarfile.FIFOTYPE, "")],
    "a name with control characters": [MINER, ("pkg/\x1b[31m", FILE, "x")],
    "a foreign path": [MINER, ("pkg\\x", FILE, "x")],
    "folders without end": [MINER, ("a/" * 20 + "x", FILE, "x")],
    "a name without end": [MINER, ("n" * 300, FILE, "x")],
    "too many links": [MINER, *((f"pkg/l{number}", LINK, "miner") for number in range(1_001))],
}


def tar_of(entries: list[Entry], format: int) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=format) as archive:
        for name, kind, text in entries:
            info = tarfile.TarInfo(name)
            info.type = kind
            if kind in (LINK, HARD):
                info.linkname = text
            content = text.encode() if kind == FILE else b""
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def zip_of(entries: list[Entry]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, kind, text in entries:
            info = zipfile.ZipInfo(name)
            mode = {FILE: stat.S_IFREG, FOLDER: stat.S_IFDIR, LINK: stat.S_IFLNK, tarfile.CHRTYPE: stat.S_IFCHR}
            info.external_attr = (mode.get(kind, stat.S_IFIFO) | 0o755) << 16
            info.create_system = 3
            archive.writestr(info, text)
    return out.getvalue()


PACKED: dict[str, Callable[[list[Entry]], bytes]] = {
    "gnu tar.gz": lambda entries: gzip.compress(tar_of(entries, tarfile.GNU_FORMAT)),
    "pax tar.gz": lambda entries: gzip.compress(tar_of(entries, tarfile.PAX_FORMAT)),
    "tar.xz": lambda entries: lzma.compress(tar_of(entries, tarfile.GNU_FORMAT)),
    "tar.bz2": lambda entries: bz2.compress(tar_of(entries, tarfile.PAX_FORMAT)),
    "zip": zip_of,
}
IN_NO_ZIP = {
    "a hard link",
    "an absolute hard link",
    "dots in names",
    "a foreign path",
    "a file twice",
    "a file over a link",
}
"""What a zip has no such thing as, or Python's zipfile writes otherwise."""


def damaged(body: bytes) -> Iterator[bytes]:
    """The same file cut and with bytes that are wrong, all over its length."""
    for at in range(1, len(body), max(1, len(body) // 12)):
        yield body[:at]
        yield body[:at] + bytes([body[at] ^ 0x55]) + body[at + 1 :]


def verdicts(path: Path, into: Path) -> tuple[str, str]:
    """What the Commander says, and what a rig says of the same file."""
    head = path.read_bytes()[:8]
    try:
        look_into(path, "miner")
        commander = "taken"
    except BadArchiveError:
        commander = "refused"
    kind = format_of(head)
    if kind is None:
        return commander, "refused"
    with path.open("rb") as archive:
        try:
            unpack(archive, kind, "miner", into)
            return commander, "taken"
        except UnpackError:
            return commander, "refused"


def inputs() -> Iterator[tuple[str, bytes, str | None]]:
    """Name, bytes, and the right verdict where it is known."""
    for (case, entries), (how, pack) in itertools.product((GOOD | BAD).items(), PACKED.items()):
        if how == "zip" and case in IN_NO_ZIP:
            continue
        yield f"{case} ({how})", pack(entries), "taken" if case in GOOD else "refused"
    for how, pack in PACKED.items():
        for number, body in enumerate(damaged(pack(GOOD["a library's short name"]))):
            yield f"damaged {number} ({how})", body, None
    for number, body in enumerate(
        (b"", b"hello", b"<html>", b"MZ\x90\0", b"7z\xbc\xaf\x27\x1c", b"\x7fELF" + b"x" * 99)
    ):
        yield f"other {number}", body, "taken" if number == 5 else "refused"


def test_both_say_the_same_of_hundreds_of_files(tmp_path: Path) -> None:
    seen = 0
    for number, (name, body, right) in enumerate(inputs()):
        path = tmp_path / f"{number}"
        path.write_bytes(body)
        commander, rig = verdicts(path, tmp_path / f"{number}.unpacked")
        assert commander == rig, name
        assert right in (None, rig), name
        seen += 1
    assert seen >= 200


@pytest.mark.parametrize("how", sorted(PACKED))
def test_a_link_becomes_a_copy(tmp_path: Path, how: str) -> None:
    body = io.BytesIO(PACKED[how](GOOD["a link to a link"]))
    assert unpack(body, format_of(body.getvalue()) or "", "miner", tmp_path / "x") == "pkg/miner"
    for name in ("a", "b", "libcudart.so.9.0"):
        path = tmp_path / "x/pkg" / name
        assert path.read_text() == "library"
        assert not path.is_symlink()
        assert path.stat().st_nlink == 1


def test_copies_count_as_what_is_unpacked(tmp_path: Path) -> None:
    entries: list[Entry] = [("miner", FILE, "x" * 1000), *((f"l{number}", LINK, "miner") for number in range(9))]
    for size, works in ((40_000, True), (15_000, False)):
        body = io.BytesIO(gzip.compress(tar_of(entries, tarfile.GNU_FORMAT)))
        limits = Limits(total_bytes=size)
        for go in (
            lambda body=body, limits=limits: examine(body, "tar.gz", "miner", limits=limits),
            lambda body=body, limits=limits, size=size: unpack(
                body, "tar.gz", "miner", tmp_path / f"{size}", limits=limits
            ),
        ):
            if works:
                assert go() == "miner"
            else:
                with pytest.raises(UnpackError, match="unpacks to more"):
                    go()
