"""A release is installed into an empty environment, as its reader would, and shows its pages with their design."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Response

from rigfarm import __version__
from rigfarm.simulate.commander import PASSWORD, free_port
from support.until import until_now

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
BUILD = Path(__file__).parents[1] / "tools" / "dist.py"
NAME = f"rigfarm-{__version__}"
BUNDLE = f"rigfarm-sentry-{platform.machine()}"
NEEDED = (
    "commander/web/static/vendor/htmx.js", "commander/web/static/vendor/tabler.css.gz", "commander/web/static/live.js",
    "commander/web/static/styles/base.css", "commander/web/templates/layout.html",
    f"commander/bundle/data/{BUNDLE}", "py.typed",
)  # fmt: skip


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its folder: the one that `make dist` tries out, else one that is built here and now."""
    if named := os.environ.get("RIGFARM_DIST_DIR"):
        return Path(named).absolute()
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, str(BUILD), str(folder)], check=True)
    return folder


@pytest.fixture(scope="module")
def installed(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program, installed into an environment of its own by the lines of docs/running-a-commander.md."""
    venv = tmp_path_factory.mktemp("empty") / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    pip = [str(venv / "bin" / "pip"), "--disable-pip-version-check", "install", "--quiet"]
    subprocess.run([*pip, "--require-hashes", "-r", f"{NAME}-commander.txt"], check=True, cwd=release)
    subprocess.run([*pip, "--no-deps", f"{NAME}-py3-none-any.whl"], check=True, cwd=release)
    return venv / "bin" / "rigfarm"


@pytest.fixture(scope="module")
def url(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a Commander of the release runs."""
    folder = tmp_path_factory.mktemp("home")
    port = free_port()
    environment = {
        "PATH": "/usr/bin:/bin", "HOME": str(folder), "RIGFARM_PASSWORD": PASSWORD, "RIGFARM_TLS": "off",
        "RIGFARM_HOST": "127.0.0.1", "RIGFARM_PORT": str(port),
    }  # fmt: skip
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen([str(installed), "commander"], env=environment, stdout=log, stderr=log, cwd=folder) as process,
    ):
        try:
            url = f"http://127.0.0.1:{port}"
            until_now(lambda: _ready(url) or process.poll() is not None, lambda: (folder / "log").read_text())
            assert process.poll() is None, (folder / "log").read_text()
            yield url
        finally:
            process.terminate()


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz").status_code == 200
    except httpx.TransportError:
        return False


def test_checksums_and_files(release: Path) -> None:
    sums = dict(line.split("  ")[::-1] for line in (release / "SHA256SUMS").read_text().splitlines())
    assert sorted(name for name in sums if not name.endswith(".deb")) == [
        f"{NAME}-commander.txt",
        f"{NAME}-export.txt",
        f"{NAME}-py3-none-any.whl",
        f"{NAME}.cdx.json",
        f"{NAME}.tar.gz",
    ]
    for name, expected in sums.items():
        assert hashlib.sha256((release / name).read_bytes()).hexdigest() == expected
    with zipfile.ZipFile(release / f"{NAME}-py3-none-any.whl") as wheel:
        names = set(wheel.namelist())
        assert {f"rigfarm/{needed}" for needed in NEEDED} <= names
        assert not any("__pycache__" in name or name.startswith(("tests", "bench")) for name in names)
    with tarfile.open(release / f"{NAME}.tar.gz") as sources:
        assert {f"{NAME}/src/rigfarm/{needed}" for needed in NEEDED} <= set(sources.getnames())


def test_it_is_the_version_that_it_says(installed: Path) -> None:
    said = subprocess.run([str(installed), "--version"], check=True, capture_output=True, text=True).stdout
    assert said.split()[-1] == __version__


@pytest.mark.browser
def test_pages_have_their_design_and_scripts(url: str, browser: Browser) -> None:
    failed: list[Response] = []
    page = browser.new_page()
    page.on("response", lambda response: failed.append(response) if response.status >= 400 else None)
    page.goto(url)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{url}/")
    assert page.evaluate("typeof htmx") == "object", "scripts are there"
    assert "sans-serif" in page.evaluate("getComputedStyle(document.body).fontFamily"), "so is Tabler's CSS"
    assert page.evaluate("getComputedStyle(document.querySelector('header.bar')).position") == "sticky", "and ours"
    page.goto(f"{url}/rigs")
    assert page.locator("#live").get_attribute("data-live") is not None
    assert [(one.status, one.url) for one in failed] == []
    page.close()


def test_it_serves_a_self_contained_sentry(url: str, release: Path) -> None:
    until_now(lambda: httpx.head(f"{url}/bundle/{BUNDLE}").status_code in (200, 405), lambda: "no Sentry for new rigs")
    head = httpx.get(f"{url}/bundle/{BUNDLE}").content
    assert head.startswith(f"#!/bin/sh\n# Rigfarm Sentry {__version__} for {platform.machine()}\n".encode())
    assert len(head) > 20 << 20, "with a Python of its own"
