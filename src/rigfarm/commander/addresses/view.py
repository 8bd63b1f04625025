"""What the list of the address book shows, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct

from rigfarm.commander.addresses.actions import AddressBook
from rigfarm.commander.addresses.model import Address
from rigfarm.commander.asked import known_names, one_of, short_text
from rigfarm.commander.usage import Use

__all__ = ["Query", "Row", "listing"]


LIST_PARAMS = ("q", "kind", "coin")


class Query(Struct, frozen=True):
    """What the list's URL asks for."""

    q: str = ""
    kind: Literal["", "pool", "wallet"] = ""
    coin: str = ""

    @classmethod
    def parse(cls, params: Mapping[str, str]) -> Query:
        """NotUnderstood for a name or a value that has no meaning."""
        known_names(params, LIST_PARAMS)
        kind = one_of("kind", params.get("kind", ""), ("", "pool", "wallet"))
        return cls(
            q=short_text(params, "q", 100),
            kind="pool" if kind == "pool" else "wallet" if kind == "wallet" else "",
            coin=short_text(params, "coin", 16).upper(),
        )


class Row(Struct, frozen=True):
    """An entry in the list."""

    address: Address
    uses: list[Use]
    warning: str | None

    @property
    def rigs(self) -> int:
        """Rigs that run a playbook with it."""
        return sum(use.rigs for use in self.uses)


def listing(book: AddressBook, query: Query) -> dict[str, Any]:
    """Context of the list: entries that match."""
    found = book.listed(query.kind or None, query.coin, query.q)
    rows = [Row(one, book.used_by(one.id), one.warning) for one in found]
    coins = sorted({one.coin for one in book.addresses.values()})
    return {"rows": rows, "query": query, "coins": coins, "any": bool(book.addresses)}
