"""Sessions and API keys in the database."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Row, bindparam, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from rigfarm.commander.auth.model import ApiKey, Session
from rigfarm.commander.auth.scopes import SCOPES
from rigfarm.commander.auth.tables import api_keys, sessions

__all__ = [
    "delete_key",
    "delete_sessions",
    "insert_key",
    "insert_session",
    "load_keys",
    "load_sessions",
    "save_keys_used",
    "save_session_owner",
    "save_sessions_used",
]


async def load_sessions(tx: AsyncConnection) -> list[tuple[bytes, str, str, int, int, str, bool]]:
    """(hash, label, address, created, last used, owner, visitor) of every one, oldest first."""
    found = await tx.execute(select(sessions).order_by(sessions.c.created_at))
    return [
        (
            bytes(row.id_hash),
            row.label,
            row.address,
            row.created_at,
            row.last_used_at,
            row.owner or "",
            bool(row.visitor),
        )
        for row in found
    ]


async def insert_session(tx: AsyncConnection, session: Session) -> None:
    """A new one."""
    await tx.execute(
        insert(sessions).values(
            id_hash=session.id_hash,
            label=session.label,
            address=session.address,
            created_at=session.created_at,
            last_used_at=session.last_used_at,
            owner=session.owner,
            visitor=session.visitor,
        )
    )


async def save_session_owner(tx: AsyncConnection, id_hash: bytes, owner: str) -> None:
    """Whose it is."""
    await tx.execute(update(sessions).where(sessions.c.id_hash == id_hash).values(owner=owner))


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
    return [(_key(row), bytes(row.key_hash)) for row in found]


def _key(row: Row[Any]) -> ApiKey:
    scopes = tuple(scope for scope in SCOPES if scope in row.scopes.split())
    return ApiKey(
        id=row.id,
        name=row.name,
        created_at=row.created_at,
        scopes=scopes,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        last_used_from=row.last_used_from,
        enrolled=row.enrolled,
    )


async def insert_key(tx: AsyncConnection, key: ApiKey, name_key: str, key_hash: bytes) -> int:
    """A new one; returns its id."""
    done = await tx.execute(
        insert(api_keys)
        .values(
            name=key.name,
            name_key=name_key,
            key_hash=key_hash,
            scopes=" ".join(key.scopes),
            created_at=key.created_at,
            expires_at=key.expires_at,
            enrolled=key.enrolled,
        )
        .returning(api_keys.c.id)
    )
    made: int = done.scalar_one()
    return made


async def delete_key(tx: AsyncConnection, key_id: int) -> None:
    """Take it out."""
    await tx.execute(delete(api_keys).where(api_keys.c.id == key_id))


async def save_keys_used(tx: AsyncConnection, used: Iterable[ApiKey]) -> None:
    """When and from where each was last used, and how many rigs it made."""
    rows = [
        {
            "key": one.id,
            "last_used_at": one.last_used_at,
            "last_used_from": one.last_used_from,
            "enrolled": one.enrolled,
        }
        for one in used
    ]
    if rows:
        await tx.execute(update(api_keys).where(api_keys.c.id == bindparam("key")), rows)
