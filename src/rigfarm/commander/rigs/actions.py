"""The rigs of this farm and what can be done with them. All are kept in memory: pages and links ask here, and only
changes go to the database. A change is durable before it is announced."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from typing import TypeVar

import structlog
from msgspec.structs import replace
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from rigfarm.commander.changes import compare, concerns, describe, made_by
from rigfarm.commander.events import (
    Events,
    MaintenanceChanged,
    RigAdded,
    RigLabelled,
    RigRemoved,
    RigRenamed,
    SpecsChanged,
    TokenRotated,
)
from rigfarm.commander.kinds import KindName
from rigfarm.commander.live import Hub
from rigfarm.commander.names import clean_line, clean_name, name_key
from rigfarm.commander.refusals import Absent, Invalid, expect_revision
from rigfarm.commander.rigs import broadcasts, store
from rigfarm.commander.rigs.model import Maintenance, Relabel, Rig
from rigfarm.commander.storage import Storage, portions
from rigfarm.commander.supervised import Part
from rigfarm.common.clock import utc_ms
from rigfarm.wire.specs import Specs
from rigfarm.wire.tokens import hash_token, new_token

__all__ = ["Rigs"]

log = structlog.get_logger()
_T = TypeVar("_T")

STORE_EVERY_S = 0.1
RETRY_S = 2.0
END_MAINTENANCE_EVERY_S = 1.0
MAX_REASON = 200
SLICE = 500
"""Rigs that are changed together."""
MAX_MAINTENANCE_MS = 366 * 86_400_000


class Rigs:
    """All rigs, by id and by token."""

    def __init__(self, storage: Storage, hub: Hub, events: Events) -> None:
        self.rigs: dict[int, Rig] = {}
        self.revision = 0
        """Grows whenever a rig comes, goes or is renamed."""
        self._storage = storage
        self._hub = hub
        self._events = events
        self._by_token: dict[bytes, int] = {}
        self._token_of: dict[int, bytes] = {}
        self._names: dict[str, int] = {}
        self._removed: dict[bytes, tuple[int, str]] = {}
        self._writing = asyncio.Lock()
        self._said_specs: dict[int, Specs] = {}
        self._said_first: set[int] = set()
        self._said_connected: set[int] = set()
        """Those that were waiting for their new token."""
        self._said = asyncio.Event()

    async def load(self) -> None:
        """Read all of them; once, before serving."""
        async with self._storage.read() as tx:
            found = await store.load_rigs(tx)
            self._removed = {token: (rig_id, name) for token, rig_id, name in await store.load_tombstones(tx)}
        for rig, token_hash in found:
            self._put(rig, token_hash)

    # Looking up

    def get(self, rig_id: int) -> Rig:
        """The rig, or the refusal Absent."""
        try:
            return self.rigs[rig_id]
        except KeyError:
            raise Absent(f"Rig {rig_id} does not exist.") from None

    def by_token(self, token: str) -> Rig | None:
        """The rig this token speaks for."""
        rig_id = self._by_token.get(hash_token(token))
        return None if rig_id is None else self.rigs[rig_id]

    def removed_by_token(self, token: str) -> tuple[int, str] | None:
        """(id, name) of the removed rig this token spoke for: the tombstone."""
        return self._removed.get(hash_token(token))

    def of_kind(self, kind: KindName) -> list[Rig]:
        """Rigs of a kind, oldest first."""
        return [rig for rig in self.rigs.values() if rig.kind == kind]

    def named(self, name: str) -> Rig | None:
        """The rig with this name, compared without regard to case."""
        rig_id = self._names.get(name_key(name))
        return None if rig_id is None else self.rigs[rig_id]

    def name_taken(self, name: str, except_id: int | None = None) -> bool:
        """Whether another rig has this name, compared without regard to case."""
        owner = self._names.get(name_key(name))
        return owner is not None and owner != except_id

    # What operators do

    async def create(self, name: str, kind: KindName) -> tuple[Rig, str]:
        """Add a rig; returns it and its token, which is not stored."""
        created = await self.create_many([name], kind)
        return created[0]

    async def create_many(self, names: list[str], kind: KindName) -> list[tuple[Rig, str]]:
        """Add several of one kind, all or none. The refusal names the first that is taken."""
        return await self.create_all([(name, kind) for name in names])

    async def create_all(
        self, wanted: Iterable[tuple[str, KindName]], tokens: Sequence[str] = (), labels: Sequence[Relabel] = ()
    ) -> list[tuple[Rig, str]]:
        """Add several by name and kind, all or none, in their order; each with a new token, or with its one of
        `tokens`, which no rig may have had before, and with its place and tags of `labels`."""
        describe("create rigs")
        labels = [one.checked() for one in labels]
        clean = [(clean_name(name, "A rig", "rig-01"), kind) for name, kind in wanted]
        async with self._writing:
            seen: set[str] = set()
            for name, _ in clean:
                if self.name_taken(name) or name_key(name) in seen:
                    raise store.name_taken(name)
                seen.add(name_key(name))
            tokens = tokens or [new_token() for _ in clean]
            hashes = [hash_token(token) for token in tokens]
            if len(set(hashes)) < len(hashes) or any(one in self._by_token or one in self._removed for one in hashes):
                raise Invalid("One of these tokens is, or was, another rig's. Nothing was created.")
            now_ms = utc_ms()
            async with self._storage.begin() as tx:
                rigs = [
                    await store.insert_rig(tx, name, kind, token_hash, now_ms)
                    for (name, kind), token_hash in zip(clean, hashes, strict=True)
                ]
                if labels:
                    rigs = [label.of(rig) for rig, label in zip(rigs, labels, strict=True)]
                    await store.save_labels(tx, rigs)
            for rig, token_hash in zip(rigs, hashes, strict=True):
                self._put(rig, token_hash)
                self._events.publish(RigAdded(rig.id, rig.kind, rig.name))
                broadcasts.created(self._hub, rig)
            await self._labelled([rig for rig in rigs if rig.place or rig.tags])
        _describe(rigs)
        return list(zip(rigs, tokens, strict=True))

    async def rename(self, rig_id: int, name: str) -> Rig:
        """Give it another name."""
        describe("rename rig")
        name = clean_name(name, "A rig", "rig-01")
        async with self._writing:
            rig = self.get(rig_id)
            expect_revision(None, rig.revision, rig.name)
            if name == rig.name:
                return rig
            if self.name_taken(name, except_id=rig_id):
                raise store.name_taken(name)
            changed = await self._save(replace(rig, name=name))
        describe(rig=rig.name, to=name)
        concerns("rig", {rig_id: name})
        compare({"name": rig.name}, {"name": name})
        broadcasts.updated(self._hub, changed)
        await self._events.publish_and_wait(RigRenamed(rig_id, rig.kind, rig.name, name))
        return changed

    async def rotate_token(self, rig_id: int) -> tuple[Rig, str]:
        """A new token; the old one is refused at once, on open links too. Mining goes on."""
        token = new_token()
        describe("replace rig's token")
        async with self._writing:
            rig = self.get(rig_id)
            async with self._storage.begin() as tx:
                await store.save_token(tx, rig_id, hash_token(token))
            self._by_token.pop(self._token_of[rig_id], None)
            self._said_connected.discard(rig_id)
            rig = replace(rig, token_due=True)
            self._put(rig, hash_token(token))
            self._events.publish(TokenRotated(rig_id))
        describe(rig=rig.name)
        concerns("rig", {rig_id: rig.name})
        return rig, token

    async def remove(self, rig_id: int, *, keep_history: bool = False) -> Rig:
        """Remove it: its Sentry is told to stop and clean up, now or whenever it returns."""
        removed = await self.remove_many([rig_id], keep_history=keep_history)
        if not removed:
            raise Absent(f"Rig {rig_id} does not exist.")
        return removed[0]

    async def remove_many(self, rig_ids: Iterable[int], *, keep_history: bool = False) -> list[Rig]:
        """Remove several, all or none; those that are gone already are skipped. Returns those that were there."""
        describe("remove rigs")
        async with self._writing:
            rigs = [self.rigs[rig_id] for rig_id in dict.fromkeys(rig_ids) if rig_id in self.rigs]
            for rig in rigs:
                expect_revision(None, rig.revision, rig.name)
            now_ms = utc_ms()
            async with self._storage.begin() as tx:
                for rig in rigs:
                    await store.delete_rig(tx, rig, self._token_of[rig.id], now_ms)
            for rig in rigs:
                self._forget(rig)
                self._events.publish(RigRemoved(rig.id, rig.kind, rig.name, keep_history))
                broadcasts.deleted(self._hub, rig)
        _describe(rigs)
        return rigs

    async def relabel(self, rig_ids: Iterable[int], changes: Relabel) -> list[Rig]:
        """Give rigs another place, or other tags. Returns those that exist; Invalid for what means nothing."""
        describe("label rigs")
        wanted = changes.checked()
        async with self._writing:
            old = [self.rigs[rig_id] for rig_id in dict.fromkeys(rig_ids) if rig_id in self.rigs]
            for rig in old:
                expect_revision(None, rig.revision, rig.name)
            labelled = [wanted.of(rig) for rig in old]
            changed = [replace(new, revision=new.revision + 1) for new in labelled if new != self.rigs[new.id]]
            await self._put_all(changed, store.save_labels)
            await self._labelled(changed)
        _describe(old)
        if len(changed) == 1:
            before = next(rig for rig in old if rig.id == changed[0].id)
            compare(*({"place": rig.place, "tags": ", ".join(rig.tags)} for rig in (before, changed[0])))
        else:
            if wanted.place is not None:
                describe(place=wanted.place or "nowhere")
            describe(add=", ".join(wanted.add), drop=", ".join(wanted.drop))
        return old

    async def edit(self, wanted: Sequence[tuple[Rig, str, Relabel]]) -> None:
        """Give rigs other names, places and tags, all or none. Invalid where one has others than it is said to have, or
        what it would get means nothing; Conflict for a name that is taken."""
        describe("edit rigs")
        async with self._writing:
            old: list[Rig] = []
            changed: list[Rig] = []
            async for said, name, changes in _in_slices(wanted):
                rig = self.rigs.get(said.id)
                if rig is None or (rig.name, rig.place, rig.tags) != (said.name, said.place, said.tags):
                    raise Invalid(
                        f"{said.name} was changed in the meantime. Start again from what it is now.", field="rigs"
                    )
                if self.name_taken(name, except_id=rig.id):
                    raise store.name_taken(name)
                expect_revision(None, rig.revision, rig.name)
                old.append(rig)
                changed.append(replace(changes.checked().of(rig), name=name, revision=rig.revision + 1))
            await self._put_all(changed, store.save_edited)
            await self._labelled(changed)
        _describe(changed)
        if len(changed) == 1:
            compare(*({"name": one.name, "place": one.place, "tags": ", ".join(one.tags)} for one in old + changed))
        for before, after in zip(old, changed, strict=True):
            if before.name != after.name:
                await self._events.publish_and_wait(RigRenamed(after.id, after.kind, before.name, after.name))

    async def _labelled(self, changed: Sequence[Rig]) -> None:
        async for rig in _in_slices(changed):
            self._events.publish(RigLabelled(rig.id, rig.place, rig.tags))

    async def start_maintenance(
        self, rig_ids: Iterable[int], reason: str = "", until_ms: int | None = None
    ) -> list[Rig]:
        """A person works on these rigs: until it is ended, or until that time, they need no attention. One that is in
        maintenance keeps its beginning. Returns those that exist; Invalid for a reason or a time that cannot be."""
        describe("start maintenance")
        reason = clean_line(reason, "reason", "A reason", MAX_REASON)
        now_ms = utc_ms()
        if until_ms is not None and not now_ms < until_ms <= now_ms + MAX_MAINTENANCE_MS:
            raise Invalid("The end must be in the future, within a year.", field="until")
        by = made_by()

        def begin(rig: Rig) -> Maintenance:
            since = now_ms if rig.maintenance is None else rig.maintenance.since
            return Maintenance(since, by, reason, until_ms)

        said = " · ".join(part for part in (f"by {by}" if by else "", reason) if part)
        rigs = await self._maintain(rig_ids, begin, said)
        _describe(rigs)
        describe(reason=reason)
        return rigs

    async def end_maintenance(self, rig_ids: Iterable[int]) -> list[Rig]:
        """They need attention again, if they are in trouble. Returns those that were in maintenance."""
        describe("end maintenance")
        inside = [one for one in rig_ids if one in self.rigs and self.rigs[one].maintenance is not None]
        by = made_by()
        rigs = await self._maintain(inside, lambda _: None, f"ended by {by}" if by else "ended")
        _describe(rigs)
        return rigs

    async def _maintain(self, rig_ids: Iterable[int], of: Callable[[Rig], Maintenance | None], said: str) -> list[Rig]:
        async with self._writing:
            old = [self.rigs[rig_id] for rig_id in dict.fromkeys(rig_ids) if rig_id in self.rigs]
            changed = [replace(rig, maintenance=of(rig), revision=rig.revision + 1) for rig in old]
            await self._put_all(changed, store.save_maintenance)
            for rig in changed:
                self._events.publish(MaintenanceChanged(rig.id, rig.maintenance is not None, said))
        return changed

    async def _put_all(
        self, changed: list[Rig], save: Callable[[AsyncConnection, Sequence[Rig]], Awaitable[None]]
    ) -> None:
        """Store and announce them."""
        if changed:
            async with self._storage.begin() as tx:
                for some in portions(changed):
                    await save(tx, some)
        for rig in changed:
            self._names.pop(name_key(self.rigs[rig.id].name), None)
        for rig in changed:
            self._put(rig, self._token_of[rig.id])
        async for rig in _in_slices(changed):
            broadcasts.updated(self._hub, rig)

    async def end_planned_maintenance(self, part: Part) -> None:
        """End each maintenance whose time has come; until cancelled."""
        while True:
            now_ms = utc_ms()
            due = [
                rig.id
                for rig in self.rigs.values()
                if rig.maintenance is not None and not rig.maintenance.lasts_beyond(now_ms)
            ]
            if due:
                ended = await self._maintain(due, partial(_unless_over, now_ms), "ended as planned")
                log.info(
                    "maintenance ended as planned", rigs=len(ended), names=", ".join(rig.name for rig in ended[:5])
                )
            await asyncio.sleep(END_MAINTENANCE_EVERY_S)
            part.beat()

    # What Sentries say

    def specs_changed(self, rig_id: int, specs: Specs) -> None:
        """The rig says what it is made of."""
        rig = self.rigs.get(rig_id)
        if rig is not None and rig.specs != specs:
            self._said_specs[rig_id] = specs
            self._said.set()

    def reported(self, rig_id: int) -> None:
        """A rig's first log ever: it waits no more."""
        self._said_first.add(rig_id)
        self._said.set()

    def connected(self, rig_id: int) -> None:
        """The rig's Sentry came with its token: it waits for the new one no more."""
        rig = self.rigs.get(rig_id)
        if rig is not None and rig.token_due:
            self._said_connected.add(rig_id)
            self._said.set()

    async def run(self, part: Part) -> None:
        """Store what Sentries say, together: a farm that comes up at once is a few transactions, not thousands."""
        while True:
            part.idle()
            await self._said.wait()
            part.beat()
            await asyncio.sleep(STORE_EVERY_S)
            self._said.clear()
            try:
                await self._store_said()
            except (InterfaceError, OperationalError, OSError) as error:
                log.error("what Sentries say about their rigs could not be stored; trying again", error=str(error))
                await asyncio.sleep(RETRY_S)
                self._said.set()
            except Exception as error:
                log.error("what Sentries say about their rigs could not be stored together", exc_info=error)
                await self._store_one_by_one(part)

    async def _store_one_by_one(self, part: Part) -> None:
        """Something in it cannot be stored, and waiting does not change that: it is dropped, alone."""
        for rig_id in sorted(self._said_first | self._said_connected | set(self._said_specs)):
            part.beat()
            try:
                await self._store_said({rig_id})
            except (InterfaceError, OperationalError, OSError):
                self._said.set()
                return
            except Exception as error:
                log.error("what a Sentry says about a rig cannot be stored and is dropped", rig=rig_id, exc_info=error)
                self._said_specs.pop(rig_id, None)
                self._said_first.discard(rig_id)
                self._said_connected.discard(rig_id)

    async def _store_said(self, only: AbstractSet[int] | None = None) -> None:
        async with self._writing:
            now_ms = utc_ms()
            every = self._said_first | self._said_connected | set(self._said_specs)
            said = {rig_id for rig_id in (every if only is None else only & every) if rig_id in self.rigs}
            first = self._said_first & said
            connected = self._said_connected & said
            specs = {rig_id: specs for rig_id, specs in self._said_specs.items() if rig_id in said}
            changed: list[Rig] = []
            for rig_id in sorted(said):
                old = self.rigs[rig_id]
                new = replace(
                    old,
                    revision=old.revision + 1,
                    specs=specs.get(rig_id, old.specs),
                    first_seen_at=now_ms if rig_id in first and old.first_seen_at is None else old.first_seen_at,
                    token_due=old.token_due and rig_id not in connected,
                )
                changed.append(new)
            async with self._storage.begin() as tx:
                for rig in changed:
                    await store.save_rig(tx, rig)
            # Only now, and only what was written: more may have been said meanwhile.
            self._said_first -= first
            self._said_connected -= connected
            for rig_id, stored in specs.items():
                if self._said_specs.get(rig_id) is stored:
                    del self._said_specs[rig_id]
                self._events.publish(SpecsChanged(rig_id, stored))
            for rig in changed:
                waited = self.rigs[rig.id].first_seen_at is None
                self._put(rig, self._token_of[rig.id])
                if waited and rig.first_seen_at is not None:
                    broadcasts.reported_first(self._hub, rig)
                else:
                    broadcasts.updated(self._hub, rig)

    async def _save(self, rig: Rig) -> Rig:
        old = self.rigs[rig.id]
        rig = replace(rig, revision=old.revision + 1)
        async with self._storage.begin() as tx:
            await store.save_rig(tx, rig)
        if rig.name != old.name:
            del self._names[name_key(old.name)]
        self._put(rig, self._token_of[rig.id])
        return rig

    def _put(self, rig: Rig, token_hash: bytes) -> None:
        self.revision += 1
        self.rigs[rig.id] = rig
        self._names[name_key(rig.name)] = rig.id
        self._by_token[token_hash] = rig.id
        self._token_of[rig.id] = token_hash

    def _forget(self, rig: Rig) -> None:
        token_hash = self._token_of.pop(rig.id)
        self._removed[token_hash] = (rig.id, rig.name)
        self.revision += 1
        del self.rigs[rig.id], self._names[name_key(rig.name)]
        self._by_token.pop(token_hash, None)
        self._said_specs.pop(rig.id, None)
        self._said_first.discard(rig.id)
        self._said_connected.discard(rig.id)


async def _in_slices(items: Sequence[_T]) -> AsyncIterator[_T]:
    """One after the other; between slices of them, others have their turn."""
    for number, item in enumerate(items, 1):
        yield item
        if number % SLICE == 0:
            await asyncio.sleep(0)


def _unless_over(now_ms: int, rig: Rig) -> Maintenance | None:
    """It may have been prolonged meanwhile."""
    said = rig.maintenance
    return said if said is not None and said.lasts_beyond(now_ms) else None


def _describe(rigs: list[Rig]) -> None:
    describe(rigs=len(rigs), names=", ".join(rig.name for rig in rigs[:5]))
    concerns("rig", {rig.id: rig.name for rig in rigs})
