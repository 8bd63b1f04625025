"""Orders to rigs. Each is told once: a rig that drops in the middle is not rebooted again when it returns."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Iterable

import structlog
from msgspec.structs import replace
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from rigfarm.commander.changes import describe
from rigfarm.commander.events import Events, RigRemoved, WorkWaiting
from rigfarm.commander.live import Hub
from rigfarm.commander.orders import broadcasts, store
from rigfarm.commander.orders.model import RigOrder, hides_secrets, word
from rigfarm.commander.orders.rules import check, why_not
from rigfarm.commander.orders.writer import OrderWriter
from rigfarm.commander.refusals import Absent, Conflict, Invalid
from rigfarm.commander.rigs.book import RigBook
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.storage import Storage
from rigfarm.commander.supervised import Part
from rigfarm.common.clock import utc_ms
from rigfarm.wire.frames import Command, CommandResult, DownFrame
from rigfarm.wire.orders import Order, OrderState

__all__ = ["OrderBook"]

CONNECT_WITHIN_S = 600.0
"""A rig that stays away for so long does not get it any more."""
ANSWER_WITHIN_S = 120.0
"""A rig that was told says within this time that it has begun."""
FINISH_WITHIN_S = 1_800.0
KEEP_DAYS = 90
PRUNE_EVERY_S = 3_600.0
TICK_S = 1.0
LISTED = 100
MAX_OPEN_PER_RIG = 20
MAX_DETAIL = 600
_FORGOTTEN = (
    "The Commander was restarted before the rig was told, and keeps no password of a pool: give the order again."
)

log = structlog.get_logger()


class OrderBook:
    """All orders without a final result, in memory; the others are in the database."""

    def __init__(self, storage: Storage, hub: Hub, events: Events, rigs: RigBook) -> None:
        self._storage = storage
        self._hub = hub
        self._events = events
        self._rigs = rigs
        self._writer = OrderWriter(storage)
        self._open: dict[str, RigOrder] = {}
        self._of_rig: dict[int, dict[str, None]] = {}
        self._due: dict[str, float] = {}
        """By monotonic clock: when waiting for an order's next word is over."""
        events.listen(RigRemoved, self._rig_removed)

    async def load(self) -> None:
        """Go on waiting for what had no result yet; once, before serving."""
        async with self._storage.read() as tx:
            found = await store.load_open(tx)
        for order in found:
            if order.rig_id not in self._rigs.rigs:
                continue
            self._keep(order)
            if order.sent_at is None and hides_secrets(order.order):
                await self._finish(order, "failed", _FORGOTTEN)

    async def close(self) -> None:
        """Before the database is closed."""
        await self._writer.close()

    # Looking up

    async def of_rig(self, rig_id: int, limit: int = LISTED) -> list[RigOrder]:
        """The latest of a rig, newest first."""
        async with self._storage.read() as tx:
            return await store.load_orders(tx, limit, rig_id=rig_id)

    async def of_batch(self, batch: str) -> list[RigOrder]:
        """Those of one click."""
        async with self._storage.read() as tx:
            found = await store.load_orders(tx, 100_000, batch=batch)
        if not found:
            raise Absent("There are no such orders (any more).")
        return found

    async def latest(self, limit: int = LISTED) -> list[RigOrder]:
        """The latest of all rigs, newest first."""
        async with self._storage.read() as tx:
            return await store.load_orders(tx, limit)

    def open_of(self, rig_id: int) -> list[RigOrder]:
        """Those of a rig that have no result yet."""
        return [self._open[order_id] for order_id in self._of_rig.get(rig_id, ())]

    # What operators do

    async def give(
        self, order: Order, rig_ids: Iterable[int], for_rig: Callable[[Order, Rig], Order] = lambda order, _: order
    ) -> list[RigOrder]:
        """Give an order to rigs. Those that cannot carry it out have it refused, with the reason as its result.

        `for_rig` makes of it what one rig is told.
        """
        check(order)
        rigs = self._known(rig_ids)
        batch, now_ms = secrets.token_hex(16), utc_ms()
        given = [self._new(for_rig(order, rig), rig, batch, now_ms) for rig in rigs]
        try:
            async with self._storage.begin() as tx:
                await store.insert_orders(tx, given)
        except IntegrityError:
            raise Conflict("One of these rigs was removed at this moment: choose again.") from None
        describe(order=word(order), rigs=len(given), batch=batch)
        for rig, one in zip(rigs, given, strict=True):
            if not one.ended:
                self._keep(one)
            broadcasts.changed(self._hub, rig, one)
            self._events.publish(WorkWaiting(rig.id))
        return given

    async def cancel(self, order_id: str) -> RigOrder:
        """Take an order back that its rig was not told yet."""
        order = self._open.get(order_id)
        if order is None:
            raise Absent("This order has its result already.")
        if order.sent_at is not None:
            raise Conflict("The rig was told already.")
        return await self._finish(order, "failed", "Taken back before the rig was told.")

    # What the link asks for, and what Sentries answer

    async def waiting(self, rig_id: int, slot: int, *, connected: bool) -> list[DownFrame]:
        """Orders for a rig that can be told now. They count as told before they are: once, or not at all."""
        frames: list[DownFrame] = []
        for order in self.open_of(rig_id):
            if order.sent_at is not None:
                continue
            sent = self._keep(replace(order, sent_at=utc_ms()))
            try:
                await self._writer.save(sent)
            except SQLAlchemyError:
                self._keep(order)
                raise
            self._tell(sent)
            frames.append(Command(sent.id, slot, sent.order))
        return frames

    async def result(self, rig_id: int, result: CommandResult) -> None:
        """A Sentry says what came of an order. One that has its result keeps it."""
        order = self._open.get(result.id)
        if order is None or order.rig_id != rig_id or result.state == "queued":
            return
        detail = "".join(char if char.isprintable() else " " for char in result.detail)[:MAX_DETAIL]
        if result.state == "running":
            running = self._keep(replace(order, state="running", detail=detail))
            await self._writer.save(running)
            self._tell(running)
            return
        await self._finish(order, result.state, detail)

    # Time passes

    async def run(self, part: Part) -> None:
        """Give up on what nobody answers, and forget what is old; until cancelled."""
        prune_at = time.monotonic()
        while True:
            try:
                await self.tick(time.monotonic())
                if time.monotonic() >= prune_at:
                    prune_at += PRUNE_EVERY_S
                    async with self._storage.begin() as tx:
                        await store.prune(tx, utc_ms() - KEEP_DAYS * 86_400_000)
            except SQLAlchemyError as error:
                log.error("orders could not be kept up to date; trying again", error=str(error))
            await asyncio.sleep(TICK_S)
            part.beat()

    async def tick(self, now: float) -> None:
        """Orders whose time is over get a result that says so."""
        for order_id in [order_id for order_id, due in self._due.items() if due <= now]:
            order = self._open.get(order_id)
            if order is None:
                continue  # its result came meanwhile
            if order.sent_at is None:
                why = "The rig was not connected: it was never told."
            elif order.state == "queued":
                why = "The rig was told and never answered: it may have carried it out."
            else:
                why = "The rig began and never said how it ended."
            await self._finish(order, "failed", why)

    def _known(self, rig_ids: Iterable[int]) -> list[Rig]:
        rigs = []
        for rig_id in dict.fromkeys(rig_ids):
            rig = self._rigs.rigs.get(rig_id)
            if rig is None:
                raise Absent(f"There is no rig {rig_id} (any more).")
            rigs.append(rig)
        if not rigs:
            raise Invalid("Choose at least one rig.")
        return rigs

    def _new(self, order: Order, rig: Rig, batch: str, now_ms: int) -> RigOrder:
        reason = why_not(order, rig)
        if not reason and len(self._of_rig.get(rig.id, ())) >= MAX_OPEN_PER_RIG:
            reason = f"{rig.name} has {MAX_OPEN_PER_RIG} orders without a result already."
        state: OrderState = "refused" if reason else "queued"
        return RigOrder(
            secrets.token_hex(16), batch, rig.id, order, state, reason, now_ms, None, now_ms if reason else None
        )

    async def _finish(self, order: RigOrder, state: OrderState, detail: str) -> RigOrder:
        done = replace(order, state=state, detail=detail, finished_at=utc_ms())
        await self._writer.save(done)
        self._drop(order)
        self._tell(done)
        return done

    def _keep(self, order: RigOrder) -> RigOrder:
        self._open[order.id] = order
        self._of_rig.setdefault(order.rig_id, {})[order.id] = None
        if order.sent_at is None:
            within = CONNECT_WITHIN_S
        else:
            within = ANSWER_WITHIN_S if order.state == "queued" else FINISH_WITHIN_S
        self._due[order.id] = time.monotonic() + within
        return order

    def _drop(self, order: RigOrder) -> None:
        self._open.pop(order.id, None)
        self._due.pop(order.id, None)
        own = self._of_rig.get(order.rig_id, {})
        own.pop(order.id, None)
        if not own:
            self._of_rig.pop(order.rig_id, None)

    def _tell(self, order: RigOrder) -> None:
        rig = self._rigs.rigs.get(order.rig_id)
        if rig is not None:
            broadcasts.changed(self._hub, rig, order)

    def _rig_removed(self, removed: RigRemoved) -> None:
        for order in self.open_of(removed.rig_id):
            self._drop(order)
