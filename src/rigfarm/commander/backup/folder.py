"""What a data folder says of itself, so that nothing else is taken for its farm.

database-kind           `PostgreSQL`, for example: without its settings, such a farm looks like the empty or old SQLite
                        in its data folder
.restore-unfinished     there while a restore moves files
"""

from __future__ import annotations

from pathlib import Path

from rigfarm.commander.backup.contents import BackupError
from rigfarm.commander.identity.files import write_private
from rigfarm.commander.settings import Settings
from rigfarm.commander.storage import StorageError

__all__ = ["UNFINISHED", "farm_database", "note_database", "refuse_half_restored", "refuse_other_database"]

KIND_FILE = "database-kind"
UNFINISHED = ".restore-unfinished"
_HERE, _POSTGRESQL, _ELSEWHERE = "SQLite", "PostgreSQL", "an SQLite database in another folder"


def note_database(folder: Path, database_url: str | None) -> None:
    """Remember where the farm of this folder is. StorageError."""
    kind = _HERE if database_url is None else _POSTGRESQL if database_url.startswith("postgres") else _ELSEWHERE
    try:
        if _noted(folder) != kind:
            write_private(folder / KIND_FILE, f"{kind}\n".encode())
    except OSError as error:
        raise StorageError(f"{folder / KIND_FILE} cannot be written: {error}.") from error


def refuse_other_database(folder: Path, instead: str = "name its settings with --config") -> None:
    """StorageError when the farm of this folder is not in its SQLite."""
    try:
        kind = _noted(folder)
    except OSError as error:
        raise StorageError(f"{folder / KIND_FILE} cannot be read: {error}.") from error
    if kind not in ("", _HERE):
        raise StorageError(f"This Commander uses {kind}: {instead}. To go back to SQLite, see docs/backup.md.")


def farm_database(settings: Settings) -> str:
    """The URL of the farm's database. StorageError when the settings are not those of this farm; BackupError when it is
    half restored."""
    refuse_half_restored(settings.data_dir)
    if settings.database_url is None:
        refuse_other_database(settings.data_dir)
    return settings.database


def refuse_half_restored(folder: Path) -> None:
    """BackupError when a restore into this folder was interrupted while it moved the files."""
    if (folder / UNFINISHED).exists():
        raise BackupError(
            f"A restore into {folder} was interrupted. Repeat it with --replace: "
            "`rigfarm commander restore FILE --replace`."
        )


def _noted(folder: Path) -> str:
    path = folder / KIND_FILE
    kind = path.read_text("ascii", "replace").strip() if path.exists() else ""
    return kind if kind in (_HERE, _POSTGRESQL, _ELSEWHERE) else ""
