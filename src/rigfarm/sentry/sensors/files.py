"""Read the small files in which the kernel tells one value each."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["machine_root", "read_int", "read_text"]

_MAX_BYTES = 4096


def read_text(path: str | os.PathLike[str]) -> str | None:
    """The stripped text of a kernel file; None where there is none or the driver refuses to tell.

    Raw system calls: a Sentry reads a hundred such files every few seconds, and `open()` costs twice as much.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return os.read(fd, _MAX_BYTES).decode("utf-8", "replace").strip()
    except OSError:
        return None
    finally:
        os.close(fd)


def read_int(path: str | os.PathLike[str]) -> int | None:
    """The whole number in a kernel file; None where there is none."""
    text = read_text(path)
    if text is None or len(text) > 24:
        return None
    try:
        return int(text)
    except ValueError:
        return None


def machine_root(sysfs: Path) -> Path:
    """The root of the file system that `sysfs` belongs to: `/` for `/sys`."""
    return sysfs.parent
