"""Rig tokens: 256 random bits behind a prefix that secret scanners know. Commanders keep only their SHA-256."""

from __future__ import annotations

import hashlib
import re
import secrets

__all__ = ["hash_token", "is_token", "new_token"]

_SHAPE = re.compile(r"rf_[A-Za-z0-9_-]{43}")


def new_token(prefix: str = "rf_") -> str:
    """A fresh secret: `prefix` and 43 URL-safe characters."""
    return prefix + secrets.token_urlsafe(32)


def hash_token(token: str) -> bytes:
    """SHA-256 of a token, 32 bytes. A fast hash is right here: 256 random bits cannot be guessed."""
    return hashlib.sha256(token.encode()).digest()


def is_token(text: str) -> bool:
    """Whether `text` has the shape of a rig token."""
    return _SHAPE.fullmatch(text) is not None
