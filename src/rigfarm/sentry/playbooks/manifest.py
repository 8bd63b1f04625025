"""What was unpacked, so that what is started later is what was unpacked."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

import msgspec
from msgspec import Struct

from rigfarm.common.whole_file import write_private
from rigfarm.wire.playbooks import Archive

__all__ = ["FILES", "MANIFEST", "Manifest", "is_intact", "read_manifest", "write_manifest"]

MANIFEST = "manifest.json"
FILES = "files"
"""Folder beside it with the archive's content."""

Signature = tuple[int, int, int, int, int]
_seen: dict[str, tuple[Signature, str]] = {}
"""Path -> (status, SHA-256), so that a restart of a program does not read it all again."""

_SEEN_FILES = 5_000


class Manifest(Struct, frozen=True):
    """Of one unpacked version."""

    archive: Archive
    path: str
    """Of the executable, inside FILES."""
    code: dict[str, str]
    """Path -> SHA-256 of each file that can run: executables, libraries, scripts. A program may write the others."""


def write_manifest(folder: Path, archive: Archive, path: str) -> None:
    """Read the unpacked files and write their manifest. Raises OSError."""
    files = folder / FILES
    code = {
        str(file.relative_to(files)): _sha256(file)
        for file in sorted(files.rglob("*"))
        if file.is_file() and _is_code(file)
    }
    write_private(folder / MANIFEST, msgspec.json.encode(Manifest(archive, path, code)))


def read_manifest(folder: Path) -> Manifest | None:
    """None where there is none that can be read."""
    try:
        return msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def is_intact(folder: Path, manifest: Manifest) -> bool:
    """Whether every file that can run is what was unpacked."""
    files = folder / FILES
    try:
        return manifest.path in manifest.code and all(
            _known_sha256(files / name) == sha256 for name, sha256 in manifest.code.items()
        )
    except OSError:
        return False


def _is_code(file: Path) -> bool:
    if file.stat().st_mode & 0o111:
        return True
    with open(file, "rb") as opened:
        return opened.read(4).startswith((b"\x7fELF", b"#!"))


def _known_sha256(file: Path) -> str:
    status = os.lstat(file)
    if not stat.S_ISREG(status.st_mode):
        return ""
    signature = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    known = _seen.get(str(file))
    if known is None or known[0] != signature:
        if len(_seen) >= _SEEN_FILES:
            _seen.clear()
        known = _seen[str(file)] = (signature, _sha256(file))
    return known[1]


def _sha256(file: Path) -> str:
    with open(file, "rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
