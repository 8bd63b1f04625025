"""Moves a whole configuration from one database to another, SQLite or PostgreSQL: all of it, checked, or nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import msgspec
from sqlalchemy import MetaData, Table, func, insert, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from rigfarm.commander.storage.errors import StorageError
from rigfarm.commander.storage.storage import Storage
from rigfarm.commander.storage.url import database_url

__all__ = ["copy_to_file", "move"]

_AT_ONCE = 1_000
"""Rows in memory."""
_VERSION = "alembic_version"


async def move(source_url: str, target_url: str) -> dict[str, int]:
    """Copy everything into a database that has no rows yet, in one transaction; returns the number of rows by table.
    Both get the schema of this version first. StorageError when either cannot be used, or the copy differs."""
    if database_url(source_url) == database_url(target_url):
        raise StorageError("Both URLs name the same database.")
    source = await Storage.open(source_url)
    try:
        target = await Storage.open(target_url)
        try:
            async with source.read() as reading, target.begin() as writing:
                return await _copy(reading, writing)
        except (SQLAlchemyError, OSError) as error:
            raise StorageError(f"The copy failed, and nothing was kept of it: {_reason(error)}") from error
        finally:
            await target.close()
    finally:
        await source.close()


async def copy_to_file(source_url: str, file: Path) -> None:
    """Copy a PostgreSQL, as it is at one moment, into a new SQLite file; a Commander may be using it. StorageError."""
    target = await Storage.open(f"sqlite:///{file}")
    engine = create_async_engine(database_url(source_url), isolation_level="REPEATABLE READ")
    try:
        async with engine.connect() as reading, target.begin() as writing:
            versions = [await one.scalar(text(f"SELECT version_num FROM {_VERSION}")) for one in (reading, writing)]  # noqa: S608 - a constant
            if versions[0] != versions[1]:
                raise StorageError(
                    "The database belongs to another version of Rigfarm: use the version that the Commander runs."
                )
            await _copy(reading, writing)
    except (SQLAlchemyError, OSError) as error:
        raise StorageError(f"The database cannot be copied: {_reason(error)}") from error
    finally:
        await engine.dispose()
        await target.close()


async def _copy(reading: AsyncConnection, writing: AsyncConnection) -> dict[str, int]:
    tables, copies = await _tables(reading), await _tables(writing)
    for table in copies.values():
        if await writing.scalar(select(func.count()).select_from(table)):
            raise StorageError(
                f"The target is not empty: its table {table.name} has rows. Nothing was changed. Use an empty database."
            )
    counts: dict[str, int] = {}
    for name, table in tables.items():
        rows = await reading.stream(select(*(table.c[column.name] for column in copies[name].c)))
        async for part in rows.partitions(_AT_ONCE):
            await writing.execute(insert(copies[name]), [dict(row._mapping) for row in part])
        counts[name], digest = await _summary(reading, table, copies[name])
        if (counts[name], digest) != await _summary(writing, copies[name], copies[name]):
            raise StorageError(f"The copy of the table {name} differs from the original. Nothing was kept of it.")
    await _give_numbers(writing, await _numbers(reading), copies)
    return counts


async def _tables(tx: AsyncConnection) -> dict[str, Table]:
    """Every table of the schema, those that others refer to first."""
    found = MetaData()
    await tx.run_sync(found.reflect)
    return {table.name: table for table in found.sorted_tables if table.name not in (_VERSION, "sqlite_sequence")}


async def _summary(tx: AsyncConnection, table: Table, like: Table) -> tuple[int, int]:
    """How many rows, and a sum of their SHA-256 that does not depend on their order."""
    count = total = 0
    async for row in await tx.stream(select(*(table.c[column.name] for column in like.c))):
        count += 1
        total += int.from_bytes(hashlib.sha256(msgspec.msgpack.encode(list(row))).digest())
    return count, total % (1 << 256)


async def _numbers(tx: AsyncConnection) -> dict[str, int]:
    """The highest number that each table ever gave a row: those of removed rows are never given again."""
    if tx.dialect.name == "sqlite":
        found = await tx.execute(text("SELECT name, seq FROM sqlite_sequence"))
        return {row.name: row.seq for row in found}
    numbers = {}
    for name, sequence in (await _sequences(tx)).items():
        last, used = (await tx.execute(text(f"SELECT last_value, is_called FROM {sequence}"))).one()  # noqa: S608 - quoted by PostgreSQL
        if used:
            numbers[name] = int(last)
    return numbers


async def _give_numbers(tx: AsyncConnection, numbers: Mapping[str, int], tables: Mapping[str, Table]) -> None:
    if tx.dialect.name == "sqlite":
        for name in numbers.keys() & tables.keys():
            await tx.execute(text("DELETE FROM sqlite_sequence WHERE name = :name"), {"name": name})
            await tx.execute(
                text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :seq)"),
                {"name": name, "seq": numbers[name]},
            )
        return
    for name, sequence in (await _sequences(tx)).items():
        if name in numbers:
            await tx.execute(
                text("SELECT setval(CAST(:sequence AS regclass), :number)"),
                {"sequence": sequence, "number": numbers[name]},
            )


async def _sequences(tx: AsyncConnection) -> dict[str, str]:
    """Tables of a PostgreSQL that number their rows, and the name of what counts."""
    found = await tx.execute(
        text(
            "SELECT table_name, pg_get_serial_sequence(quote_ident(table_name), column_name) AS counter "
            "FROM information_schema.columns WHERE table_schema = current_schema()"
        )
    )
    return {name: counter for name, counter in found if counter is not None}


def _reason(error: Exception) -> object:
    return getattr(error, "orig", None) or error
