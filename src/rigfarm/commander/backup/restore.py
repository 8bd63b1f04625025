"""Restores a backup into a data folder. Blocking; no Commander may run on it.

.restoring/               the files of the backup, until all of them are checked and on disk
.restore-unfinished       there while files are moved
before-restore-<time>/    what the folder had, if it had anything

A crash before the files are moved leaves the folder as it was. One in between leaves `.restore-unfinished`, and no
Commander starts on the folder until a restore was completed: it would take the folder for an empty farm.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import tarfile
from contextlib import closing
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import IO

from rigfarm.commander.backup.contents import CHUNK, DATABASES, SETTINGS, BackupError, Manifest, read_manifest
from rigfarm.commander.backup.folder import UNFINISHED
from rigfarm.commander.settings import SQLITE_FILE
from rigfarm.common.fsync import fsync_folder

__all__ = ["restore_backup"]

_STAGE = ".restoring"
_ASIDE = "before-restore-"
_STAYS = ("commander.lock", "commander.log", "lost+found")
"""Files that say nothing of a farm: a folder with no others is empty."""


def restore_backup(source: IO[bytes], folder: Path, *, replace: bool = False) -> tuple[Manifest, Path | None]:
    """Restore into an empty folder, or with `replace` into one whose content is then moved to a subfolder; returns the
    manifest, and that subfolder. All is checked before anything is touched. BackupError."""
    try:
        there = _farm_in(folder)
        if there and not replace:
            raise BackupError(
                f"{folder} is not empty: it has {there[0].name}. Name a new folder with --data-dir, or add --replace, "
                "which moves what is there into a subfolder."
            )
        stage = folder / _STAGE
        shutil.rmtree(stage, ignore_errors=True)
        with tarfile.open(fileobj=source, mode="r:") as tar:
            manifest = read_manifest(tar)
            try:
                _unpack(tar, manifest, stage)
                _prepare(stage)
            except BaseException:
                shutil.rmtree(stage, ignore_errors=True)
                raise
        (folder / UNFINISHED).touch(mode=0o600)
        fsync_folder(folder)
        aside = _move_aside(there, folder) if there else None
        for path in list(stage.iterdir()):
            path.rename(folder / path.name)
        stage.rmdir()
        fsync_folder(folder)
        (folder / UNFINISHED).unlink()
        fsync_folder(folder)
    except (OSError, sqlite3.Error, tarfile.TarError) as error:
        raise BackupError(f"The backup cannot be restored into {folder}: {error}.") from error
    return manifest, aside


def _farm_in(folder: Path) -> list[Path]:
    """What would be in the way; the content of earlier restores is not."""
    ours = (*_STAYS, _STAGE, UNFINISHED)
    return sorted(path for path in folder.iterdir() if path.name not in ours and not path.name.startswith(_ASIDE))


def _unpack(tar: tarfile.TarFile, manifest: Manifest, stage: Path) -> None:
    needed, free = sum(one.size for one in manifest.files.values()), shutil.disk_usage(stage.parent).free
    if needed > free:
        raise BackupError(f"The backup needs {needed >> 20} MiB; {stage.parent} has {free >> 20} MiB free. Make room.")
    stage.mkdir(mode=0o700)
    for name, stored in manifest.files.items():
        content = tar.extractfile(name)
        assert content is not None, "regular files only, says read_manifest"
        path = stage / name
        path.parent.mkdir(mode=0o700, exist_ok=True)
        sha256 = hashlib.sha256()
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
            while data := content.read(CHUNK):
                sha256.update(data)
                file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if sha256.hexdigest() != stored.sha256 or path.stat().st_size != stored.size:
            raise BackupError(f"{name} in this backup is damaged: its SHA-256 differs. Nothing was changed.")
    for path in (stage, *(path for path in stage.iterdir() if path.is_dir())):
        fsync_folder(path)


def _prepare(stage: Path) -> None:
    """Check the databases, and end the logins of then: some may have been ended since. Commands that wait in the backup
    were sent or expired since, and what earlier ones did may have been changed by newer ones."""
    for name in DATABASES:
        if not (stage / name).exists():
            continue
        with closing(sqlite3.connect(stage / name, isolation_level=None)) as db:
            verdict = db.execute("PRAGMA quick_check(1)").fetchone()[0]
            if verdict != "ok":
                raise BackupError(f"{name} in this backup is damaged ({verdict}). Nothing was changed.")
            if name == SQLITE_FILE:
                db.execute("DELETE FROM sessions")
                db.execute("DELETE FROM commands WHERE finished_at IS NULL")
                if db.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'effects'").fetchone():
                    db.execute("UPDATE effects SET due_ms = NULL, current = 0")
    if (stage / SETTINGS).exists():
        (stage / SETTINGS).rename(stage / f"restored-{SETTINGS}")


def _move_aside(there: list[Path], folder: Path) -> Path:
    name = f"{_ASIDE}{datetime.now(UTC):%Y%m%d-%H%M%S}"
    aside = next(path for number in count() if not (path := folder / (f"{name}-{number}" if number else name)).exists())
    aside.mkdir(mode=0o700)
    for path in there:
        path.rename(aside / path.name)
    fsync_folder(aside)
    return aside
