"""A self-contained Sentry as a file in the Commander's folder."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from pathlib import Path

from msgspec import Struct

from rigfarm.wire.limits import MAX_SENTRY_BYTES

__all__ = ["Bundle", "BundleError", "FileId", "file_id", "read_bundle"]

NAME = re.compile(r"rigfarm-sentry-([a-z0-9_]{1,32})")
_HEAD = re.compile(rb"#!/bin/sh\n# Rigfarm Sentry ([0-9A-Za-z.+-]{1,40}) for ([a-z0-9_]{1,32})\n")

FileId = tuple[int, int, int, int]
"""Device, inode, size and time of the last change (ns): another content has another."""


class BundleError(ValueError):
    """The file is no bundle that can be offered; the text says why."""


class Bundle(Struct, frozen=True):
    """`machine` is what `uname -m` says where it runs."""

    machine: str
    version: str
    sha256: str
    size: int
    path: Path
    id: FileId

    @property
    def name(self) -> str:
        """Its file's name, and the last part of its address."""
        return f"rigfarm-sentry-{self.machine}"

    def unchanged(self) -> bool:
        """Whether its file is still that one."""
        try:
            return file_id(self.path.stat()) == self.id
        except OSError:
            return False


def file_id(found: os.stat_result) -> FileId:
    """Which content this was."""
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def read_bundle(path: Path) -> Bundle:
    """Look at all of it. BundleError, OSError."""
    named = NAME.fullmatch(path.name)
    if named is None:
        raise BundleError("its name is not rigfarm-sentry-MACHINE, as `make bundle` writes it")
    with path.open("rb") as file:
        before = os.fstat(file.fileno())
        if not stat.S_ISREG(before.st_mode) or before.st_size > MAX_SENTRY_BYTES:
            raise BundleError(f"it is not a file, or larger than {MAX_SENTRY_BYTES >> 20} MiB")
        head = _HEAD.match(file.read(128))
        if head is None or head[2].decode() != named[1]:
            raise BundleError("it does not begin like a Sentry for the machine in its name")
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        after = os.fstat(file.fileno())
    if file_id(before) != file_id(after):
        raise BundleError("it is still being written")
    return Bundle(named[1], head[1].decode(), digest, after.st_size, path, file_id(after))
