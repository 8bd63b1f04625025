"""A configuration moves between SQLite and PostgreSQL whole, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from rigfarm.commander.storage import Storage, StorageError, copy_to_file, move, moving

RIG = text(
    "INSERT INTO rigs (name, name_key, kind, token_hash, created_at, revision) "
    "VALUES (:name, :key, 'cpu-gpu', :hash, :created, 1)"
)
ADDRESS = text("INSERT INTO addresses (name_key, form, revision, created_at, updated_at) VALUES ('ä', '{}', 1, 2, 3)")


async def fill(url: str) -> None:
    """Rigs 1, 2 and 3, of which 3 was removed: its number is never given again."""
    storage = await Storage.open(url)
    async with storage.begin() as tx:
        for number in (1, 2, 3):
            name = f"rig-Ä{number}\U0001f525"
            await tx.execute(RIG, {"name": name, "key": name, "hash": bytes([number]) * 32, "created": 1 << 41})
        await tx.execute(text("DELETE FROM rigs WHERE id = 3"))
        await tx.execute(ADDRESS)
        await tx.execute(text("INSERT INTO meta VALUES ('password_hash', '$argon2id$')"))
    await storage.close()


async def rows(url: str, query: str) -> list[tuple[object, ...]]:
    storage = await Storage.open(url)
    async with storage.read() as tx:
        found = [tuple(row) for row in await tx.execute(text(query))]
    await storage.close()
    return found


@pytest.mark.parametrize("back", [False, True], ids=["to PostgreSQL", "to SQLite"])
async def test_all_rows_and_the_numbers_of_removed_ones_arrive(
    sqlite_url: str, postgresql_url: str, *, back: bool
) -> None:
    source, target = (postgresql_url, sqlite_url) if back else (sqlite_url, postgresql_url)
    await fill(source)
    counts = await move(source, target)
    assert {name: count for name, count in counts.items() if count} == {"rigs": 2, "addresses": 1, "meta": 1}
    every = "SELECT id, name, name_key, kind, token_hash, created_at, first_seen_at, revision FROM rigs ORDER BY id"
    assert await rows(target, every) == await rows(source, every)
    storage = await Storage.open(target)
    async with storage.begin() as tx:
        await tx.execute(RIG, {"name": "new", "key": "new", "hash": b"n" * 32, "created": 1})
        assert await tx.scalar(text("SELECT id FROM rigs WHERE name = 'new'")) == 4, "not the number of a removed rig"
    await storage.close()


async def test_a_database_with_rows_is_refused_and_stays_as_it_is(sqlite_url: str, postgresql_url: str) -> None:
    await fill(sqlite_url)
    await move(sqlite_url, postgresql_url)
    with pytest.raises(StorageError, match="target is not empty: its table"):
        await move(sqlite_url, postgresql_url)
    assert await rows(postgresql_url, "SELECT count(*) FROM rigs") == [(2,)]
    with pytest.raises(StorageError, match="the same database"):
        await move(sqlite_url, sqlite_url)


async def test_a_copy_that_differs_leaves_nothing(
    sqlite_url: str, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(sqlite_url)
    insert = moving.insert

    def shortened(table: object) -> object:
        made = insert(table)  # type: ignore[arg-type]
        return made if table.name != "addresses" else text(str(ADDRESS).replace("{}", "{ }"))  # type: ignore[attr-defined]

    monkeypatch.setattr(moving, "insert", shortened)
    with pytest.raises(StorageError, match=r"copy of the table addresses differs"):
        await move(sqlite_url, postgresql_url)
    monkeypatch.undo()
    assert await rows(postgresql_url, "SELECT count(*) FROM rigs") == [(0,)]
    await move(sqlite_url, postgresql_url)


async def test_a_postgresql_in_use_is_copied_into_a_file(postgresql_url: str, tmp_path: Path) -> None:
    await fill(postgresql_url)
    storage = await Storage.open(postgresql_url)
    await copy_to_file(postgresql_url, tmp_path / "copy.db")
    await storage.close()
    assert await rows(f"sqlite:///{tmp_path / 'copy.db'}", "SELECT count(*) FROM rigs") == [(2,)]
