"""Sessions and API keys in the database."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from rigfarm.commander.auth.model import ApiKey, Session
from rigfarm.commander.auth.tables import api_keys, sessions

__all__ = [
    "delete_key",
    "delete_sessions",
    "insert_key",
    "insert_session",
    "load_keys",
    "load_sessions",
    "save_keys_used",
    "save_sessions_used",
]


async def load_sessions(tx: AsyncConnection) -> list[tuple[bytes, str, str, int, int]]:
    """(hash, label, address, created, last used) of every one, oldest first."""
    found = await tx.execute(select(sessions).order_by(sessions.c.created_at))
    return [(bytes(row.id_hash), row.label, row.address, row.created_at, row.last_used_at) for row in found]


async def insert_session(tx: AsyncConnection, session: Session) -> None:
    """A new one."""
    await tx.execute(
        insert(sessions).values(
            id_hash=session.id_hash,
            label=session.label,
            address=session.address,
            created_at=session.created_at,
            last_used_at=session.last_used_at,
        )
    )


async def delete_sessions(tx: AsyncConnection, hashes: Iterable[bytes] | None) -> None:
    """These, or all."""
    if hashes is None:
        await tx.execute(delete(sessions))
        return
    rows = [{"hash": one} for one in hashes]
    if rows:
        await tx.execute(delete(sessions).where(sessions.c.id_hash == bindparam("hash")), rows)


async def save_sessions_used(tx: AsyncConnection, used: Iterable[Session]) -> None:
    """When and from where each was last used."""
    rows = [{"hash": s.id_hash, "last_used_at": s.last_used_at, "address": s.address} for s in used]
    if rows:
        await tx.execute(update(sessions).where(sessions.c.id_hash == bindparam("hash")), rows)


async def load_keys(tx: AsyncConnection) -> list[tuple[ApiKey, bytes]]:
    """Every key with its hash, oldest first."""
    found = await tx.execute(select(api_keys).order_by(api_keys.c.id))
    return [(ApiKey(row.id, row.name, row.created_at, row.last_used_at), bytes(row.key_hash)) for row in found]


async def insert_key(tx: AsyncConnection, name: str, key: str, key_hash: bytes, now_ms: int) -> ApiKey:
    """A new one."""
    done = await tx.execute(
        insert(api_keys).values(name=name, name_key=key, key_hash=key_hash, created_at=now_ms).returning(api_keys.c.id)
    )
    return ApiKey(done.scalar_one(), name, now_ms)


async def delete_key(tx: AsyncConnection, key_id: int) -> None:
    """Take it out."""
    await tx.execute(delete(api_keys).where(api_keys.c.id == key_id))


async def save_keys_used(tx: AsyncConnection, used: Iterable[ApiKey]) -> None:
    """When each was last used."""
    rows = [{"key": one.id, "last_used_at": one.last_used_at} for one in used]
    if rows:
        await tx.execute(update(api_keys).where(api_keys.c.id == bindparam("key")), rows)
