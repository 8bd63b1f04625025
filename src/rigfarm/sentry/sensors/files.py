"""Read the small files in which the kernel tells one value each."""

from __future__ import annotations

import errno
import os
from pathlib import Path

__all__ = ["fault", "machine_root", "read_int", "read_text"]

_MAX_BYTES = 4096
_NO_SENSOR = frozenset(
    {
        errno.ENOENT,
        errno.ENOTDIR,
        errno.EACCES,
        errno.EPERM,
        errno.ENODATA,
        errno.EOPNOTSUPP,
        errno.EINVAL,
        errno.ENOSYS,
    }
)
"""How a driver says that there is no such value, that it is not for us, or not while the device sleeps."""


def read_text(path: str | os.PathLike[str]) -> str | None:
    """The stripped text of a kernel file; None where there is none or the driver refuses to tell.

    Raw system calls: a Sentry reads a hundred such files every few seconds, and `open()` costs twice as much.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        # A device tree's texts end in a NUL; its lists have one between their items.
        return os.read(fd, _MAX_BYTES).decode("utf-8", "replace").replace("\0", " ").strip()
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


def fault(*paths: str | os.PathLike[str]) -> str | None:
    """The error with which the driver answers the first of these files that is there and cannot be read, "Input/output
    error", or says nothing at all; None if there is none. A sensor that does not exist is not a fault."""
    for path in paths:
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                if not os.read(fd, _MAX_BYTES):
                    return "an empty answer"
            finally:
                os.close(fd)
        except OSError as error:
            if error.errno not in _NO_SENSOR:
                return os.strerror(error.errno or 0)
    return None


def machine_root(sysfs: Path) -> Path:
    """The root of the file system that `sysfs` belongs to: `/` for `/sys`."""
    return sysfs.parent
