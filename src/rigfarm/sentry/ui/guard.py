"""Who may use the Sentry's own page.

- The Host header must be an address, `localhost` or this machine's name: a name that somebody else points at this
  machine (DNS rebinding) opens nothing.
- What changes something must come from a page of this very server: its Origin, and the secret of the session's form.
- With a password set, everything but the login wants a session. Guesses are few and slow.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ipaddress
import secrets
import socket
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from rigfarm.sentry.passwords import matches
from rigfarm.sentry.ui.http import BadRequestError, Request

__all__ = ["COOKIE", "Guard", "Visitor"]

COOKIE = "rigfarm_sentry"
SESSION_S = 12 * 3600.0
MAX_SESSIONS = 100
GUESSES_A_MINUTE = 10
ALL_GUESSES_A_MINUTE = 30
_FORM = "csrf"


class Visitor(NamedTuple):
    """Who asks."""

    key: str
    """Its cookie's value."""
    is_new: bool
    """The cookie has to be set."""
    may_enter: bool


class Guard:
    """Sessions and secrets are in memory: a restart of the Sentry ends every session."""

    def __init__(self, password_hash: str | None, *, now: Callable[[], float] = time.monotonic) -> None:
        self.password_hash = password_hash
        self._now = now
        self._secret = secrets.token_bytes(32)
        self._sessions: dict[str, float] = {}
        """Hash of a logged-in cookie -> when it ends."""
        self._guesses: dict[str, deque[float]] = {}
        self._all_guesses: deque[float] = deque()
        self._one_at_a_time = asyncio.Lock()

    # Every request

    def check(self, request: Request) -> None:
        """BadRequestError for a request that no page of ours, opened under an address of ours, would make."""
        if request.local:
            return
        host = request.headers.get("host", "")
        if not _is_ours(host):
            raise BadRequestError(
                421, f"Open this page under this machine's address or its name ({socket.gethostname()}), not another."
            )
        if request.method in ("GET", "HEAD"):
            return
        if request.headers.get("origin", "") != f"http://{host}":
            raise BadRequestError(403, "This was not sent by a page of this Sentry. Open the page and try again.")

    def visitor(self, request: Request) -> Visitor:
        """Who asks, by its cookie."""
        if request.local:
            return Visitor("", is_new=False, may_enter=True)
        key = request.cookie(COOKIE)
        is_new = key is None or len(key) != 43
        if key is None or is_new:
            key = secrets.token_urlsafe(32)
        return Visitor(key, is_new, self.password_hash is None or self._logged_in(key))

    def form_secret(self, visitor: Visitor) -> str:
        """What a form of this visitor must carry in its field `csrf`."""
        return hmac.new(self._secret, visitor.key.encode(), hashlib.sha256).hexdigest()

    def check_form(self, visitor: Visitor, form: dict[str, str]) -> None:
        """BadRequestError when the form was not given to this visitor by this Sentry."""
        if not hmac.compare_digest(form.get(_FORM, "").encode(), self.form_secret(visitor).encode()):
            raise BadRequestError(403, "This form is too old, for the Sentry was restarted. Open the page anew.")

    # Sessions

    def _logged_in(self, key: str) -> bool:
        ends = self._sessions.get(_hash(key))
        return ends is not None and ends > self._now()

    async def log_in(self, request: Request, password: str) -> tuple[str | None, str]:
        """The cookie of a new session, or None and why not."""
        if self.password_hash is None:
            return None, "No password is set."
        wait = self._wait_s(request.peer)
        if wait > 0:
            return None, f"Too many wrong passwords. Try again in {wait:.0f} s."
        # Counted before it is looked at, so that guesses at the same time all count.
        self._count(request.peer)
        async with self._one_at_a_time:
            right = await asyncio.to_thread(matches, password, self.password_hash)
        if not right:
            return None, "That is not the password. It is `ui_password` in this machine's sentry.toml."
        self._forgive(request.peer)
        return self._new_session(), ""

    def set_password(self, hashed: str) -> str:
        """From now on everything wants this password; the cookie of a session for who has just chosen it."""
        self.password_hash = hashed
        self._sessions.clear()
        return self._new_session()

    def _new_session(self) -> str:
        key = secrets.token_urlsafe(32)
        now = self._now()
        self._sessions = {one: ends for one, ends in self._sessions.items() if ends > now}
        while len(self._sessions) >= MAX_SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        self._sessions[_hash(key)] = now + SESSION_S
        return key

    def log_out(self, visitor: Visitor) -> None:
        """End this visitor's session."""
        self._sessions.pop(_hash(visitor.key), None)

    def _wait_s(self, peer: str) -> float:
        now = self._now()
        for guesses in (self._guesses.get(peer, deque()), self._all_guesses):
            while guesses and guesses[0] <= now - 60:
                guesses.popleft()
        mine = self._guesses.get(peer, deque())
        if len(mine) >= GUESSES_A_MINUTE:
            return mine[0] + 60 - now
        if len(self._all_guesses) >= ALL_GUESSES_A_MINUTE:
            return self._all_guesses[0] + 60 - now
        return 0.0

    def _count(self, peer: str) -> None:
        now = self._now()
        self._guesses = {one: guesses for one, guesses in self._guesses.items() if guesses and guesses[-1] > now - 60}
        self._guesses.setdefault(peer, deque()).append(now)
        self._all_guesses.append(now)

    def _forgive(self, peer: str) -> None:
        for guesses in (self._guesses.get(peer, deque()), self._all_guesses):
            if guesses:
                guesses.pop()


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _is_ours(host: str) -> bool:
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() and not host.endswith("]") else host
    name = name.removeprefix("[").removesuffix("]").lower()
    if name == "localhost":
        return True
    own = socket.gethostname().lower()
    if name in (own, own.partition(".")[0], f"{own.partition('.')[0]}.local"):
        return bool(name)
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
