"""All connected Sentries, and who speaks for which rig."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any

import structlog

from rigfarm import __version__
from rigfarm.commander.events import Events, RigRemoved, RigRenamed, TokenRefused, TokenRotated, WorkWaiting
from rigfarm.commander.identity import Identity
from rigfarm.commander.link.arrivals import Arrivals
from rigfarm.commander.link.budgets import Budgets
from rigfarm.commander.link.drops import Drops
from rigfarm.commander.link.link import Link
from rigfarm.commander.link.turns import Turns
from rigfarm.commander.logs import Doubles, Journal
from rigfarm.commander.logs.journal import MAX_PENDING_BYTES
from rigfarm.commander.noun import LinkHandler, Source
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.server.incidents import Incidents
from rigfarm.commander.stats import OperationalStats
from rigfarm.common.clock import utc_ms
from rigfarm.wire.frames import Hello, Proof, Prove, UpFrame, Verdict, Welcome
from rigfarm.wire.signing import proof_message

__all__ = ["Links"]

log = structlog.get_logger()

MAX_IN_FLIGHT = 4 << 20
"""A sixteenth of what may wait for a commit in all."""
MIN_IN_FLIGHT = 4 << 10
GREETING_WAITS_S = 5.0
"""Who would have to wait longer is sent away."""


class Links:
    """The registry, and what links need of the rest of the Commander."""

    def __init__(
        self,
        book: Rigs,
        stats: OperationalStats,
        journal: Journal,
        events: Events,
        identity: Identity,
        arrivals: Arrivals,
        doubles: Doubles,
        *,
        sources: Sequence[Source],
        handlers: Mapping[type[UpFrame], LinkHandler],
        interval_s: float,
        incidents: Incidents,
        journal_bytes_per_rig: float = 512 << 20,
        certificate: Callable[[], bytes] = lambda: b"",
    ) -> None:
        """`certificate` is the SHA-256 of the certificate that is served at this moment, empty without TLS."""
        self.identity = identity
        self._events = events
        self.certificate = certificate
        self.book = book
        self.stats = stats
        self.journal = journal
        self.interval_s = interval_s
        self.incidents = incidents
        self.budgets = Budgets(journal_bytes_per_rig)
        self.sources = sources
        self.handlers = handlers
        self.drops = Drops()
        self.turns = Turns()
        self.newcomers = Turns()
        """For links that have not been greeted yet: strangers who knock take no turn from rigs that report."""
        self.arrivals = arrivals
        self.doubles = doubles
        self.links: set[Link] = set()
        self.by_rig: dict[int, Link] = {}
        self.received = 0
        """Logs received since the start."""
        self.closing = False
        """The Commander ends in good order: that its links close says nothing about the rigs."""
        self._tasks: set[asyncio.Task[None]] = set()
        events.listen(RigRemoved, self._rig_removed)
        events.listen(RigRenamed, self._rig_renamed)
        events.listen(TokenRotated, self._token_rotated)
        events.listen(WorkWaiting, self._work_waiting)

    def background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something beside the receive loop; an exception is logged, never lost."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("work for a link failed", error=repr(error))

    # Sentries come and go

    def may_greet(self, link: Link, hello: Hello) -> float | None:
        """Charge the first rig that a Hello has a good token of: s until it is looked at, None for not at all."""
        rig = next((rig for token in hello.tokens if (rig := self.book.by_token(token)) is not None), None)
        if rig is None:
            return 0.0  # the limit of bad tokens is for these
        wait_s = self.budgets.of(rig.id).greetings.spend(1, time.monotonic(), GREETING_WAITS_S)
        if wait_s != 0.0:
            link.limited("connects or greets too often", "it has to wait", rig_id=rig.id)
        return wait_s

    def prove(self, link: Link, prove: Prove) -> Proof:
        """Show a Sentry that this is its Commander; from now on what changes its rigs is signed for it."""
        link.nonce = prove.nonce
        certificate = self.certificate()
        signature = self.identity.sign(proof_message(prove.nonce, certificate))
        return Proof(self.identity.public, certificate, signature, self.identity.successions)

    def greet(self, link: Link, hello: Hello) -> Welcome:
        """Judge the tokens of a Hello (the first, or a later one) and register the rigs behind the good ones."""
        self._unregister(link)
        link.version, link.spool = hello.version, hello.spool
        link.rigs, link.slots = [], {}
        verdicts: list[Verdict] = []
        sentry = f"{link.address} ({hello.spool.hex()[:6]})" if len(hello.tokens) > 1 else ""
        for token in hello.tokens:
            rig = self.book.by_token(token)
            if rig is not None:
                link.slots[rig.id] = len(link.rigs)
                link.rigs.append(rig.id)
                verdicts.append(Verdict("ok", rig.id, rig.name))
                self._register(link, rig, sentry)
                continue
            link.rigs.append(None)
            removed = self.book.removed_by_token(token)
            verdicts.append(Verdict("unknown") if removed is None else Verdict("removed", *removed))
        self.links.add(link)
        link.newcomer = self.doubles.newcomer(hello.spool, partial(self._newest, link))
        self.journal.claim(hello.spool, link.slots)
        highest = self.journal.highest(hello.spool)
        return Welcome(utc_ms(), self.interval_s, verdicts, __version__, highest)

    def refused(self, link: Link, tokens: int) -> None:
        """So many tokens of its Hello are unknown here."""
        self._events.publish(TokenRefused(link.address, tokens, link.version))

    def _newest(self, link: Link) -> dict[int, int]:
        """The time of the newest log of each of a link's rigs that has one."""
        self.arrivals.hand_on()
        rigs = [self.stats.rigs.get(rig_id) for rig_id in link.rigs if rig_id is not None]
        return {rig.rig_id: rig.log.t for rig in rigs if rig is not None and rig.log is not None}

    def may_fly(self) -> int:
        """Bytes that one link may have under way to the journal. While that has no room, who has little there goes on,
        so that one who floods waits alone."""
        if self.journal.has_room:
            return MAX_IN_FLIGHT
        return min(max(MAX_PENDING_BYTES // max(len(self.links), 1), MIN_IN_FLIGHT), MAX_IN_FLIGHT)

    def after_welcome(self, link: Link) -> None:
        """Send whatever waits for the rigs of a Sentry that has just been welcomed."""
        if link.telling is not None:
            link.telling.cancel()  # it greets again: what it is told now is all there is
        if self.sources:
            link.telling = self.background(self._send_all(link))

    def leave(self, link: Link) -> None:
        """The socket is gone."""
        link.left()
        self.links.discard(link)
        self._unregister(link)

    def close_quietly(self) -> None:
        """All links are about to be closed because the Commander ends."""
        self.closing = True

    def _register(self, link: Link, rig: Rig, sentry: str) -> None:
        other = self.by_rig.get(rig.id)
        if other is not None:
            log.warning("another Sentry connected with the token of a rig; the newer one is used", rig=rig.id)
            other.heard -= 1
            if not other.heard:
                other.hang_up(4409, "another Sentry connected with this token")
        self.by_rig[rig.id] = link
        link.heard += 1
        self.book.said.connected(rig.id)
        self.stats.link_up(rig.id, sentry)

    def _unregister(self, link: Link) -> None:
        for rig_id in link.slots:
            if link.may_speak_for(rig_id):
                del self.by_rig[rig_id]
                if not self.closing:
                    self.stats.link_lost(rig_id)
        link.heard = 0

    # What waits for rigs

    def _work_waiting(self, waiting: WorkWaiting) -> None:
        link = self.by_rig.get(waiting.rig_id)
        if link is not None:
            self.background(self._send_rig(link, waiting.rig_id, link.slots[waiting.rig_id], connected=False))

    async def _send_all(self, link: Link) -> None:
        for rig_id, slot in link.slots.items():
            if link.may_speak_for(rig_id):
                await self._send_rig(link, rig_id, slot, connected=True)

    async def _send_rig(self, link: Link, rig_id: int, slot: int, *, connected: bool) -> None:
        for source in self.sources:
            for frame in await source.waiting(rig_id, slot, connected=connected):
                if link.may_speak_for(rig_id) and link.slots.get(rig_id) == slot:
                    link.tell(frame)

    # What happens to rigs

    def _rig_removed(self, removed: RigRemoved) -> None:
        self.drops.forget(removed.rig_id)
        self.journal.holders.release(removed.rig_id)
        self.budgets.forget(removed.rig_id)
        link = self.by_rig.pop(removed.rig_id, None)
        if link is not None:
            link.revoke(removed.rig_id, Verdict("removed", removed.rig_id, removed.name))

    def _rig_renamed(self, renamed: RigRenamed) -> None:
        """The rig's own page and commands show the name, too."""
        link = self.by_rig.get(renamed.rig_id)
        if link is not None and renamed.rig_id in link.slots:
            link.judge(renamed.rig_id, Verdict("ok", renamed.rig_id, renamed.name))

    def _token_rotated(self, rotated: TokenRotated) -> None:
        self.budgets.forget(rotated.rig_id)  # the holder of the old one used it up
        link = self.by_rig.pop(rotated.rig_id, None)
        if link is not None:
            link.revoke(rotated.rig_id, Verdict("unknown"))
            self.stats.link_lost(rotated.rig_id)
