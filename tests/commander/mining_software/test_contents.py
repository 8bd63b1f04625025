"""A look into an archive: the format by its bytes, the program by its name, and nothing that hurts."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import pytest

from rigfarm.commander.mining_software.archives.contents import BadArchiveError, look_into

PROGRAM = b"\x7fELF" + b"x" * 100


def _tar(*members: tarfile.TarInfo, format: int = tarfile.GNU_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=format) as archive:
        for member in members:
            archive.addfile(member, io.BytesIO(b"x" * member.size))
    return buffer.getvalue()


def _file(name: str, size: int = 700) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size = size
    return info


def _zip(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, b"x" * 100)
    return buffer.getvalue()


def _look(tmp_path: Path, body: bytes, executable: str = "miner") -> str:
    path = tmp_path / "file"
    path.write_bytes(body)
    return look_into(path, executable).format


@pytest.mark.parametrize(
    ("format", "pack"), [("tar.gz", gzip.compress), ("tar.xz", lzma.compress), ("tar.bz2", bz2.compress)]
)
def test_it_works(tmp_path: Path, format: str, pack: type[bytes]) -> None:
    assert _look(tmp_path, pack(_tar(_file("README"), _file("miner-1.0/miner")))) == format


def test_zips_and_bare_programs(tmp_path: Path) -> None:
    assert _look(tmp_path, _zip("readme.txt", "miner-1.0/", "miner-1.0/miner")) == "zip"
    assert _look(tmp_path, PROGRAM) == "executable"


@pytest.mark.parametrize("format", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_names_links_and_folders_between(tmp_path: Path, format: int) -> None:
    link = tarfile.TarInfo("d" * 150 + "/" + "l" * 120)
    link.type, link.linkname = tarfile.SYMTYPE, "t" * 120
    folder = tarfile.TarInfo("folder")
    folder.type = tarfile.DIRTYPE
    body = _tar(_file("d" * 150 + "/" + "t" * 120, 5000), link, folder, _file("a" * 120 + "/miner"), format=format)
    assert _look(tmp_path, gzip.compress(body)) == "tar.gz"


def test_what_is_in_it_is_said_when_the_program_is_not(tmp_path: Path) -> None:
    with pytest.raises(BadArchiveError, match=r"has no file named 'miner'; it has: othermin, readme.txt"):
        _look(tmp_path, gzip.compress(_tar(_file("pkg/readme.txt"), _file("pkg/othermin"))))


def test_a_link_out_of_the_archive_is_not_the_program(tmp_path: Path) -> None:
    link = tarfile.TarInfo("miner")
    link.type, link.linkname = tarfile.SYMTYPE, "/bin/sh"
    with pytest.raises(BadArchiveError, match="a link that leaves it"):
        _look(tmp_path, gzip.compress(_tar(link)))


def test_names_of_strangers_are_shown_without_their_tricks(tmp_path: Path) -> None:
    with pytest.raises(BadArchiveError) as error:
        _look(tmp_path, _zip("\x1b[31mevil\u202egnp", "<script>alert(1)</script>" * 20))
    assert "\x1b" not in str(error.value)
    assert "\u202e" not in str(error.value)
    assert len(str(error.value)) < 700


@pytest.mark.parametrize("body", [b"", b"hello", b"<!DOCTYPE html><html>", b"  <html>", b"MZ\x90\x00", b"7z\xbc\xaf"])
def test_what_is_no_archive_is_said(tmp_path: Path, body: bytes) -> None:
    with pytest.raises(BadArchiveError, match="web page" if b"<" in body else "not a tar.gz"):
        _look(tmp_path, body)


@pytest.mark.parametrize("cut", [9, 20, 60, 200, 400])
def test_broken_ones_are_said(tmp_path: Path, cut: int) -> None:
    noise = bytes(range(256)) * 20
    tar = _tar(_file("a"), _file("b"))
    tar = tar[:1024] + noise + tar[1024:]
    for body in (gzip.compress(tar)[:-cut], lzma.compress(tar)[:-cut], bz2.compress(tar)[:-cut], _zip("a", "b")[:-cut]):
        with pytest.raises(BadArchiveError):
            _look(tmp_path, body)


def test_a_bomb_is_not_set_off(tmp_path: Path) -> None:
    with pytest.raises(BadArchiveError, match="it is a bomb"):
        _look(tmp_path, gzip.compress(_tar(_file("a", 80 << 20), _file("miner"))))


def test_an_endless_name_is_not_read(tmp_path: Path) -> None:
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 64 << 20
    body = gzip.compress(header.tobuf() + b"a" * (64 << 20), 1)
    tracemalloc.start()
    with pytest.raises(BadArchiveError, match="absurd size"):
        _look(tmp_path, body)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20


def test_a_directory_of_a_million_members_is_not_read(tmp_path: Path) -> None:
    body = _zip("a", "miner")
    end = body.rfind(b"PK\x05\x06")
    lying = body[: end + 8] + struct.pack("<HHI", 60_000, 60_000, 1 << 30) + body[end + 16 :]
    with pytest.raises(BadArchiveError, match="more than 10,000 members"):
        _look(tmp_path, lying)
    monkey = gzip.compress(_tar(*(_file(f"m{n}", 0) for n in range(10_001))), 1)
    with pytest.raises(BadArchiveError, match="more than 10,000 members"):
        _look(tmp_path, monkey)


def test_a_zip_does_not_say_twice_how_large_its_directory_is(tmp_path: Path) -> None:
    """Else a stranger's archive fills the Commander's memory while it looks into it."""
    body = _zip(*(f"{n}" for n in range(3)))
    end = body.rfind(b"PK\x05\x06")
    size, at = struct.unpack_from("<LL", body, end + 12)
    record = b"PK\6\6" + struct.pack("<QHHLLQQQQ", 44, 45, 45, 0, 0, 3, 3, size, at)
    locator = b"PK\6\7" + struct.pack("<LQL", 0, end, 1)
    ending = body[end : end + 8] + struct.pack("<HHLL", 1, 1, 46, at) + body[end + 20 :]
    with pytest.raises(BadArchiveError, match="over 4 GiB"):
        _look(tmp_path, body[:end] + record + locator + ending)


def test_an_xz_archive_cannot_ask_for_gigabytes_of_memory(tmp_path: Path) -> None:
    body = bytearray(lzma.compress(_tar(_file("miner")), check=lzma.CHECK_CRC32))
    assert _look(tmp_path, bytes(body)) == "tar.xz"
    header = 12
    length = (body[header] + 1) * 4
    assert body[header + 2 : header + 4] == b"\x21\x01", "the filter is LZMA2, with one byte of properties"
    body[header + 4] = 39  # a dictionary of 3 GiB
    body[header + length - 4 : header + length] = zlib.crc32(body[header : header + length - 4]).to_bytes(4, "little")
    with pytest.raises(BadArchiveError, match="damaged: Memory usage limit"):
        _look(tmp_path, bytes(body))


def test_an_xz_archive_of_several_streams_is_read_to_its_end(tmp_path: Path) -> None:
    tar = _tar(_file("README"), _file("miner"))
    assert _look(tmp_path, lzma.compress(tar[:700]) + b"\0" * 4 + lzma.compress(tar[700:])) == "tar.xz"
