"""Rigs in memory: pages and links ask here, and only changes go to the database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from rigfarm.commander.changes import concerns, describe
from rigfarm.commander.kinds import KindName
from rigfarm.commander.live import Hub
from rigfarm.commander.names import name_key
from rigfarm.commander.refusals import Absent
from rigfarm.commander.rigs import broadcasts, store
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.storage import Storage, portions
from rigfarm.wire.tokens import hash_token

__all__ = ["KeptRigs", "describe_rigs", "in_slices"]

_T = TypeVar("_T")

SLICE = 500
"""Rigs that are changed together."""


class KeptRigs:
    """All rigs, by id, token and name."""

    def __init__(self, storage: Storage, hub: Hub) -> None:
        self.rigs: dict[int, Rig] = {}
        self.revision = 0
        """Grows whenever a rig comes, goes or is renamed."""
        self.writing = asyncio.Lock()
        """Held from the look at what is, until what shall be is stored."""
        self.storage = storage
        self.hub = hub
        self._by_token: dict[bytes, int] = {}
        self._token_of: dict[int, bytes] = {}
        self._names: dict[str, int] = {}
        self._removed: dict[bytes, tuple[int, str]] = {}

    async def load(self) -> None:
        """Read all of them; once, before serving."""
        async with self.storage.read() as tx:
            found = await store.load_rigs(tx)
            self._removed = {token: (rig_id, name) for token, rig_id, name in await store.load_tombstones(tx)}
        for rig, token_hash in found:
            self.put(rig, token_hash)

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

    def had(self, token_hash: bytes) -> bool:
        """Whether a rig has this token, or had it when it was removed."""
        return token_hash in self._by_token or token_hash in self._removed

    def those(self, rig_ids: Iterable[int]) -> list[Rig]:
        """Each once, without those that are gone."""
        return [self.rigs[rig_id] for rig_id in dict.fromkeys(rig_ids) if rig_id in self.rigs]

    # Changing, with `writing` held

    def put(self, rig: Rig, token_hash: bytes | None = None) -> None:
        """A rig as it is stored now; without another token it keeps its own."""
        old = self.rigs.get(rig.id)
        if old is not None and self._names[name_key(old.name)] == rig.id:
            del self._names[name_key(old.name)]
        if token_hash is not None:
            self._by_token.pop(self._token_of.get(rig.id, b""), None)
            self._by_token[token_hash] = rig.id
            self._token_of[rig.id] = token_hash
        self.revision += 1
        self.rigs[rig.id] = rig
        self._names[name_key(rig.name)] = rig.id

    async def save(self, changed: list[Rig], save: Callable[[AsyncConnection, Sequence[Rig]], Awaitable[None]]) -> None:
        """Store and announce them."""
        if changed:
            async with self.storage.begin() as tx:
                for some in portions(changed):
                    await save(tx, some)
        for rig in changed:
            self.put(rig)
        async for rig in in_slices(changed):
            broadcasts.updated(self.hub, rig)

    async def bury(self, rigs: Sequence[Rig], now_ms: int) -> None:
        """Delete them, and keep the tombstones of their tokens."""
        async with self.storage.begin() as tx:
            for rig in rigs:
                await store.delete_rig(tx, rig, self._token_of[rig.id], now_ms)
        for rig in rigs:
            token_hash = self._token_of.pop(rig.id)
            self._removed[token_hash] = (rig.id, rig.name)
            self._by_token.pop(token_hash, None)
            del self.rigs[rig.id], self._names[name_key(rig.name)]
            self.revision += 1


async def in_slices(items: Sequence[_T]) -> AsyncIterator[_T]:
    """One after the other; between slices of them, others have their turn."""
    for number, item in enumerate(items, 1):
        yield item
        if number % SLICE == 0:
            await asyncio.sleep(0)


def describe_rigs(rigs: Sequence[Rig]) -> None:
    """Which rigs are changed, for the activity."""
    describe(rigs=len(rigs), names=", ".join(rig.name for rig in rigs[:5]))
    concerns("rig", {rig.id: rig.name for rig in rigs})
