"""From a fresh Sentry to ASICs that are live in the Commander, by two people in two browsers; nobody copies a token."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from rigfarm.simulate.commander import CommanderProcess, free_port
from support.browser import Person

NETWORK = f"127.7.{os.getpid() % 250}.0/24"
MAKES = ("luxos", "whatsminer")
"""They need no port below 1024."""
COUNT = 5
PASSWORD = "a password of the Sentry"


@contextlib.contextmanager
def process(*arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A process of ours while the block runs."""
    started = subprocess.Popen(
        [sys.executable, "-m", *arguments], stdout=subprocess.PIPE, text=True, env={**os.environ, **environment}
    )
    try:
        yield started
    finally:
        started.terminate()
        started.wait(20)


@pytest.fixture
def fakes(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """The addresses of a few fake ASICs; its parameter is what is wrong with them."""
    makes = [word for make in MAKES for word in ("--make", make)]
    fault = ["--fault", request.param] if hasattr(request, "param") else []
    with process("rigfarm.simulate.asic", "--count", str(COUNT), "--network", NETWORK, *makes, *fault) as started:
        assert started.stdout is not None
        addresses = []
        for line in started.stdout:
            if line.startswith("ready"):
                break
            addresses.append(line.split()[0])
        yield addresses


@pytest.fixture
def page_of_sentry(tmp_path: Path) -> Iterator[str]:
    """The address of the page of a Sentry that was just installed."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    (tmp_path / "sentry").mkdir(mode=0o700)
    (tmp_path / "sentry/sentry.toml").write_text("insecure_http = true\n")  # the tests' Commander is on this machine
    run = ("rigfarm.cli", "sentry", "run", "--data-dir", str(tmp_path / "sentry"))
    with process(*run, RIGFARM_UI=f"127.0.0.1:{port}"):
        deadline = time.monotonic() + 30
        while True:
            with contextlib.suppress(urllib.error.URLError, OSError), urllib.request.urlopen(url, timeout=2):
                break
            assert time.monotonic() < deadline, "the Sentry's page never came"
            time.sleep(0.1)
        yield url


@pytest.fixture
def operator(browser: Browser, page_of_sentry: str, tmp_path: Path) -> Iterator[Page]:
    """An administrator in front of the Sentry's page. Errors in the console fail the test."""
    context = browser.new_context(base_url=page_of_sentry, viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.set_default_timeout(30_000)
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    log_in(page, tmp_path / "sentry")
    yield page
    context.close()
    assert [text for text in complaints if "status of 422" not in text] == []


def log_in(page: Page, folder: Path) -> None:
    """With the code, as the page says."""
    page.goto("/")
    expect(page.locator("main")).to_contain_text("rigfarm sentry code")
    ask = [sys.executable, "-m", "rigfarm.cli", "sentry", "code", "--data-dir", str(folder)]
    said = subprocess.run(ask, capture_output=True, text=True, check=True, timeout=30).stdout
    found = re.search(r"Code +(\S+)", said)
    assert found is not None, said
    page.fill("#password", found[1])
    page.click("main button")


def begin(page: Page) -> None:
    """From the page of a Sentry that knows nothing to its list of ASICs."""
    expect(page.locator("main")).to_contain_text("This machine needs a token")
    page.get_by_role("link", name="ASICs: read those of this network").click()
    page.fill("#password", PASSWORD)
    page.fill("#again", PASSWORD)
    page.click("main button")
    expect(page.locator("main")).to_contain_text("No ASICs are in the list yet")


def new_key(page: Page) -> str:
    """As a person makes it on the Commander's settings page."""
    page.fill("[name=name]", "container 2")
    page.get_by_role("button", name="Create key").click()
    expect(page.locator("main")).to_contain_text("shown only once")
    found = re.search(r"re_[\w-]{43}", page.content())
    assert found is not None
    return found[0]


def test_scan_choose_enrol_and_they_are_live_in_the_commander(
    operator: Page, person: Person, commander: CommanderProcess, fakes: list[str]
) -> None:
    begin(operator)
    watcher = person("/asics")
    key = new_key(person("/settings/enrolment"))

    operator.fill("#range", NETWORK)
    operator.get_by_role("button", name="Scan").click()
    expect(operator.locator(".scanning")).to_contain_text(f"{COUNT} ASICs found, {COUNT} of them new")
    expect(operator.locator("tr.find")).to_have_count(COUNT)
    expect(operator.locator("tr.find").first).to_contain_text("TH/s")
    left_out = operator.locator(f"[name='pick-{fakes[0]}']")
    left_out.uncheck()
    operator.fill("#names", "rack-{n}")
    operator.fill("#key", "re_a-key-of-another-farm")
    operator.fill("#commander", commander.url)
    enrol = operator.get_by_role("button", name=f"Enrol {COUNT - 1}")
    enrol.click()
    expect(operator.locator("#wrong-key")).to_contain_text("refuses this enrolment key")
    assert operator.input_value("#names") == "rack-{n}"
    expect(left_out).not_to_be_checked()
    operator.fill("#key", key)
    for _ in range(2):
        with operator.expect_response(re.compile("values=1")):
            pass
    expect(left_out).not_to_be_checked()
    assert operator.input_value("#key") == key, "the page stays current around what is typed"
    enrol.click()

    rows = operator.locator("tr.asic")
    expect(rows).to_have_count(COUNT - 1)
    expect(rows.filter(has_text="reading")).to_have_count(COUNT - 1)
    expect(operator.locator("main")).to_contain_text("linked")
    assert key not in operator.content()
    seen = watcher.locator("tr.rig")
    expect(seen).to_have_count(COUNT - 1)
    expect(seen.filter(has_text="TH/s")).to_have_count(COUNT - 1)
    expect(watcher.locator("main")).to_contain_text("rack-01")

    rigs = commander.api("GET", "/api/rigs?kind=asic")
    first = next(rig for rig in _items(rigs) if rig["name"] == "rack-01")
    commander.api("DELETE", f"/api/rigs/{first['id']}")
    removed = operator.locator("tr.asic", has_text="rack-01")
    expect(removed).to_contain_text("token invalid")
    expect(removed).to_contain_text("removed in the Commander")
    expect(seen).to_have_count(COUNT - 2)
    expect(rows.filter(has_text="● reading")).to_have_count(COUNT - 2)


def _items(answer: object) -> list[dict[str, object]]:
    found = answer["rigs"] if isinstance(answer, dict) else answer
    assert isinstance(found, list)
    return found


def add_by_file(page: Page, file: Path) -> None:
    """Choose a CSV, look at it, send it."""
    page.get_by_role("link", name="Add by CSV").click()
    expect(page.locator("[data-file-into]")).to_be_visible()  # the script is there
    page.set_input_files("#file", file)
    expect(page.locator("#csv")).to_have_value(file.read_text())
    page.get_by_role("button", name="Add ASICs").click()


@pytest.mark.parametrize("fakes", ["hostile"], indirect=True)
def test_what_hacked_devices_say_is_text(operator: Page, fakes: list[str], tmp_path: Path) -> None:
    """Nothing of it runs or is refused by the page's policy: the console stays silent, see `operator`."""
    begin(operator)
    operator.on("dialog", lambda dialog: pytest.fail(f"a script of a device ran: {dialog.message}"))
    file = tmp_path / "devices.csv"
    file.write_text("\n".join(fakes))
    add_by_file(operator, file)
    expect(operator.locator("tr.asic", has_text="reading")).to_have_count(COUNT)
    operator.fill("#range", NETWORK)
    operator.get_by_role("button", name="Scan").click()
    expect(operator.locator(".scanning")).to_contain_text(f"{COUNT} ASICs found")
    shown = operator.locator("body").inner_text()
    for number in range(1, COUNT + 1):
        operator.goto(f"/asics/{number}")
        expect(operator.locator("main")).to_contain_text("reading")
        assert operator.locator("img, script:not([src='/sentry.js'])").count() == 0
        shown += operator.locator("body").inner_text()
    assert any(text in shown for text in ("alert(1)", "owned", "DROP TABLE")), "it is shown, as text"


def test_many_by_a_file_and_on_a_phone(operator: Page, fakes: list[str], tmp_path: Path) -> None:
    begin(operator)
    file = tmp_path / "devices.csv"
    file.write_text("ip,name\n" + "".join(f"{ip},box-{n}\n" for n, ip in enumerate(fakes)))
    add_by_file(operator, file)
    rows = operator.locator("tr.asic")
    expect(rows.filter(has_text="reading")).to_have_count(COUNT)

    operator.set_viewport_size({"width": 390, "height": 844})
    for path in ("/asics", "/asics/1", "/asics/add", "/asics/csv", "/"):
        operator.goto(path)
        assert operator.evaluate("document.documentElement.scrollWidth") <= 390, path
    operator.goto("/asics")
    operator.get_by_role("link", name="box-1").click()
    operator.get_by_text("Remove it from the list").click()
    operator.get_by_role("button", name="Remove box-1").click()
    expect(rows).to_have_count(COUNT - 1)
