"""kill -9 after any statement of a migration leaves a database that the next start brings up to date."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from rigfarm.commander.storage import Storage, StorageError
from rigfarm.commander.storage.migrate import migrations

SCRIPT = Path(__file__).with_name("killed_migration.py")


def _killed(url: str, mode: str = "") -> int:
    """Migrate with a kill after every statement in turn; returns how many statements there are."""
    done = subprocess.run(
        [sys.executable, SCRIPT, url, mode], capture_output=True, text=True, check=True, timeout=100
    ).stdout.splitlines()
    assert all(line.endswith("killed") for line in done[:-1]), done
    assert done[-1].endswith("exit 0"), done
    return len(done) - 1


async def _is_whole(url: str) -> None:
    storage = await Storage.open(url)
    async with storage.read() as tx:
        assert await tx.scalar(text("SELECT version_num FROM alembic_version")) == migrations().get_current_head()
        assert await tx.scalar(text("SELECT count(*) FROM rigs")) == 0
    await storage.close()


async def _are_whole(folder: Path, statements: int) -> None:
    for number in range(1, statements + 2):
        await _is_whole(f"sqlite:///{folder}/{number}.db")


async def test_it_works_on_sqlite(tmp_path: Path) -> None:
    statements = _killed(f"sqlite:///{tmp_path}/%.db")
    assert statements >= 7, "every table, Alembic's included, and its version"
    await _are_whole(tmp_path, statements)


async def test_it_works_on_postgresql(postgresql_url: str) -> None:
    assert _killed(postgresql_url) >= 7
    await _is_whole(postgresql_url)


async def test_control_without_a_transaction_it_does_not(tmp_path: Path) -> None:
    statements = _killed(f"sqlite:///{tmp_path}/%.db", "control")
    with pytest.raises(StorageError, match="already exists"):
        await _are_whole(tmp_path, statements)
