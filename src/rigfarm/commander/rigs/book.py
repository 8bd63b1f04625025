"""The rigs of this farm and what can be done with them. All are kept in memory: pages and links ask here, and only
changes go to the database. A change is durable before anybody hears of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from collections.abc import Set as AbstractSet

import structlog
from msgspec.structs import replace
from sqlalchemy.exc import InterfaceError, OperationalError

from rigfarm.commander.changes import describe
from rigfarm.commander.channels import Kind
from rigfarm.commander.events import Events, RigAdded, RigRemoved, RigRenamed, TokenRotated
from rigfarm.commander.live import Hub
from rigfarm.commander.names import clean_name, name_key
from rigfarm.commander.refusals import Absent
from rigfarm.commander.rigs import broadcasts, store
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.storage import Storage
from rigfarm.commander.supervised import Part
from rigfarm.common.clock import utc_ms
from rigfarm.wire.specs import Specs
from rigfarm.wire.tokens import hash_token, new_token

__all__ = ["RigBook"]

log = structlog.get_logger()

STORE_EVERY_S = 0.1
RETRY_S = 2.0


class RigBook:
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
            raise Absent(f"There is no rig {rig_id} (any more).") from None

    def by_token(self, token: str) -> Rig | None:
        """The rig this token speaks for."""
        rig_id = self._by_token.get(hash_token(token))
        return None if rig_id is None else self.rigs[rig_id]

    def removed_by_token(self, token: str) -> tuple[int, str] | None:
        """(id, name) of the removed rig this token spoke for: the tombstone."""
        return self._removed.get(hash_token(token))

    def of_kind(self, kind: Kind) -> list[Rig]:
        """Rigs of a kind, oldest first."""
        return [rig for rig in self.rigs.values() if rig.kind == kind]

    def name_taken(self, name: str, except_id: int | None = None) -> bool:
        """Whether another rig has this name, compared without regard to case."""
        owner = self._names.get(name_key(name))
        return owner is not None and owner != except_id

    # What operators do

    async def create(self, name: str, kind: Kind) -> tuple[Rig, str]:
        """Add a rig; returns it and its token, which is known to nobody afterwards."""
        created = await self.create_many([name], kind)
        return created[0]

    async def create_many(self, names: list[str], kind: Kind) -> list[tuple[Rig, str]]:
        """Add several of one kind, all or none. The refusal names the first that is taken."""
        return await self.create_all([(name, kind) for name in names])

    async def create_all(self, wanted: Iterable[tuple[str, Kind]]) -> list[tuple[Rig, str]]:
        """Add several by name and kind, all or none, in their order."""
        clean = [(clean_name(name, "A rig", "rig-01"), kind) for name, kind in wanted]
        async with self._writing:
            seen: set[str] = set()
            for name, _ in clean:
                if self.name_taken(name) or name_key(name) in seen:
                    raise store.name_taken(name)
                seen.add(name_key(name))
            tokens = [new_token() for _ in clean]
            now_ms = utc_ms()
            async with self._storage.begin() as tx:
                rigs = [
                    await store.insert_rig(tx, name, kind, hash_token(token), now_ms)
                    for (name, kind), token in zip(clean, tokens, strict=True)
                ]
            for rig, token in zip(rigs, tokens, strict=True):
                self._put(rig, hash_token(token))
                self._events.publish(RigAdded(rig.id, rig.kind))
                broadcasts.created(self._hub, rig)
        describe(rigs=len(rigs), names=", ".join(rig.name for rig in rigs[:5]))
        return list(zip(rigs, tokens, strict=True))

    async def rename(self, rig_id: int, name: str) -> Rig:
        """Give it another name."""
        name = clean_name(name, "A rig", "rig-01")
        async with self._writing:
            rig = self.get(rig_id)
            if name == rig.name:
                return rig
            if self.name_taken(name, except_id=rig_id):
                raise store.name_taken(name)
            changed = await self._save(replace(rig, name=name))
        describe(rig=rig.name, to=name)
        broadcasts.updated(self._hub, changed)
        await self._events.publish_and_wait(RigRenamed(rig_id, rig.kind, rig.name, name))
        return changed

    async def rotate_token(self, rig_id: int) -> tuple[Rig, str]:
        """A new token; the old one is refused at once, on open links too. Mining goes on."""
        token = new_token()
        async with self._writing:
            rig = self.get(rig_id)
            async with self._storage.begin() as tx:
                await store.save_token(tx, rig_id, hash_token(token))
            self._by_token.pop(self._token_of[rig_id], None)
            self._put(rig, hash_token(token))
            self._events.publish(TokenRotated(rig_id))
        describe(rig=rig.name)
        return rig, token

    async def remove(self, rig_id: int) -> Rig:
        """Remove it: its Sentry is told to stop and clean up, now or whenever it returns."""
        removed = await self.remove_many([rig_id])
        if not removed:
            raise Absent(f"There is no rig {rig_id} (any more).")
        return removed[0]

    async def remove_many(self, rig_ids: Iterable[int]) -> list[Rig]:
        """Remove several, all or none; whoever is gone already is passed over. Returns those that were there."""
        async with self._writing:
            rigs = [self.rigs[rig_id] for rig_id in dict.fromkeys(rig_ids) if rig_id in self.rigs]
            now_ms = utc_ms()
            async with self._storage.begin() as tx:
                for rig in rigs:
                    await store.delete_rig(tx, rig, self._token_of[rig.id], now_ms)
            for rig in rigs:
                self._forget(rig)
                self._events.publish(RigRemoved(rig.id, rig.kind, rig.name))
                broadcasts.deleted(self._hub, rig)
        describe(rigs=len(rigs), names=", ".join(rig.name for rig in rigs[:5]))
        return rigs

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
        for rig_id in sorted(self._said_first | set(self._said_specs)):
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

    async def _store_said(self, only: AbstractSet[int] | None = None) -> None:
        async with self._writing:
            now_ms = utc_ms()
            every = self._said_first | set(self._said_specs)
            said = {rig_id for rig_id in (every if only is None else only & every) if rig_id in self.rigs}
            first = self._said_first & said
            specs = {rig_id: specs for rig_id, specs in self._said_specs.items() if rig_id in said}
            changed: list[Rig] = []
            for rig_id in sorted(said):
                old = self.rigs[rig_id]
                new = replace(
                    old,
                    revision=old.revision + 1,
                    specs=specs.get(rig_id, old.specs),
                    first_seen_at=now_ms if rig_id in first and old.first_seen_at is None else old.first_seen_at,
                )
                changed.append(new)
            async with self._storage.begin() as tx:
                for rig in changed:
                    await store.save_rig(tx, rig)
            # Only now, and only what was written: more may have been said meanwhile.
            self._said_first -= first
            for rig_id, stored in specs.items():
                if self._said_specs.get(rig_id) is stored:
                    del self._said_specs[rig_id]
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
