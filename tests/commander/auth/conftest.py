from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from gated import Served, served


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path, login_attempts_per_address=1000, login_attempts=10_000) as one:
        yield one
