"""What tests of many folders share: a real Commander in a process of its own, real Sentries, a real browser."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from rigfarm.simulate.commander import CommanderProcess

CHROMIUM = shutil.which("chromium")

if os.geteuid() == 0 and "PYTEST_DEBUG_TEMPROOT" not in os.environ:
    # Programs of Sentries that are root run as another user, and pass through here. The usual place is closed to
    # others, by each pytest that starts meanwhile.
    _ours = tempfile.mkdtemp(prefix="rf-")
    os.environ["PYTEST_DEBUG_TEMPROOT"] = _ours
    atexit.register(shutil.rmtree, _ours, ignore_errors=True)


@pytest.fixture
def commander(tmp_path: Path) -> Iterator[CommanderProcess]:
    """A Commander of this test's own, that reports every second."""
    with CommanderProcess(tmp_path / "commander", settings={"report_interval_s": "1"}) as process:
        yield process


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's path. Without it the test is skipped; in CI it fails."""
    if CHROMIUM is None:
        if os.environ.get("CI"):
            pytest.fail("chromium is missing, and CI never skips the browser tests")
        pytest.skip("chromium is not installed (apt-get install chromium)")
    return CHROMIUM
