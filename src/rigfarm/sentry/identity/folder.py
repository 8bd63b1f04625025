"""The Sentry's data folder: its user's alone, and of one Sentry at a time."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from rigfarm.common.file_lock import FileLock, LockedError

__all__ = ["FolderError", "as_owner", "data_folder", "locked", "make_private"]

FILE_MODE = 0o600
FOLDER_MODE = 0o700


class FolderError(Exception):
    """The data folder cannot be used; the text says why and what to do."""


def data_folder(option: Path | None = None, environ: Mapping[str, str] = os.environ) -> Path:
    """Where the Sentry keeps its things: --data-dir, RIGFARM_DATA_DIR, or the usual place of this user."""
    if option is not None:
        return option.absolute()
    if named := environ.get("RIGFARM_DATA_DIR"):
        return Path(named).expanduser().absolute()
    if os.geteuid() == 0:
        return Path("/var/lib/rigfarm-sentry")
    share = environ.get("XDG_DATA_HOME") or Path("~/.local/share").expanduser()
    return Path(share).absolute() / "rigfarm-sentry"


def make_private(folder: Path) -> list[str]:
    """Make the folder, and take from others what they may do with it and with the files in it.

    Where only passing through is open that stays: a playbook's own user reaches its program so. Returns what had to be
    changed, in words. FolderError when it cannot be had.
    """
    changed = []
    try:
        folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        found = folder.stat()
        if found.st_uid != os.geteuid():
            raise FolderError(
                f"The data folder {folder} belongs to another user. Run the Sentry as that user, or give it a folder "
                "of its own with --data-dir."
            )
        if stat.S_IMODE(found.st_mode) & 0o066:
            folder.chmod(FOLDER_MODE)
            changed.append(f"{folder} was open to other users")
        for path in sorted(folder.iterdir()):
            mode = path.lstat().st_mode
            if stat.S_ISREG(mode) and mode & 0o077 and path.stat().st_uid == os.geteuid():
                path.chmod(FILE_MODE | (mode & stat.S_IXUSR))
                changed.append(f"{path.name} was readable by other users")
    except OSError as error:
        raise FolderError(
            f"The data folder {folder} cannot be used ({error.strerror}). Choose another with --data-dir or "
            "RIGFARM_DATA_DIR, or make it this user's own."
        ) from None
    return changed


@contextlib.contextmanager
def as_owner(folder: Path) -> Iterator[None]:
    """Root that works in the folder of the service's own user is that user until the block ends, in all threads: files
    of root's would keep the service from starting."""
    owner = folder.stat() if os.geteuid() == 0 and folder.exists() else None
    if owner is None or owner.st_uid == 0:
        yield
        return
    os.setegid(owner.st_gid)
    os.seteuid(owner.st_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder for one running Sentry. FolderError when another holds it."""
    path = folder / "lock"
    try:
        lock = FileLock(path)
    except LockedError as error:
        raise FolderError(
            f"Another Sentry (process {error.holder}) is already running with the data folder {folder}."
        ) from None
    except OSError as error:
        raise FolderError(f"{path} cannot be opened ({error.strerror}).") from None
    try:
        yield
    finally:
        lock.release()
