from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

POSTGRESQL = os.environ.get("RIGFARM_TEST_POSTGRESQL", "postgresql://postgres@127.0.0.1:5432")


@pytest.fixture(autouse=True, scope="module")
def ready_databases() -> None:
    """They are migrated here."""


@pytest.fixture
async def postgresql_url() -> AsyncIterator[str]:
    """A database of its own that is gone afterwards; skipped where no PostgreSQL runs."""
    try:
        server = await asyncpg.connect(f"{POSTGRESQL}/postgres", timeout=5)
    except OSError:
        pytest.skip(f"no PostgreSQL at {POSTGRESQL}; set RIGFARM_TEST_POSTGRESQL to one where databases may be made")
    name = f"rigfarm_test_{secrets.token_hex(6)}"
    await server.execute(f"CREATE DATABASE {name}")
    try:
        yield f"{POSTGRESQL}/{name}"
    finally:
        await server.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await server.close()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'rigfarm.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(f"{request.param}_url"))
