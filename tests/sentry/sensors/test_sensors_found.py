"""A source is found by being there, and one that cannot be loaded costs itself only."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import rigfarm.sentry.sensors as package
from rigfarm.sentry.sensors import Sensors
from rigfarm.sentry.sensors.discover import discover

WALL_METER = """
from rigfarm.sentry.sensors.source import SourceReading

class Meter:
    name = title = "wallmeter"
    def read(self): return SourceReading(power_w=1234.0)
    def gpu_specs(self): return []
    def close(self): pass

def open_source(root): return Meter()
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    yield tmp_path
    for path in tmp_path.glob("*.py"):
        sys.modules.pop(f"rigfarm.sentry.sensors.{path.stem}", None)


def test_what_ships_with_rigfarm_is_found() -> None:
    names = [source.name for source in discover(Path("/nonexistent/sys"))]
    assert names == sorted(set(names))
    assert {"amdgpu", "chassis", "cpu", "nvml", "rapl", "supply"} <= set(names)


async def test_a_file_of_its_own_is_enough(folder: Path) -> None:
    (folder / "wallmeter.py").write_text(WALL_METER)
    assert (await Sensors(sysfs_root=folder).read()).power_w == 1234.0


def test_one_whose_library_is_missing_is_left_out(folder: Path) -> None:
    (folder / "needy.py").write_text("import a_library_that_nobody_has\n")
    assert "nvml" in [source.name for source in discover(folder)]
    assert "needy" not in [source.name for source in discover(folder)]
