"""Argon2id, for the one password people type: slow on purpose (40 ms and 19 MiB each), so never on the event loop,
never many at once."""

from __future__ import annotations

import asyncio
import unicodedata
from concurrent.futures import ThreadPoolExecutor

import argon2

__all__ = ["BusyError", "Hasher", "hash_password"]

AT_ONCE = 2
WAITING = 16
"""Beyond those, a password is not looked at: the last in the queue waits for 9 others, about 360 ms."""

_argon2 = argon2.PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)


class BusyError(Exception):
    """Too many passwords are being checked; this one was not looked at."""


def hash_password(password: str) -> str:
    """The hash of a password, with its parameters in it. Slow."""
    return _argon2.hash(_canonical(password))


def _verify(hashed: str, password: str) -> bool:
    try:
        return _argon2.verify(hashed, _canonical(password))
    except argon2.exceptions.VerifyMismatchError:
        return False


def _canonical(password: str) -> bytes:
    """The same bytes whichever keyboard composed an é."""
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")


class Hasher:
    """Checks passwords in threads."""

    def __init__(self, at_once: int = AT_ONCE, waiting: int = WAITING) -> None:
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="argon2")
        self._free = at_once + waiting

    async def hash(self, password: str) -> str:
        """See `hash_password`."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, hash_password, password)

    async def verify(self, hashed: str, password: str) -> bool:
        """Whether this is the password; BusyError when too many ask at once."""
        if self._free == 0:
            raise BusyError
        self._free -= 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, _verify, hashed, password)
        finally:
            self._free += 1

    def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(wait=False)
