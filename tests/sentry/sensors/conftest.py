"""Machines laid out in folders, and the recorded files of real ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.sysfs import SysfsTree


@pytest.fixture
def recorded() -> Path:
    """The sysfs root of the recorded files."""
    return Path(__file__).parents[2] / "fixtures" / "sysfs"


@pytest.fixture
def tree(tmp_path: Path) -> SysfsTree:
    """An empty machine to write into."""
    return SysfsTree(tmp_path)
