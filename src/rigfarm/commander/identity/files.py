"""Files that only the Commander's user can read, whole or not there."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["write_private"]


def write_private(path: Path, data: bytes) -> None:
    """Replace a file as a whole, durably, mode 600; its folder is made, mode 700. OSError.

    Written by root for a Commander that runs as another user, both are that user's."""
    if not path.parent.exists():
        path.parent.mkdir(mode=0o700, parents=True)
        _hand_over(path.parent, path.parent.parent)
    temporary = path.with_name(f"{path.name}.new")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    _hand_over(temporary, path.parent)
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _hand_over(path: Path, folder: Path) -> None:
    """Give it the owner of the folder that it is in."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.chown(path, owner.st_uid, owner.st_gid)
