"""Works off the messages that have to be sent.

A message is marked before it is handed to its service, and again when that answered. If the Commander or this part ends
in between, whether it arrived is unknown: it is sent once more, because an alert that is lost is worse than one that
comes twice.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial

import structlog
from sqlalchemy.exc import SQLAlchemyError

from rigfarm.commander.alerts.delivery import rows, texts
from rigfarm.commander.alerts.delivery.channels import Channels
from rigfarm.commander.alerts.delivery.links import AckLinks
from rigfarm.commander.alerts.delivery.model import WINDOW, Channel, ChannelForm, Message, quiet_until
from rigfarm.commander.alerts.delivery.placeholders import worded
from rigfarm.commander.alerts.delivery.windows import Windows
from rigfarm.commander.alerts.model import Alert, around
from rigfarm.commander.refusals import Absent
from rigfarm.commander.storage import Storage
from rigfarm.commander.supervised import Part
from rigfarm.common.clock import utc_ms

__all__ = ["BACKOFF_S", "Sender"]

BACKOFF_S = (10.0, 30.0, 120.0, 600.0, 1800.0, 3600.0, 7200.0, 14_400.0, 28_800.0)
"""After so many s a message that failed is sent again; after the last one it is given up."""
TOGETHER = 5
"""More than so many messages that wait for one channel are sent as one."""
DIGEST_MS = 900_000
HOUR_MS = 3_600_000
MOST = 2_000
LOOK_S = 5.0
HELD = "more than this channel takes in an hour: sent together later"
TROUBLE = "messages about alerts cannot be read or stored"
UNSURE = "interrupted while it was sent: it may arrive twice"

log = structlog.get_logger()


class Sender:
    """One message to a channel at a time; channels don't wait for each other."""

    def __init__(
        self,
        storage: Storage,
        channels: Channels,
        get_alert: Callable[[int], Awaitable[Alert]],
        links: AckLinks,
        windows: Windows,
        rigs_in: Callable[[int], Awaitable[list[int]]],
        href_of: Callable[[int], str],
        url: Callable[[], str],
        *,
        on_sent: Callable[[], None] = lambda: None,
        wall: Callable[[], int] = utc_ms,
    ) -> None:
        """`rigs_in`: the rigs of an alert; `href_of`: a rig's page; `url`: how people reach this Commander.
        `on_sent` is called when the log of messages has more to say."""
        self._storage = storage
        self._channels = channels
        self._get_alert = get_alert
        self._links = links
        self._windows = windows
        self._rigs_in = rigs_in
        self._href_of = href_of
        self._url = url
        self._on_sent = on_sent
        self._wall = wall
        self._busy: dict[int, asyncio.Task[None]] = {}
        self._sent: dict[int, deque[int]] = {}
        """When something was sent to each channel within the last hour."""
        self._results: deque[tuple[list[int], dict[str, object]]] = deque()
        """What became of messages, as far as it is not stored yet."""
        self._storing = asyncio.Lock()
        self._refused = False
        """Whether the database refused the last thing that a task had to store."""

    async def load(self) -> None:
        """What was sent within the last hour counts; once, before serving."""
        async with self._storage.read() as tx:
            sent = await rows.sent_since(tx, self._wall() - HOUR_MS)
        for channel_id, sent_ms in sorted(sent, key=lambda one: one[1]):
            self._sent.setdefault(channel_id, deque()).append(sent_ms)

    async def run(self, part: Part) -> None:
        """Send what is due, until cancelled."""
        try:
            while True:
                try:
                    await self.step()
                    part.trouble = TROUBLE if self._refused else None
                except SQLAlchemyError as error:
                    part.trouble = TROUBLE
                    log.error("messages about alerts could not be sent; trying again", error=str(error))
                part.beat()
                self._channels.due.clear()
                part.idle()
                try:
                    async with asyncio.timeout(LOOK_S):
                        await self._channels.due.wait()
                except TimeoutError:
                    pass
                part.beat()
        finally:
            await self.close()

    async def close(self) -> None:
        """Let go of what is under way; it is sent again after the next start."""
        for task in self._busy.values():
            task.cancel()
        await asyncio.gather(*self._busy.values(), return_exceptions=True)

    async def step(self) -> None:
        """Begin to send what is due; returns before it is sent."""
        await self._store_results()
        busy = set(self._busy)  # now: what ends while the messages are read is not under way, and neither is it unsure
        async with self._storage.read() as tx:
            due = await rows.load_due(tx, self._wall(), MOST) if self._channels.channels else []
        if not due:
            self._refused = False
        by_channel: dict[int, list[Message]] = {}
        for one in due:
            if one.channel_id not in busy:
                by_channel.setdefault(one.channel_id, []).append(one)
        for channel_id, messages in by_channel.items():
            task = asyncio.create_task(self._work(self._channels.channels.get(channel_id), messages))
            self._busy[channel_id] = task
            task.add_done_callback(partial(self._done, channel_id))

    async def settle(self) -> None:
        """Wait for what is under way."""
        while self._busy:
            await asyncio.wait(self._busy.values())
            await asyncio.sleep(0)

    def _done(self, channel_id: int, task: asyncio.Task[None]) -> None:
        self._busy.pop(channel_id, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._refused = isinstance(error, SQLAlchemyError)
            log.error("a message about an alert could not be sent", channel=channel_id, error=repr(error))
        self._on_sent()

    # One channel

    async def _work(self, channel: Channel | None, messages: list[Message]) -> None:
        if channel is None:
            await self._mark(messages, state="skipped", answer="the channel was removed")
            return
        await self._again([one for one in messages if one.state == "sending"], UNSURE)
        alerts: dict[int, Alert] = {}
        wanted: list[Message] = []
        for one in messages:
            if one.state != "sending" and (alert := await self._wanted(channel, one)) is not None:
                alerts[one.alert_id] = alert
                wanted.append(one)
        room = self._room(channel)
        if wanted and (until := self._storm(channel, room)) is not None:
            await self._mark(wanted, due_ms=until, answer=HELD)
        elif len(wanted) > min(TOGETHER, max(room, 1)):
            await self._send(channel, wanted, alerts)
        else:
            for one in wanted:
                if why := self._pointless(channel, one, alerts[one.alert_id]):  # while others were sent
                    await self._mark([one], state="skipped", answer=why)
                else:
                    await self._send(channel, [one], alerts)

    async def _wanted(self, channel: Channel, one: Message) -> Alert | None:
        """What it is about, if it is to be sent now; otherwise what becomes of it is stored."""
        try:
            alert = await self._get_alert(one.alert_id)
        except Absent:
            await self._mark([one], state="skipped", answer="the alert was deleted")
            return None
        if why := self._pointless(channel, one, alert):
            await self._mark([one], state="skipped", answer=why)
        elif (until := await self._maintained(alert)) is not None:
            await self._mark([one], due_ms=until, answer=WINDOW)
        elif (until := self._quiet(channel, alert)) is not None:
            await self._mark([one], due_ms=until, answer="waits for the end of the quiet hours")
        else:
            return alert
        return None

    async def _send(self, channel: Channel, messages: Sequence[Message], by_id: Mapping[int, Alert]) -> None:
        await self._mark(messages, state="sending")
        # The text is made only now: whatever happens to an alert after this mark is told by a message of its own.
        alerts = list({one.alert_id: by_id[one.alert_id] for one in messages}.values())
        title, body = await self._text(channel, messages, alerts)
        began = time.monotonic()
        answer = await self._channels.courier.send(channel.url, title, body, texts.worst(alerts), lan=channel.form.lan)
        now_ms = self._wall()
        log.info(
            "an alert was sent" if answer.ok else "an alert could not be sent",
            channel=channel.form.name,
            messages=len(messages),
            took_s=round(time.monotonic() - began, 1),
            answer=answer.answer,
        )
        if answer.ok:
            self._sent.setdefault(channel.id, deque()).append(now_ms)
            await self._became(messages, state="sent", sent_ms=now_ms, answer=answer.answer)
        else:
            await self._again(messages, answer.answer)

    async def _text(self, channel: Channel, messages: Sequence[Message], alerts: Sequence[Alert]) -> tuple[str, str]:
        if len(messages) > 1:
            title, body = texts.digest(alerts, self._url())
        else:
            one, alert, now_ms = messages[0], alerts[0], self._wall()
            link = self._links.link(one.id, now_ms) if alert.state == "firing" else ""
            title, body = worded(channel.form, alert, one.what, now_ms, await self._urls(alert, link))
        held = sum(one.answer == HELD for one in messages)
        return title, f"{body}\n{texts.held_back(held, channel.form.per_hour)}" if held else body

    async def _urls(self, alert: Alert, acknowledge: str) -> texts.Urls:
        here, rig = self._url(), ""
        if alert.rigs == 1:
            rig = next((href for one in await self._rigs_in(alert.id) if (href := self._href_of(one))), "")
        charts = f"{here}{rig}{around(alert.started_ms, alert.ended_ms)}" if rig else ""
        return texts.Urls(f"{here}/alerts/{alert.id}", charts, acknowledge)

    async def preview(self, form: ChannelForm, alert: Alert) -> tuple[str, str]:
        """What a channel with this form would be sent about an alert. Its link is one that does nothing."""
        here = self._url()
        urls = await self._urls(alert, f"{here}/acknowledge/…")
        if not alert.id:  # an example
            urls = urls._replace(rig=f"{here}/rigs/7{around(alert.started_ms, None)}")
        return worded(form, alert, "firing", self._wall(), urls)

    async def _again(self, messages: Sequence[Message], why: str) -> None:
        """They did not arrive, or may not have: each is sent again later, or given up."""
        now_ms = self._wall()
        for one in messages:
            if one.attempts >= len(BACKOFF_S):
                await self._became([one], state="failed", answer=f"given up: {why}")
            else:
                due = now_ms + int(BACKOFF_S[one.attempts] * 1000)
                await self._became([one], state="waiting", attempts=one.attempts + 1, due_ms=due, answer=why)

    def _pointless(self, channel: Channel, one: Message, alert: Alert) -> str:
        if not channel.form.on:
            return "the channel is switched off"
        if one.what != "resolved" and alert.state in ("acknowledged", "snoozed"):
            return f"{alert.state} by {alert.by} before it could be sent"
        if one.what != "resolved" and not alert.open and one.answer == WINDOW:
            return "began and ended within a maintenance window"
        return ""

    async def _maintained(self, alert: Alert) -> int | None:
        if not self._windows.windows:
            return None
        return self._windows.muted_until(await self._rigs_in(alert.id))

    def _quiet(self, channel: Channel, alert: Alert) -> int | None:
        if alert.severity == "critical" and channel.form.quiet_critical:
            return None
        return quiet_until(channel.form, self._wall())

    def _room(self, channel: Channel) -> int:
        """How many messages the channel still takes within this hour."""
        sent = self._sent.setdefault(channel.id, deque())
        while sent and sent[0] <= self._wall() - HOUR_MS:
            sent.popleft()
        return int(channel.form.per_hour) - len(sent)

    def _storm(self, channel: Channel, room: int) -> int | None:
        """When the next message may be sent, where the channel had as many as it takes within an hour."""
        sent = self._sent[channel.id]
        if room > 0 or not sent or self._wall() - sent[-1] >= DIGEST_MS:
            return None
        return sent[-1] + DIGEST_MS

    async def _mark(self, messages: Sequence[Message], **values: object) -> None:
        async with self._storage.begin() as tx:
            await rows.change_messages(tx, [one.id for one in messages], **values)
        self._refused = False

    async def _became(self, messages: Sequence[Message], **values: object) -> None:
        """Store what became of them; the next step does, before anything else, if the database refuses now."""
        self._results.append(([one.id for one in messages], values))
        await self._store_results()

    async def _store_results(self) -> None:
        async with self._storing:
            while self._results:
                ids, values = self._results[0]
                async with self._storage.begin() as tx:
                    await rows.change_messages(tx, ids, **values)
                self._results.popleft()
