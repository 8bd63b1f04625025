"""The playbooks of this farm: written, changed, rolled back, and given to rigs. Every change is a new revision."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import partial

from msgspec.structs import replace

from rigfarm.commander.addresses import AddressBook
from rigfarm.commander.changes import describe
from rigfarm.commander.events import (
    AddressChanged,
    Events,
    PlaybookRemoved,
    RigRemoved,
    SoftwareChanged,
    WorkWaiting,
)
from rigfarm.commander.live import Hub
from rigfarm.commander.mining_software import SoftwareBook
from rigfarm.commander.names import name_key, name_order
from rigfarm.commander.playbooks import broadcasts, store
from rigfarm.commander.playbooks.assignments import Assignments
from rigfarm.commander.playbooks.check import content_of
from rigfarm.commander.playbooks.form import PlaybookForm, form_of
from rigfarm.commander.playbooks.model import Playbook, PlaybookContent, Revision
from rigfarm.commander.playbooks.presence import Presence, is_away
from rigfarm.commander.playbooks.refresh import refreshed
from rigfarm.commander.playbooks.running import Running
from rigfarm.commander.playbooks.statuses import Statuses
from rigfarm.commander.refusals import Absent, ChangedMeanwhile, Conflict, Invalid
from rigfarm.commander.rigs.book import RigBook
from rigfarm.commander.stats import OperationalStats
from rigfarm.commander.storage import Storage
from rigfarm.commander.usage import Usage, Use
from rigfarm.common.clock import utc_ms
from rigfarm.wire.playbooks import PlaybookStatus

__all__ = ["PlaybookBook"]

HISTORY_AT_ONCE = 50


class PlaybookBook:
    """All playbooks with their newest revisions, who has which (`assignments`) and how that goes (`statuses`).

    What reaches rigs is in `running`, a part of this book: `playbooks.running.apply(…)`.
    """

    def __init__(
        self,
        storage: Storage,
        hub: Hub,
        events: Events,
        usage: Usage,
        rigs: RigBook,
        addresses: AddressBook,
        software: SoftwareBook,
        stats: OperationalStats,
    ) -> None:
        self.playbooks: dict[int, Playbook] = {}
        self.assignments = Assignments(storage)
        self.statuses = Statuses(partial(is_away, stats))
        self._presence = Presence(hub, events, stats, self.assignments)
        self.hub = hub
        self.events = events
        self.rigs = rigs
        self.addresses = addresses
        self.software = software
        self.writing = asyncio.Lock()
        self.running = Running(self)
        self._storage = storage
        self._contents: dict[tuple[int, int], PlaybookContent] = {}
        """What rigs have, and what is newest."""
        usage.register("address", self._users_of_address)
        usage.register("software", self._users_of_software)
        usage.register_files(self._files_in_use)
        events.follow(AddressChanged, self._entry_changed)
        events.follow(SoftwareChanged, self._entry_changed)
        events.listen(RigRemoved, self._rig_removed)

    async def load(self) -> None:
        """Read all of it; once, after rigs, addresses and mining software, and before serving."""
        async with self._storage.read() as tx:
            self.playbooks = {playbook.id: playbook for playbook in await store.load_playbooks(tx)}
        await self.assignments.load(self.rigs.rigs)
        async with self._storage.read() as tx:
            for revision in await store.load_revisions(tx, self.assignments.revisions()):
                self._contents[revision.playbook_id, revision.number] = revision.content
        for playbook in self.playbooks.values():
            self._contents[playbook.id, playbook.revision] = playbook.content
        await self._follow_all()

    # Looking up

    def get(self, playbook_id: int) -> Playbook:
        """The playbook, or Absent."""
        playbook = self.playbooks.get(playbook_id)
        if playbook is None:
            raise Absent(f"There is no playbook {playbook_id} (any more).")
        return playbook

    def listed(self, q: str = "", coin: str = "") -> list[Playbook]:
        """By name; narrowed to words and a coin."""
        words = q.casefold().split()
        found = [
            one
            for one in self.playbooks.values()
            if all(word in _text(one) for word in words) and coin.upper() in ("", *one.content.coins)
        ]
        return sorted(found, key=lambda one: name_order(one.name))

    def content(self, playbook_id: int, number: int) -> PlaybookContent:
        """A revision that some rig has, or the newest; Absent when it is neither."""
        content = self._contents.get((playbook_id, number))
        if content is None:
            raise Absent(f"Playbook {playbook_id} has no revision {number} in use.")
        return content

    async def history(self, playbook_id: int, before: int | None = None) -> list[Revision]:
        """Revisions, newest first, HISTORY_AT_ONCE at a time."""
        self.get(playbook_id)
        async with self._storage.read() as tx:
            return await store.load_history(tx, playbook_id, HISTORY_AT_ONCE, before)

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
        content = content_of(form, self.addresses, self.software)
        async with self.writing:
            self._check_name(content.name)
            async with self._storage.begin() as tx:
                playbook = await store.insert_playbook(tx, content, "created", utc_ms())
            self._put(playbook)
        broadcasts.created(self.hub, playbook)
        describe(playbook=content.name)
        self._tell_used(content)
        return playbook

    def copy_of(self, playbook_id: int) -> PlaybookForm:
        """A form to make a second one like it, under a name that is free."""
        form = form_of(self.get(playbook_id).content)
        names = {name_key(one.name) for one in self.playbooks.values()}
        for number in range(2, len(names) + 3):
            name = f"{form.name[:58]} ({number})"
            if name_key(name) not in names:
                return replace(form, name=name)
        raise AssertionError("more names than playbooks")

    async def change(self, playbook_id: int, form: PlaybookForm, revision: int | None = None) -> Playbook:
        """A new revision; rigs go on with what they have until it is applied. `revision`: what the operator saw."""
        content = content_of(form, self.addresses, self.software)
        async with self.writing:
            old = self.get(playbook_id)
            if revision is not None and revision != old.revision:
                raise ChangedMeanwhile(
                    f"{old.name} is at revision {old.revision} now; you began with {revision}. Look at it again."
                )
            if content == old.content:
                return old
            self._check_name(content.name, except_id=playbook_id)
            describe(playbook=content.name)
            return await self._save(old, content, "changed")

    async def roll_back(self, playbook_id: int, number: int) -> Playbook:
        """Make an earlier revision the newest again: exactly as it was, its wallets and its pinned file included."""
        earlier = await self.revision(playbook_id, number)
        async with self.writing:
            old = self.get(playbook_id)
            if number == old.revision:
                raise Invalid(f"{old.name} is at revision {number} already.")
            self._check_name(earlier.content.name, except_id=playbook_id)
            describe(playbook=earlier.content.name, revision=number)
            return await self._save(old, earlier.content, f"rolled back to revision {number}")

    async def remove(self, playbook_id: int, *, even_if_used: bool = False) -> Playbook:
        """Remove it with its history; the rigs that run it stop. Conflict says how many, unless the operator knows."""
        async with self.writing:
            playbook = self.get(playbook_id)
            had = self.assignments.of_playbook(playbook_id)
            if had and not even_if_used:
                raise Conflict(f"{len(had)} rigs have {playbook.name}: removing it stops it there. Confirm that.")
            async with self._storage.begin() as tx:
                stamps = await self.assignments.stamp_within(tx, [one.rig_id for one in had])
                await store.delete_playbook(tx, playbook_id)
            self.assignments.stamps |= stamps
            rigs = self.assignments.forget_playbook(playbook_id)
            del self.playbooks[playbook_id]
            self.tidy()
        self.events.publish(PlaybookRemoved(playbook_id))
        self._announce_work(rigs)
        for rig_id in rigs:
            broadcasts.rig_changed(self.hub, rig_id, [])
        broadcasts.deleted(self.hub, playbook)
        describe(playbook=playbook.content.name, rigs=len(rigs))
        self._tell_used(playbook.content)
        return playbook

    # What Sentries say

    def heard(self, rig_id: int, said: list[PlaybookStatus]) -> None:
        """A rig says how its playbooks do. Whoever looks at them sees it."""
        if rig_id not in self.rigs.rigs:
            return
        touched, moved = self.statuses.receive(rig_id, said)
        if touched:
            broadcasts.rig_changed(self.hub, rig_id, touched & self.playbooks.keys(), counts=bool(moved))

    # What others change

    async def _entry_changed(self, _: AddressChanged | SoftwareChanged) -> None:
        async with self.writing:
            await self._follow_all()

    async def _follow_all(self) -> None:
        """A new revision for every playbook whose addresses or mining software say something else now."""
        for old in list(self.playbooks.values()):
            content, note = refreshed(old.content, self.addresses, self.software)
            if note:
                await self._save(old, content, note)

    def _rig_removed(self, removed: RigRemoved) -> None:
        self.statuses.forget(removed.rig_id)
        for playbook_id in self.assignments.forget_rig(removed.rig_id):
            broadcasts.rig_changed(self.hub, removed.rig_id, [playbook_id])
        self.tidy()

    # Who uses what

    def _users_of_address(self, address_id: int) -> list[Use]:
        return self._users(lambda content: address_id in _addresses_of(content))

    def _users_of_software(self, software_id: int) -> list[Use]:
        return self._users(lambda content: content.software.id == software_id)

    def _users(self, uses: Callable[[PlaybookContent], bool]) -> list[Use]:
        users = {playbook_id for (playbook_id, _), content in self._contents.items() if uses(content)}
        return [
            Use("playbook", one.name, f"/playbooks/{one.id}", len(self.assignments.of_playbook(one.id)))
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
        wanted = self.assignments.revisions() | {(one.id, one.revision) for one in self.playbooks.values()}
        for key in self._contents.keys() - wanted:
            del self._contents[key]

    def told(self, rigs: Iterable[int], playbook_ids: Iterable[int]) -> None:
        """These rigs shall run something else now: their Sentries and all viewers hear it."""
        rigs, playbook_ids = list(rigs), list(playbook_ids)
        self._announce_work(rigs)
        for rig_id in rigs:
            broadcasts.rig_changed(self.hub, rig_id, playbook_ids, counts=False)
        for playbook_id in playbook_ids:
            if (playbook := self.playbooks.get(playbook_id)) is not None:
                broadcasts.changed(self.hub, playbook)
                self._tell_used(playbook.content)

    def _announce_work(self, rig_ids: Iterable[int]) -> None:
        """What these rigs shall run is stored: their Sentries may be sent it."""
        for rig_id in rig_ids:
            self.events.publish(WorkWaiting(rig_id))

    async def _save(self, old: Playbook, content: PlaybookContent, note: str) -> Playbook:
        async with self._storage.begin() as tx:
            playbook = await store.save_revision(tx, old, content, note, max(utc_ms(), old.updated_at + 1))
        self._put(playbook)
        self.tidy()
        broadcasts.changed(self.hub, playbook)
        for one in self.assignments.of_playbook(playbook.id):
            broadcasts.rig_changed(self.hub, one.rig_id, [], counts=False)
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
