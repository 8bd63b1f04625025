"""Everything about who may do what, in one object for the composition root."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import structlog
from litestar.di import Provide
from litestar.types import Scope
from sqlalchemy.exc import SQLAlchemyError

from rigfarm.commander.auth.changes import ChangeLog, Record
from rigfarm.commander.auth.connection import DEVICE, cookie, cookie_name, is_https
from rigfarm.commander.auth.control import serve_control
from rigfarm.commander.auth.devices import Devices
from rigfarm.commander.auth.gate import Gate
from rigfarm.commander.auth.keys import ApiKeys
from rigfarm.commander.auth.limits import LoginLimits, RateLimit
from rigfarm.commander.auth.model import Viewer
from rigfarm.commander.auth.origins import Origins
from rigfarm.commander.auth.password import Password
from rigfarm.commander.auth.sessions import Sessions
from rigfarm.commander.auth.visitors import VisitorPassword
from rigfarm.commander.server.incidents import Incidents
from rigfarm.commander.settings import Settings
from rigfarm.commander.storage import Storage
from rigfarm.commander.supervised import Part

__all__ = ["Auth"]

SWEEP_S = 0.5
"""An expired session's live pages close within a second."""
FLUSH_S = 60.0
BAD_KEYS = 10
BAD_TOKENS = 20
DAY_S = 86_400.0

log = structlog.get_logger()


class _Given(Provide):
    """Equal to itself alone. Litestar compares each part with each other one for each handler, a million times at a
    start, and by what they are made of: that took a quarter of the time until a Commander is ready."""

    __eq__ = object.__eq__
    __hash__ = object.__hash__


def provided(part: object) -> Provide:
    """A part of the Commander, for handlers that ask for it."""

    def provide() -> object:
        return part

    return _Given(provide, sync_to_thread=False)


class Auth:
    """Made before the database is open; works within `running`."""

    def __init__(
        self,
        settings: Settings,
        announce: Callable[[str], None] | None = None,
        incidents: Incidents | None = None,
        record: Record | None = None,
    ) -> None:
        """`announce` is told the password if one has to be made; by default it is printed. `record` stores every
        change."""
        self.incidents = incidents or Incidents()
        self.public_url = settings.public_url
        self.origins = Origins(settings.public_url)
        self.sessions = Sessions(settings.session_idle_days * DAY_S, settings.session_absolute_days * DAY_S)
        self.keys = ApiKeys()
        self.password = Password()
        self.visitors = VisitorPassword(self.password)
        self.devices = Devices()
        self.login_limits = LoginLimits(settings.login_attempts_per_address, settings.login_attempts)
        self.bad_keys = RateLimit(BAD_KEYS)
        self.bad_tokens = RateLimit(BAD_TOKENS)
        self.change_log = ChangeLog(self.incidents) if record is None else ChangeLog(self.incidents, record)
        self.gate = Gate(self)
        self._settings = settings
        self._announce = announce or _print_password

    @asynccontextmanager
    async def running(self, storage: Storage) -> AsyncIterator[None]:
        """Load what is kept, keep it up to date, write it down at the end."""
        made = await self.password.establish(storage, self._settings)
        if made is not None:
            self._announce(made)
        await self.visitors.establish(storage, self._settings)
        await self.devices.load(storage)
        await self.sessions.load(storage)
        await self.keys.load(storage)
        try:
            async with serve_control(self._settings.data_dir, self.keys, self._reset, self.change_log):
                yield
        finally:
            await self._flush()
            self.password.close()

    def device_of(self, scope: Scope) -> str | None:
        """The nonce of a connection's device cookie; None: a browser that has never logged in here."""
        name = cookie_name(scope, https=is_https(scope, self.public_url), purpose=DEVICE)
        return self.devices.find(cookie(scope, name))

    def alive(self, viewer: Viewer) -> bool:
        """Whether the key or login behind a request has not ended. Asking is not using it."""
        if viewer.key is not None:
            return self.keys.alive(viewer.key)
        return viewer.session is not None and self.sessions.alive(viewer.session.id_hash)

    async def sign_out_everywhere(self) -> int:
        """End every session and device cookie, at once; returns how many sessions those were."""
        ended = await self.sessions.end_all()
        await self.devices.renew(self.sessions.storage)
        return ended

    async def reset_password(self, hashed: str) -> None:
        """Take another password, as its hash, and end every login of the one before. Conflict when the settings have a
        password."""
        await self.password.reset(self.sessions.storage, self._settings, hashed)
        await self.sign_out_everywhere()

    async def reset_visitors(self, hashed: str) -> None:
        """Take another password for visitors, as its hash (empty: none any more), and end the logins of all visitors.
        Conflict when the settings have one."""
        await self.visitors.reset(self.sessions.storage, self._settings, hashed)
        await self.sessions.end_visitors()

    async def _reset(self, hashed: str, *, visitor: bool) -> None:
        await (self.reset_visitors(hashed) if visitor else self.reset_password(hashed))

    @property
    def parts(self) -> dict[str, object]:
        """What handlers may ask for by name."""
        return {"auth": self, "sessions": self.sessions, "api_keys": self.keys, "bad_tokens": self.bad_tokens}

    async def housekeeping(self, part: Part) -> None:
        """End logins whose time is over, write down when the others were used; until cancelled."""
        flush_at = time.monotonic() + FLUSH_S
        while True:
            part.beat()
            await asyncio.sleep(SWEEP_S)
            self.sessions.sweep()
            if time.monotonic() >= flush_at:
                flush_at = time.monotonic() + FLUSH_S
                await self._flush()

    async def _flush(self) -> None:
        try:
            await self.sessions.flush()
            await self.keys.flush()
        except (SQLAlchemyError, OSError) as error:
            log.error("the times of last use could not be written", error=str(error))


def _print_password(password: str) -> None:
    print(
        f"The password of this Commander is  {password}\n"
        "It is not shown again. Choose your own with `rigfarm commander hash-password`.",
        flush=True,
    )
