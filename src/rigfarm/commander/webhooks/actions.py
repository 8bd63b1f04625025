"""The webhooks of this farm, and what has to be sent to them: a row for each event and webhook."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence

import msgspec
from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncConnection

from rigfarm.commander.alerts.api import alert_answer
from rigfarm.commander.alerts.model import Alert
from rigfarm.commander.changes import compare, describe
from rigfarm.commander.fields import checked, words_of
from rigfarm.commander.live import Hub
from rigfarm.commander.refusals import Absent, Conflict, expect_revision
from rigfarm.commander.server.incidents import Incidents
from rigfarm.commander.storage import Storage
from rigfarm.commander.webhooks import broadcasts, store
from rigfarm.commander.webhooks.delivery.post import Answer, Poster
from rigfarm.commander.webhooks.delivery.signing import new_message_id, new_secret, signed_headers
from rigfarm.commander.webhooks.model import Delivery, EventType, Webhook, WebhookForm, checked_url
from rigfarm.common.clock import iso, utc_ms

__all__ = ["Happened", "Webhooks"]

MAX_WEBHOOKS = 20
MAX_WAITING = 10_000
"""For one webhook. A receiver that is away for long misses what comes beyond."""
BOTH_MS = 24 * 3_600_000
"""For so long after a new secret, deliveries are signed with the old one, too."""
_ALERTS: dict[str, EventType] = {"escalated": "alert.escalated", "resolved": "alert.resolved"}


class Happened(Struct, frozen=True):
    """An event, before it is known who wants it."""

    kind: EventType
    at_ms: int
    data: object

    def body(self) -> bytes:
        """What receivers get."""
        return msgspec.json.encode({"type": self.kind, "timestamp": iso(self.at_ms), "data": self.data})


class Webhooks:
    """All of them, in memory."""

    def __init__(
        self,
        storage: Storage,
        hub: Hub,
        incidents: Incidents,
        poster: Poster | None = None,
        *,
        wall: Callable[[], int] = utc_ms,
    ) -> None:
        self.webhooks: dict[int, Webhook] = {}
        self.due = asyncio.Event()
        """Something may have to be sent."""
        self._storage = storage
        self._hub = hub
        self._incidents = incidents
        self._poster = poster or Poster()
        self._wall = wall
        self._waiting: Counter[int] = Counter()
        self._writing = asyncio.Lock()
        self._alerts: Sequence[int] = ()
        """Webhooks for which rows about alerts are in a transaction that is not over."""

    async def load(self) -> None:
        """Read them; once, before serving."""
        async with self._storage.read() as tx:
            self.webhooks = {one.id: one for one in await store.load_webhooks(tx)}
            self._waiting.update(await store.count_waiting(tx))

    # Looking up

    def get(self, webhook_id: int) -> Webhook:
        """One webhook, or Absent."""
        found = self.webhooks.get(webhook_id)
        if found is None:
            raise Absent(f"Webhook {webhook_id} does not exist.")
        return found

    def waiting(self, webhook_id: int) -> int:
        """How many events wait for it."""
        return self._waiting[webhook_id]

    def wanted(self, kind: EventType) -> bool:
        """Whether any of them is sent such events."""
        return any(one.wants(kind) for one in self.webhooks.values())

    async def deliveries(
        self, limit: int, *, webhook_id: int | None = None, before: int | None = None
    ) -> list[Delivery]:
        """What was sent, or will be; newest first."""
        async with self._storage.read() as tx:
            return await store.load_deliveries(tx, limit, webhook_id=webhook_id, before=before)

    # What operators do

    async def create(self, form: WebhookForm, url: str) -> Webhook:
        """Add a webhook, with a new secret. Nothing that happened before is sent to it."""
        describe("create webhook")
        form = checked(form)
        url = checked_url(url, lan=form.lan)
        async with self._writing:
            if len(self.webhooks) >= MAX_WEBHOOKS:
                raise Conflict(f"There are {MAX_WEBHOOKS} webhooks, and that is the maximum: remove one first.")
            async with self._storage.begin() as tx:
                made = await store.insert_webhook(tx, form, url, new_secret(), self._wall())
            self.webhooks[made.id] = made
        describe(webhook=form.name)
        compare({}, words_of(form))
        broadcasts.webhooks_changed(self._hub)
        return made

    async def change(self, webhook_id: int, form: WebhookForm, url: str = "", revision: int | None = None) -> Webhook:
        """Replace what a webhook says; an empty URL keeps the one that it has."""
        describe("change webhook")
        form = checked(form)
        async with self._writing:
            old = self.get(webhook_id)
            expect_revision(revision, old.revision, old.form.name)
            new_url = checked_url(url.strip() or old.url, lan=form.lan)
            changed = await self._save(old, replace(old, form=form, url=new_url, updated_ms=self._wall()))
        describe(webhook=form.name, url="the same" if new_url == old.url else "another one")
        compare(words_of(old.form), words_of(form))
        return changed

    async def rotate(self, webhook_id: int) -> Webhook:
        """A new secret. The old one is good for another day, so that the receiver can follow."""
        describe("rotate secret of webhook")
        async with self._writing:
            old, now_ms = self.get(webhook_id), self._wall()
            new = replace(
                old, secret=new_secret(), old_secret=old.secret, old_until_ms=now_ms + BOTH_MS, updated_ms=now_ms
            )
            changed = await self._save(old, new)
        describe(webhook=old.form.name)
        return changed

    async def remove(self, webhook_id: int) -> Webhook:
        """With all that waits for it, and the log of what was sent."""
        describe("remove webhook")
        async with self._writing:
            one = self.get(webhook_id)
            expect_revision(None, one.revision, one.form.name)
            async with self._storage.begin() as tx:
                await store.delete_webhook(tx, webhook_id)
            del self.webhooks[webhook_id]
            del self._waiting[webhook_id]
        describe(webhook=one.form.name)
        compare(words_of(one.form), {})
        broadcasts.webhooks_changed(self._hub)
        return one

    async def test(self, webhook_id: int) -> Answer:
        """Send a test event now, and say what the receiver answered."""
        describe("test webhook")
        one = self.get(webhook_id)
        describe(webhook=one.form.name)
        now_ms = self._wall()
        body = Happened("webhook.test", now_ms, {"webhook": one.form.name}).body()
        test = Delivery(0, one.id, new_message_id(), "webhook.test", body, "failed", 1, "", now_ms, now_ms, now_ms)
        answer = await self.post(one, test.message_id, body)
        test.answer, test.state = answer.text, "sent" if answer.ok else "failed"
        async with self._writing:
            if webhook_id in self.webhooks:  # it was not removed meanwhile
                async with self._storage.begin() as tx:
                    await store.insert_deliveries(tx, [test])
        broadcasts.webhooks_changed(self._hub)
        return answer

    async def _save(self, old: Webhook, new: Webhook) -> Webhook:
        async with self._storage.begin() as tx:
            saved = await store.save_webhook(tx, old, new)
        self.webhooks[old.id] = saved
        self.due.set()
        broadcasts.webhooks_changed(self._hub)
        return saved

    async def post(self, webhook: Webhook, message_id: str, body: bytes) -> Answer:
        """Send one body, signed for this attempt."""
        now_ms = self._wall()
        headers = signed_headers(webhook.secrets(now_ms), message_id, now_ms // 1000, body)
        return await self._poster.post(webhook.url, headers, body, lan=webhook.form.lan)

    # What has to be sent

    async def put(self, tx: AsyncConnection, events: Sequence[Happened]) -> list[int]:
        """A row for each event and webhook that wants it, in a transaction; returns the webhooks, for `committed`."""
        rows: list[Delivery] = []
        room = {one.id: MAX_WAITING - self._waiting[one.id] for one in self.webhooks.values()}
        now_ms = self._wall()
        for event in events:
            body = b""
            for one in self.webhooks.values():
                if not one.wants(event.kind):
                    continue
                if room[one.id] <= 0:
                    what = f"has {MAX_WAITING} events waiting"
                    self._incidents.note(f"webhook {one.form.name}", what, "newer ones are not sent")
                    continue
                room[one.id] -= 1
                body = body or event.body()
                rows.append(
                    Delivery(0, one.id, new_message_id(), event.kind, body, "waiting", 0, "", event.at_ms, now_ms)
                )
        await store.insert_deliveries(tx, rows)
        return [one.webhook_id for one in rows]

    def committed(self, webhook_ids: Sequence[int]) -> None:
        """Rows for these are in the database."""
        if webhook_ids:
            self._waiting.update(one for one in webhook_ids if one in self.webhooks)
            self.due.set()
            broadcasts.webhooks_changed(self._hub)

    def ended(self, webhook_id: int) -> None:
        """One less waits."""
        if webhook_id in self.webhooks and self._waiting[webhook_id] > 0:
            self._waiting[webhook_id] -= 1

    # What happens to alerts, written with them (`alerts.Outbox`)

    async def write(self, tx: AsyncConnection, news: Sequence[tuple[Alert, str]]) -> None:
        """(alert, what happened to it)"""
        now_ms = self._wall()
        events = [Happened(_ALERTS.get(what, "alert.firing"), now_ms, alert_answer(alert)) for alert, what in news]
        self._alerts = await self.put(tx, events)

    def wake(self) -> None:
        """It is committed."""
        written, self._alerts = self._alerts, ()
        self.committed(written)
