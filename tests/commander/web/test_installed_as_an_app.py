"""Installed on a phone in Chromium: cut off, it says so, and shows nothing that it has kept of the farm."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from gallery_helpers import Served
from playwright.sync_api import Browser, BrowserContext, Page

from rigfarm.commander.web.assets import STATIC
from support.browser import until_true
from support.gallery.pages import HERE

pytestmark = pytest.mark.browser
OFFLINE = {"/static/offline.html", "/static/offline.css", "/static/offline.js", "/static/icon.svg"}
KEPT = """async () => { const all = [];
    for (const name of await caches.keys())
      for (const one of await (await caches.open(name)).keys()) all.push(new URL(one.url).pathname);
    return all; }"""


@pytest.fixture
def phone(browser: Browser, served: Served) -> Iterator[BrowserContext]:
    context = browser.new_context(base_url=served.url, viewport={"width": 390, "height": 844})
    yield context
    context.close()


def installed(phone: BrowserContext) -> Page:
    """A page whose service worker answers."""
    page = phone.new_page()
    page.goto(f"{HERE}/rigs-12")
    until_true(page, "navigator.serviceWorker.controller !== null")
    return page


def test_cut_off_it_says_so_and_comes_back_by_itself(phone: BrowserContext) -> None:
    page = installed(phone)
    phone.set_offline(True)
    page.goto(f"{HERE}/rig-hot")
    text = page.locator("main").inner_text()
    assert "The Commander can't be reached" in text
    assert "Not reached since" in text
    assert "rig-04" not in text
    assert page.evaluate("getComputedStyle(document.querySelector('h1')).fontSize") == "28px"
    phone.set_offline(False)
    phone.route("**/healthz", lambda route: route.fulfill(status=200, body="{}"))
    page.locator("#rig-live").wait_for()
    assert page.url.endswith("/rig-hot")


def test_nothing_of_the_farm_is_kept_on_the_device(phone: BrowserContext) -> None:
    page = installed(phone)
    for name in ("rig-hot", "overview", "settings", "asics"):
        page.goto(f"{HERE}/{name}")
        page.wait_for_load_state("load")
    assert set(page.evaluate(KEPT)) == OFFLINE


def test_the_browser_finds_what_it_takes_to_install_it(phone: BrowserContext) -> None:
    page = installed(phone)
    session = phone.new_cdp_session(page)
    assert session.send("Page.getInstallabilityErrors")["installabilityErrors"] in (
        [],
        [{"errorId": "in-incognito", "errorArguments": []}],  # which every profile of a test is
    )
    found = session.send("Page.getAppManifest")
    assert found["errors"] == []
    manifest = json.loads(found["data"])
    assert manifest["name"] == "Rigfarm"
    for icon in manifest["icons"]:
        assert (STATIC / icon["src"].removeprefix("/static/")).is_file()


def test_the_worker_keeps_what_the_test_above_says() -> None:
    listed = re.search(r"FILES = \[(.*)\]", (STATIC / "worker.js").read_text())
    assert listed
    assert {"/static/offline.html", *re.findall(r'"([^"]+)"', listed[1])} == OFFLINE
