"""Makes a backup, of a Commander that runs or does not. Blocking."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec

from rigfarm import __version__
from rigfarm.commander.backup.contents import (
    CHUNK,
    DATABASES,
    FORMAT,
    MANIFEST,
    SETTINGS,
    BackupError,
    Manifest,
    StoredFile,
    is_ours,
)
from rigfarm.commander.backup.folder import farm_database
from rigfarm.commander.settings import SQLITE_FILE, Settings
from rigfarm.commander.storage import StorageError, copy_to_file
from rigfarm.common.clock import utc_ms
from rigfarm.common.fsync import fsync_folder

__all__ = ["make_backup"]

_FOLDERS = ("identity", "tls", "set-aside")
_LARGE = ("archives", "bundles")
"""Files that can be fetched or built again."""


def make_backup(settings: Settings, target: Path, *, config: Path | None = None, archives: bool = False) -> Manifest:
    """Write the farm into the new file `target` (mode 600): complete and on disk when this returns, or not there.

    Each database is copied as it is at one moment, while the Commander goes on. `config` is the settings' file;
    `archives` adds mining software and self-contained Sentries. BackupError."""
    try:
        farm_database(settings)
    except StorageError as error:
        raise BackupError(str(error)) from None
    if not (settings.data_dir / "identity" / "key.pem").exists():
        raise BackupError(f"No Commander's data was found in {settings.data_dir}: name its folder with --data-dir.")
    if settings.database_url is None and not (settings.data_dir / SQLITE_FILE).exists():
        raise BackupError(
            f"{settings.data_dir} has no {SQLITE_FILE}: the farm's configuration is missing, so no backup was made. If "
            "this Commander uses PostgreSQL, name its settings with --config."
        )
    if target.exists():
        raise BackupError(f"{target} already exists. A backup never overwrites a file: choose another name.")
    try:
        with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as work:
            part = Path(work) / "backup"
            with os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
                manifest = _write(settings, file, Path(work), config, archives=archives)
                file.flush()
                os.fsync(file.fileno())
            _publish(part, target)
    except FileExistsError:
        raise BackupError(f"{target} already exists. A backup never overwrites a file: choose another name.") from None
    except (OSError, sqlite3.Error, StorageError, tarfile.TarError) as error:
        raise BackupError(
            f"The backup {target} could not be made: {error}. Nothing was left there. The user that it is made as "
            "(the owner of the data folder) must be able to write there."
        ) from error
    return manifest


def _write(settings: Settings, file: io.BufferedWriter, work: Path, config: Path | None, *, archives: bool) -> Manifest:
    files: dict[str, StoredFile] = {}
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name in DATABASES:
            copy = work / name
            if name == SQLITE_FILE and settings.database_url is not None:
                asyncio.run(copy_to_file(settings.database, copy))
            elif (settings.data_dir / name).exists():
                _copy_database(settings.data_dir / name, copy)
            else:
                continue
            files[name] = _add(tar, name, copy)
            copy.unlink()
        for name, path in _plain_files(settings, archives=archives):
            files[name] = _add(tar, name, path)
        if config is not None:
            files[SETTINGS] = _add(tar, SETTINGS, config)
        manifest = Manifest(FORMAT, __version__, utc_ms(), files)
        _add_bytes(tar, MANIFEST, msgspec.json.encode(manifest))
    return manifest


def _plain_files(settings: Settings, *, archives: bool) -> Iterator[tuple[str, Path]]:
    for folder in (*_FOLDERS, *(_LARGE if archives else ())):
        for path in sorted((settings.data_dir / folder).glob("*")):
            name = f"{folder}/{path.name}"
            if is_ours(name) and path.is_file() and not path.is_symlink() and not path.name.endswith((".new", ".part")):
                yield name, path


def _copy_database(source: Path, copy: Path) -> None:
    """All of it as it is at one moment. The reader never checkpoints, so that the Commander stays the only one that
    writes; in one step, because what is written meanwhile would make a copy in steps begin again."""
    with (
        closing(sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True, isolation_level=None)) as db,
        closing(sqlite3.connect(copy, isolation_level=None)) as into,
    ):
        db.execute("PRAGMA wal_autocheckpoint=0")
        db.execute("PRAGMA query_only=1")
        db.execute("PRAGMA busy_timeout=10000")
        db.backup(into)
        into.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
        verdict = into.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        raise BackupError(f"{source} is damaged ({verdict}), so no backup was made. See docs/backup.md.")


def _add(tar: tarfile.TarFile, name: str, path: Path) -> StoredFile:
    """Add a file as long as it is now; one that shrinks meanwhile is an OSError of tarfile."""
    with path.open("rb") as file:
        info = _info(name, os.fstat(file.fileno()).st_size)
        counting = _Hashing(file)
        tar.addfile(info, counting)
    return StoredFile(info.size, counting.sha256.hexdigest())


def _add_bytes(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    tar.addfile(_info(name, len(data)), io.BytesIO(data))


def _info(name: str, size: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o600
    return info


class _Hashing:
    """A file that hashes what is read of it."""

    def __init__(self, file: io.BufferedReader) -> None:
        self._file = file
        self.sha256 = hashlib.sha256()

    def read(self, size: int = CHUNK) -> bytes:
        """Bytes, and remember them."""
        data = self._file.read(size)
        self.sha256.update(data)
        return data


def _publish(part: Path, target: Path) -> None:
    """A link never replaces what came meanwhile. USB sticks often have a file system without links."""
    try:
        os.link(part, target)
    except FileExistsError:
        raise
    except OSError:
        if target.exists():
            raise FileExistsError from None
        part.rename(target)
    fsync_folder(target.parent)
