"""Links in messages that acknowledge an alert without a login: signed, for one use, and only for a while."""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Callable
from hashlib import sha256

from sqlalchemy.ext.asyncio import AsyncConnection

from rigfarm.commander.alerts.delivery import rows
from rigfarm.commander.numbers import MAX_NUMBER
from rigfarm.commander.refusals import Absent, Conflict
from rigfarm.commander.storage import Storage, get_meta, set_meta

__all__ = ["AckLinks"]

VALID_MS = 86_400_000
_KEY = "alert_link_key"
_GONE = "This link is not valid, or no longer is: it works once, for a day. Sign in to acknowledge the alert."


class AckLinks:
    """Makes links, and says which message one belongs to."""

    def __init__(self, storage: Storage, url: Callable[[], str]) -> None:
        self._storage = storage
        self._url = url
        self._key = b""

    async def load(self) -> None:
        """The key that signs them, made at the first start."""
        async with self._storage.begin() as tx:
            stored = await get_meta(tx, _KEY)
            if stored is None:
                stored = secrets.token_hex(32)
                await set_meta(tx, _KEY, stored)
        self._key = bytes.fromhex(stored)

    def link(self, message_id: int, now_ms: int) -> str:
        """For this message."""
        text = f"{message_id}.{(now_ms + VALID_MS) // 1000}"
        return f"{self._url()}/acknowledge/{text}.{self._signature(text)}"

    def message_of(self, token: str, now_ms: int) -> int:
        """The message that a link was in; Absent when it is forged or too old."""
        parts = token.split(".")
        if len(token) > 100 or len(parts) != 3 or not token.isascii():
            raise Absent(_GONE)
        message, expires, signature = parts
        if not hmac.compare_digest(self._signature(f"{message}.{expires}"), signature):
            raise Absent(_GONE)
        if int(expires) * 1000 < now_ms or int(message) > MAX_NUMBER:
            raise Absent(_GONE)
        return int(message)

    async def alert_of(self, message_id: int) -> int:
        """The alert that the link's message was about. Conflict when the link was used before."""
        async with self._storage.read() as tx:
            found = await rows.load_message(tx, message_id)
        if found is None:
            raise Absent(_GONE)
        if found.link_used_ms is not None:
            raise Conflict(_GONE)
        return found.alert_id

    async def use_up(self, message_id: int, now_ms: int, tx: AsyncConnection) -> None:
        """In the transaction that does what the link is for. Conflict when it was used meanwhile."""
        if not await rows.use_link(tx, message_id, now_ms):
            raise Conflict(_GONE)

    def _signature(self, text: str) -> str:
        made = hmac.digest(self._key, b"acknowledge:" + text.encode(), sha256)
        return base64.urlsafe_b64encode(made[:24]).decode()
