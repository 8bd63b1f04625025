"""The database of everything an operator configures; operational logs have their own (`commander.logs`)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

from sqlalchemy import URL, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from rigfarm.commander.permission import check_permission
from rigfarm.commander.storage import sqlite
from rigfarm.commander.storage.errors import StorageError
from rigfarm.commander.storage.lock import held
from rigfarm.commander.storage.migrate import check_revision, migrate
from rigfarm.commander.storage.tenant import Tenant
from rigfarm.commander.storage.url import database_url, sqlite_file
from rigfarm.common.file_lock import FileLock

__all__ = ["Storage"]

END_S = 5.0
"""So long closing waits for transactions that end late, such as those of a part that was stopped."""


class Storage:
    """An open database. SQLite has one writer, which transactions take in turn; PostgreSQL has a pool."""

    def __init__(self, writer: AsyncEngine, reader: AsyncEngine, lock: FileLock | None) -> None:
        self.dialect = writer.dialect.name
        self._writer = writer
        self._reader = reader
        self._lock = lock
        self._turn = asyncio.Lock() if lock is not None else None
        self._under_way = 0
        self._all_ended = asyncio.Event()

    @classmethod
    async def open(cls, url: str, tenant: Tenant | None = None) -> Storage:
        """Connect and bring the schema up to date. StorageError, in words, when that cannot be.

        `tenant`: who may use a PostgreSQL that several Commanders share."""
        target = database_url(url)
        try:
            if sqlite_file(target) is not None:
                return await cls._open_sqlite(target)
            return await cls._open_postgresql(target, tenant)
        except (SQLAlchemyError, OSError) as error:
            reason = getattr(error, "orig", None) or error
            raise StorageError(f"The database {target.render_as_string()} cannot be used: {reason}") from error

    @classmethod
    async def open_to_read(cls, url: str) -> Storage:
        """Only to read, also while a Commander runs. StorageError for a schema that is not that of this version."""
        target = database_url(url)
        path = sqlite_file(target)
        try:
            if path is None:
                engine = create_async_engine(target).execution_options(postgresql_readonly=True)
            elif path.exists():
                engine = sqlite.visiting_engine(path)
            else:
                raise StorageError(f"The database {path} does not exist.")
            await check_revision(engine)
        except (SQLAlchemyError, OSError) as error:
            reason = getattr(error, "orig", None) or error
            raise StorageError(f"The database {target.render_as_string()} cannot be read: {reason}") from error
        return cls(engine, engine, None)

    @classmethod
    async def _open_sqlite(cls, url: URL) -> Storage:
        path = sqlite_file(url)
        assert path is not None
        lock = held(path.with_name(path.name + ".lock"), f"The database {path}")
        try:
            sqlite.create_file(path)
            migrating = sqlite.migrating_engine(url)
            try:
                await _check(migrating)
                await migrate(migrating)
            finally:
                await migrating.dispose()
            storage = cls(sqlite.writing_engine(url), sqlite.reading_engine(path), lock)
            async with storage.begin():
                pass  # the writer is there before any reader: a read-only connection cannot make the shared memory
        except BaseException:
            lock.release()
            raise
        return storage

    @classmethod
    async def _open_postgresql(cls, url: URL, tenant: Tenant | None) -> Storage:
        engine = create_async_engine(url, pool_pre_ping=True) if tenant is None else tenant.engine(url)
        try:
            await migrate(engine)
        except BaseException:
            await engine.dispose()
            raise
        return cls(engine, engine.execution_options(postgresql_readonly=True), None)

    @asynccontextmanager
    async def begin(self, *, ends_login: bool = False) -> AsyncIterator[AsyncConnection]:
        """A transaction that writes: durable when the block ends, undone when it raises. Who asked for it must still be
        allowed to (`check_permission`), unless the transaction itself ends a login or makes one."""
        async with contextlib.AsyncExitStack() as stack:
            stack.enter_context(self._counted())
            if self._turn is not None:
                await stack.enter_async_context(self._turn)
            tx = await stack.enter_async_context(self._writer.begin())
            if not ends_login:
                check_permission()
            yield tx
            if not ends_login:
                check_permission()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that only reads, beside a writer."""
        with self._counted():
            async with self._reader.begin() as tx:
                yield tx

    @contextlib.contextmanager
    def _counted(self) -> Iterator[None]:
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._all_ended.set()

    async def version(self) -> str:
        """Name and version of the database, for the health page."""
        postgresql = self.dialect == "postgresql"
        async with self.read() as tx:
            found = await tx.scalar(text("SHOW server_version" if postgresql else "SELECT sqlite_version()"))
        return f"{'PostgreSQL' if postgresql else 'SQLite'} {found}"

    async def close(self) -> None:
        """Let go of everything, once transactions have ended: a connection that is closed under one never answers."""
        self._all_ended.clear()
        if self._under_way:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(END_S):
                    await self._all_ended.wait()
        await self._reader.dispose()
        await self._writer.dispose()
        if self._lock is not None:
            self._lock.release()


async def _check(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        verdict = await connection.scalar(text("PRAGMA quick_check(1)"))
    if verdict != "ok":
        raise StorageError(f"The database is damaged ({verdict}). Restore a backup of it.")
