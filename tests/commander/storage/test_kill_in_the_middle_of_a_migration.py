"""kill -9 after any statement of a migration leaves a database that the next start brings up to date."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from rigfarm.commander.storage import Storage, StorageError
from rigfarm.commander.storage.migrate import migrations

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).with_name("killed_migration.py")


POINTS = "all" if os.environ.get("RIGFARM_FAULTS_FULL") else "6"


def _killed(url: str, mode: str = "") -> list[int]:
    """Migrate with kills in the middle; returns after which statements, the last being the end (0: no kill)."""
    command = [sys.executable, SCRIPT, url, POINTS, mode]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=100).stdout.splitlines()
    ends = dict(line.split(maxsplit=1) for line in done)
    assert {end for number, end in ends.items() if number != "0"} == {"killed"}, done
    if mode != "control":
        assert ends["0"] == "exit 0", done
    return [int(number) for number in ends]


async def _is_whole(url: str) -> None:
    storage = await Storage.open(url)
    async with storage.read() as tx:
        assert await tx.scalar(text("SELECT version_num FROM alembic_version")) == migrations().get_current_head()
        assert await tx.scalar(text("SELECT count(*) FROM rigs")) == 0
    await storage.close()


async def _are_whole(folder: Path, numbers: list[int]) -> None:
    for number in numbers:
        await _is_whole(f"sqlite:///{folder}/{number}.db")


async def test_it_works_on_sqlite(tmp_path: Path) -> None:
    numbers = _killed(f"sqlite:///{tmp_path}/%.db")
    assert len(numbers) >= 7
    await _are_whole(tmp_path, numbers)


async def test_it_works_on_postgresql(postgresql_url: str) -> None:
    assert len(_killed(postgresql_url)) >= 7
    await _is_whole(postgresql_url)


async def test_control_without_a_transaction_it_does_not(tmp_path: Path) -> None:
    numbers = _killed(f"sqlite:///{tmp_path}/%.db", "control")
    with pytest.raises(StorageError, match="already exists"):
        await _are_whole(tmp_path, numbers)
