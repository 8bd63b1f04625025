"""API keys: 256 random bits behind a prefix that secret scanners know, kept as SHA-256. Each has scopes, and ends."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from rigfarm.commander.auth import store
from rigfarm.commander.auth.model import ApiKey
from rigfarm.commander.auth.scopes import checked_scopes
from rigfarm.commander.names import clean_name, name_key
from rigfarm.commander.refusals import Absent, Conflict, Invalid
from rigfarm.commander.storage import Storage
from rigfarm.common.clock import utc_ms
from rigfarm.wire.tokens import hash_token, new_token

__all__ = ["ENROLMENT_PREFIX", "PREFIX", "ApiKeys"]

PREFIX = "rk_"
ENROLMENT_PREFIX = "re_"
"""Of a key that can enrol and nothing else, so that people see which one they hold."""


class ApiKeys:
    """All API keys, in memory by hash; only changes go to the database."""

    def __init__(self) -> None:
        self._storage: Storage | None = None
        self._by_hash: dict[bytes, ApiKey] = {}
        self._used: set[bytes] = set()
        self._changing = asyncio.Lock()

    async def load(self, storage: Storage) -> None:
        """Read all of them."""
        self._storage = storage
        async with storage.read() as tx:
            self._by_hash = {key_hash: key for key, key_hash in await store.load_keys(tx)}

    def all(self) -> list[ApiKey]:
        """Every key, oldest first, expired ones included."""
        return sorted(self._by_hash.values(), key=lambda key: key.id)

    def find(self, secret: str, address: str) -> ApiKey | None:
        """The key, if it is one of ours, was not revoked and has not expired; it counts as used from this address."""
        key_hash = hash_token(secret)
        key = self._by_hash.get(key_hash)
        if key is None or key.expired:
            return None
        key.last_used_at = utc_ms()
        key.last_used_from = address
        self._used.add(key_hash)
        return key

    def alive(self, key: ApiKey) -> bool:
        """Whether it has neither been revoked nor expired. Asking is not using it."""
        return not key.expired and any(key is one for one in self._by_hash.values())

    async def create(
        self, name: str, scopes: Iterable[str], expires_in_s: float | None, *, what: str = "An API key"
    ) -> tuple[ApiKey, str]:
        """Make one; returns it and its secret, which cannot be read afterwards. `expires_in_s` None: never expires.
        Refusal for a name or scope that cannot be."""
        name = clean_name(name, what, "grafana")
        allowed = checked_scopes(scopes)
        if "enrol" in allowed and expires_in_s is None:
            raise Invalid("A key with the scope enrol must expire: choose when.", field="expires")
        secret = new_token(ENROLMENT_PREFIX if allowed == ("enrol",) else PREFIX)
        now_ms = utc_ms()
        expires_at = None if expires_in_s is None else now_ms + int(expires_in_s * 1000)
        key = ApiKey(0, name, now_ms, allowed, expires_at)
        async with self._changing:
            if self._named(name) is not None:
                raise Conflict(f"An API key named {name} already exists: choose another name.", field="name")
            async with self._db.begin() as tx:
                key.id = await store.insert_key(tx, key, name_key(name), hash_token(secret))
            self._by_hash[hash_token(secret)] = key
        return key, secret

    async def revoke(self, which: int | str) -> ApiKey:
        """Refuse it from now on, by id or by name; Absent when there is none."""
        async with self._changing:
            key_hash = self._numbered(which) if isinstance(which, int) else self._named(which)
            if key_hash is None:
                raise Absent(f"API key {which} does not exist.")
            key = self._by_hash.pop(key_hash)
            try:
                async with self._db.begin(ends_login=True) as tx:  # a key may revoke itself
                    await store.delete_key(tx, key.id)
            except BaseException:
                self._by_hash[key_hash] = key
                raise
        return key

    async def save(self, key: ApiKey) -> None:
        """Write down its use at once."""
        async with self._db.begin() as tx:
            await store.save_keys_used(tx, [key])

    async def flush(self) -> None:
        """Write down which were used since the last time."""
        used, self._used = self._used, set()
        living = [self._by_hash[one] for one in used if one in self._by_hash]
        if living:
            async with self._db.begin() as tx:
                await store.save_keys_used(tx, living)

    @property
    def _db(self) -> Storage:
        assert self._storage is not None, "load() first"
        return self._storage

    def _named(self, name: str) -> bytes | None:
        wanted = name_key(name)
        return next((hashed for hashed, key in self._by_hash.items() if name_key(key.name) == wanted), None)

    def _numbered(self, key_id: int) -> bytes | None:
        return next((hashed for hashed, key in self._by_hash.items() if key.id == key_id), None)
