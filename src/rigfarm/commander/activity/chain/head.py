"""The number and hash of the newest row, also outside the database: without it, rows could be removed at the end.

It is `1234:9f86d0…`, in the data folder's `activity.head`, and written after each commit.
"""

from __future__ import annotations

import re
from pathlib import Path

from msgspec import Struct

from rigfarm.commander.identity.files import write_private

__all__ = ["Head", "read_head", "write_head"]

HEAD_FILE = "activity.head"
_TEXT = re.compile(r"(\d{1,10}):([0-9a-f]{64})")


class Head(Struct, frozen=True):
    """The newest row of some moment."""

    id: int
    hash: bytes

    def __str__(self) -> str:
        """`1234:9f86d0…`, as it is printed, kept with backups and asked for."""
        return f"{self.id}:{self.hash.hex()}"

    @classmethod
    def parse(cls, text: str) -> Head:
        """ValueError for what is not one."""
        match = _TEXT.fullmatch(text.strip())
        if match is None:
            raise ValueError("A head looks like 1234:9f86d081884c7d65… (a number, a colon, 64 hexadecimal digits).")
        return cls(int(match[1]), bytes.fromhex(match[2]))


def read_head(data_dir: Path) -> Head | None:
    """None when there is none. ValueError when it is damaged; OSError."""
    path = data_dir / HEAD_FILE
    return Head.parse(path.read_text("ascii", "replace")) if path.exists() else None


def write_head(data_dir: Path, head: Head) -> None:
    """Durably. OSError."""
    write_private(data_dir / HEAD_FILE, str(head).encode())
