"""The migrations make exactly what the nouns declare, from every revision, on both databases."""

from __future__ import annotations

import sqlite3
from importlib import import_module
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Column, Connection, Integer, text
from sqlalchemy.ext.asyncio import create_async_engine

import rigfarm.commander
from rigfarm.commander.storage import Storage, StorageError, metadata
from rigfarm.commander.storage.migrate import migrate, migrations
from rigfarm.commander.storage.sqlite import create_file, migrating_engine
from rigfarm.commander.storage.url import database_url, sqlite_file

FOLDER = Path(rigfarm.commander.__file__).parent
for tables in FOLDER.glob("*/tables.py"):
    import_module(f"rigfarm.commander.{tables.parent.name}.tables")

REVISIONS = [step.revision for step in migrations().walk_revisions()][::-1]


def _differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
    return list(compare_metadata(context, metadata))


def _foreign(differences: list[object]) -> list[object]:
    """Without Alembic's own table."""
    return [one for one in differences if "alembic_version" not in repr(one)]


async def test_it_works(url: str) -> None:
    storage = await Storage.open(url)
    async with storage.begin() as tx:
        assert _foreign(await tx.run_sync(_differences)) == []
    await storage.close()


async def test_a_column_that_no_migration_makes_is_noticed(sqlite_url: str) -> None:
    column: Column[int] = Column("forgotten", Integer)
    table = metadata.tables["rigs"]
    table.append_column(column)
    storage = await Storage.open(sqlite_url)
    try:
        async with storage.begin() as tx:
            assert _foreign(await tx.run_sync(_differences)) != []
    finally:
        table._columns.remove(column)  # type: ignore[attr-defined]
        await storage.close()


@pytest.mark.parametrize("revision", REVISIONS)
async def test_a_database_of_every_revision_is_brought_up_to_date(url: str, revision: str) -> None:
    target = database_url(url)
    if (path := sqlite_file(target)) is not None:
        create_file(path)
        engine = migrating_engine(target)
    else:
        engine = create_async_engine(target)
    await migrate(engine, revision)
    async with engine.begin() as connection:
        await connection.execute(text("INSERT INTO meta (key, value) VALUES ('kept', 'yes')"))
    await engine.dispose()

    storage = await Storage.open(url)
    async with storage.begin() as tx:
        assert _foreign(await tx.run_sync(_differences)) == []
        assert await tx.scalar(text("SELECT value FROM meta WHERE key = 'kept'")) == "yes"
        assert await tx.scalar(text("SELECT version_num FROM alembic_version")) == REVISIONS[-1]
    await storage.close()


def test_the_steps_are_one_line_without_a_way_down() -> None:
    for step in migrations().walk_revisions():
        assert not isinstance(step.down_revision, tuple), step
        assert not hasattr(step.module, "downgrade"), step


async def test_a_database_of_a_newer_version_is_refused_in_words(url: str) -> None:
    storage = await Storage.open(url)
    async with storage.begin() as tx:
        await tx.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    await storage.close()

    with pytest.raises(StorageError, match="newer Rigfarm"):
        await Storage.open(url)


async def test_a_file_whose_rows_do_not_fit_together_is_refused_in_words(sqlite_url: str) -> None:
    """A backup copied while it was written: the farm must not begin with half of its playbooks."""
    storage = await Storage.open(sqlite_url)
    await storage.close()
    path = sqlite_file(database_url(sqlite_url))
    assert path is not None
    with sqlite3.connect(path) as db:
        (table, column, other) = next(
            (name, key[3], key[2])
            for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            for key in db.execute(f"PRAGMA foreign_key_list({name})")
        )
        columns = db.execute(f"PRAGMA table_info({table})").fetchall()
        names = [name for _, name, *_ in columns]
        assert other
        values = [999_999 if name == column else 1 for name in names]
        db.execute("PRAGMA ignore_check_constraints = 1")
        db.execute(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})", values)
    with pytest.raises(StorageError, match=f"do not fit together: table {table}"):
        await Storage.open(sqlite_url)
