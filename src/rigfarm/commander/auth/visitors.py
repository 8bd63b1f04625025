"""The optional second password: it opens every page, and changes nothing."""

from __future__ import annotations

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncConnection

from rigfarm.commander.auth.password import Password
from rigfarm.commander.auth.tables import sessions
from rigfarm.commander.refusals import Conflict
from rigfarm.commander.settings import Settings
from rigfarm.commander.storage import Storage, get_meta, set_meta

__all__ = ["VisitorPassword", "reset_visitors"]

_CHOSEN = "visitor_password_hash"
"""What a command has set; empty: nothing."""
_IN_FORCE = "visitor_password_in_force"
"""What the last start took, from the settings or of a command: once it is another, logins of before end."""


class VisitorPassword:
    """Knows only the hash; without one, visitors cannot log in."""

    def __init__(self, passwords: Password) -> None:
        """`passwords` checks both in the same threads, so that two together are not slower than one is meant to be."""
        self._passwords = passwords
        self._hash = ""

    async def establish(self, storage: Storage, settings: Settings) -> None:
        """Take it from the settings, or what a command has set."""
        async with storage.read() as tx:
            chosen = await get_meta(tx, _CHOSEN) or ""
            before = await get_meta(tx, _IN_FORCE) or ""
        wanted = settings.visitor_password_hash or chosen
        if settings.visitor_password is not None:
            same = before and await self._passwords.verify(before, settings.visitor_password)
            wanted = before if same else await self._passwords.hash(settings.visitor_password)
        if wanted != before:
            async with storage.begin() as tx:
                await _replace(tx, wanted)
        self._hash = wanted

    async def reset(self, storage: Storage, settings: Settings, hashed: str) -> None:
        """Take another from now on, as its hash; empty: none. Conflict when the settings have one."""
        await reset_visitors(storage, settings, hashed)
        self._hash = hashed

    async def matches(self, password: str, *, known: bool = False) -> bool:
        """Whether this is the visitors' password; BusyError when too many are being checked."""
        return bool(self._hash) and await self._passwords.verify(self._hash, password, known=known)


async def reset_visitors(storage: Storage, settings: Settings, hashed: str) -> None:
    """Store another password's hash for visitors, and end the logins of all visitors. Conflict when the settings have
    one, which would come back at the next start."""
    if settings.visitor_password is not None or settings.visitor_password_hash is not None:
        raise Conflict(
            "The visitors' password comes from the settings of this Commander (visitor_password or "
            "visitor_password_hash, in its configuration file or environment). Change it there, then restart the "
            "Commander; that ends all logins of visitors, too."
        )
    async with storage.begin(ends_login=True) as tx:
        await set_meta(tx, _CHOSEN, hashed)
        await _replace(tx, hashed)


async def _replace(tx: AsyncConnection, hashed: str) -> None:
    await set_meta(tx, _IN_FORCE, hashed)
    await tx.execute(delete(sessions).where(sessions.c.visitor))
