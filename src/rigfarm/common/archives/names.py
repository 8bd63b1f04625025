"""Names of members: inside the folder, one spelling each, nothing that a file system could take for something else."""

from __future__ import annotations

import re
import unicodedata

from rigfarm.common.archives.limits import Limits, UnpackError

__all__ = ["Names", "link_target"]

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029\ud800-\udfff]")


def link_target(name: str, target: str) -> str:
    """Where the symbolic link `name` points to, from the top of the archive. Raises UnpackError if that is outside."""
    if target.startswith("/"):
        raise UnpackError(f"the archive has a link that leaves it: {name!r} points to {target!r}")
    parts = [part for part in name.split("/") if part not in ("", ".")][:-1]
    for part in target.split("/"):
        if part == "..":
            if not parts:
                raise UnpackError(f"the archive has a link that leaves it: {name!r} points to {target!r}")
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


class Names:
    """All names of one archive."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._folders: set[tuple[str, ...]] = set()
        self._files: set[tuple[str, ...]] = set()
        self._spellings: dict[tuple[str, ...], tuple[str, ...]] = {}

    def admit(self, name: str, *, is_folder: bool) -> tuple[str, ...]:
        """The parts of a name, `()` for the archive's own root. Raises UnpackError."""
        parts = self._parts(name)
        if not parts and not is_folder:
            raise UnpackError(f"the archive has a file without a name: {name!r}")
        for depth in range(1, len(parts) + 1):
            self._one_spelling(parts[:depth])
        for depth in range(1, len(parts)):
            self._folder(parts[:depth])
        if is_folder:
            self._folder(parts)
        else:
            self._file(parts)
        return parts

    def parts(self, name: str) -> tuple[str, ...]:
        """The parts of a name that is only pointed to. Raises UnpackError."""
        return self._parts(name)

    def _parts(self, name: str) -> tuple[str, ...]:
        if name.startswith("/") or "\\" in name or re.match(r"[A-Za-z]:", name):
            raise UnpackError(f"the archive has an absolute or foreign path: {name!r}")
        if _CONTROL.search(name):
            raise UnpackError(f"the archive has a name with control characters: {name!r}")
        if len(name.encode()) > self._limits.path_bytes:
            raise UnpackError(f"the archive has a path longer than {self._limits.path_bytes} bytes")
        parts = tuple(part for part in unicodedata.normalize("NFC", name).split("/") if part not in ("", "."))
        if ".." in parts:
            raise UnpackError(f"the archive has a path that leaves its folder: {name!r}")
        if len(parts) > self._limits.depth:
            raise UnpackError(f"the archive has folders deeper than {self._limits.depth}")
        if any(len(part.encode()) > self._limits.name_bytes for part in parts):
            raise UnpackError(f"the archive has a name longer than {self._limits.name_bytes} bytes")
        return parts

    def _one_spelling(self, parts: tuple[str, ...]) -> None:
        folded = tuple(unicodedata.normalize("NFC", part.casefold()) for part in parts)
        if self._spellings.setdefault(folded, parts) != parts:
            raise UnpackError(f"the archive has two names that differ only in case: {'/'.join(parts)!r}")

    def _folder(self, parts: tuple[str, ...]) -> None:
        if parts in self._files:
            raise UnpackError(f"{'/'.join(parts)!r} is a file and a folder")
        self._folders.add(parts)

    def _file(self, parts: tuple[str, ...]) -> None:
        if parts in self._files or parts in self._folders:
            raise UnpackError(f"the archive has {'/'.join(parts)!r} twice")
        self._files.add(parts)
