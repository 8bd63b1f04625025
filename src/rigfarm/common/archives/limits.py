"""How much an archive may contain, and the meter that counts it before and while it is unpacked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

__all__ = ["AbortedError", "Limits", "Meter", "UnpackError"]


class UnpackError(Exception):
    """This archive is not unpacked; the text says why, for a person. Trying again does not help."""


class AbortedError(Exception):
    """The caller asked to stop; nothing is left behind."""


@dataclass(frozen=True)
class Limits:
    """Generous for every mining program there is (the largest unpack to some 700 MB in 200 files)."""

    total_bytes: int = 2 << 30
    file_bytes: int = 1 << 30
    members: int = 10_000
    ratio: int = 200
    """Unpacked bytes per archive byte, beyond the first `ratio_free_bytes`."""
    ratio_free_bytes: int = 32 << 20
    depth: int = 16
    name_bytes: int = 255
    path_bytes: int = 1_024
    directory_bytes: int = 2 << 20
    """Of a zip file's central directory, which is read into memory."""
    memory_bytes: int = 128 << 20
    """For the dictionary of an xz stream; `xz -9` needs 65 MiB."""
    links: int = 1_000
    link_steps: int = 8
    """From a link to the file it means, over other links."""


def _never() -> bool:
    return False


@dataclass
class Meter:
    """Counts what comes out of one archive. Every count raises UnpackError beyond its limit."""

    limits: Limits
    archive_bytes: int
    aborted: Callable[[], bool] = field(default=_never)
    members: int = 0
    unpacked: int = 0

    def member(self) -> None:
        """One more entry, of whatever kind."""
        self._check_abort()
        self.members += 1
        if self.members > self.limits.members:
            raise UnpackError(f"the archive has more than {self.limits.members:,} members")

    def bytes(self, count: int) -> None:
        """So many more bytes came out."""
        self._check_abort()
        self.unpacked += count
        if self.unpacked > self.limits.total_bytes:
            raise UnpackError(f"the archive unpacks to more than {self.limits.total_bytes >> 20:,} MiB")
        if self.unpacked > self.limits.ratio_free_bytes + self.limits.ratio * self.archive_bytes:
            raise UnpackError(f"the archive unpacks to more than {self.limits.ratio} times its size: it is a bomb")

    def declared(self, name: str, size: int) -> None:
        """A member says how large it is, before any of it is unpacked."""
        if size > self.limits.file_bytes:
            raise UnpackError(f"{name!r} says it is larger than {self.limits.file_bytes >> 20:,} MiB")

    def _check_abort(self) -> None:
        if self.aborted():
            raise AbortedError
