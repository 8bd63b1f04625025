"""Who a client is: a browser that logged in, or a program with an API key."""

from __future__ import annotations

import hmac
import secrets
from datetime import UTC, datetime
from hashlib import sha256

from msgspec import Struct

from rigfarm.commander.auth.scopes import Scope, in_words
from rigfarm.commander.changes import Actor, ActorKind
from rigfarm.common.clock import utc_ms

__all__ = ["MAX_EXPIRY_S", "ApiKey", "Session", "Viewer", "csrf_matches", "csrf_token"]

MAX_EXPIRY_S = 3650 * 86_400
"""Of a key that expires at all."""


class Session(Struct):
    """One login of one browser. Times of day are UTC milliseconds, for people; its end is decided by `started` and
    `used`, which are monotonic seconds, so that a clock that jumps ends no login."""

    id_hash: bytes
    label: str
    """Browser and system, as its User-Agent says."""
    address: str
    created_at: int
    last_used_at: int
    started: float
    used: float
    owner: str = ""
    """Whose browser it is, as they said when they logged in; empty: they did not."""
    visitor: bool = False
    """Whether it sees everything and changes nothing."""

    @property
    def created(self) -> datetime:
        """When it was opened."""
        return _time(self.created_at)

    @property
    def last_used(self) -> datetime:
        """When it last made a request."""
        return _time(self.last_used_at)

    @property
    def name(self) -> str:
        """How a page names it in a form."""
        return self.id_hash.hex()

    @property
    def actor(self) -> Actor:
        """As the one who does something."""
        kind: ActorKind = "visitor" if self.visitor else "session"
        return Actor(kind, self.owner or self.label, f"{self.name[:8]} {self.label}")


class ApiKey(Struct):
    """One key for programs. Its secret is shown to the person who makes it, and stored nowhere. Times are UTC ms."""

    id: int
    name: str
    created_at: int
    scopes: tuple[Scope, ...]
    expires_at: int | None = None
    """Absent: it never expires."""
    last_used_at: int | None = None
    last_used_from: str | None = None
    """The address it was last used from."""
    enrolled: int = 0
    """Rigs that were made with it."""

    @property
    def created(self) -> datetime:
        """When it was made."""
        return _time(self.created_at)

    @property
    def expires(self) -> datetime | None:
        """When it expires; never: absent."""
        return None if self.expires_at is None else _time(self.expires_at)

    @property
    def expired(self) -> bool:
        """Whether it opens nothing any more."""
        return self.expires_at is not None and self.expires_at <= utc_ms()

    @property
    def last_used(self) -> datetime | None:
        """When it last opened something; never: absent."""
        return None if self.last_used_at is None else _time(self.last_used_at)

    @property
    def may(self) -> str:
        """Its scopes in words: `read and operate`."""
        return in_words(self.scopes)


class Viewer(Struct, frozen=True):
    """Who makes this request."""

    session: Session | None = None
    key: ApiKey | None = None
    secret: str = ""
    """Of the session, as its cookie has it; stays out of templates and logs."""

    @property
    def csrf(self) -> str:
        """What forms of this session must send back (field `csrf`, or header X-CSRF-Token)."""
        return csrf_token(self.secret) if self.secret else ""

    @property
    def visitor(self) -> bool:
        """Whether it is a login that changes nothing."""
        return self.session is not None and self.session.visitor

    @property
    def actor(self) -> Actor | None:
        """Who it is, for the log and the activity."""
        if self.key is not None:
            return Actor("enrolment-key" if self.key.scopes == ("enrol",) else "api-key", self.key.name)
        return None if self.session is None else self.session.actor

    def __repr__(self) -> str:
        """Without the secret."""
        return f"Viewer({self.actor!r})"


def csrf_token(secret: str) -> str:
    """Derived from the session's secret, which no other site can read; gives nothing of it away.

    Masked again for every page: pages are compressed, and what never repeats cannot be found out by its compression.
    """
    mask = secrets.token_bytes(32)
    return mask.hex() + _xor(mask, _csrf(secret)).hex()


def csrf_matches(token: str, secret: str) -> bool:
    """Whether the token was made for the session of this secret."""
    try:
        given = bytes.fromhex(token)
    except ValueError:
        return False
    return len(given) == 64 and hmac.compare_digest(_xor(given[:32], given[32:]), _csrf(secret))


def _csrf(secret: str) -> bytes:
    return sha256(b"csrf:" + secret.encode()).digest()


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def _time(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
