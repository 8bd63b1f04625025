"""The activity: who did what, to what, from where, and with which result; stored so that tampering shows."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from jinja2 import Environment

from rigfarm.commander.activity.actions import Activity, Keep
from rigfarm.commander.activity.api import api_routes
from rigfarm.commander.activity.chain.head import Head, read_head, write_head
from rigfarm.commander.activity.chain.seal import Seal
from rigfarm.commander.activity.chain.verify import Verdict, verify
from rigfarm.commander.activity.live import register_live_pages
from rigfarm.commander.activity.pages import page_routes
from rigfarm.commander.activity.view import Links
from rigfarm.commander.backup import farm_database
from rigfarm.commander.changes import Change
from rigfarm.commander.events import Events
from rigfarm.commander.live import Hub
from rigfarm.commander.noun import Noun
from rigfarm.commander.settings import Settings
from rigfarm.commander.storage import Storage
from rigfarm.commander.supervised import DATABASE_S, Work
from rigfarm.commander.web.shell import NavItem

__all__ = [
    "Activity",
    "Head",
    "Keep",
    "Links",
    "Verdict",
    "check",
    "noun",
    "open_activity",
    "record_alone",
    "recorder",
    "write_head",
]

Facts: TypeAlias = Callable[[], Mapping[str, str]]


def open_activity(
    settings: Settings, storage: Storage, hub: Hub, events: Events, on_head: Callable[[Head], None] = lambda head: None
) -> Activity:
    """That of this Commander. IdentityError when its key cannot be used."""
    keep = Keep(settings.activity_days, settings.activity_entries)
    return Activity(storage, hub, events, settings.data_dir, keep, on_head)


def noun(activity: Activity, links: Links, templates: Environment, started: Facts) -> Noun:
    """Its door. `started`: what the entry says that is made when the Commander has started."""

    async def load() -> None:
        await activity.load()
        activity.started(started())
        await activity.flush()

    return Noun(
        routes=[*page_routes, api_routes],
        parts={"activity": activity, "activity_links": links},
        live_pages=lambda routes: register_live_pages(routes, templates, activity, links),
        work=[Work("activity", activity.run, DATABASE_S)],
        load=load,
        close=activity.stopped,
        nav=[NavItem("activity", "Activity", "/activity", go="t")],
    )


def recorder(settings: Settings) -> Callable[[Storage], Callable[[Change], Awaitable[None]]]:
    """For a command on this machine while no Commander runs: stores its change at once."""

    def on(storage: Storage) -> Callable[[Change], Awaitable[None]]:
        activity = open_activity(settings, storage, Hub(), Events())

        async def record(change: Change) -> None:
            await activity.load()
            activity.note(change)
            await activity.flush()

        return record

    return on


async def record_alone(settings: Settings, change: Change) -> None:
    """Store a change that a command made while no Commander runs. StorageError, BackupError, IdentityError."""
    storage = await Storage.open(farm_database(settings))
    try:
        await recorder(settings)(storage)(change)
    finally:
        await storage.close()


async def check(settings: Settings, expected: Head | None = None) -> Verdict:
    """Verify the activity, beside a running Commander or without one. StorageError, BackupError, IdentityError,
    ValueError when the head in the data folder is damaged."""
    seal = Seal.open(settings.data_dir, make=False)
    head = await asyncio.to_thread(read_head, settings.data_dir)
    storage = await Storage.open_to_read(farm_database(settings))
    try:
        async with storage.read() as tx:
            return await verify(tx, seal, head, expected)
    finally:
        await storage.close()
