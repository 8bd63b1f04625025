"""The address book and the mining software as they would be: with entries that a plan adds, under negative numbers."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import asdict

from rigfarm.commander.addresses import Address, AddressBook, AddressForm
from rigfarm.commander.mining_software import MiningSoftware, Software, SoftwareForm
from rigfarm.commander.names import DistinctNames, name_key

__all__ = ["DraftAddresses", "DraftSoftware"]


class DraftAddresses:
    """The address book, and what it would have."""

    def __init__(self, book: AddressBook) -> None:
        self._entries = dict(book.addresses)
        taken = {name_key(one.name) for one in self._entries.values()}
        self.names = DistinctNames(lambda name: name_key(name) in taken)
        self._by_value = {_value(one): one.id for one in reversed(self._entries.values())}

    @property
    def addresses(self) -> Mapping[int, Address]:
        """By id."""
        return self._entries

    def like(self, form: AddressForm) -> Address | None:
        """One that pays or mines at the same."""
        found = self._by_value.get(_value(form))
        return None if found is None else self._entries[found]

    def add(self, form: AddressForm) -> int:
        """One more; its number."""
        stand_in = -len(self._entries) - 1
        self._entries[stand_in] = Address(**asdict(form), id=stand_in, revision=0, created_at=0, updated_at=0)
        self._by_value[_value(form)] = stand_in
        return stand_in


class DraftSoftware:
    """The mining software, and what there would be."""

    def __init__(self, software: MiningSoftware) -> None:
        self._software = software
        self._added: dict[int, Software] = {}

    def get(self, software_id: int) -> Software:
        """The version, or Absent."""
        return self._added.get(software_id) or self._software.get(software_id)

    def versions(self, adapter: str) -> list[Software]:
        """Those that are read by this adapter, the newest first."""
        every = [*self._software.software.values(), *self._added.values()]
        return sorted((one for one in every if one.form.adapter == adapter), key=lambda one: abs(one.id), reverse=True)

    def add(self, form: SoftwareForm) -> int:
        """One more; its number."""
        stand_in = -len(self._added) - 1
        self._added[stand_in] = Software(stand_in, form, None, 0, 0, 0)
        return stand_in


def _value(form: AddressForm) -> tuple[str, str, str, tuple[str, ...]]:
    return form.kind, form.coin, form.wallet, tuple(form.urls)
