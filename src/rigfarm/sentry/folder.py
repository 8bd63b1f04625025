"""The Sentry's data folder: its user's alone, one Sentry at a time, and files that are whole or not there."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

__all__ = ["FolderError", "data_folder", "locked", "make_private", "write_private"]

FILE_MODE = 0o600
FOLDER_MODE = 0o700


class FolderError(Exception):
    """The data folder cannot be used; the text says why and what to do."""


def data_folder(option: Path | None, environ: Mapping[str, str] = os.environ) -> Path:
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
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder for one running Sentry. FolderError when another holds it."""
    path = folder / "lock"
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    except OSError as error:
        raise FolderError(f"{path} cannot be opened ({error.strerror}).") from None
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.pread(fd, 20, 0).decode(errors="replace").strip()
            raise FolderError(
                f"Another Sentry (process {pid or 'unknown'}) is already running with the data folder {folder}."
            ) from None
        os.ftruncate(fd, 0)
        os.pwrite(fd, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(fd)


def write_private(path: Path, data: bytes) -> None:
    """Replace a file as a whole, durably, readable by its user only. OSError."""
    temporary = path.with_name(f"{path.name}.new")
    temporary.unlink(missing_ok=True)
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
