"""What Sentries say about their rigs: stored together, so that a farm that comes up at once is a few transactions."""

from __future__ import annotations

import asyncio
from collections.abc import Set as AbstractSet

import structlog
from msgspec.structs import replace
from sqlalchemy.exc import InterfaceError, OperationalError

from rigfarm.commander.events import Events, SpecsChanged
from rigfarm.commander.rigs import broadcasts, store
from rigfarm.commander.rigs.kept.rigs import KeptRigs
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.supervised import Part
from rigfarm.common.clock import utc_ms
from rigfarm.wire.specs import Specs

__all__ = ["Said"]

log = structlog.get_logger()

STORE_EVERY_S = 0.1
RETRY_S = 2.0


class Said:
    """What was said and isn't stored yet."""

    def __init__(self, kept: KeptRigs, events: Events) -> None:
        self._kept = kept
        self._events = events
        self._specs: dict[int, Specs] = {}
        self._first: set[int] = set()
        self._connected: set[int] = set()
        """Those that were waiting for their new token."""
        self._said = asyncio.Event()

    def specs(self, rig_id: int, specs: Specs) -> None:
        """The rig says what it is made of."""
        rig = self._kept.rigs.get(rig_id)
        if rig is not None and rig.specs != specs:
            self._specs[rig_id] = specs
            self._said.set()

    def reported(self, rig_id: int) -> None:
        """A rig's first log ever: it waits no more."""
        self._first.add(rig_id)
        self._said.set()

    def connected(self, rig_id: int) -> None:
        """The rig's Sentry came with its token: it waits for the new one no more."""
        rig = self._kept.rigs.get(rig_id)
        if rig is not None and rig.token_due:
            self._connected.add(rig_id)
            self._said.set()

    def new_token(self, rig_id: int) -> None:
        """It waits for another token than the one it came with."""
        self._connected.discard(rig_id)

    def forget(self, rig_id: int) -> None:
        """Its rig is gone, or what it said cannot be stored."""
        self._specs.pop(rig_id, None)
        self._first.discard(rig_id)
        self._connected.discard(rig_id)

    async def run(self, part: Part) -> None:
        """Store what Sentries say, together: a farm that comes up at once is a few transactions, not thousands."""
        while True:
            part.idle()
            await self._said.wait()
            part.beat()
            await asyncio.sleep(STORE_EVERY_S)
            self._said.clear()
            try:
                await self.store()
            except (InterfaceError, OperationalError, OSError) as error:
                log.error("what Sentries say about their rigs could not be stored; trying again", error=str(error))
                await asyncio.sleep(RETRY_S)
                self._said.set()
            except Exception as error:
                log.error("what Sentries say about their rigs could not be stored together", exc_info=error)
                await self._store_one_by_one(part)

    async def _store_one_by_one(self, part: Part) -> None:
        """Something in it cannot be stored, and waiting does not change that: it is dropped, alone."""
        for rig_id in sorted(self._first | self._connected | set(self._specs)):
            part.beat()
            try:
                await self.store({rig_id})
            except (InterfaceError, OperationalError, OSError):
                self._said.set()
                return
            except Exception as error:
                log.error("what a Sentry says about a rig cannot be stored and is dropped", rig=rig_id, exc_info=error)
                self.forget(rig_id)

    async def store(self, only: AbstractSet[int] | None = None) -> None:
        """Store what was said of all rigs, or only of these."""
        kept = self._kept
        async with kept.writing:
            now_ms = utc_ms()
            every = self._first | self._connected | set(self._specs)
            said = {rig_id for rig_id in (every if only is None else only & every) if rig_id in kept.rigs}
            first = self._first & said
            connected = self._connected & said
            specs = {rig_id: specs for rig_id, specs in self._specs.items() if rig_id in said}
            changed = [self._as_said(kept.rigs[rig_id], now_ms) for rig_id in sorted(said)]
            async with kept.storage.begin() as tx:
                for rig in changed:
                    await store.save_rig(tx, rig)
            # Only now, and only what was written: more may have been said meanwhile.
            self._first -= first
            self._connected -= connected
            for rig_id, stored in specs.items():
                if self._specs.get(rig_id) is stored:
                    del self._specs[rig_id]
                self._events.publish(SpecsChanged(rig_id, stored))
            for rig in changed:
                waited = kept.rigs[rig.id].first_seen_at is None
                kept.put(rig)
                if waited and rig.first_seen_at is not None:
                    broadcasts.reported_first(kept.hub, rig)
                else:
                    broadcasts.updated(kept.hub, rig)

    def _as_said(self, rig: Rig, now_ms: int) -> Rig:
        return replace(
            rig,
            revision=rig.revision + 1,
            specs=self._specs.get(rig.id, rig.specs),
            first_seen_at=now_ms if rig.id in self._first and rig.first_seen_at is None else rig.first_seen_at,
            token_due=rig.token_due and rig.id not in self._connected,
        )
