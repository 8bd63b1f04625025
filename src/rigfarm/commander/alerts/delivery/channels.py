"""The channels of this farm, and what has to be sent to them: a row for each message, written together with the alert
that it is about."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from rigfarm.commander.alerts.broadcasts import settings_changed
from rigfarm.commander.alerts.delivery import rows
from rigfarm.commander.alerts.delivery.model import MAX_URL, Channel, ChannelForm, Message
from rigfarm.commander.alerts.delivery.process import Answer, Courier
from rigfarm.commander.alerts.engine.rule import RuleForm
from rigfarm.commander.alerts.engine.rulebook import RuleBook
from rigfarm.commander.alerts.model import SEVERITIES, Alert
from rigfarm.commander.changes import compare, describe
from rigfarm.commander.fields import checked, words_of
from rigfarm.commander.live import Hub
from rigfarm.commander.outbound.secrets import without_secrets
from rigfarm.commander.refusals import Absent, Conflict, Invalid, expect_revision
from rigfarm.commander.storage import Storage
from rigfarm.common.clock import utc_ms

__all__ = ["Channels"]

MAX_CHANNELS = 50


class Channels:
    """All of them, in memory. `wake` is called when a message was committed."""

    def __init__(
        self, storage: Storage, hub: Hub, rules: RuleBook, courier: Courier, *, wall: Callable[[], int] = utc_ms
    ) -> None:
        self.channels: dict[int, Channel] = {}
        self.courier = courier
        self.due = asyncio.Event()
        """Something new waits to be sent."""
        self._storage = storage
        self._hub = hub
        self._rules = rules
        self._wall = wall
        self._writing = asyncio.Lock()

    async def load(self) -> None:
        """Read them; once, before serving."""
        async with self._storage.read() as tx:
            self.channels = {one.id: one for one in await rows.load_channels(tx)}

    # Looking up

    def get(self, channel_id: int) -> Channel:
        """One channel, or Absent."""
        found = self.channels.get(channel_id)
        if found is None:
            raise Absent(f"Alert channel {channel_id} does not exist.")
        return found

    async def messages(
        self,
        limit: int,
        *,
        alert_id: int | None = None,
        channel_id: int | None = None,
        before: int | None = None,
        rigs: Collection[int] | None = None,
    ) -> list[Message]:
        """What was sent, or will be, newest first: of all, an alert, a channel, or alerts of some rigs."""
        async with self._storage.read() as tx:
            return await rows.load_messages(
                tx, limit, alert_id=alert_id, channel_id=channel_id, before=before, rigs=rigs
            )

    # What operators do

    async def create(self, form: ChannelForm, url: str) -> Channel:
        """Add a channel. Nothing that fired before is sent to it."""
        describe("create alert channel")
        form = checked(form)
        url = await self._checked_url(url)
        _check_secrets(form, url)
        if len(self.channels) >= MAX_CHANNELS:
            raise Conflict(f"There are {MAX_CHANNELS} channels, and that is the maximum: remove one first.")
        async with self._writing:
            async with self._storage.begin() as tx:
                channel = await rows.insert_channel(tx, form, url, self._wall())
            self.channels[channel.id] = channel
        describe(channel=form.name)
        compare({}, words_of(form))
        settings_changed(self._hub)
        return channel

    async def change(self, channel_id: int, form: ChannelForm, url: str = "", revision: int | None = None) -> Channel:
        """Replace what a channel says; an empty URL keeps the one that it has."""
        describe("change alert channel")
        form = checked(form)
        new_url = await self._checked_url(url) if url.strip() else ""
        async with self._writing:
            old = self.get(channel_id)
            expect_revision(revision, old.revision, old.form.name)
            _check_secrets(form, new_url or old.url)
            async with self._storage.begin() as tx:
                channel = await rows.save_channel(tx, old, form, new_url or old.url, self._wall())
            self.channels[channel_id] = channel
        describe(channel=form.name, url="another one" if new_url else "the same")
        compare(words_of(old.form), words_of(form))
        settings_changed(self._hub)
        return channel

    async def remove(self, channel_id: int) -> Channel:
        """With the log of what was sent to it."""
        describe("remove alert channel")
        async with self._writing:
            channel = self.get(channel_id)
            expect_revision(None, channel.revision, channel.form.name)
            async with self._storage.begin() as tx:
                await rows.delete_channel(tx, channel_id)
            del self.channels[channel_id]
        describe(channel=channel.form.name)
        compare(words_of(channel.form), {})
        settings_changed(self._hub)
        return channel

    async def test(self, channel_id: int) -> Answer:
        """Send a test message now, and say what the service answered."""
        describe("test alert channel")
        channel = self.get(channel_id)
        describe(channel=channel.form.name)
        body = "This is a test message from Rigfarm. Alerts for this channel arrive here."
        return await self.courier.send(channel.url, "Rigfarm: test message", body, "info", lan=channel.form.lan)

    @property
    def names(self) -> dict[int, str]:
        """Of all channels."""
        return {one.id: one.form.name for one in self.channels.values()}

    async def send(self, channel_id: int, title: str, body: str) -> Answer | None:
        """Send something that is not about an alert, such as a report; None where the channel is off. Absent."""
        channel = self.get(channel_id)
        if not channel.form.on:
            return None
        return await self.courier.send(channel.url, title, body, "info", lan=channel.form.lan)

    async def _checked_url(self, url: str) -> str:
        url = url.strip()
        if not url or len(url) > MAX_URL or not url.isprintable() or "://" not in url:
            raise Invalid(
                "Enter the service's URL as Apprise writes it, for example ntfys://topic or mailtos://…", field="url"
            )
        found = await self.courier.check(url)
        if not found.ok:
            raise Invalid(found.answer, field="url")
        return url

    # What has to be sent

    async def write(self, tx: AsyncConnection, news: Sequence[tuple[Alert, str]]) -> None:
        """Messages about what happened to alerts, in the transaction that stores it."""
        wanted = [
            (alert.id, channel.id, what)
            for alert, what in news
            if what != "resolved"
            for channel in self._for(alert, escalated=what == "escalated")
        ]
        over = {alert.id for alert, what in news if what == "resolved"}
        if over:
            wanted += [
                (alert_id, channel_id, "resolved")
                for alert_id, channel_id in await rows.told(tx, sorted(over))
                if (channel := self.channels.get(channel_id)) is not None and channel.form.on and channel.form.resolved
            ]
        await rows.insert_messages(tx, wanted, self._wall())

    def wake(self) -> None:
        """It is committed."""
        self.due.set()

    def _for(self, alert: Alert, *, escalated: bool) -> list[Channel]:
        rule = self._rules.rules.get(alert.rule_id)
        if rule is None or rule.form.sends == "none":
            return []
        severity = SEVERITIES.index(alert.severity)
        on = [one for one in self.channels.values() if one.form.on and severity >= SEVERITIES.index(one.form.severity)]
        if escalated:
            return [one for one in on if one.form.use == "escalations"] or [
                one for one in on if self._is_of(one, rule.form)
            ]
        return [one for one in on if one.form.use == "alerts" and self._is_of(one, rule.form)]

    @staticmethod
    def _is_of(channel: Channel, form: RuleForm) -> bool:
        return form.sends == "all" or channel.id in form.channels


def _check_secrets(form: ChannelForm, url: str) -> None:
    """What is written is shown and logged; the URL is not."""
    for name in ("title_template", "body_template"):
        for line in getattr(form, name).splitlines():
            if without_secrets(line, url).count("…") > line.count("…"):
                raise Invalid("It contains a part of the channel's URL, which is a secret.", field=name)
