"""Signatures as the Standard Webhooks specification has them, version 1 (https://www.standardwebhooks.com): HMAC-SHA256
over the message's id, the time of the attempt and the body, so none of them can be another's."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable

__all__ = ["new_message_id", "new_secret", "signed_headers"]

PREFIX = "whsec_"
SECRET_BYTES = 32


def new_secret() -> str:
    """A random secret, as receivers' libraries take it."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def new_message_id() -> str:
    """What an event is known by at its receiver, however often it is sent."""
    return f"msg_{secrets.token_hex(16)}"


def signed_headers(keys: Iterable[str], message_id: str, now_s: int, body: bytes) -> dict[str, str]:
    """The three headers. One signature for each secret that is valid: any of them will do."""
    text = b"%b.%d.%b" % (message_id.encode(), now_s, body)
    signatures = (hmac.digest(_key(secret), text, hashlib.sha256) for secret in keys)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(now_s),
        "webhook-signature": " ".join(f"v1,{base64.b64encode(one).decode()}" for one in signatures),
    }


def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(PREFIX))
