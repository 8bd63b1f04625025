"""What a backup is: a tar file whose last member, manifest.json, has the size and SHA-256 of each of the others.

One that was cut off has no manifest, so it is not taken for whole.
"""

from __future__ import annotations

import re
import tarfile
from typing import IO

import msgspec
from msgspec import Struct

from rigfarm.commander.settings import SQLITE_FILE, SettingsError

__all__ = [
    "CHUNK",
    "DATABASES",
    "FORMAT",
    "MANIFEST",
    "SETTINGS",
    "BackupError",
    "Manifest",
    "StoredFile",
    "is_ours",
    "read_manifest",
]

FORMAT = 1
CHUNK = 1 << 20
MANIFEST = "manifest.json"
SETTINGS = "settings.toml"
"""The configuration file, if the Commander has one. It belongs where the operator keeps it, so it is not put back."""
DATABASES = ("history.db", "journal.db", SQLITE_FILE)
"""In this order: history refers to rows of the journal, and logs to rigs. What is copied later has what it needs."""
_MAX_MANIFEST = 16 << 20
_NAME = re.compile(
    r"settings\.toml|rigfarm\.db|journal\.db|history\.db"
    r"|(identity|tls|archives|bundles|set-aside)/[A-Za-z0-9_][A-Za-z0-9_.+-]{0,200}"
)


class BackupError(SettingsError):
    """A backup cannot be made or restored; the text says why and what to do."""


class StoredFile(Struct, frozen=True):
    """One file of a backup."""

    size: int
    sha256: str


class Manifest(Struct, frozen=True):
    """The last member of a backup."""

    format: int
    version: str
    """Of Rigfarm."""
    created_ms: int
    files: dict[str, StoredFile]


def is_ours(name: str) -> bool:
    """Whether a backup may have a file of this name."""
    return _NAME.fullmatch(name) is not None


def read_manifest(tar: tarfile.TarFile) -> Manifest:
    """The manifest of a backup whose members are exactly those that it names. BackupError."""
    try:
        members = tar.getmembers()
        if not members or members[-1].name != MANIFEST or members[-1].size > _MAX_MANIFEST:
            raise BackupError("This file is not a whole backup: its end is missing. Nothing was changed.")
        part: IO[bytes] | None = tar.extractfile(members[-1])
        assert part is not None, "a regular file, or the decoder refuses it"
        manifest = msgspec.json.decode(part.read(), type=Manifest)
    except (tarfile.TarError, msgspec.DecodeError, OSError, EOFError, AssertionError) as error:
        raise BackupError(f"This file is not a backup of a Commander: {error}. Nothing was changed.") from None
    if manifest.format != FORMAT:
        raise BackupError(f"This backup was made by another Rigfarm ({manifest.version}): use that version, or newer.")
    names = [member.name for member in members[:-1]]
    if sorted(names) != sorted(manifest.files) or not all(member.isreg() for member in members):
        raise BackupError("The files of this backup are not those that it lists. Nothing was changed.")
    if strange := [name for name in names if not is_ours(name)]:
        raise BackupError(f"This backup has a file that no Commander has: {strange[0][:80]!r}. Nothing was changed.")
    return manifest
