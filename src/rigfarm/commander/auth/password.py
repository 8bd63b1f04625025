"""The deployment's one password: given in the settings, or made at the first start."""

from __future__ import annotations

import secrets

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncConnection

from rigfarm.commander.auth.devices import DEVICE_KEY, new_key
from rigfarm.commander.auth.hashing import Hasher
from rigfarm.commander.auth.tables import sessions
from rigfarm.commander.refusals import Conflict
from rigfarm.commander.settings import MAX_PASSWORD, Settings
from rigfarm.commander.storage import Storage, get_meta, set_meta

__all__ = ["Password", "reset_stored"]

_KEY = "password_hash"
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without letters that look alike: it is read from a terminal and typed."""


class Password:
    """Knows the hash only. A change of the password ends every session and device cookie of the old one."""

    def __init__(self) -> None:
        self._hasher = Hasher()
        self._known = Hasher(at_once=1)
        """Of browsers that have logged in before: a flood of strangers does not hold them up."""
        self._hash = ""
        self.replaced = False
        """Whether this start replaced another password."""

    async def establish(self, storage: Storage, settings: Settings) -> str | None:
        """Take the password from the settings, or the stored one, or make one; returns it when it was made."""
        async with storage.read() as tx:
            stored = await get_meta(tx, _KEY)
        made: str | None = None
        if settings.password_hash is not None:
            wanted = settings.password_hash
        elif settings.password is not None:
            same = stored is not None and await self._hasher.verify(stored, settings.password)
            wanted = stored if same and stored is not None else await self._hasher.hash(settings.password)
        elif stored is not None:
            wanted = stored
        else:
            made = _new_password()
            wanted = await self._hasher.hash(made)
        self.replaced = stored is not None and wanted != stored
        if wanted != stored:
            async with storage.begin() as tx:
                await _replace(tx, wanted)
        self._hash = wanted
        return made

    async def reset(self, storage: Storage, settings: Settings, hashed: str) -> None:
        """Take another password, as its hash, from now on. Conflict when the settings have one."""
        await reset_stored(storage, settings, hashed)
        self._hash = hashed

    async def matches(self, password: str, *, known: bool = False) -> bool:
        """Whether this is the password; BusyError when too many are being checked. `known`: a browser asks that has
        logged in before."""
        return await self.verify(self._hash, password, known=known)

    async def verify(self, hashed: str, password: str, *, known: bool = False) -> bool:
        """As `matches`, for another hash."""
        if not 1 <= len(password.encode("utf-8", "surrogatepass")) <= MAX_PASSWORD:
            return False
        return await (self._known if known else self._hasher).verify(hashed, password)

    async def hash(self, password: str) -> str:
        """The hash of a password, made in a thread."""
        return await self._hasher.hash(password)

    def close(self) -> None:
        """Let the threads end."""
        self._hasher.close()
        self._known.close()


async def reset_stored(storage: Storage, settings: Settings, hashed: str) -> None:
    """Store another password's hash, and end every login of the one before. Conflict when the settings have one, which
    would come back at the next start."""
    if settings.password is not None or settings.password_hash is not None:
        raise Conflict(
            "The password of this Commander comes from its settings (password or password_hash, in its configuration "
            "file or environment). Change it there, then restart the Commander; that ends all logins, too."
        )
    async with storage.begin(ends_login=True) as tx:
        await _replace(tx, hashed)


async def _replace(tx: AsyncConnection, hashed: str) -> None:
    await set_meta(tx, _KEY, hashed)
    await tx.execute(delete(sessions))
    await set_meta(tx, DEVICE_KEY, new_key())


def _new_password() -> str:
    """Four groups of five characters: 99 bits."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(5)) for _ in range(4))
