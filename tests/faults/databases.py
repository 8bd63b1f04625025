"""A database of either sort for a Commander of a test."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
import pytest

__all__ = ["DATABASES", "database"]

DATABASES = ("sqlite", "postgresql")
_SERVER = os.environ.get("RIGFARM_TEST_POSTGRESQL", "postgresql://postgres@127.0.0.1:5432")


@contextmanager
def database(kind: str) -> Iterator[dict[str, str]]:
    """Settings for a Commander: SQLite's default, or a database of PostgreSQL that is gone afterwards. Skips the test
    where no PostgreSQL runs."""
    if kind == "sqlite":
        yield {}
        return
    name = f"rigfarm_test_{secrets.token_hex(6)}"
    try:
        asyncio.run(_execute(f"CREATE DATABASE {name}"))
    except OSError:
        pytest.skip(f"no PostgreSQL at {_SERVER}; set RIGFARM_TEST_POSTGRESQL to one where databases may be made")
    try:
        yield {"database_url": f"{_SERVER}/{name}"}
    finally:
        asyncio.run(_execute(f"DROP DATABASE {name} WITH (FORCE)"))


async def _execute(statement: str) -> None:
    server = await asyncpg.connect(f"{_SERVER}/postgres", timeout=5)
    try:
        await server.execute(statement)
    finally:
        await server.close()
