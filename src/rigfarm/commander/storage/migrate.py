"""Brings a database to the schema of this version: all steps in one transaction, so a crash in the middle leaves the
database as it was, and the next start does it again."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

from rigfarm.commander.storage.errors import StorageError

__all__ = ["check_revision", "migrate", "migrations", "upgrade"]

_LOCK = 7_426_014_033
"""Key of PostgreSQL's advisory lock: two Commanders that start at once migrate one after the other."""


def migrations() -> ScriptDirectory:
    """The steps there are."""
    return ScriptDirectory.from_config(_config())


async def migrate(engine: AsyncEngine, revision: str = "head") -> None:
    """Upgrade up to `revision`; StorageError when the database is from a newer version of Rigfarm."""
    async with engine.begin() as connection:
        await connection.run_sync(upgrade, revision)


async def check_revision(engine: AsyncEngine) -> None:
    """StorageError when the database is not at this version's schema."""
    async with engine.connect() as connection:
        at = await connection.scalar(text("SELECT version_num FROM alembic_version"))
    wanted = migrations().get_current_head()
    if at != wanted:
        raise StorageError(
            f"The database has schema {at}, and this version of Rigfarm has {wanted}: start the Commander once with it."
        )


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Upgrade within the transaction that is open on `connection`."""
    sqlite = connection.dialect.name == "sqlite"
    if not sqlite:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    config = _config()
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, revision)
    except CommandError as error:
        raise StorageError(
            f"The database was made by a newer Rigfarm ({error}). Update this one, or restore the backup made before."
        ) from None
    if sqlite and (broken := connection.exec_driver_sql("PRAGMA foreign_key_check").first()) is not None:
        raise StorageError(f"The database's rows do not fit together: table {broken[0]}, row {broken[1]}.")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
