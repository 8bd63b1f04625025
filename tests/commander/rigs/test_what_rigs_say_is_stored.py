"""What Sentries say about their rigs is stored together, and one of them that cannot be stored costs only itself.

Without this one rig's specs keep those of all rigs out of the database.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy.exc import DataError, OperationalError

from rigfarm.commander.rigs import store
from rigfarm.commander.rigs.kept import said
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.supervised import Part, supervised
from rigfarm.wire.specs import Specs

OUT_OF_RANGE = DataError("UPDATE rigs", None, ValueError("value out of range"))


@pytest.mark.parametrize("error", [OUT_OF_RANGE, ValueError("embedded null"), RuntimeError("a defect")])
async def test_one_rig_whose_specs_cannot_be_stored_costs_only_its_own(
    site: Any, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    made = await site.book.create_many(["rig-1", "rig-2", "rig-3"], "cpu-gpu")
    ids = [rig.id for rig, _ in made]
    save = store.save_rig

    async def fragile(tx: Any, rig: Rig) -> None:
        if rig.id == ids[1]:
            raise error
        await save(tx, rig)

    monkeypatch.setattr(store, "save_rig", fragile)
    part = Part("rig records")
    async with supervised(part, site.book.said.run):
        for rig_id in ids:
            site.book.said.specs(rig_id, Specs("1", hostname=f"host-{rig_id}"))
        async with asyncio.timeout(30):
            while any(site.book.rigs[rig_id].specs is None for rig_id in (ids[0], ids[2])):
                await asyncio.sleep(0.01)
        assert site.book.rigs[ids[1]].specs is None
        site.book.said.specs(ids[0], Specs("1", hostname="another"))
        async with asyncio.timeout(30):
            while site.book.rigs[ids[0]].specs.hostname != "another":
                await asyncio.sleep(0.01)
    assert part.failures == 0


@pytest.mark.parametrize("alone", [False, True])
async def test_what_was_said_while_the_disk_was_full_is_stored_afterwards(
    site: Any, monkeypatch: pytest.MonkeyPatch, alone: bool
) -> None:
    """A Sentry says it once per connection: it would be unknown for weeks. `alone`: the disk fills up while rigs are
    stored one by one, because one of them cannot be."""
    monkeypatch.setattr(said, "RETRY_S", 0.01)
    (rig, _), (bad, _) = await site.book.create_many(["rig-1", "rig-2"], "cpu-gpu")
    save = store.save_rig
    full = [OperationalError("UPDATE rigs", None, OSError(28, "No space left on device"))] * 3

    async def fragile(tx: Any, saved: Rig) -> None:
        if alone and saved.id == bad.id:
            raise OUT_OF_RANGE
        if together:
            together.clear()
        elif full:
            raise full.pop()
        await save(tx, saved)

    together = [rig] if alone else []
    """Saved with the others once, so that the bad one's turn comes."""
    monkeypatch.setattr(store, "save_rig", fragile)
    async with supervised(Part("rig records"), site.book.said.run):
        site.book.said.specs(rig.id, Specs("1", hostname="host"))
        if alone:
            site.book.said.specs(bad.id, Specs("1", hostname="bad"))
        async with asyncio.timeout(30):
            while site.book.rigs[rig.id].specs is None:
                await asyncio.sleep(0.01)
    assert not full
