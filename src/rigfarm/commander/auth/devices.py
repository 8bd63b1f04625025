"""Device cookies, as OWASP describes them: a browser that has logged in here has password attempts of its own, so that
guesses from a thousand addresses don't keep its owner out.

The cookie is a nonce signed with a key that only this Commander has. It opens nothing: it says which attempts a wrong
password counts with. A stolen one gives its thief those few attempts, a forged one nothing.
"""

from __future__ import annotations

import hmac
import secrets

from rigfarm.commander.storage import Storage, get_meta, set_meta

__all__ = ["DEVICE_KEY", "MAX_AGE_S", "Devices", "new_key"]

DEVICE_KEY = "device_key"
"""Where the database has the key. Without it, every cookie has ended."""
MAX_AGE_S = 400 * 86_400
"""As long as browsers keep a cookie."""


def new_key() -> str:
    """A key with which no cookie was signed yet, as the database has it."""
    return secrets.token_hex(32)


class Devices:
    """Signs device cookies and checks them."""

    def __init__(self) -> None:
        self._key = b""

    async def load(self, storage: Storage) -> None:
        """Take the key of before, or begin with a new one."""
        async with storage.read() as tx:
            stored = await get_meta(tx, DEVICE_KEY)
        if stored is None:
            await self.renew(storage)
        else:
            self._key = bytes.fromhex(stored)

    async def renew(self, storage: Storage) -> None:
        """End every cookie, at once."""
        key = new_key()
        self._key = bytes.fromhex(key)
        async with storage.begin(ends_login=True) as tx:
            await set_meta(tx, DEVICE_KEY, key)

    def issue(self) -> str:
        """A cookie for a browser that has just logged in."""
        nonce = secrets.token_urlsafe(16)
        return f"{nonce}.{self._signature(nonce)}"

    def find(self, cookie: str) -> str | None:
        """The nonce of a cookie that we signed and that has not ended."""
        nonce, _, signature = cookie.partition(".")
        good = hmac.compare_digest(signature.encode(), self._signature(nonce).encode())
        return nonce if good else None

    def _signature(self, nonce: str) -> str:
        return hmac.digest(self._key, b"device:" + nonce.encode(), "sha256").hex()
