"""An activity with entries in a real database, and ways to damage it as someone who can only write to the database."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from rigfarm.commander.activity import Activity, Keep, Verdict, check
from rigfarm.commander.changes import Actor, Change
from rigfarm.commander.events import Events
from rigfarm.commander.live import Hub
from rigfarm.commander.settings import Settings
from rigfarm.commander.storage import Storage

KIM = Actor("session", "Kim's phone", "0123abcd Firefox on Android")


def change(number: int = 1, who: Actor = KIM) -> Change:
    """A rig was renamed."""
    one = Change("PATCH /api/rigs/{rig_id}", "192.0.2.7", who)
    one.action, one.outcome, one.result = "rename rig", "changed", "200"
    one.facts = {"rig_id": str(number)}
    one.compared = {"name": (f"old-{number}", f"rig-{number}")}
    one.targets = {"rig": {number: f"rig-{number}"}}
    return one


@asynccontextmanager
async def opened(folder: Path, keep: Keep = Keep(400, 100_000), url: str = "") -> AsyncIterator[Activity]:  # noqa: B008 - frozen
    """An activity without a Commander; what is noted is written by `flush`."""
    storage = await Storage.open(url or Settings(data_dir=folder).database)
    try:
        activity = Activity(storage, Hub(), Events(), folder, keep)
        await activity.load()
        yield activity
    finally:
        await storage.close()


async def made(folder: Path, entries: int) -> None:
    """So many entries, each about its own rig."""
    async with opened(folder) as activity:
        for number in range(1, entries + 1):
            activity.note(change(number))
        await activity.flush()


async def verdict(folder: Path) -> Verdict:
    """What `rigfarm commander activity verify` finds."""
    return await check(Settings(data_dir=folder))


def execute(folder: Path, *statements: str) -> None:
    """SQL on the database's file, as who can write to it."""
    with sqlite3.connect(folder / "rigfarm.db") as db:
        for statement in statements:
            db.execute(statement)
    db.close()
