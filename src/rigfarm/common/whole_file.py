"""Files that are whole or not there."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from rigfarm.common.fsync import fsync_folder

__all__ = ["write_private"]


def write_private(path: Path, data: bytes, before: Callable[[Path], None] = lambda _: None) -> None:
    """Replace a file as a whole, durably, readable by its user only. OSError, the old file being untouched.

    `before` is given the new file before it is in its place."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        before(new)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    fsync_folder(path.parent)
