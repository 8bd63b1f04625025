"""Answers of requests that carried a key, for a day.

Answers may hold what is shown only once, such as a rig's token. They are sealed with a key that is made of the client's
own secret and of its idempotency key: the database holds neither, so who has the database cannot read them.
"""

from __future__ import annotations

import hmac
import os
from collections import OrderedDict
from collections.abc import Callable

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct
from sqlalchemy import delete, insert, select, update

from rigfarm.commander.idempotency.tables import idempotent_requests as table
from rigfarm.commander.storage import Storage, portions
from rigfarm.common.clock import utc_ms

__all__ = ["KEPT_MS", "MAX_ANSWERS", "MAX_BYTES", "Answer", "Answers", "Asked"]

KEPT_MS = 24 * 3_600_000
MAX_ANSWERS = 10_000
MAX_BYTES = 64 << 20
"""Of all answers; beyond, the oldest go."""
_NONCE = 12


class Answer(Struct):
    """How a request was answered."""

    status: int
    media_type: bytes
    body: bytes


class Asked(Struct, frozen=True):
    """A request that carries a key."""

    id_hash: bytes
    """Of the client and its key."""
    request_hash: bytes
    """Of the method, path, query and body."""
    seal: bytes
    """The key that its answer is sealed with."""


class _Known(Struct):
    request_hash: bytes
    created_ms: int
    size: int
    answered: bool


class Answers:
    """All of the last day. What they are about is in memory, the answers are in the database."""

    def __init__(self, storage: Storage, *, wall_ms: Callable[[], int] = utc_ms) -> None:
        self._storage = storage
        self._wall_ms = wall_ms
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        """Oldest first."""
        self._bytes = 0
        self.under_way: set[bytes] = set()

    async def load(self) -> None:
        """Know what was asked before the start."""
        async with self._storage.read() as tx:
            found = await tx.execute(select(table).order_by(table.c.created_at))
            for row in found:
                size = len(row.answer or b"")
                known = _Known(bytes(row.request_hash), row.created_at, size, row.answer is not None)
                self._known[bytes(row.id_hash)] = known
                self._bytes += size

    def known(self, asked: Asked) -> _Known | None:
        """What is known of a key of this client; None when it is new, or older than a day."""
        found = self._known.get(asked.id_hash)
        if found is None or self._wall_ms() - found.created_ms > KEPT_MS:
            return None
        return found

    async def begin(self, asked: Asked) -> None:
        """It is about to be carried out: from now on a restart does not forget that."""
        old = self._too_many()
        now = self._wall_ms()
        async with self._storage.begin() as tx:
            for some in portions([*old, asked.id_hash]):
                await tx.execute(delete(table).where(table.c.id_hash.in_(some)))
            row = {"id_hash": asked.id_hash, "request_hash": asked.request_hash, "created_at": now, "answer": None}
            await tx.execute(insert(table).values(row))
        for id_hash in [*old, asked.id_hash]:
            self._drop(id_hash)
        self._known[asked.id_hash] = _Known(asked.request_hash, now, 0, False)

    async def end(self, asked: Asked, answer: Answer) -> None:
        """It was carried out. The client may be gone, or its key ended: the answer is stored all the same."""
        nonce = os.urandom(_NONCE)
        sealed = nonce + AESGCM(asked.seal).encrypt(nonce, msgspec.msgpack.encode(answer), asked.request_hash)
        async with self._storage.begin(ends_login=True) as tx:
            await tx.execute(update(table).where(table.c.id_hash == asked.id_hash).values(answer=sealed))
        known = self._known.get(asked.id_hash)
        if known is not None:
            known.size, known.answered = len(sealed), True
            self._bytes += len(sealed)

    async def forget(self, asked: Asked) -> None:
        """It changed nothing: it may be sent again with the same key."""
        async with self._storage.begin(ends_login=True) as tx:
            await tx.execute(delete(table).where(table.c.id_hash == asked.id_hash))
        self._drop(asked.id_hash)

    async def answer(self, asked: Asked) -> Answer | None:
        """How it was answered; None when that cannot be read."""
        async with self._storage.read() as tx:
            sealed = await tx.scalar(select(table.c.answer).where(table.c.id_hash == asked.id_hash))
        if sealed is None:
            return None
        try:
            plain = AESGCM(asked.seal).decrypt(sealed[:_NONCE], sealed[_NONCE:], asked.request_hash)
        except InvalidTag:
            return None
        return msgspec.msgpack.decode(plain, type=Answer)

    def _too_many(self) -> list[bytes]:
        """Those that are too old, and the oldest of too many."""
        since, size, old = self._wall_ms() - KEPT_MS, self._bytes, []
        for at, (id_hash, known) in enumerate(self._known.items()):
            fits = len(self._known) - at < MAX_ANSWERS and size <= MAX_BYTES
            if known.created_ms >= since and fits:
                break
            if id_hash not in self.under_way:
                old.append(id_hash)
                size -= known.size
        return old

    def _drop(self, id_hash: bytes) -> None:
        known = self._known.pop(id_hash, None)
        if known is not None:
            self._bytes -= known.size


def digest_of(secret: str, *parts: bytes) -> bytes:
    """32 bytes that only this secret and these parts make."""
    return hmac.digest(secret.encode(), b"\0".join(parts), "sha256")
