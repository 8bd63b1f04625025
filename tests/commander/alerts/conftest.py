from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from rigfarm.commander.storage import Storage

POSTGRESQL = os.environ.get("RIGFARM_TEST_POSTGRESQL", "postgresql://postgres@127.0.0.1:5432")


@pytest.fixture(params=["sqlite", "postgresql"])
async def any_storage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Storage]:
    """A database of its own, of either sort."""
    if request.param == "sqlite":
        opened = await Storage.open(f"sqlite:///{tmp_path / 'rigfarm.db'}")
        yield opened
        await opened.close()
        return
    try:
        admin = await asyncpg.connect(f"{POSTGRESQL}/postgres", timeout=3)
    except (OSError, asyncpg.PostgresError):
        pytest.skip("no PostgreSQL here; RIGFARM_TEST_POSTGRESQL names one")
    name = f"rigfarm_{secrets.token_hex(6)}"
    await admin.execute(f'CREATE DATABASE "{name}"')
    opened = await Storage.open(f"{POSTGRESQL}/{name}")
    yield opened
    await opened.close()
    await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    await admin.close()
