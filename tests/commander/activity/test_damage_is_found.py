"""Whatever is changed in the database, `verify` says that it was, and which entry is the first."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from pathlib import Path
from unittest.mock import Mock

import pytest
from trail import change, execute, made, opened, verdict

from rigfarm.commander.activity import Head, Keep, check, store
from rigfarm.commander.activity.chain.head import read_head, write_head
from rigfarm.commander.activity.chain.seal import Anchor, Seal
from rigfarm.commander.activity.model import Query
from rigfarm.commander.settings import Settings
from rigfarm.commander.storage import Storage

ENTRIES = 12
EDITS = {
    "at": "at + 1",
    "who_kind": "'api-key'",
    "who": "'Robin'",
    "who_ref": "who_ref || ' '",
    "address": "'192.0.2.8'",
    "action": "'remove rigs'",
    "target": "'rig-99'",
    "details": "replace(details, 'old-5', 'old-6')",
    "outcome": "'refused'",
    "result": "'201'",
    "hash": "randomblob(32)",
}
SWAPPED = "UPDATE activity SET id = CASE id WHEN 5 THEN 1006 ELSE 1005 END WHERE id IN (5, 6)"
DAMAGES: dict[str, tuple[tuple[str, ...], int | None]] = {
    **{f"edit of {one}": ((f"UPDATE activity SET {one} = {value} WHERE id = 5",), 5) for one, value in EDITS.items()},
    "one removed": (("DELETE FROM activity WHERE id = 5",), 5),
    "the first removed": (("DELETE FROM activity WHERE id = 1",), 1),
    "the last removed": (("DELETE FROM activity WHERE id = 12",), 12),
    "several removed at the end": (("DELETE FROM activity WHERE id > 8",), 9),
    "all removed": (("DELETE FROM activity", "DELETE FROM activity_targets"), 1),
    "removed, and the others moved up": (
        ("DELETE FROM activity WHERE id = 5", "UPDATE activity SET id = id - 1 WHERE id > 5"),
        5,
    ),
    "two swapped": ((SWAPPED, "UPDATE activity SET id = id - 1000 WHERE id > 1000"), 5),
    "one added at the end": (
        ("INSERT INTO activity SELECT 13, at, who_kind, who, who_ref, address, action, target, details, outcome, "
         "result, hash FROM activity WHERE id = 12",),
        13,
    ),
    "one repeated in the place of another": (
        ("DELETE FROM activity WHERE id = 6",
         "INSERT INTO activity SELECT 6, at, who_kind, who, who_ref, address, action, target, details, outcome, "
         "result, hash FROM activity WHERE id = 5"),
        6,
    ),
    "not found any more by its rig": (("DELETE FROM activity_targets WHERE entry_id = 5",), 5),
    "found by another rig, too": (("INSERT INTO activity_targets VALUES ('rig', 77, 5)",), 5),
    "found without being there": (("INSERT INTO activity_targets VALUES ('rig', 77, 99)",), None),
    "a record of removed entries": (("INSERT INTO meta VALUES ('activity_anchor', 'ab {}')",), None),
}  # fmt: skip


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("good")
    asyncio.run(made(folder, ENTRIES))
    return folder


@pytest.fixture
def folder(good: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(good, tmp_path / "copy"))


async def test_it_works(folder: Path) -> None:
    found = await verdict(folder)
    assert (found.wrong, found.checked, found.head.id) == ("", ENTRIES, ENTRIES)
    assert read_head(folder) == found.head
    assert Head.parse(str(found.head)) == found.head


@pytest.mark.parametrize("name", DAMAGES)
async def test_damage_is_found_and_named(folder: Path, name: str) -> None:
    statements, row = DAMAGES[name]
    execute(folder, *statements)
    found = await verdict(folder)
    assert found.wrong
    assert found.row == row
    if row is not None:
        assert str(row) in found.wrong
    if row is not None and row > 1:
        assert found.checked == row - 1


async def test_who_rebuilds_the_chain_without_the_key_is_found(folder: Path) -> None:
    """The hashes are not plain ones: the rest of the chain fits together and is still not this Commander's."""
    execute(folder, "UPDATE activity SET who = 'Robin' WHERE id = 5")
    await rebuilt(folder, Seal(b"\0" * 32), after=4)
    assert (await verdict(folder)).row == 5


async def test_who_has_the_key_is_found_by_a_head_that_was_noted_elsewhere(folder: Path) -> None:
    noted = read_head(folder)
    execute(folder, "UPDATE activity SET who = 'Robin' WHERE id = 5")
    await rebuilt(folder, Seal.open(folder), after=4)
    assert (await verdict(folder)).wrong == ""
    found = await check(Settings(data_dir=folder), noted)
    assert found.row == ENTRIES


async def rebuilt(folder: Path, seal: Seal, after: int) -> None:
    """New hashes for all entries after one; the head, too."""
    storage = await Storage.open_to_read(Settings(data_dir=folder).database)
    async with storage.read() as tx:
        entries = await store.load_range(tx, after - 1, None, 1000)
    await storage.close()
    at = entries[0].hash
    for entry in entries[1:]:
        at = seal.of(at, entry.id, entry.draft)
        execute(folder, f"UPDATE activity SET hash = x'{at.hex()}' WHERE id = {entry.id}")
    write_head(folder, Head(entries[-1].id, at))


async def test_an_older_copy_of_the_database_is_found(folder: Path) -> None:
    shutil.copy(folder / "rigfarm.db", folder / "older.db")
    async with opened(folder) as activity:
        activity.note(change(13))
        await activity.flush()
    (folder / "older.db").replace(folder / "rigfarm.db")
    found = await verdict(folder)
    assert found.row == 13
    assert "older backup" in found.wrong


async def test_a_head_file_that_is_gone_is_found(folder: Path) -> None:
    (folder / "activity.head").unlink()
    assert "activity.head is missing" in (await verdict(folder)).wrong


async def test_what_was_removed_at_the_end_stays_visible(folder: Path) -> None:
    """A Commander that goes on after the damage does not hide it: neither by new entries nor by a new head."""
    execute(folder, "DELETE FROM activity WHERE id > 8", "DELETE FROM activity_targets WHERE entry_id > 8")
    async with opened(folder) as activity:
        activity.started({})
        await activity.flush()
        [entry] = await activity.entries(Query(), 1)
    assert (entry.id, entry.draft.read_details.facts["missing"][:17]) == (13, "entries 9 to 12: ")
    found = await verdict(folder)
    assert (found.row, found.wrong) == (9, "Entries 9 to 12 are missing.")


async def test_a_head_or_key_that_was_missing_at_the_start_is_an_entry(folder: Path) -> None:
    (folder / "activity.head").unlink()
    (folder / "identity" / "activity.key").unlink()
    async with opened(folder) as activity:
        activity.started({})
        await activity.flush()
        [entry] = await activity.entries(Query(), 1)
    assert set(entry.draft.read_details.facts) == {"head", "key"}
    found = await verdict(folder)
    assert found.row == 1, "earlier entries can't be verified without their key"
    assert found.checked == 1, "the new entry can"
    execute(folder, "UPDATE activity SET who = 'Robin' WHERE id = 13")
    assert "Entry 13 was changed" in (await verdict(folder)).wrong


DAY_MS = 86_400_000


class TestForgetting:
    async def test_the_rest_is_still_verified(self, folder: Path) -> None:
        assert await pruned(folder, keep=5) == 7
        found = await verdict(folder)
        assert (found.wrong, found.checked, found.anchor.id) == ("", 5, 7)

    async def test_age_removes_what_is_older_and_never_the_last(self, folder: Path) -> None:
        async with opened(folder, Keep(1, 1000)) as activity:
            [newest] = await activity.entries(Query(), 1)
            assert await activity.prune(newest.draft.at - 1) == 0
            assert await activity.prune(newest.draft.at + 2 * DAY_MS) == ENTRIES - 1
        assert (await verdict(folder)).wrong == ""

    @pytest.mark.parametrize(
        "statement",
        [
            "DELETE FROM activity WHERE id = 8",
            "UPDATE activity SET who = 'Robin' WHERE id = 8",
            "DELETE FROM meta WHERE key = 'activity_anchor'",
            "UPDATE meta SET value = replace(value, '7', '8') WHERE key = 'activity_anchor'",
            "DELETE FROM activity WHERE id > 7",
        ],
    )
    async def test_damage_is_still_found(self, folder: Path, statement: str) -> None:
        await pruned(folder, keep=5)
        execute(folder, statement)
        assert (await verdict(folder)).wrong

    async def test_a_damaged_record_does_not_end_the_check(self, folder: Path) -> None:
        await pruned(folder, keep=5)
        execute(folder, "UPDATE meta SET value = 'é' || value WHERE key = 'activity_anchor'")
        found = await verdict(folder)
        assert ("activity_anchor" in found.wrong, found.checked, found.row) == (True, 4, None), (
            "8 has nothing before it"
        )
        execute(folder, "UPDATE activity SET who = 'Robin' WHERE id = 10")
        found = await verdict(folder)
        assert ("activity_anchor" in found.wrong, found.checked, found.row) == (True, 1, 10)

    async def test_a_lost_key_does_not_end_it(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """What was removed before stays recorded, and what is too old goes; also after a start that was killed before
        it had stored its new key."""
        await pruned(folder, keep=5)
        (folder / "identity" / "activity.key").unlink()
        with monkeypatch.context() as patch:
            patch.setattr(Seal, "keep", Mock(side_effect=OSError("killed")))
            with pytest.raises(OSError, match="killed"):
                async with opened(folder):
                    pass
        async with opened(folder) as activity:
            for number in range(13, 16):
                activity.note(change(number))
            await activity.flush()
        found = await verdict(folder)
        assert (found.row, found.checked, found.anchor.id, found.anchor.lost) == (8, 3, 7, 12)
        assert await pruned(folder, keep=2) == 6
        found = await verdict(folder)
        assert (found.wrong, found.checked) == ("", 2)

    async def test_an_earlier_record_of_removed_entries_is_found(self, folder: Path) -> None:
        """Who kept a copy of the record cannot use it to hide that more was removed."""
        await pruned(folder, keep=8)
        shutil.copy(folder / "rigfarm.db", folder / "copy.db")
        await pruned(folder, keep=5)
        with sqlite3.connect(folder / "copy.db") as db:
            [(old,)] = db.execute("SELECT value FROM meta WHERE key = 'activity_anchor'").fetchall()
        with sqlite3.connect(folder / "rigfarm.db") as db:
            db.execute("UPDATE meta SET value = ? WHERE key = 'activity_anchor'", (old,))
        assert (await verdict(folder)).row == 5

    async def test_damage_to_what_is_removed_is_remembered(self, folder: Path) -> None:
        execute(folder, "DELETE FROM activity WHERE id = 3")
        await pruned(folder, keep=5)
        found = await verdict(folder)
        assert "Entry 3 is missing." in found.wrong

    async def test_a_head_that_was_noted_too_long_ago_says_so(self, folder: Path) -> None:
        await pruned(folder, keep=5)
        found = await check(Settings(data_dir=folder), Head(3, bytes(32)))
        assert "note a newer head" in found.wrong


async def pruned(folder: Path, keep: int) -> int:
    async with opened(folder, Keep(400, keep)) as activity:
        return await activity.prune(0)


def test_a_record_is_read_only_with_its_key() -> None:
    seal = Seal(b"k" * 32)
    anchor = Anchor(7, b"h" * 32, "Entry 3 is missing.")
    assert seal.read_anchor(seal.write_anchor(anchor)) == anchor
    assert Seal(b"x" * 32).read_anchor(seal.write_anchor(anchor)) is None
    assert seal.read_anchor("") is None
