"""Reading and writing: transactions, one writer, private files, errors in words."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from rigfarm.commander.rigs.tables import rigs
from rigfarm.commander.storage import Storage, StorageError, StorageInUseError, among, get_meta, set_meta
from rigfarm.commander.storage.dialects import FEW
from rigfarm.commander.storage.meta import meta


def _rig(number: int) -> dict[str, object]:
    name = f"rig-{number}"
    token_hash = bytes([number]) * 32
    return {"name": name, "name_key": name, "kind": "asic", "token_hash": token_hash, "created_at": 1, "revision": 1}


async def test_it_works(url: str) -> None:
    storage = await Storage.open(url)
    async with storage.begin() as tx:
        await set_meta(tx, "colour", "green")
    async with storage.begin() as tx:
        await set_meta(tx, "colour", "blue")
    async with storage.read() as tx:
        assert await get_meta(tx, "colour") == "blue"
        assert await get_meta(tx, "shape") is None
    assert (await storage.version()).startswith(("SQLite 3.", "PostgreSQL "))
    await storage.close()

    storage = await Storage.open(url)
    async with storage.read() as tx:
        assert await get_meta(tx, "colour") == "blue"
    await storage.close()


async def test_a_transaction_that_raises_leaves_nothing(url: str) -> None:
    storage = await Storage.open(url)

    async def write_and_stumble() -> None:
        async with storage.begin() as tx:
            await set_meta(tx, "half", "done")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await write_and_stumble()
    async with storage.read() as tx:
        assert await get_meta(tx, "half") is None
    await storage.close()


async def test_a_transaction_that_is_cancelled_leaves_nothing_and_the_next_one_works(url: str) -> None:
    storage = await Storage.open(url)
    inside = asyncio.Event()

    async def write() -> None:
        async with storage.begin() as tx:
            await set_meta(tx, "half", "done")
            inside.set()
            await asyncio.sleep(3600)

    task = asyncio.create_task(write())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with storage.begin() as tx:
        assert await get_meta(tx, "half") is None
        await set_meta(tx, "whole", "done")
    await storage.close()


async def test_closing_waits_for_a_transaction_that_ends_late(url: str) -> None:
    """A connection that is closed under a transaction may never answer again, and the Commander would never end."""
    storage = await Storage.open(url)
    inside, go_on = asyncio.Event(), asyncio.Event()

    async def write() -> None:
        async with storage.begin() as tx:
            inside.set()
            await go_on.wait()
            await set_meta(tx, "late", "done")

    writing = asyncio.create_task(write())
    await inside.wait()
    closing = asyncio.create_task(storage.close())
    await asyncio.wait({closing}, timeout=0.1)
    assert not closing.done()
    go_on.set()
    await asyncio.gather(closing, writing)
    storage = await Storage.open(url)
    async with storage.read() as tx:
        assert await get_meta(tx, "late") == "done"
    await storage.close()


async def test_many_writers_at_once_lose_nothing(url: str) -> None:
    storage = await Storage.open(url)
    async with storage.begin() as tx:
        await set_meta(tx, "count", "0")

    async def add_one() -> None:
        async with storage.begin() as tx:
            await tx.execute(
                text("UPDATE meta SET value = CAST(CAST(value AS INTEGER) + 1 AS TEXT) WHERE key = 'count'")
            )

    await asyncio.gather(*(add_one() for _ in range(50)))
    async with storage.read() as tx:
        assert await get_meta(tx, "count") == "50"
    await storage.close()


async def test_a_reader_cannot_write(url: str) -> None:
    storage = await Storage.open(url)
    with pytest.raises(DBAPIError):
        async with storage.read() as tx:
            await set_meta(tx, "colour", "red")
    await storage.close()


async def test_a_reader_is_not_held_up_by_a_writer_and_sees_one_state(sqlite_url: str) -> None:
    storage = await Storage.open(sqlite_url)
    async with storage.read() as before:
        assert await get_meta(before, "colour") is None
        async with storage.begin() as tx:
            await set_meta(tx, "colour", "red")
            async with storage.read() as beside:
                assert await get_meta(beside, "colour") is None
        assert await get_meta(before, "colour") is None
    async with storage.read() as after:
        assert await get_meta(after, "colour") == "red"
    await storage.close()


async def test_only_the_writer_checkpoints_and_commits_are_synchronous(sqlite_url: str) -> None:
    storage = await Storage.open(sqlite_url)
    async with storage.read() as tx:
        assert await tx.scalar(text("PRAGMA wal_autocheckpoint")) == 0
    async with storage.begin() as tx:
        assert await tx.scalar(text("PRAGMA synchronous")) == 2
        assert await tx.scalar(text("PRAGMA journal_mode")) == "wal"
        assert await tx.scalar(text("PRAGMA foreign_keys")) == 1
        assert await tx.scalar(text("PRAGMA wal_autocheckpoint")) == 1000
    await storage.close()


async def test_a_rigs_id_is_never_given_again(url: str) -> None:
    storage = await Storage.open(url)
    ids = []
    for number in (1, 2, 3):
        async with storage.begin() as tx:
            ids.append((await tx.execute(insert(rigs).values(_rig(number)).returning(rigs.c.id))).scalar_one())
            await tx.execute(rigs.delete())
    assert ids == [1, 2, 3]
    await storage.close()


async def test_names_and_tokens_are_distinct_and_kinds_are_known(url: str) -> None:
    storage = await Storage.open(url)
    async with storage.begin() as tx:
        await tx.execute(insert(rigs).values(_rig(1)))
    for same in ({"name_key": "rig-1"}, {"token_hash": b"\1" * 32}, {"kind": "toaster"}):
        with pytest.raises(IntegrityError):
            async with storage.begin() as tx:
                await tx.execute(insert(rigs).values(_rig(2) | same))
    async with storage.read() as tx:
        assert await tx.scalar(select(func.count()).select_from(rigs)) == 1
    await storage.close()


async def test_a_second_process_cannot_open_the_same_file(sqlite_url: str) -> None:
    storage = await Storage.open(sqlite_url)
    with pytest.raises(StorageInUseError, match=r"rigfarm.db is in use by another process of Rigfarm \(process \d+\)"):
        await Storage.open(sqlite_url)
    await storage.close()
    await (await Storage.open(sqlite_url)).close()


async def test_files_are_their_users_only(sqlite_url: str, tmp_path: Path) -> None:
    (tmp_path / "rigfarm.db").touch(0o644)
    storage = await Storage.open(sqlite_url)
    async with storage.begin() as tx:
        await set_meta(tx, "colour", "red")
    files = list(tmp_path.iterdir())
    assert {file.name for file in files} >= {"rigfarm.db", "rigfarm.db-wal", "rigfarm.db-shm", "rigfarm.db.lock"}
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    await storage.close()


async def test_a_damaged_file_is_refused_in_words(sqlite_url: str, tmp_path: Path) -> None:
    storage = await Storage.open(sqlite_url)
    async with storage.begin() as tx:
        for number in range(2000):
            await tx.execute(insert(meta).values(key=f"key-{number:05}", value="x" * 50))
    await storage.close()
    path = tmp_path / "rigfarm.db"
    damaged = bytearray(path.read_bytes())
    for page in range(8, len(damaged) // 4096):
        damaged[page * 4096 : page * 4096 + 64] = b"\xff" * 64
    path.write_bytes(damaged)

    with pytest.raises(StorageError, match=r"damaged|malformed"):
        await Storage.open(sqlite_url)
    path.write_bytes(b"this is a letter to my aunt, and no database at all" * 100)
    with pytest.raises(StorageError, match="not a database"):
        await Storage.open(sqlite_url)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("mysql://root:hunter2@127.0.0.1/farm", "mysql"),
        ("sqlite://", "cannot use"),
        ("nonsense", "not a valid URL"),
        ("postgresql://root:hunter2@127.0.0.1:1/farm", "cannot be used"),
        ("sqlite:////proc/nowhere/rigfarm.db", "cannot be used"),
    ],
)
async def test_a_database_that_cannot_be_used_is_named_without_its_password(url: str, message: str) -> None:
    with pytest.raises(StorageError, match=message) as refused:
        await Storage.open(url)
    assert "hunter2" not in str(refused.value)


async def test_a_backup_made_while_it_is_used_is_whole(sqlite_url: str, tmp_path: Path) -> None:
    storage = await Storage.open(sqlite_url)
    copying = asyncio.create_task(asyncio.to_thread(_copy, tmp_path / "rigfarm.db", tmp_path / "backup.db"))
    for number in range(30):
        async with storage.begin() as tx:
            await set_meta(tx, "count", str(number))
    await copying
    await storage.close()
    with sqlite3.connect(tmp_path / "backup.db") as backup:
        assert backup.execute("PRAGMA quick_check").fetchall() == [("ok",)]
    (tmp_path / "rigfarm.db").unlink()
    (tmp_path / "backup.db").rename(tmp_path / "rigfarm.db")
    await (await Storage.open(sqlite_url)).close()


def _copy(source: Path, target: Path) -> None:
    with sqlite3.connect(f"file:{source}?mode=ro", uri=True) as one, sqlite3.connect(target) as other:
        one.backup(other, pages=1)


async def test_rows_of_many_numbers_are_found_with_one_parameter(url: str) -> None:
    storage = await Storage.open(url)
    async with storage.begin() as tx:
        await tx.execute(
            rigs.insert(), [_rig(1) | {"name_key": f"rig-{n}", "token_hash": n.to_bytes(32)} for n in range(500)]
        )
        found = list(await tx.scalars(select(rigs.c.id).order_by(rigs.c.id)))
        for wanted in ([], found[:1], found[:FEW], found[: FEW + 1], found, [*found, *range(10**6, 10**6 + 40_000)]):
            asked = select(rigs.c.id).where(among(tx, rigs.c.id, set(wanted))).order_by(rigs.c.id)
            assert list(await tx.scalars(asked)) == [one for one in wanted if one in found]
    await storage.close()
