"""What is shown of mining software, as data."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from rigfarm.commander.mining_software.actions import MiningSoftware
from rigfarm.commander.mining_software.archives.fetches import Fetch
from rigfarm.commander.mining_software.catalogue.catalogue import catalogue
from rigfarm.commander.mining_software.model import Software
from rigfarm.commander.usage import Use
from rigfarm.units import size

__all__ = ["Row", "listing", "row_of", "state_of"]


def state_of(software: Software, book: MiningSoftware) -> str:
    """One word for where its file is."""
    fetch = book.fetches.get(software.id)
    if fetch is not None and fetch.running:
        return fetch.how
    if software.kept is not None:
        if not book.here(software):
            return "lost"
        return "pinned" if software.pinned else "unconfirmed"
    return "none" if fetch is None else "failed"


class Row(Struct, frozen=True):
    """A version in the list."""

    software: Software
    state: str
    fetch: Fetch | None
    uses: list[Use]

    @property
    def size(self) -> str:
        """Of its file, for people."""
        return "" if self.software.kept is None else str(size(self.software.kept.size))

    @property
    def coming(self) -> str:
        """How much of it is here, for people."""
        if self.fetch is None:
            return ""
        received = size(self.fetch.received)
        return f"{received} of {size(self.fetch.total)}" if self.fetch.total else str(received)


def listing(book: MiningSoftware, q: str) -> dict[str, Any]:
    """Context of the list: versions that match the words."""
    rows = [row_of(one, book) for one in book.listed(q)]
    return {"rows": rows, "q": q, "any": bool(book.software), "catalogue": catalogue()}


def row_of(software: Software, book: MiningSoftware) -> Row:
    """One line of it."""
    return Row(software, state_of(software, book), book.fetches.get(software.id), book.used_by(software.id))
