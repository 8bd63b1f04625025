"""An operator who sets database_url on a running farm is told, and does not find an empty one."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from rigfarm.commander.app import build
from rigfarm.commander.backup import farm_database
from rigfarm.commander.settings import Settings
from rigfarm.commander.storage import Storage, StorageError
from rigfarm.commander.storage.left_behind import refuse_to_leave_behind

RIG = text(
    "INSERT INTO rigs (name, name_key, kind, token_hash, created_at, revision) "
    "VALUES ('rig-1', 'rig-1', 'cpu-gpu', :hash, 1, 1)"
)


async def with_a_rig(url: str) -> None:
    storage = await Storage.open(url)
    async with storage.begin() as tx:
        await tx.execute(RIG, {"hash": b"h" * 32})
    await storage.close()


async def test_an_empty_postgresql_beside_a_farm_in_sqlite_is_refused(
    tmp_path: Path, sqlite_url: str, postgresql_url: str
) -> None:
    file = tmp_path / "rigfarm.db"
    await with_a_rig(sqlite_url)
    storage = await Storage.open(postgresql_url)
    with pytest.raises(StorageError, match="holds a farm of 1 rig:"):
        await refuse_to_leave_behind(storage, file)
    await storage.close()

    await with_a_rig(postgresql_url)
    storage = await Storage.open(postgresql_url)
    await refuse_to_leave_behind(storage, file)  # it has a farm of its own
    await storage.close()


@pytest.mark.parametrize("content", [None, b"", b"not a database"])
async def test_without_a_farm_in_sqlite_it_begins(tmp_path: Path, postgresql_url: str, content: bytes | None) -> None:
    file = tmp_path / "rigfarm.db"
    if content is not None:
        file.write_bytes(content)
    storage = await Storage.open(postgresql_url)
    await refuse_to_leave_behind(storage, file)
    await storage.close()
    assert file.exists() == (content is not None)


async def test_what_cannot_be_read_may_be_a_farm(tmp_path: Path, postgresql_url: str) -> None:
    """Also under a path that is not a URL by itself."""
    folder = tmp_path / "50%41?mode=memory#1"
    folder.mkdir()
    await with_a_rig(f"sqlite:///{tmp_path / 'rigfarm.db'}")
    (tmp_path / "rigfarm.db").rename(folder / "rigfarm.db")
    storage = await Storage.open(postgresql_url)
    with pytest.raises(StorageError, match="holds a farm of 1 rig:"):
        await refuse_to_leave_behind(storage, folder / "rigfarm.db")
    with pytest.raises(StorageError, match=r"cannot be read: "):
        await refuse_to_leave_behind(storage, folder)
    await storage.close()


async def test_a_started_commander_remembers_where_its_farm_is(tmp_path: Path, postgresql_url: str) -> None:
    settings = Settings(data_dir=tmp_path, database_url=postgresql_url)
    async with build(settings):
        pass
    with pytest.raises(StorageError, match="This Commander uses PostgreSQL"):
        async with build(Settings(data_dir=tmp_path)):
            pass
    assert not (tmp_path / "rigfarm.db").exists()
    assert farm_database(settings) == postgresql_url


async def test_the_usual_database_is_not_left(tmp_path: Path, sqlite_url: str) -> None:
    await with_a_rig(sqlite_url)
    storage = await Storage.open(sqlite_url)
    await refuse_to_leave_behind(storage, tmp_path / "rigfarm.db")
    await storage.close()
