"""Works off the deliveries: one at a time to each webhook, and webhooks don't wait for each other.

A delivery is a row before it is sent and is marked when its receiver has answered. If the Commander ends in between, it
is sent once more, with the same id: at least once, and a receiver can tell.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import structlog
from sqlalchemy.exc import SQLAlchemyError

from rigfarm.commander.live import Hub
from rigfarm.commander.storage import Storage
from rigfarm.commander.supervised import Part
from rigfarm.commander.webhooks import broadcasts, store
from rigfarm.commander.webhooks.actions import Webhooks
from rigfarm.commander.webhooks.model import Delivery, Webhook
from rigfarm.common.clock import utc_ms

__all__ = ["BACKOFF_S", "Sender"]

BACKOFF_S = (5.0, 30.0, 120.0, 600.0, 1_800.0, 7_200.0, 18_000.0, 36_000.0)
"""After so many s a delivery that failed is sent again; after the last one it is given up."""
LONGEST_PAUSE_S = 300.0
"""A receiver that fails again and again is asked so often at least, whatever waits for it."""
AT_ONCE = 100
LOOK_S = 5.0
KEEP_MS = 7 * 86_400_000
KEEP = 2_000
PRUNE_EVERY_S = 600.0
TROUBLE = "deliveries of webhooks cannot be read or stored"

log = structlog.get_logger()


class _Failed(NamedTuple):
    """A receiver failed; what is known of it holds until its webhook is changed."""

    revision: int
    row: int
    """How often, one after the other."""
    until: float
    """Monotonic: it is left alone."""

    def pauses(self, webhook: Webhook, now: float) -> bool:
        """Whether nothing is sent to it now."""
        return self.revision == webhook.revision and self.until > now


class Sender:
    """Used from the event loop only."""

    def __init__(
        self,
        storage: Storage,
        hub: Hub,
        webhooks: Webhooks,
        *,
        wall: Callable[[], int] = utc_ms,
        backoff_s: tuple[float, ...] = BACKOFF_S,
        look_s: float = LOOK_S,
    ) -> None:
        self._storage = storage
        self._hub = hub
        self._webhooks = webhooks
        self._wall = wall
        self._backoff_s = backoff_s
        self._look_s = look_s
        self._busy: dict[int, asyncio.Task[None]] = {}
        self._failed: dict[int, _Failed] = {}
        """By webhook."""
        self._trouble = False

    async def run(self, part: Part) -> None:
        """Send what is due, until cancelled."""
        prune_at = 0.0
        try:
            while True:
                self._webhooks.due.clear()
                try:
                    await self.step()
                    if time.monotonic() >= prune_at:
                        prune_at = time.monotonic() + PRUNE_EVERY_S
                        async with self._storage.begin() as tx:
                            await store.prune(tx, self._wall() - KEEP_MS, KEEP)
                    part.trouble = TROUBLE if self._trouble else None
                except SQLAlchemyError as error:
                    part.trouble = TROUBLE
                    log.error("webhooks could not be sent; trying again", error=str(error))
                part.idle()
                try:
                    async with asyncio.timeout(self._look_s):
                        await self._webhooks.due.wait()
                except TimeoutError:
                    pass
                part.beat()
        finally:
            for task in self._busy.values():
                task.cancel()
            await asyncio.gather(*self._busy.values(), return_exceptions=True)

    async def step(self) -> None:
        """Begin to send what is due; returns before it is sent."""
        if not self._webhooks.webhooks:
            return
        async with self._storage.read() as tx:
            due = await store.next_due(tx)
        now, now_ms = time.monotonic(), self._wall()
        for webhook_id, due_ms in due.items():
            one = self._webhooks.webhooks.get(webhook_id)
            if one is None or not one.form.on or webhook_id in self._busy or due_ms > now_ms:
                continue
            if (failed := self._failed.get(webhook_id)) is not None and failed.pauses(one, now):
                continue
            task = asyncio.create_task(self._work(webhook_id), name=f"webhook {webhook_id}")
            self._busy[webhook_id] = task
            task.add_done_callback(partial(self._done, webhook_id))

    def _done(self, webhook_id: int, task: asyncio.Task[None]) -> None:
        self._busy.pop(webhook_id, None)
        self._trouble = False
        if not task.cancelled() and (error := task.exception()) is not None:
            self._trouble = isinstance(error, SQLAlchemyError)
            log.error("a webhook could not be sent", webhook=webhook_id, error=repr(error))

    async def _work(self, webhook_id: int) -> None:
        """All that is due of one, until its receiver fails."""
        while True:
            async with self._storage.read() as tx:
                found = await store.load_due(tx, webhook_id, self._wall(), AT_ONCE)
            if not found:
                return
            for one in found:
                webhook = self._webhooks.webhooks.get(webhook_id)
                if webhook is None or not webhook.form.on:
                    return
                if not await self._send(webhook, one):
                    return

    async def _send(self, webhook: Webhook, one: Delivery) -> bool:
        answer = await self._webhooks.post(webhook, one.message_id, one.body)
        now_ms = self._wall()
        one.attempts += 1
        one.answer = answer.text
        if answer.ok:
            one.state, one.ended_ms = "sent", now_ms
            self._failed.pop(webhook.id, None)
        else:
            self._failed_again(webhook, one, now_ms)
        async with self._storage.begin() as tx:
            await store.save_delivery(tx, one)
        if one.state != "waiting":
            self._webhooks.ended(webhook.id)
        broadcasts.webhooks_changed(self._hub)
        return answer.ok

    def _failed_again(self, webhook: Webhook, one: Delivery, now_ms: int) -> None:
        known = self._failed.get(webhook.id)
        row = 0 if known is None or known.revision != webhook.revision else known.row
        pause_s = min(self._backoff_s[min(row, len(self._backoff_s) - 1)], LONGEST_PAUSE_S)
        self._failed[webhook.id] = _Failed(webhook.revision, row + 1, time.monotonic() + pause_s)
        if one.attempts > len(self._backoff_s):
            one.state, one.ended_ms, one.answer = "failed", now_ms, f"Given up. {one.answer}"
        else:
            one.due_ms = now_ms + int(self._backoff_s[one.attempts - 1] * 1000)
        log.warning(
            "a webhook was not taken",
            webhook=webhook.form.name,
            what=one.kind,
            attempts=one.attempts,
            answer=one.answer,
            given_up=one.state == "failed",
        )
