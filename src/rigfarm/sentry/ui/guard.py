"""Who may use the Sentry's own page.

- Being able to open it earns no trust: every user of this machine can, its mining programs too. They see the status
  page, as long as no password is set, and nothing else. Everything that shows or changes more takes an administrator,
  who logs in with the code that the Sentry's Unix socket gives to root and to its own user (`rigfarm sentry code`),
  or with the password that an administrator chose.
- A session belongs to the address and, on this machine, to the user that logged in: browsers send a cookie to every
  port of a host, so another user's server on another port may come to know it.
- The Host header must be an address, `localhost` or this machine's name: a foreign name that resolves to this machine
  (DNS rebinding) opens nothing.
- What changes something must come from a page of this very server: its Origin, and the secret of the session's form.
- Guesses are few and slow. Wrong passwords may lock the password for a minute; the code keeps working then.
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

import structlog

from rigfarm.sentry.httpd.http import BadRequestError, Request
from rigfarm.sentry.httpd.peer import user_of
from rigfarm.sentry.identity.passwords import matches

__all__ = ["COOKIE", "Guard", "Visitor"]

log = structlog.get_logger()

COOKIE = "rigfarm_sentry"
SESSION_S = 12 * 3600.0
MAX_SESSIONS = 100
GUESSES_A_MINUTE = 10
ALL_GUESSES_A_MINUTE = 30
WRONG_CODE_WAIT_S = 0.5
"""Before a wrong code is answered. With 80 bits and `http.MAX_CONNECTIONS`, guessing takes longer than the universe."""
_FORM = "csrf"
_LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_GROUPS, _GROUP = 4, 4
"""16 letters of 5 bits each."""


class Visitor(NamedTuple):
    """Who sent a request."""

    key: str
    """Its cookie's value."""
    is_new: bool
    """The cookie has to be set."""
    administrator: bool
    """It has logged in, or asks over the Unix socket."""


class _Session(NamedTuple):
    ends: float
    peer: tuple[str, int | None]
    """Address and, on this machine, user id."""


class Guard:
    """Sessions, secrets and the code are in memory: a restart of the Sentry ends every session."""

    def __init__(self, password_hash: str | None, *, now: Callable[[], float] = time.monotonic) -> None:
        self.password_hash = password_hash
        self.code = _new_code()
        """Logs an administrator in, once; then another takes its place. Only for answers over the Unix socket."""
        self._now = now
        self._secret = secrets.token_bytes(32)
        self._sessions: dict[str, _Session] = {}
        """By the hash of a logged-in cookie."""
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
        """Who sent it, by its cookie."""
        if request.local:
            return Visitor("", is_new=False, administrator=True)
        key = request.cookie(COOKIE)
        is_new = key is None or len(key) != 43
        if key is None or is_new:
            key = secrets.token_urlsafe(32)
        return Visitor(key, is_new, self._logged_in(key, request))

    def form_secret(self, visitor: Visitor) -> str:
        """What a form of this visitor must carry in its field `csrf`."""
        return hmac.new(self._secret, visitor.key.encode(), hashlib.sha256).hexdigest()

    def check_form(self, visitor: Visitor, form: dict[str, str]) -> None:
        """BadRequestError when the form was not given to this visitor by this Sentry."""
        if not hmac.compare_digest(form.get(_FORM, "").encode(), self.form_secret(visitor).encode()):
            raise BadRequestError(403, "This form is out of date: the Sentry was restarted. Reload the page.")

    # Sessions

    def _logged_in(self, key: str, request: Request) -> bool:
        session = self._sessions.get(_hash(key))
        return session is not None and session.ends > self._now() and session.peer == _peer(request)

    async def log_in(self, request: Request, entered: str) -> tuple[str | None, str]:
        """The cookie of a new session, or None and why not. `entered`: the code, or the password."""
        if self._is_code(entered):
            self.code = _new_code()
            return self._new_session(request), ""
        if self.password_hash is None:
            log.warning("a wrong code was entered on the Sentry's page", peer=request.peer)
            await asyncio.sleep(WRONG_CODE_WAIT_S)
            return None, "Wrong code. Each one works once, and a restart of the Sentry replaces it."
        wait = self._wait_s(request.peer)
        if wait > 0:
            return None, f"Too many wrong passwords. Try again in {wait:.0f} s, or enter a code."
        # Counted before it is checked, so that guesses at the same time all count.
        self._count(request.peer)
        async with self._one_at_a_time:
            right = await asyncio.to_thread(matches, entered, self.password_hash)
        if not right:
            return None, "This is neither the password (`ui_password` in this machine's sentry.toml) nor the code."
        self._forgive(request.peer)
        return self._new_session(request), ""

    def _is_code(self, entered: str) -> bool:
        plain = "".join(entered.upper().split()).replace("-", "")
        return hmac.compare_digest(plain.encode(), self.code.replace("-", "").encode())

    def set_password(self, request: Request, hashed: str) -> str:
        """From now on this password logs in; every session ends. The cookie of a new one, for the one who chose it."""
        self.password_hash = hashed
        self._sessions.clear()
        return self._new_session(request)

    def _new_session(self, request: Request) -> str:
        key = secrets.token_urlsafe(32)
        now = self._now()
        self._sessions = {one: session for one, session in self._sessions.items() if session.ends > now}
        while len(self._sessions) >= MAX_SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        self._sessions[_hash(key)] = _Session(now + SESSION_S, _peer(request))
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


def _new_code() -> str:
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(_GROUP)) for _ in range(_GROUPS))


def _peer(request: Request) -> tuple[str, int | None]:
    return request.peer, user_of(*request.ends) if request.ends is not None else None


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
