"""People in front of browsers: one Chromium, and for each person a context with cookies of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from rigfarm.simulate.commander import CommanderProcess

QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

Person = Callable[..., Page]


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """One browser for all journeys."""
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        yield launched
        launched.close()


@pytest.fixture
def person(browser: Browser, commander: CommanderProcess) -> Iterator[Person]:
    """`person("/rigs")`: somebody who logged in and looks at a page. Errors in the console fail the test."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def arrive(path: str = "/", *, width: int = 1440, height: int = 900, scheme: str = "light") -> Page:
        context = browser.new_context(
            base_url=commander.url,
            viewport={"width": width, "height": height},
            color_scheme=scheme,  # type: ignore[arg-type]
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.goto("/login")
        page.fill("#password", commander.password)
        page.click("button[type=submit]")
        page.wait_for_url("**/")
        if path != "/":
            page.goto(path)
        return page

    yield arrive
    for context in contexts:
        context.close()
    ignored = (
        "status of 401",
        "status of 404",
        "status of 409",
        "status of 422",
        "WebSocket connection to",
        "net::ERR_CONNECTION_REFUSED",  # while a test's Commander is down
        "htmx:ws:error",
    )
    assert [text for text in complaints if not any(one in text for one in ignored)] == []
