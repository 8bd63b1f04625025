"""Files of mining software on every replica, by way of the object store of NATS; their names are their hashes."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import secrets
from pathlib import Path

import structlog
from nats.errors import Error as NatsError
from nats.js.errors import NotFoundError
from nats.js.object_store import ObjectStore

from rigfarm.commander.replicas.stream import Stream
from rigfarm.commander.supervised import Part

__all__ = ["SharedArchives"]

log = structlog.get_logger()

EVERY_S = 10.0
_NAME = re.compile(r"[0-9a-f]{64}")


class SharedArchives:
    """The folder of this replica, and what the others have. Only the one that leads deletes."""

    def __init__(self, stream: Stream, folder: Path) -> None:
        self._stream = stream
        self._folder = folder
        self._had: set[str] = set()

    async def run(self, part: Part, *, leads: bool) -> None:
        """Give and take, until cancelled."""
        while True:
            try:
                await self._exchange(part, leads=leads)
            except (NatsError, OSError) as error:
                log.debug("mining software is not exchanged at the moment", error=repr(error))
            part.idle()
            await asyncio.sleep(EVERY_S)
            part.beat()

    async def _exchange(self, part: Part, *, leads: bool) -> None:
        store = await self._store()
        try:
            there = {one.name for one in await store.list(ignore_deletes=True) if _NAME.fullmatch(one.name)}
        except NotFoundError:
            there = set()
        here = await asyncio.to_thread(self._here)
        if leads:
            for name in (self._had - here) & there:
                await store.delete(name)
                there.discard(name)
            for name in sorted(here - there):
                part.idle()
                with (self._folder / name).open("rb") as file:
                    await store.put(name, file)
        for name in sorted(there - here):
            part.idle()
            await self._fetch(store, name)
        self._had = here | there

    async def _fetch(self, store: ObjectStore, name: str) -> None:
        part = self._folder / f"{secrets.token_hex(16)}.part"
        try:
            with part.open("wb") as file:
                await store.get(name, writeinto=file)
                file.flush()
                await asyncio.to_thread(os.fsync, file.fileno())
            if await asyncio.to_thread(_sha256, part) != name:
                log.error("a file of mining software that NATS has is another one than it says", name=name)
                return
            part.replace(self._folder / name)
        finally:
            part.unlink(missing_ok=True)

    async def _store(self) -> ObjectStore:
        bucket = f"{self._stream.name}-archives"
        try:
            return await self._stream.js.object_store(bucket)
        except NotFoundError:
            return await self._stream.js.create_object_store(bucket)

    def _here(self) -> set[str]:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return {path.name for path in self._folder.iterdir() if _NAME.fullmatch(path.name)}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
