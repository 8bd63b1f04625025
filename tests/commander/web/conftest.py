"""The gallery on a real socket with the real headers, and a real browser that looks at it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from gallery_helpers import DESK, PHONE, Look, Served
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from rigfarm.commander.web.gallery.pages import HERE

QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    one = Served()
    one.start()
    yield one
    one.stop()


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """One browser per file: a browser that lived longer would keep asynchronous tests from running."""
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        yield launched
        launched.close()


@pytest.fixture
def look(browser: Browser, served: Served) -> Iterator[Look]:
    """`look("rigs-12")`: a page of the gallery. What its console complains about fails the test."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def at(
        name: str, size: tuple[int, int] = DESK, scheme: str = "light", *, scripts: bool = True, motion: bool = True
    ) -> Page:
        context = browser.new_context(
            base_url=served.url,
            viewport={"width": size[0], "height": size[1]},
            color_scheme=scheme,  # type: ignore[arg-type]
            reduced_motion="no-preference" if motion else "reduce",
            java_script_enabled=scripts,
            has_touch=size == PHONE,
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(8_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None,
        )
        page.goto(f"{HERE}/{name}")
        return page

    yield at
    for context in contexts:
        context.close()
    assert [text for text in complaints if not _expected(text)] == []


def _expected(text: str) -> bool:
    """A socket that the test itself cut, and a refusal that it gave."""
    return any(part in text for part in ("WebSocket", "htmx:ws:error", "status of 409", "status of 503"))
