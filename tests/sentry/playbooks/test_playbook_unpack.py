"""What an honest archive holds is unpacked as it is; what an honest mistake made is refused with its reason."""

from __future__ import annotations

import gzip
import io
import lzma
import os
import shutil
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from rigfarm.common.archives import AbortedError, Limits, UnpackError, unpack
from rigfarm.simulate.program.pack import ARCHIVE_FORMATS, pack, pack_files

LONG = "a" * 90 + "/" + "b" * 95


def unpacked(content: bytes, format: str, into: Path, executable: str = "fakeminer", **options: object) -> str:
    return unpack(io.BytesIO(content), format, executable, into, **options)  # type: ignore[arg-type]


def tar_of(*members: tuple[tarfile.TarInfo, bytes], format: int = tarfile.PAX_FORMAT, **options: object) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=format, **options) as tar:  # type: ignore[call-overload]
        for info, content in members:
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return gzip.compress(out.getvalue())


def info(name: str, mode: int = 0o644, type: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.mode = mode
    found.type = type
    return found


@pytest.mark.parametrize("format", ARCHIVE_FORMATS)
@pytest.mark.parametrize("top", [None, "fakeminer-1.0"])
def test_it_works(tmp_path: Path, format: str, top: str | None) -> None:
    path = unpacked(pack(format, top=top), format, tmp_path / "new")
    in_folder = top is not None and format != "executable"
    assert path == ("fakeminer-1.0/fakeminer" if in_folder else "fakeminer")
    file = tmp_path / "new" / path
    assert file.read_bytes() == pack("executable")
    assert stat.S_IMODE(file.stat().st_mode) == 0o755
    if format != "executable":
        licence = file.parent / "LICENSE"
        assert licence.read_bytes() == b"This program mines nothing.\n"
        assert stat.S_IMODE(licence.stat().st_mode) == 0o644


@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_names_of_every_tar_dialect(tmp_path: Path, format: int) -> None:
    content = tar_of((info("x"), b"1"), (info(LONG), b"deep"), (info("y"), b"2"), format=format)
    unpacked(content, "tar.gz", tmp_path / "new", "x")
    assert (tmp_path / "new" / LONG).read_bytes() == b"deep"
    assert (tmp_path / "new" / "y").read_bytes() == b"2"


def test_names_beyond_ascii_and_a_comment_as_git_writes_it(tmp_path: Path) -> None:
    content = tar_of((info("./Größe/ünï"), b"u"), (info("x"), b""), pax_headers={"comment": "0123abc"})
    unpacked(content, "tar.gz", tmp_path / "new", "x")
    assert (tmp_path / "new" / "Größe" / "ünï").read_bytes() == b"u"


def test_run_bits_stay_and_every_other_bit_goes(tmp_path: Path) -> None:
    content = tar_of((info("x", 0o6777), b"1"), (info("lib.so", 0o4755), b"2"), (info("data", 0o2666), b"3"))
    unpacked(content, "tar.gz", tmp_path / "new", "x")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "new").iterdir()}
    assert modes == {"x": 0o755, "lib.so": 0o755, "data": 0o644}


def test_a_size_that_only_a_pax_header_tells(tmp_path: Path) -> None:
    content = b"x" * 700
    member = info("x")
    member.size = len(content)
    member.pax_headers = {"size": str(len(content))}
    unpacked(tar_of((member, content), (info("after"), b"1")), "tar.gz", tmp_path / "new", "x")
    assert (tmp_path / "new" / "x").stat().st_size == 700


def test_streams_in_several_parts(tmp_path: Path) -> None:
    flat = lzma.decompress(pack("tar.xz"))
    half = len(flat) // 2
    for format, squeeze in (("tar.gz", gzip.compress), ("tar.xz", lzma.compress)):
        unpacked(squeeze(flat[:half]) + squeeze(flat[half:]), format, tmp_path / format)
        assert (tmp_path / format / "fakeminer").exists()


def test_the_executable_in_the_fewest_folders_is_it(tmp_path: Path) -> None:
    content = pack_files("zip", {"top/old/xmrig": b"old", "top/xmrig": b"new", "top/xmrig-notls": b"other"})
    assert unpacked(content, "zip", tmp_path / "new", "xmrig") == "top/xmrig"


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"a/xmrig": b"1", "b/xmrig": b"2"}, "in two folders: a/xmrig, b/xmrig"),
        ({"top/t-rex": b"1", "top/README": b"2"}, "no file named 'xmrig'; it has: README, t-rex"),
        ({}, "no file named 'xmrig'; it has: nothing"),
    ],
)
def test_no_single_executable(tmp_path: Path, files: dict[str, bytes], reason: str) -> None:
    for format in ("zip", "tar.gz"):
        with pytest.raises(UnpackError, match=reason):
            unpacked(pack_files(format, files), format, tmp_path / "new", "xmrig")
        assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("format", ["tar.gz", "tar.xz", "tar.bz2", "zip"])
def test_a_torn_archive_is_refused_or_nothing_of_it_was_missing(tmp_path: Path, format: str) -> None:
    content = pack(format)
    refused = 0
    for length in range(0, len(content), max(1, len(content) // 40)):
        try:
            unpacked(content[:length], format, tmp_path / "new")
        except UnpackError:
            refused += 1
            assert list(tmp_path.iterdir()) == []
        else:  # what was torn off were the zeros at the end of a tar
            assert (tmp_path / "new/fakeminer").read_bytes() == pack("executable")
            assert (tmp_path / "new/LICENSE").exists()
            shutil.rmtree(tmp_path / "new")
    assert refused >= 39


@pytest.mark.parametrize("format", ["tar.gz", "tar.xz", "tar.bz2", "zip", "rar"])
def test_not_an_archive_at_all(tmp_path: Path, format: str) -> None:
    with pytest.raises(UnpackError):
        unpacked(b"<html>Please log in</html>" * 100, format, tmp_path / "new")


def test_the_wrong_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnpackError, match="not a zip archive"):
        unpacked(pack("tar.gz"), "zip", tmp_path / "new")


def test_an_existing_folder_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "mine").write_text("precious")
    with pytest.raises(FileExistsError):
        unpacked(pack("zip"), "zip", tmp_path / "new")
    assert (tmp_path / "new" / "mine").read_text() == "precious"


def test_it_stops_when_told(tmp_path: Path) -> None:
    looks = iter([False] * 3 + [True] * 100)
    with pytest.raises(AbortedError):
        unpacked(
            pack_files("zip", {str(n): b"x" for n in range(20)}), "zip", tmp_path / "new", aborted=lambda: next(looks)
        )
    assert list(tmp_path.iterdir()) == []


def test_a_zip_with_folders_and_modes_as_info_zip_writes_them(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        folder = zipfile.ZipInfo("top/")
        folder.external_attr = (stat.S_IFDIR | 0o755) << 16 | 0x10
        archive.writestr(folder, b"")
        program = zipfile.ZipInfo("top/run")
        program.external_attr = (stat.S_IFREG | 0o755) << 16
        archive.writestr(program, b"#!/bin/true\n")
        archive.writestr("top/plain.txt", b"text")
    unpacked(out.getvalue(), "zip", tmp_path / "new", "run")
    assert os.access(tmp_path / "new/top/run", os.X_OK)
    assert not (tmp_path / "new/top/plain.txt").stat().st_mode & 0o111


def test_limits_hold_at_the_byte(tmp_path: Path) -> None:
    content = pack_files("zip", {"x": os.urandom(1000), "y": os.urandom(1000)})
    unpacked(content, "zip", tmp_path / "just", "x", limits=Limits(total_bytes=2000, file_bytes=1000, members=2))
    for limits in (Limits(total_bytes=1999), Limits(file_bytes=999), Limits(members=1)):
        with pytest.raises(UnpackError):
            unpacked(content, "zip", tmp_path / "over", "x", limits=limits)
