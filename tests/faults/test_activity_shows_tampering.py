"""Row 31: whoever can write to the database can't change, remove or move an entry of the activity unnoticed.

Each entry of a chain is edited, removed (the later ones move up) and swapped with its neighbour, one at a time, also by
someone who then makes all hashes fit together, as well as they can without the key. The control is a Commander that
keeps its key and its head in the database.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from promise import record, scaled
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from rigfarm.commander.activity import Activity, Head, Keep
from rigfarm.commander.activity.chain.head import read_head
from rigfarm.commander.activity.chain.seal import NOTHING, Seal
from rigfarm.commander.activity.chain.verify import verify
from rigfarm.commander.activity.store import load_range
from rigfarm.commander.changes import Actor, Change
from rigfarm.commander.events import Events
from rigfarm.commander.live import Hub
from rigfarm.commander.storage import Storage

ENTRIES = scaled(30, 150)
KNOWN = b"\0" * 32
"""The key of the control, which the attacker finds in the database."""
MOVE = "UPDATE {table} SET {id} = CASE WHEN {id} = {row} THEN -{other} ELSE -{row} END WHERE {id} IN ({row}, {other})"
DAMAGES = {
    "edit": ("UPDATE activity SET details = replace(details, 'north', 'south') WHERE id = {row}",),
    "remove": (
        "DELETE FROM activity WHERE id = {row}",
        "DELETE FROM activity_targets WHERE entry_id = {row}",
        "UPDATE activity SET id = -id WHERE id > {row}",
        "UPDATE activity SET id = -id - 1 WHERE id < 0",
        "UPDATE activity_targets SET entry_id = entry_id - 1 WHERE entry_id > {row}",
    ),
    "swap": (
        MOVE.format(table="activity", id="id", row="{row}", other="{other}"),
        "UPDATE activity SET id = -id WHERE id < 0",
        MOVE.format(table="activity_targets", id="entry_id", row="{row}", other="{other}"),
        "UPDATE activity_targets SET entry_id = -entry_id WHERE entry_id < 0",
    ),
}


async def make(folder: Path, key: bytes | None = None) -> AsyncEngine:
    """A chain, by the code that makes it in a Commander."""
    if key is not None:
        (folder / "identity").mkdir(parents=True)
        (folder / "identity" / "activity.key").write_bytes(key)
    folder.mkdir(exist_ok=True)
    storage = await Storage.open(f"sqlite:///{folder / 'rigfarm.db'}")
    activity = Activity(storage, Hub(), Events(), folder, Keep(400, 1_000_000))
    await activity.load()
    for number in range(1, ENTRIES + 1):
        change = Change("POST /commands", "192.0.2.7", Actor("session", "Kim's phone", "0123abcd Firefox"))
        change.action, change.outcome, change.result = "command: set pools", "changed", "200"
        change.compared = {"pool": ("north", f"north-{number}")}
        change.targets = {"rig": {number: f"rig-{number}"}}
        activity.note(change)
    await activity.flush()
    await storage.close()
    return create_async_engine(f"sqlite+aiosqlite:///{folder / 'rigfarm.db'}")


async def rebuild(tx: AsyncConnection) -> Head:
    """Hashes that fit together, with the only key that the attacker can have; returns the head that fits them."""
    seal, at = Seal(KNOWN), Head(0, NOTHING)
    for entry in await load_range(tx, 0, None, ENTRIES + 1):
        at = Head(entry.id, seal.of(at.hash, entry.id, entry.draft))
        await tx.execute(text("UPDATE activity SET hash = :hash WHERE id = :id"), {"hash": at.hash, "id": entry.id})
    return at


async def unnoticed(folder: Path, engine: AsyncEngine, name: str, row: int, *, rebuilt: bool, inside: bool) -> bool:
    """Whether `verify` takes a damage for the truth; it is undone afterwards. `inside`: the head is in the database."""
    seal, head = Seal.open(folder, make=False), read_head(folder)
    other = row + 1 if row < ENTRIES else row - 1
    async with engine.connect() as tx:
        for statement in DAMAGES[name]:
            done = await tx.execute(text(statement.format(row=row, other=other)))
            assert done.rowcount or row == ENTRIES
        made = await rebuild(tx) if rebuilt else None
        verdict = await verify(tx, seal, made if inside else head)
        await tx.rollback()
    return not verdict.wrong


@pytest.mark.timeout(1_200)
async def test_no_entry_is_changed_removed_or_moved_unnoticed(tmp_path: Path) -> None:
    farm, broken = tmp_path / "farm", tmp_path / "control"
    engine, control = await make(farm), await make(broken, KNOWN)
    async with engine.connect() as tx:
        assert (await verify(tx, Seal.open(farm, make=False), read_head(farm))).checked == ENTRIES
    tries = [(name, row) for name in DAMAGES for row in range(1, ENTRIES + 1)]
    missed = [
        (name, row)
        for name, row in tries
        if await unnoticed(farm, engine, name, row, rebuilt=False, inside=False)
    ]  # fmt: skip
    some = tries[::5]
    missed += [one for one in some if await unnoticed(farm, engine, *one, rebuilt=True, inside=False)]
    fooled = [one for one in some if await unnoticed(broken, control, *one, rebuilt=True, inside=True)]
    await engine.dispose()
    await control.dispose()
    record(
        31,
        "an entry of the activity is edited, removed or moved unnoticed by someone who can write to the database; some "
        "of them make all hashes anew",
        n=len(tries) + len(some),
        bad=len(missed),
        unit="damages",
        control="key and head are in the database",
        control_bad=f"{len(fooled)} of {len(some)} were not noticed",
    )
    assert missed == []
    assert len(fooled) == len(some), "the control shows nothing"
