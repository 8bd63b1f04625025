"""The address book and what can be done with it. All of it is in memory; a change is durable before it is announced."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from rigfarm.commander.addresses import broadcasts, store
from rigfarm.commander.addresses.model import Address, AddressForm, AddressKind
from rigfarm.commander.changes import compare, concerns, describe
from rigfarm.commander.events import AddressChanged, Events
from rigfarm.commander.fields import checked, words_of
from rigfarm.commander.live import Hub
from rigfarm.commander.names import name_key, name_sort
from rigfarm.commander.refusals import Absent, Conflict, Invalid, expect_revision
from rigfarm.commander.storage import Storage
from rigfarm.commander.usage import Usage, Use, named
from rigfarm.common.clock import utc_ms

__all__ = ["AddressBook"]


class AddressBook:
    """All pools and wallets."""

    def __init__(self, storage: Storage, hub: Hub, events: Events, usage: Usage) -> None:
        self.addresses: dict[int, Address] = {}
        self._storage = storage
        self._hub = hub
        self._events = events
        self._usage = usage
        self._writing = asyncio.Lock()

    async def load(self) -> None:
        """Read all of it; once, before serving."""
        async with self._storage.read() as tx:
            self.addresses = {address.id: address for address in await store.load_addresses(tx)}

    # Looking up

    def get(self, address_id: int) -> Address:
        """The entry, or Absent."""
        address = self.addresses.get(address_id)
        if address is None:
            raise Absent(f"Entry {address_id} of the address book does not exist.")
        return address

    def listed(self, kind: AddressKind | None = None, coin: str = "", q: str = "") -> list[Address]:
        """Entries by coin, kind and name; narrowed to a kind, a coin and words."""
        words = q.casefold().split()
        found = [
            address
            for address in self.addresses.values()
            if kind in (None, address.kind)
            and coin.upper() in ("", address.coin)
            and all(word in _text(address) for word in words)
        ]
        return sorted(found, key=lambda address: (address.coin, address.kind, name_sort(address.name)))

    def used_by(self, address_id: int) -> list[Use]:
        """Who uses the entry."""
        return self._usage.of("address", address_id)

    # What operators do

    async def create(self, form: AddressForm) -> Address:
        """Add an entry."""
        describe("create address")
        form = checked(form)
        async with self._writing:
            self._check_name(form.name)
            async with self._storage.begin() as tx:
                address = await store.insert_address(tx, form, utc_ms())
            self.addresses[address.id] = address
        broadcasts.created(self._hub, address)
        _describe(address)
        compare({}, words_of(form))
        return address

    async def change(self, address_id: int, form: AddressForm, revision: int | None = None) -> Address:
        """Replace what an entry says. `revision`: what the operator saw; ChangedMeanwhile when it is no longer that."""
        describe("change address")
        form = checked(form)
        async with self._writing:
            old = self.get(address_id)
            _describe(old)
            expect_revision(revision, old.revision, old.name)
            if form.kind != old.kind:
                raise Invalid("A pool stays a pool and a wallet a wallet: add a new entry instead.", field="kind")
            if form == old.form:
                return old
            self._check_name(form.name, except_id=address_id)
            async with self._storage.begin() as tx:
                address = await store.save_address(tx, old, form, max(utc_ms(), old.updated_at + 1))
            self.addresses[address_id] = address
        broadcasts.updated(self._hub, address)
        _describe(address)
        compare(words_of(old.form), words_of(form))
        await self._events.publish_and_wait(AddressChanged(address_id))
        return address

    async def remove(self, address_id: int, *, even_if_used: bool = False) -> Address:
        """Remove an entry; Conflict names who uses it, unless the operator knows."""
        describe("remove address")
        async with self._writing:
            address = self.get(address_id)
            _describe(address)
            expect_revision(None, address.revision, address.name)
            uses = self.used_by(address_id)
            if uses and not even_if_used:
                raise Conflict(
                    f"{address.name} is used by {named(uses)}. They would keep its current values; change "
                    f"them first, or remove it anyway."
                )
            async with self._storage.begin() as tx:
                await store.delete_address(tx, address_id)
            del self.addresses[address_id]
        broadcasts.deleted(self._hub, address)
        compare(words_of(address.form), {})
        return address

    # What others say

    def used_otherwise(self, address_ids: Iterable[int]) -> None:
        """Who uses these entries changed: viewers of the address book see it."""
        for address_id in address_ids:
            if (address := self.addresses.get(address_id)) is not None:
                broadcasts.used_otherwise(self._hub, address)

    def _check_name(self, name: str, except_id: int | None = None) -> None:
        key = name_key(name)
        if any(name_key(other.name) == key and other.id != except_id for other in self.addresses.values()):
            raise store.taken(name)


def _text(address: Address) -> str:
    return "\n".join((address.name, address.coin, address.kind, address.wallet, *address.urls)).casefold()


def _describe(address: Address) -> None:
    describe(address_name=address.name)
    concerns("address", {address.id: address.name})
