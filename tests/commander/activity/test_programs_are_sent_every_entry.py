"""Streams and webhooks have every entry, also when many come at once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from trail import change, opened

from rigfarm.commander.activity import Activity
from rigfarm.commander.events import Events
from rigfarm.commander.live import Hub
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.server.incidents import Incidents
from rigfarm.commander.storage import Storage
from rigfarm.commander.stream import view
from rigfarm.commander.stream.view import ActivityFeed
from rigfarm.commander.supervised import Part
from rigfarm.commander.webhooks import Collector, Webhooks
from rigfarm.commander.webhooks.collecting import collector as collecting
from rigfarm.commander.webhooks.model import WebhookForm
from support.until import until


async def add(activity: Activity, entries: int) -> None:
    for number in range(1, entries + 1):
        activity.note(change(number))
    await activity.flush()


async def test_a_stream_has_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "MAX_ENTRIES", 5)
    async with opened(tmp_path) as activity:
        await add(activity, 1)
        feed = ActivityFeed(Hub(), activity)
        await feed.prepare()
        await add(activity, 12)
        sent = b""
        while more := await feed.changes():
            sent += more
        assert sent.count(b"event: activity") == 12


async def test_a_webhook_has_each(tmp_path: Path, storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collecting, "AT_ONCE", 5)
    hub, events, incidents = Hub(), Events(), Incidents()
    (tmp_path / "other").mkdir()
    async with opened(tmp_path / "other") as activity:
        hooks = Webhooks(storage, hub, incidents)
        hook = await hooks.create(WebhookForm(name="log", activity=True), "https://receiver.invalid/")
        collector = Collector(storage, hub, events, Rigs(storage, hub, events), activity, incidents, hooks)
        await collector.load()
        await add(activity, 12)
        running = asyncio.create_task(collector.run(Part("events for webhooks")))
        await until(lambda: hooks.waiting(hook.id) == 12)
        running.cancel()
        bodies = b"".join(one.body for one in await hooks.deliveries(100))
        assert all(b'"rig-%d"' % number in bodies for number in range(1, 13))
