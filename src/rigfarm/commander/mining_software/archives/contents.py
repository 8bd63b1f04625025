"""A look into a mining program's archive before it is kept: which format it is, and whether rigs can unpack it and find
the program in it. Rigs judge by the same rules; nothing is written here."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from msgspec import Struct

from rigfarm.commander.mining_software.model import ArchiveFormat
from rigfarm.common.archives import UnpackError, examine, format_of

__all__ = ["BadArchiveError", "Contents", "look_into"]

_MAX_TEXT = 600


class BadArchiveError(Exception):
    """It is not an archive that rigs can use; the text says why."""


class Contents(Struct, frozen=True):
    """What the look found."""

    format: ArchiveFormat


def look_into(path: Path, executable: str) -> Contents:
    """Blocking. BadArchiveError unless it is an archive (or a bare program) that holds a file named `executable`."""
    with path.open("rb") as file:
        head = file.read(8)
        kind = format_of(head)
        if kind is None:
            raise BadArchiveError(_not_one(head))
        try:
            examine(file, kind, executable)
        except UnpackError as error:
            raise BadArchiveError(f"Rigs could not use this {kind} file: {_plain(str(error))}.") from None
        except OSError as error:
            raise BadArchiveError(f"The file cannot be read: {_plain(str(error))}.") from None
    return Contents(cast(ArchiveFormat, kind))


def _not_one(head: bytes) -> str:
    if head.lstrip()[:1] == b"<":
        return "The file is a web page, not a program: is this the URL of the file itself?"
    return "The file is not a tar.gz, tar.xz, tar.bz2 or zip archive and not a Linux program."


def _plain(text: str) -> str:
    """A sentence that may name a stranger's files, as something that can be shown."""
    return "".join(char if char.isascii() and char.isprintable() else "?" for char in text)[:_MAX_TEXT]
