"""The rigs of this farm and what can be done with them. A change is durable before it is announced."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from rigfarm.commander.changes import compare, concerns, describe
from rigfarm.commander.events import Events, RigAdded, RigLabelled, RigRemoved, RigRenamed, TokenRotated
from rigfarm.commander.kinds import KindName
from rigfarm.commander.live import Hub
from rigfarm.commander.names import clean_name, name_key
from rigfarm.commander.refusals import Absent, Invalid, expect_revision
from rigfarm.commander.rigs import broadcasts, store
from rigfarm.commander.rigs.kept.maintenance import Maintaining
from rigfarm.commander.rigs.kept.rigs import KeptRigs, describe_rigs, in_slices
from rigfarm.commander.rigs.kept.said import Said
from rigfarm.commander.rigs.model import Relabel, Rig
from rigfarm.commander.storage import Storage
from rigfarm.common.clock import utc_ms
from rigfarm.wire.tokens import hash_token, new_token

__all__ = ["Rigs"]


class Rigs(KeptRigs):
    """All rigs, and the verbs."""

    def __init__(self, storage: Storage, hub: Hub, events: Events) -> None:
        super().__init__(storage, hub)
        self.said = Said(self, events)
        """What Sentries say about them."""
        self.maintenance = Maintaining(self, events)
        self._events = events

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
        async with self.writing:
            seen: set[str] = set()
            for name, _ in clean:
                if self.name_taken(name) or name_key(name) in seen:
                    raise store.name_taken(name)
                seen.add(name_key(name))
            tokens = tokens or [new_token() for _ in clean]
            hashes = [hash_token(token) for token in tokens]
            if len(set(hashes)) < len(hashes) or any(map(self.had, hashes)):
                raise Invalid("One of these tokens is, or was, another rig's. Nothing was created.")
            now_ms = utc_ms()
            async with self.storage.begin() as tx:
                rigs = [
                    await store.insert_rig(tx, name, kind, token_hash, now_ms)
                    for (name, kind), token_hash in zip(clean, hashes, strict=True)
                ]
                if labels:
                    rigs = [label.of(rig) for rig, label in zip(rigs, labels, strict=True)]
                    await store.save_labels(tx, rigs)
            for rig, token_hash in zip(rigs, hashes, strict=True):
                self.put(rig, token_hash)
                self._events.publish(RigAdded(rig.id, rig.kind, rig.name))
                broadcasts.created(self.hub, rig)
            await self._labelled([rig for rig in rigs if rig.place or rig.tags])
        describe_rigs(rigs)
        return list(zip(rigs, tokens, strict=True))

    async def rename(self, rig_id: int, name: str) -> Rig:
        """Give it another name."""
        describe("rename rig")
        name = clean_name(name, "A rig", "rig-01")
        async with self.writing:
            rig = self.get(rig_id)
            expect_revision(None, rig.revision, rig.name)
            if name == rig.name:
                return rig
            if self.name_taken(name, except_id=rig_id):
                raise store.name_taken(name)
            changed = replace(rig, name=name, revision=rig.revision + 1)
            async with self.storage.begin() as tx:
                await store.save_rig(tx, changed)
            self.put(changed)
        describe(rig=rig.name, to=name)
        concerns("rig", {rig_id: name})
        compare({"name": rig.name}, {"name": name})
        broadcasts.updated(self.hub, changed)
        await self._events.publish_and_wait(RigRenamed(rig_id, rig.kind, rig.name, name))
        return changed

    async def rotate_token(self, rig_id: int) -> tuple[Rig, str]:
        """A new token; the old one is refused at once, on open links too. Mining goes on."""
        token = new_token()
        describe("replace rig's token")
        async with self.writing:
            rig = self.get(rig_id)
            async with self.storage.begin() as tx:
                await store.save_token(tx, rig_id, hash_token(token))
            self.said.new_token(rig_id)
            rig = replace(rig, token_due=True)
            self.put(rig, hash_token(token))
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
        async with self.writing:
            rigs = self.those(rig_ids)
            for rig in rigs:
                expect_revision(None, rig.revision, rig.name)
            await self.bury(rigs, utc_ms())
            for rig in rigs:
                self.said.forget(rig.id)
                self._events.publish(RigRemoved(rig.id, rig.kind, rig.name, keep_history))
                broadcasts.deleted(self.hub, rig)
        describe_rigs(rigs)
        return rigs

    async def relabel(self, rig_ids: Iterable[int], changes: Relabel) -> list[Rig]:
        """Give rigs another place, or other tags. Returns those that exist; Invalid for what means nothing."""
        describe("label rigs")
        wanted = changes.checked()
        async with self.writing:
            old = self.those(rig_ids)
            for rig in old:
                expect_revision(None, rig.revision, rig.name)
            labelled = [wanted.of(rig) for rig in old]
            changed = [replace(new, revision=new.revision + 1) for new in labelled if new != self.rigs[new.id]]
            await self.save(changed, store.save_labels)
            await self._labelled(changed)
        describe_rigs(old)
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
        async with self.writing:
            old: list[Rig] = []
            changed: list[Rig] = []
            async for said, name, changes in in_slices(wanted):
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
            await self.save(changed, store.save_edited)
            await self._labelled(changed)
        describe_rigs(changed)
        if len(changed) == 1:
            compare(*({"name": one.name, "place": one.place, "tags": ", ".join(one.tags)} for one in old + changed))
        for before, after in zip(old, changed, strict=True):
            if before.name != after.name:
                await self._events.publish_and_wait(RigRenamed(after.id, after.kind, before.name, after.name))

    async def _labelled(self, changed: Sequence[Rig]) -> None:
        async for rig in in_slices(changed):
            self._events.publish(RigLabelled(rig.id, rig.place, rig.tags))
