"""What tests of many folders share: a real Commander in a process of its own, real Sentries, a real browser."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from httpx._config import DEFAULT_TIMEOUT_CONFIG
from hypothesis import HealthCheck, settings
from playwright.sync_api import Browser, expect, sync_playwright

from rigfarm.simulate.commander import CommanderProcess
from support.browser import QUIET
from support.warm import launch

CHROMIUM = shutil.which("chromium")

if os.geteuid() == 0 and "PYTEST_DEBUG_TEMPROOT" not in os.environ:
    # Programs of Sentries that are root run as another user, and pass through here. The usual place is closed to
    # others, by each pytest that starts meanwhile.
    _ours = tempfile.mkdtemp(prefix="rf-")
    os.environ["PYTEST_DEBUG_TEMPROOT"] = _ours
    atexit.register(shutil.rmtree, _ours, ignore_errors=True)


# A busy machine is slow to think of inputs, and that is nothing a test is about. The same inputs each time: a test does
# not fail by chance. `--hypothesis-profile exploring`, and promises at full length, think of others.
_patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("patient", _patient, derandomize=True)
settings.register_profile("exploring", _patient, derandomize=False)
settings.load_profile("exploring" if os.environ.get("RIGFARM_FAULTS_FULL") else "patient")

# A loaded machine is slow, not wrong.
expect.set_options(timeout=30_000)
DEFAULT_TIMEOUT_CONFIG.connect = DEFAULT_TIMEOUT_CONFIG.read = DEFAULT_TIMEOUT_CONFIG.write = 60.0

CommanderProcess.launch = staticmethod(launch)  # type: ignore[method-assign] # many start; that takes less

# A shell lets what runs in the background ignore Ctrl-C, and what that starts ignores it, too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Processes that tests start find what tests share, too.
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(Path(__file__).parent), os.environ.get("PYTHONPATH"))))


@pytest.fixture(autouse=True)
def same_umask() -> Iterator[None]:
    """What a test calls may close new files to others, as Sentries and Commanders do: the next test starts open."""
    mask = os.umask(0o022)
    os.umask(mask)
    yield
    os.umask(mask)


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


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """One browser per file: a browser that lived longer would keep asynchronous tests from running."""
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        yield launched
        launched.close()
