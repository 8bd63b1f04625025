"""The mining software of this farm and what can be done with it.

Nothing reaches a rig that was not pinned: its size and SHA-256 known, and confirmed by an operator.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from functools import partial

import structlog
from msgspec.structs import replace

from rigfarm.commander.changes import compare, concerns, describe
from rigfarm.commander.events import Events, SoftwareChanged
from rigfarm.commander.fields import checked, words_of
from rigfarm.commander.live import Hub
from rigfarm.commander.mining_software import broadcasts, store
from rigfarm.commander.mining_software.archives.contents import BadArchiveError, look_into
from rigfarm.commander.mining_software.archives.fetches import Fetch, Fetches
from rigfarm.commander.mining_software.archives.store import ArchiveStore, Received
from rigfarm.commander.mining_software.model import Kept, Software, SoftwareForm
from rigfarm.commander.names import name_key
from rigfarm.commander.outbound.download import FetchError, open_download, trust
from rigfarm.commander.outbound.reach import Reach
from rigfarm.commander.permission import check_permission
from rigfarm.commander.refusals import Absent, ChangedMeanwhile, Conflict, Invalid, Refusal, expect_revision
from rigfarm.commander.storage import Storage
from rigfarm.commander.usage import Usage, Use, named
from rigfarm.common.clock import utc_ms

__all__ = ["MAX_ARCHIVE", "MiningSoftware"]

MAX_ARCHIVE = 2 << 30
"""Bytes of a mining program's file at the most."""

log = structlog.get_logger()


class MiningSoftware:
    """All versions of all programs."""

    def __init__(
        self,
        storage: Storage,
        hub: Hub,
        events: Events,
        usage: Usage,
        archives: ArchiveStore,
        *,
        reach: Reach | None = None,
        tls: ssl.SSLContext | None = None,
        limit: int = MAX_ARCHIVE,
    ) -> None:
        self.software: dict[int, Software] = {}
        self.archives = archives
        self.fetches = Fetches()
        self.limit = limit
        self._reach = reach or Reach()
        self._tls = tls
        self._storage = storage
        self._hub = hub
        self._events = events
        self._usage = usage
        self._writing = asyncio.Lock()

    async def load(self) -> None:
        """Read all of it; once, before serving."""
        async with self._storage.read() as tx:
            self.software = {software.id: software for software in await store.load_software(tx)}
        await asyncio.to_thread(self.archives.prepare)

    async def close(self) -> None:
        """Stop what is being fetched."""
        await self.fetches.close()

    # Looking up

    def get(self, software_id: int) -> Software:
        """The version, or Absent."""
        software = self.software.get(software_id)
        if software is None:
            raise Absent(f"Mining software {software_id} does not exist.")
        return software

    def listed(self, q: str = "") -> list[Software]:
        """By name and newest entry first; narrowed by words."""
        words = q.casefold().split()
        found = [one for one in self.software.values() if all(word in one.title.casefold() for word in words)]
        return sorted(found, key=lambda one: (name_key(one.form.name), -one.id))

    def used_by(self, software_id: int) -> list[Use]:
        """Who uses it."""
        return self._usage.of("software", software_id)

    def here(self, software: Software) -> bool:
        """Whether its file is in the store: a database restored without its files has entries that lost theirs."""
        return software.kept is not None and self.archives.has(software.kept.sha256)

    # What operators do

    async def create(self, form: SoftwareForm) -> Software:
        """Add a version."""
        describe("create mining software")
        form = checked(form)
        async with self._writing:
            self._check_title(form)
            async with self._storage.begin() as tx:
                software = await store.insert_software(tx, form, utc_ms())
            self.software[software.id] = software
        broadcasts.created(self._hub, software)
        _describe(software)
        return software

    async def change(self, software_id: int, form: SoftwareForm, revision: int | None = None) -> Software:
        """Replace what is said about a version. Another expected SHA-256 means another file: the old one is let go."""
        describe("change mining software")
        form = checked(form)
        async with self._writing:
            old = self.get(software_id)
            _describe(old)
            expect_revision(revision, old.revision, old.title)
            if form == old.form:
                return old
            self._check_title(form, except_id=software_id)
            kept = old.kept
            if kept is not None and form.expected_sha256 not in ("", kept.sha256):
                kept = None
            software = await self._save(old, form, kept)
        _describe(software)
        compare(words_of(old.form), words_of(form))
        await self._changed(software)
        return software

    async def pin(self, software_id: int, sha256: str) -> Software:
        """The operator confirms the file that is here, by the hash they were shown."""
        describe("pin mining software")
        async with self._writing:
            old = self.get(software_id)
            _describe(old)
            if old.kept is None:
                raise Invalid(f"{old.title} has no file yet: fetch or upload it first.")
            if sha256 != old.kept.sha256:
                raise ChangedMeanwhile(f"The file of {old.title} has changed. Check its SHA-256 again.")
            if old.pinned:
                return old
            software = await self._save(old, replace(old.form, expected_sha256=sha256), old.kept)
        describe(sha256=sha256)
        compare({"SHA-256": old.form.expected_sha256}, {"SHA-256": sha256})
        await self._changed(software)
        return software

    async def remove(self, software_id: int, *, even_if_used: bool = False) -> Software:
        """Remove a version and its file; Conflict names who uses it, unless the operator knows."""
        describe("remove mining software")
        async with self._writing:
            software = self.get(software_id)
            _describe(software)
            expect_revision(None, software.revision, software.title)
            uses = self.used_by(software_id)
            if uses and not even_if_used:
                raise Conflict(
                    f"{software.title} is used by {named(uses)}. Rigs that run it would keep it; change the "
                    f"playbooks first, or remove it anyway."
                )
            await self.fetches.cancel(software_id)
            async with self._storage.begin() as tx:
                await store.delete_software(tx, software_id)
            del self.software[software_id]
            self.fetches.forget(software_id)
            await self.sweep()
        broadcasts.deleted(self._hub, software)
        return software

    # Files

    def fetch(self, software_id: int) -> Fetch:
        """Begin to download the file; viewers see how it goes."""
        describe("download mining software")
        software = self.get(software_id)
        _describe(software)
        if not software.form.url:
            raise Invalid(f"{software.title} has no download URL: enter one, or upload the file.", field="url")
        fetch = self._begin(software, "fetching")
        self.fetches.start(software_id, partial(self._fetch, software, fetch))
        return fetch

    async def cancel(self, software_id: int) -> None:
        """Stop a download; what came of it is thrown away."""
        describe("cancel download")
        software = self.get(software_id)
        _describe(software)
        if not await self.fetches.cancel(software_id):
            raise Invalid(f"Nothing is being fetched for {software.title}.")

    async def upload(self, software_id: int, chunks: AsyncIterator[bytes], total: int | None) -> Software:
        """Take the file from an operator instead. Invalid when it is not what it should be."""
        describe("upload mining software")
        software = self.get(software_id)
        _describe(software)
        fetch = self._begin(software, "uploading")
        fetch.total = total
        try:
            return await self._receive(software, fetch, chunks)
        except (FetchError, BadArchiveError) as error:
            raise Invalid(str(error), field="file") from None
        finally:
            self.fetches.forget(software_id)
            self._progressed(software_id)

    async def sweep(self) -> None:
        """Remove files without a reference."""
        wanted = {software.kept.sha256 for software in self.software.values() if software.kept is not None}
        for sha256 in await asyncio.to_thread(self.archives.sweep, wanted | self._usage.files()):
            log.info("mining software's file removed: it is no longer used", sha256=sha256)

    # What others say

    def used_otherwise(self, software_id: int) -> None:
        """Who uses it changed: viewers of the list see it."""
        if (software := self.software.get(software_id)) is not None:
            broadcasts.updated(self._hub, software)

    def _begin(self, software: Software, how: str) -> Fetch:
        if self.fetches.running(software.id):
            raise Conflict(f"The file of {software.title} is already being fetched.")
        fetch = self.fetches.begin(software.id, how)
        broadcasts.progressed(self._hub, software)
        return fetch

    async def _fetch(self, software: Software, fetch: Fetch) -> None:
        form = software.form
        try:
            tls = self._tls if self._tls is not None else await asyncio.to_thread(trust)
            opened = open_download(form.url, lan=form.lan, limit=self.limit, reach=self._reach, tls=tls)
            async with opened as download:
                fetch.total = download.size
                await self._receive(software, fetch, download.chunks)
            self.fetches.forget(software.id)
        except (FetchError, BadArchiveError, Refusal) as error:
            fetch.error = str(error)
            log.warning("mining software not fetched", software=software.title, error=fetch.error)
        except asyncio.CancelledError:
            self.fetches.forget(software.id)
            raise
        except Exception as error:
            fetch.error = f"Unexpected error: {error!r}. Try again, or upload the file."
            log.exception("mining software not fetched", software=software.title)
        finally:
            self._progressed(software.id)

    async def _receive(self, software: Software, fetch: Fetch, chunks: AsyncIterator[bytes]) -> Software:
        def progress(received: int) -> None:
            fetch.received = received
            self._progressed(software.id)

        received = await self.archives.receive(chunks, self.limit, progress)
        try:
            found = await asyncio.to_thread(look_into, received.path, software.form.executable)
            kept = Kept(received.sha256, received.size, found.format)
            stored = await self._keep(software.id, received, kept)
        finally:
            await self.archives.discard(received)
        await self._changed(stored)
        return stored

    async def _keep(self, software_id: int, received: Received, kept: Kept) -> Software:
        async with self._writing:
            software = self.get(software_id)
            expected = software.form.expected_sha256
            if expected and expected != kept.sha256:
                raise FetchError(
                    f"The file's SHA-256 is {kept.sha256}, not the {expected} that was confirmed. It was deleted."
                )
            check_permission()
            await self.archives.keep(received)
            if kept == software.kept:
                return software
            return await self._save(software, software.form, kept)

    async def _save(self, old: Software, form: SoftwareForm, kept: Kept | None) -> Software:
        async with self._storage.begin() as tx:
            software = await store.save_software(tx, old, form, kept, max(utc_ms(), old.updated_at + 1))
        self.software[software.id] = software
        if old.kept is not None and old.kept != kept:
            await self.sweep()
        return software

    async def _changed(self, software: Software) -> None:
        broadcasts.updated(self._hub, software)
        await self._events.publish_and_wait(SoftwareChanged(software.id))

    def _progressed(self, software_id: int) -> None:
        if (software := self.software.get(software_id)) is not None:
            broadcasts.progressed(self._hub, software)

    def _check_title(self, form: SoftwareForm, except_id: int | None = None) -> None:
        key = (name_key(form.name), name_key(form.version))
        for other in self.software.values():
            if (name_key(other.form.name), name_key(other.form.version)) == key and other.id != except_id:
                raise store.taken(form)


def _describe(software: Software) -> None:
    describe(software=software.title)
    concerns("software", {software.id: software.title})
