"""The password of the Sentry's own page: kept as a scrypt hash (the standard library's; a rig installs no argon2)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

__all__ = ["MAX_PASSWORD", "MIN_PASSWORD", "hash_password", "is_hash", "matches"]

MIN_PASSWORD = 8
MAX_PASSWORD = 1024
_PREFIX = "scrypt:"
_N, _R, _P = 1 << 14, 8, 1
"""16 MiB and some 40 ms a try."""


def hash_password(password: str) -> str:
    """The hash, for `ui_password` in sentry.toml."""
    salt = secrets.token_bytes(16)
    return f"{_PREFIX}{_text(salt)}:{_text(_derive(password, salt))}"


def is_hash(text: str) -> bool:
    """Whether this came from `hash_password`."""
    try:
        _parse(text)
    except ValueError:
        return False
    return True


def matches(password: str, hashed: str) -> bool:
    """Whether the password is the right one. Takes its time: not on the event loop."""
    salt, expected = _parse(hashed)
    return hmac.compare_digest(_derive(password[:MAX_PASSWORD], salt), expected)


def _derive(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(errors="replace"), salt=salt, n=_N, r=_R, p=_P, dklen=32)


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode()


def _parse(text: str) -> tuple[bytes, bytes]:
    parts = text.removeprefix(_PREFIX).split(":")
    if not text.startswith(_PREFIX) or len(parts) != 2:
        raise ValueError("no hash of a password")
    salt, derived = (base64.b64decode(part, altchars=b"-_", validate=True) for part in parts)
    if len(salt) != 16 or len(derived) != 32:
        raise ValueError("no hash of a password")
    return salt, derived
