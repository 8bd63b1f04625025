"""The replica that leads: what it shares with the others, and what it knows of them."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from pathlib import Path

import structlog
from msgspec import Struct, structs

from rigfarm.commander.activity import Head
from rigfarm.commander.history import Batch
from rigfarm.commander.replicas.again import Again
from rigfarm.commander.replicas.archives import SharedArchives
from rigfarm.commander.replicas.lead import BEAT_EVERY_S, Lead
from rigfarm.commander.replicas.lost import message_again
from rigfarm.commander.replicas.model import (
    FactsMessage,
    HeadMessage,
    Message,
    NewcomerMessage,
    ReplicaState,
    RowMessage,
    encode_message,
)
from rigfarm.commander.replicas.snapshots import SharedSnapshot, put_snapshot
from rigfarm.commander.replicas.stream import NotTheLastError, Stream
from rigfarm.commander.storage import Tenant
from rigfarm.commander.supervised import DATABASE_S, Part, Work

__all__ = ["Leading", "Replicas", "Seen"]

log = structlog.get_logger()

LOOK_EVERY_S = 2.0
GONE_S = 20.0
"""A replica that has said nothing for so long does not follow."""
FORGET_S = 7 * 86_400.0
FACTS = 1_000
"""In one message, unless they are too large."""


class Seen(Struct, frozen=True):
    """A replica that follows, as the one that leads sees it."""

    state: ReplicaState
    behind: int
    """Messages that it did not have then."""
    since: float
    """When it last said something, monotonic s."""

    @property
    def follows(self) -> bool:
        """Whether it would take over."""
        return time.monotonic() - self.since < GONE_S and not self.state.trouble


class Leading:
    """Made when this replica begins to lead. On the event loop, unless a method says otherwise."""

    def __init__(
        self, name: str, term: int, lead: Lead, stream: Stream, tenant: Tenant, journal: Path, again: Again
    ) -> None:
        self.name = name
        self.term = term
        self.tenant = tenant
        self.stream = stream
        self.seen: dict[str, Seen] = {}
        """The others, by name."""
        self._lead = lead
        self._again = again
        self._journal = journal
        self._loop = asyncio.get_running_loop()
        self._snapshot: asyncio.Task[None] | None = None
        self._head: Head | None = None
        self._new_head = asyncio.Event()

    # What the journal and the history call

    async def share_row(self, t_ms: int, rigs: bytes, body: bytes) -> int:
        """See `logs.Share`."""
        return await self._publish(RowMessage(t_ms, rigs, body))

    async def share_newcomer(self, spool: bytes, newest: dict[int, int]) -> int:
        """What tells a spool's doubles."""
        return await self._publish(NewcomerMessage(spool, newest))

    async def share_facts(self, batch: Batch) -> list[Batch]:
        """What happened, in messages that are small enough; numbered. OSError."""
        most = FACTS
        while any(len(encode_message(FactsMessage(one))) > self.stream.most for one in batch.pieces(most)) and most > 1:
            most //= 4
        return [
            structs.replace(one, number=await self._publish(FactsMessage(one))) for one in batch.pieces(max(most, 1))
        ]

    def share_snapshot(self, number: int, parts: tuple[bytes, bytes]) -> None:
        """From any thread; a snapshot that is under way when the next one comes is enough."""
        self._loop.call_soon_threadsafe(self._share_snapshot, SharedSnapshot(number, parts))

    def _share_snapshot(self, one: SharedSnapshot) -> None:
        if self._snapshot is None or self._snapshot.done():
            self._snapshot = asyncio.create_task(put_snapshot(self.stream, one), name="shared snapshot")

    async def _publish(self, message: Message) -> int:
        try:
            return await self.stream.publish(message, partial(message_again, self._journal))
        except NotTheLastError as error:
            self._again.begin(str(error))

    def share_head(self, head: Head) -> None:
        """The activity ends there now; the replicas are told soon."""
        self._head = head
        self._new_head.set()

    # Its background parts

    async def beat(self, part: Part) -> None:
        """Say every second that it leads; and begin again once it does not."""
        away = False
        while True:
            try:
                if not await self._lead.keep(self.term):
                    self._again.begin("another one took over")
                away = False
            except OSError as error:
                if not away:
                    log.error("the database that the replicas share is away: nobody can take over", error=str(error))
                away = True
            part.beat()
            await asyncio.sleep(BEAT_EVERY_S)

    async def look(self, part: Part) -> None:
        """See how the others do, until cancelled."""
        while True:
            part.trouble = None if self.stream.connected else "NATS does not answer"
            try:
                await self._look()
            except OSError as error:
                part.trouble = str(error)
            part.beat()
            await asyncio.sleep(LOOK_EVERY_S)

    async def give_heads(self, part: Part) -> None:
        """Tell the others where the activity ends, until cancelled."""
        while True:
            part.idle()
            await self._new_head.wait()
            part.beat()
            self._new_head.clear()
            try:
                await self._publish(HeadMessage(str(self._head)))
            except OSError:  # `look` says that NATS is away
                self._new_head.set()
                await asyncio.sleep(BEAT_EVERY_S)

    async def _look(self) -> None:
        now = time.monotonic()
        for state in await self._lead.others():
            before = self.seen.get(state.name)
            if before is None or before.state.beat != state.beat:
                self.seen[state.name] = Seen(state, max(self.stream.last - state.position, 0), now)
            elif now - before.since > FORGET_S:
                await self._lead.forget(state.name)
                del self.seen[state.name]

    def works(self, archives: Path) -> list[Work]:
        """Its background parts; `archives` is the folder of files of mining software."""
        shared = SharedArchives(self.stream, archives)
        return [
            Work("replicas", self.look, DATABASE_S),
            Work("activity of replicas", self.give_heads, DATABASE_S),
            Work("mining software of replicas", partial(shared.run, leads=True), DATABASE_S),
        ]

    async def leave(self) -> None:
        """Let another one lead at once."""
        try:
            await self._lead.leave(self.term)
        except OSError as error:
            log.warning("could not say that this replica no longer leads; others wait some seconds", error=str(error))


class Replicas(Struct, frozen=True):
    """What a Commander knows of the others; of one that is alone, nothing."""

    lead: Leading | None

    @property
    def seen(self) -> list[Seen]:
        """Those that follow, by name."""
        return sorted(self.lead.seen.values(), key=lambda one: one.state.name) if self.lead is not None else []
