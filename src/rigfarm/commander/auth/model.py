"""Who somebody is: a browser that logged in, or a program with an API key."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256

from msgspec import Struct

__all__ = ["ApiKey", "Session", "Viewer", "csrf_token"]


class Session(Struct):
    """One login of one browser. Times of day are UTC milliseconds, for people; its end is decided by `started` and
    `used`, which are monotonic seconds, so that a clock that jumps logs nobody out."""

    id_hash: bytes
    label: str
    """Browser and system, as its User-Agent says."""
    address: str
    created_at: int
    last_used_at: int
    started: float
    used: float

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


class ApiKey(Struct):
    """One key for programs. The secret itself is known to whoever got it, and to nobody else."""

    id: int
    name: str
    created_at: int
    last_used_at: int | None = None

    @property
    def created(self) -> datetime:
        """When it was made."""
        return _time(self.created_at)

    @property
    def last_used(self) -> datetime | None:
        """When it last opened something; never: absent."""
        return None if self.last_used_at is None else _time(self.last_used_at)


class Viewer(Struct, frozen=True):
    """Who makes this request."""

    session: Session | None = None
    key: ApiKey | None = None
    csrf: str = ""
    """What forms of this session must send back (field `csrf`, or header X-CSRF-Token)."""


def csrf_token(secret: str) -> str:
    """Derived from the session's secret, which no other site can read; gives nothing of it away."""
    return sha256(b"csrf:" + secret.encode()).hexdigest()


def _time(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
