"""One entry of an archive, of any format."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["CHUNK", "Member"]

CHUNK = 256 << 10


@dataclass
class Member:
    """A regular file, a folder, or a link to another file of the archive; readers refuse everything else."""

    name: str
    """As the archive says it: not to be trusted before `names.Names` has seen it."""
    is_folder: bool
    executable: bool
    """Any of its run bits is set. Every other bit of its mode is forgotten, setuid among them."""
    content: Iterator[bytes]
    """To be read before the next member, or not at all."""
    link: str | None = None
    """Of a link, the name it points to from the top of the archive: it is unpacked as a copy of that file."""
