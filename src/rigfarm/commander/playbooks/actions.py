"""The playbooks of this farm: written, changed, rolled back, removed. Every change is a new revision."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from msgspec.structs import replace

from rigfarm.commander.addresses import AddressBook
from rigfarm.commander.changes import compare, concerns, describe
from rigfarm.commander.events import AddressChanged, Events, PlaybookChanged, PlaybookRemoved, SoftwareChanged
from rigfarm.commander.fields import Difference
from rigfarm.commander.live import Hub
from rigfarm.commander.mining_software import MiningSoftware
from rigfarm.commander.names import name_key, name_sort
from rigfarm.commander.playbooks import broadcasts, store
from rigfarm.commander.playbooks.content.check import content_of
from rigfarm.commander.playbooks.content.diff import differences
from rigfarm.commander.playbooks.content.form import PlaybookForm, form_of
from rigfarm.commander.playbooks.content.refresh import refreshed
from rigfarm.commander.playbooks.model import Holders, Playbook, PlaybookContent, Revision
from rigfarm.commander.refusals import Absent, Conflict, Invalid, Refusal, expect_revision
from rigfarm.commander.storage import Storage
from rigfarm.commander.usage import Usage, Use
from rigfarm.common.clock import utc_ms

__all__ = ["Playbooks"]

HISTORY_AT_ONCE = 50


class Playbooks:
    """All playbooks with their newest revisions."""

    def __init__(
        self,
        storage: Storage,
        hub: Hub,
        events: Events,
        usage: Usage,
        addresses: AddressBook,
        software: MiningSoftware,
        holders: Holders,
    ) -> None:
        self.playbooks: dict[int, Playbook] = {}
        self.holders = holders
        self.addresses = addresses
        self.software = software
        self.writing = asyncio.Lock()
        """Held while a playbook, or what rigs have of it, is changed."""
        self._storage = storage
        self._hub = hub
        self._events = events
        self._contents: dict[tuple[int, int], PlaybookContent] = {}
        """What rigs have, and what is newest."""
        usage.register("address", self._users_of_address)
        usage.register("software", self._users_of_software)
        usage.register_files(self._files_in_use)
        events.follow(AddressChanged, self._entry_changed)
        events.follow(SoftwareChanged, self._entry_changed)

    async def load(self) -> None:
        """Read all of them; once, after addresses, mining software and holders, and before serving."""
        async with self._storage.read() as tx:
            for revision in await store.load_revisions(tx, self.holders.revisions()):
                self._contents[revision.playbook_id, revision.number] = revision.content
            for playbook in await store.load_playbooks(tx):
                self._put(playbook)
        await self._follow_all()

    # Looking up

    def get(self, playbook_id: int) -> Playbook:
        """The playbook, or Absent."""
        playbook = self.playbooks.get(playbook_id)
        if playbook is None:
            raise Absent(f"Playbook {playbook_id} does not exist.")
        return playbook

    def listed(self, q: str = "", coin: str = "") -> list[Playbook]:
        """By name; narrowed to words and a coin."""
        words = q.casefold().split()
        found = [
            one
            for one in self.playbooks.values()
            if all(word in _text(one) for word in words) and coin.upper() in ("", *one.content.coins)
        ]
        return sorted(found, key=lambda one: name_sort(one.name))

    def content(self, playbook_id: int, number: int) -> PlaybookContent:
        """A revision that some rig has, or the newest; Absent when it is neither."""
        content = self._contents.get((playbook_id, number))
        if content is None:
            raise Absent(f"Playbook {playbook_id} has no revision {number} in use.")
        return content

    async def history(
        self, playbook_id: int, before: int | None = None, limit: int = HISTORY_AT_ONCE
    ) -> list[Revision]:
        """Revisions older than `before`, newest first."""
        self.get(playbook_id)
        async with self._storage.read() as tx:
            return await store.load_history(tx, playbook_id, limit, before)

    async def revision(self, playbook_id: int, number: int) -> Revision:
        """Any revision there ever was, or Absent."""
        self.get(playbook_id)
        async with self._storage.read() as tx:
            found = await store.load_revisions(tx, [(playbook_id, number)])
        if not found:
            raise Absent(f"{self.get(playbook_id).name} has no revision {number}.")
        return found[0]

    # What operators do

    async def create(self, form: PlaybookForm) -> Playbook:
        """Add a playbook."""
        describe("create playbook")
        content = content_of(form, self.addresses, self.software)
        async with self.writing:
            self._check_name(content.name)
            async with self._storage.begin() as tx:
                playbook = await store.insert_playbook(tx, content, "created", utc_ms())
            self._put(playbook)
        broadcasts.created(self._hub, playbook)
        _describe(playbook.id, content.name)
        self._tell_used(content)
        return playbook

    def brought_up_to_date(self, content: PlaybookContent) -> list[Difference]:
        """What an edit would change besides: entries of the address book and mining software that say something else
        now than this revision, which may have been rolled back to, remembers of them."""
        try:
            return differences(content, content_of(form_of(content), self.addresses, self.software))
        except Refusal:
            return []  # one of them is gone: the form says so when it is saved

    def copy_of(self, playbook_id: int) -> PlaybookForm:
        """A form to make a second one like it, under a name that is free."""
        form = form_of(self.get(playbook_id).content)
        names = {name_key(one.name) for one in self.playbooks.values()}
        for number in range(2, len(names) + 3):
            name = f"{form.name[:58]} ({number})"
            if name_key(name) not in names:
                return replace(form, name=name)
        raise AssertionError("more names than playbooks")

    async def change(
        self, playbook_id: int, form: PlaybookForm, revision: int | None = None, *, base: int | None = None
    ) -> Playbook:
        """A new revision; rigs go on with what they have until it is applied. `revision`: the newest that the operator
        saw; `base`: the one that the form began with, where it was another."""
        describe("change playbook")
        content = content_of(form, self.addresses, self.software)
        async with self.writing:
            old = self.get(playbook_id)
            _describe(playbook_id, old.name)
            expect_revision(revision, old.revision, old.name)
            if content == old.content:
                return old
            self._check_name(content.name, except_id=playbook_id)
            describe(playbook=content.name)
            _compare(old, content)
            note = "changed" if base in (None, old.revision) else f"changed, starting from revision {base}"
            return await self._save(old, content, note)

    async def roll_back(self, playbook_id: int, number: int) -> Playbook:
        """Make an earlier revision the newest again: exactly as it was, its wallets and its pinned file included."""
        describe("roll back playbook", revision=number)
        earlier = await self.revision(playbook_id, number)
        async with self.writing:
            old = self.get(playbook_id)
            _describe(playbook_id, old.name)
            if number == old.revision:
                raise Invalid(f"{old.name} is already at revision {number}.")
            self._check_name(earlier.content.name, except_id=playbook_id)
            describe(playbook=earlier.content.name)
            _compare(old, earlier.content)
            return await self._save(old, earlier.content, f"rolled back to revision {number}")

    async def remove(self, playbook_id: int, *, even_if_used: bool = False) -> Playbook:
        """Remove it with its history; the rigs that run it stop. Conflict says how many, unless the operator knows."""
        describe("remove playbook")
        async with self.writing:
            playbook = self.get(playbook_id)
            _describe(playbook_id, playbook.name)
            expect_revision(None, playbook.revision, playbook.name)
            had = self.holders.of_playbook(playbook_id)
            if had and not even_if_used:
                raise Conflict(f"{len(had)} rigs have {playbook.name}: removing it stops it there. Confirm that.")
            async with self._storage.begin() as tx:
                left = await self.holders.leave_within(tx, playbook_id)
                await store.delete_playbook(tx, playbook_id)
            left()
            del self.playbooks[playbook_id]
            self.tidy()
        self._events.publish(PlaybookRemoved(playbook_id, tuple(one.rig_id for one in had)))
        broadcasts.deleted(self._hub, playbook)
        describe(rigs=len(had))
        self._tell_used(playbook.content)
        return playbook

    # What others change

    async def _entry_changed(self, _: AddressChanged | SoftwareChanged) -> None:
        async with self.writing:
            await self._follow_all()

    async def _follow_all(self) -> None:
        """A new revision for every playbook whose addresses or mining software say something else now."""
        for old in list(self.playbooks.values()):
            content, note = refreshed(old.content, self.addresses, self.software)
            if note:
                concerns("playbook", {old.id: old.name})
                await self._save(old, content, note)

    # Who uses what

    def _users_of_address(self, address_id: int) -> list[Use]:
        return self._users(lambda content: address_id in _addresses_of(content))

    def _users_of_software(self, software_id: int) -> list[Use]:
        return self._users(lambda content: content.software.id == software_id)

    def _users(self, uses: Callable[[PlaybookContent], bool]) -> list[Use]:
        users = {playbook_id for (playbook_id, _), content in self._contents.items() if uses(content)}
        return [
            Use("playbook", one.name, f"/playbooks/{one.id}", len(self.holders.of_playbook(one.id)))
            for one in self.listed()
            if one.id in users
        ]

    def _files_in_use(self) -> set[str]:
        archives = (content.software.archive for content in self._contents.values())
        return {archive.sha256 for archive in archives if archive is not None}

    def _tell_used(self, *contents: PlaybookContent) -> None:
        """Who has the address book or the software page open sees how often an entry is used."""
        self.addresses.used_otherwise({one for content in contents for one in _addresses_of(content)})
        for software_id in {content.software.id for content in contents}:
            self.software.used_otherwise(software_id)

    # Keeping

    async def need(self, playbook_id: int, number: int) -> PlaybookContent:
        """A revision that a rig is about to have; from the database when it is an old one."""
        if (playbook_id, number) not in self._contents:
            self._contents[playbook_id, number] = (await self.revision(playbook_id, number)).content
        return self._contents[playbook_id, number]

    def tidy(self) -> None:
        """Forget revisions that no rig has and that are not the newest."""
        wanted = self.holders.revisions() | {(one.id, one.revision) for one in self.playbooks.values()}
        for key in self._contents.keys() - wanted:
            del self._contents[key]

    def held_otherwise(self, playbook_id: int) -> None:
        """Other rigs have it now: its viewers, and those of what it uses, are told."""
        playbook = self.playbooks.get(playbook_id)
        if playbook is not None:
            broadcasts.changed(self._hub, playbook)
            self._tell_used(playbook.content)

    async def _save(self, old: Playbook, content: PlaybookContent, note: str) -> Playbook:
        async with self._storage.begin() as tx:
            playbook = await store.save_revision(tx, old, content, note, max(utc_ms(), old.updated_at + 1))
        self._put(playbook)
        self.tidy()
        broadcasts.changed(self._hub, playbook)
        self._events.publish(PlaybookChanged(playbook.id, playbook.content.name, playbook.revision))
        self._tell_used(old.content, content)
        return playbook

    def _put(self, playbook: Playbook) -> None:
        self.playbooks[playbook.id] = playbook
        self._contents[playbook.id, playbook.revision] = playbook.content

    def _check_name(self, name: str, except_id: int | None = None) -> None:
        key = name_key(name)
        if any(name_key(other.name) == key and other.id != except_id for other in self.playbooks.values()):
            raise store.taken(name)


def _addresses_of(content: PlaybookContent) -> set[int]:
    pools = {one.pool.id for one in content.workloads if one.pool is not None}
    return pools | {one.wallet.id for one in content.workloads if one.wallet is not None}


def _text(playbook: Playbook) -> str:
    content = playbook.content
    return "\n".join([content.name, content.software.name, content.software.version, *content.coins]).casefold()


def _describe(playbook_id: int, name: str) -> None:
    describe(playbook=name)
    concerns("playbook", {playbook_id: name})


def _compare(old: Playbook, content: PlaybookContent) -> None:
    """The next revision, and what it replaces."""
    different = differences(old.content, content)
    before = {"revision": str(old.revision)} | {one.what: one.before for one in different}
    compare(before, {"revision": str(old.revision + 1)} | {one.what: one.after for one in different})
