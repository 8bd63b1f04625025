"""One of several Commanders: it follows until it is its turn, then leads until it ends."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import secrets
import socket
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import structlog

from rigfarm import __version__
from rigfarm.commander.identity import Identity
from rigfarm.commander.replicas.again import Again
from rigfarm.commander.replicas.archives import SharedArchives
from rigfarm.commander.replicas.follow import Follower
from rigfarm.commander.replicas.lead import BEAT_EVERY_S, Lead, Observed
from rigfarm.commander.replicas.leading import Leading
from rigfarm.commander.replicas.lost import message_again
from rigfarm.commander.replicas.model import Seat, TermMessage
from rigfarm.commander.replicas.stream import NotTheLastError, Stream
from rigfarm.commander.settings import Settings
from rigfarm.commander.storage import StorageError, Tenant
from rigfarm.commander.supervised import DATABASE_S, Part, Parts, Work, supervised
from rigfarm.common.text import printable

__all__ = ["Replica"]

log = structlog.get_logger()

LOOK_EVERY_S = 0.5
SAY_EVERY_S = 2.0
ARCHIVES = "archives"


class Replica:
    """Made once in a process."""

    def __init__(self, settings: Settings, lead: Lead, stream: Stream, tenant: Tenant, name: str, again: Again) -> None:
        self.name = name
        self._settings = settings
        self._lead = lead
        self._stream = stream
        self._tenant = tenant
        self._again = again

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings) -> AsyncIterator[Replica]:
        """Connect to what the replicas share. StorageError, in words, when that cannot be."""
        name = printable(settings.replica_name or socket.gethostname(), most=64)
        again = Again(settings)
        tenant = Tenant(f"rigfarm {secrets.token_hex(8)}", partial(again.begin, "another one took over"))
        async with AsyncExitStack() as stack:
            lead = Lead(settings.database, tenant)
            stack.push_async_callback(lead.close)
            await lead.prepare()
            await _check_key(lead, settings)
            assert settings.nats_url is not None
            stream = await Stream.open(
                settings.nats_url,
                settings.nats_stream,
                keep_s=settings.journal_hours * 3600,
                copies=settings.nats_copies,
                who=f"Rigfarm {name}",
            )
            stack.push_async_callback(stream.close)
            again.begin_when_frozen()
            yield cls(settings, lead, stream, tenant, name, again)

    @asynccontextmanager
    async def leading(self) -> AsyncIterator[Leading]:
        """Follow until nobody leads; lead while the block runs, and let another one lead after it."""
        leading = await self._lead_at_last()
        async with supervised(Part("leading"), leading.beat):
            yield leading
        await leading.leave()

    async def _lead_at_last(self) -> Leading:
        gc.enable()
        term = None
        while term is None:
            try:
                term = await self._follow_and_take()
            except (OSError, sqlite3.Error, NotTheLastError) as error:
                log.error("this replica could not take over; it goes on following", error=str(error))
            if term is None:
                await asyncio.sleep(LOOK_EVERY_S)
        try:
            await self._lead.forget(self.name)
        except OSError as error:
            log.warning("this replica may be listed among those that follow", error=str(error))
        log.info("this replica leads", name=self.name, term=term, position=self._stream.last)
        journal = self._settings.data_dir / "journal.db"
        return Leading(self.name, term, self._lead, self._stream, self._tenant, journal, self._again)

    async def _follow_and_take(self) -> int | None:
        """The term, or None when another replica was quicker. OSError, sqlite3.Error, NotTheLastError."""
        follower = Follower(self._settings, self._lead, self._stream)
        try:
            await follower.open()
            log.info("this replica follows", name=self.name, position=follower.position)
            seat = await self._follow(follower)
            follower.hurry()
            return await self._take(seat, follower)
        finally:
            await follower.close()

    async def _follow(self, follower: Follower) -> Seat:
        """Until the seat is free."""
        parts = Parts()
        archives = SharedArchives(self._stream, self._settings.data_dir / ARCHIVES)
        async with AsyncExitStack() as working:
            for work in (
                Work("following", follower.follow, DATABASE_S),
                Work("history", follower.remember, 120.0),
                Work("snapshots", follower.snapshots, 120.0),
                Work("mining software", partial(archives.run, leads=False), 120.0),
                Work("saying how it does", partial(self._say, follower), DATABASE_S),
            ):
                await working.enter_async_context(parts.running(work))
            working.enter_context(parts.watched())
            return await self._turn(follower)

    async def _turn(self, follower: Follower) -> Seat:
        """Wait until the seat is free, and this replica could take it."""
        observed = Observed()
        while True:
            try:
                seat = await self._lead.look()
                if observed.saw(seat) and self._stream.connected and not follower.trouble:
                    return seat
            except OSError:
                observed.blind()
            await asyncio.sleep(LOOK_EVERY_S)

    async def _take(self, seat: Seat, follower: Follower) -> int | None:
        """Take the seat, and the stream with it: from its announcement on, nobody else appends to it."""
        await follower.catch_up()
        term = await self._lead.take(seat)
        if term is None:
            return None
        again = partial(message_again, self._settings.data_dir / "journal.db")
        async with supervised(Part("taking the lead"), partial(self._hold, term)):
            while True:
                await follower.catch_up()
                try:
                    await self._stream.publish(TermMessage(self._tenant.name, term), again)
                except NotTheLastError:
                    await asyncio.sleep(LOOK_EVERY_S / 10)  # the one before may still append
                    continue
                await follower.catch_up()
                return term

    async def _hold(self, term: int, part: Part) -> None:
        """Keep the seat while the rest of the stream is read, until cancelled; whoever lost it fails on the stream."""
        while True:
            with contextlib.suppress(OSError):
                await self._lead.keep(term)
            part.beat()
            await asyncio.sleep(BEAT_EVERY_S)

    async def _say(self, follower: Follower, part: Part) -> None:
        while True:
            with contextlib.suppress(OSError):  # the one that leads sees that it says nothing
                await self._lead.say(self.name, __version__, follower.position, follower.trouble)
            part.beat()
            await asyncio.sleep(SAY_EVERY_S)


async def _check_key(lead: Lead, settings: Settings) -> None:
    """StorageError where this data folder is that of another farm: rigs would not believe this replica."""
    identity = Identity.open(settings.data_dir)
    known = await lead.farm_key(identity.public.hex())
    if known == identity.public.hex():
        return
    raise StorageError(
        f"The data folder {settings.data_dir} is not of this farm: its key is another one than that of the replica "
        "that was there first, and rigs would not believe it. Make a backup there, `rigfarm commander backup FILE "
        "--archives`, restore it here, `rigfarm commander restore FILE --replace`, and start again (docs/scale.md)."
    )
