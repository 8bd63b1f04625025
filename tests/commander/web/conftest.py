"""The gallery on a real socket with the real headers, and a real browser that looks at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache

import pytest
from gallery_helpers import DESK, PHONE, Served
from playwright.sync_api import Browser, BrowserContext, Page

from support.browser import Look
from support.gallery.pages import HERE


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    one = Served()
    one.start()
    yield one
    one.stop()


@pytest.fixture(scope="module")
def visitors(browser: Browser, served: Served) -> Callable[..., BrowserContext]:
    """A browser profile per size, appearance and so on: what one page fetched, the next has."""

    def visitor(size: tuple[int, int], scheme: str, scripts: bool, motion: bool) -> BrowserContext:
        return browser.new_context(
            service_workers="block",
            base_url=served.url,
            viewport={"width": size[0], "height": size[1]},
            color_scheme=scheme,  # type: ignore[arg-type]
            reduced_motion="no-preference" if motion else "reduce",
            java_script_enabled=scripts,
            has_touch=size == PHONE,
        )

    return visitor


@pytest.fixture(scope="module")
def kept_visitors(visitors: Callable[..., BrowserContext]) -> Callable[..., BrowserContext]:
    """The same for each test of a module."""
    return cache(visitors)


@pytest.fixture
def look(visitors: Callable[..., BrowserContext], kept_visitors: Callable[..., BrowserContext]) -> Iterator[Look]:
    """`look("rigs-12")`: a page of the gallery. What its console complains about fails the test. With `clock` the test
    may turn the page's clock, which is that of its whole profile."""
    pages: list[Page] = []
    with_clock: list[BrowserContext] = []
    heard: list[str] = []
    expected = ["WebSocket", "htmx:ws:error", "status of 409", "status of 503", "Service Worker registration blocked"]

    def at(
        name: str,
        size: tuple[int, int] = DESK,
        scheme: str = "light",
        *,
        scripts: bool = True,
        motion: bool = True,
        complaints: Sequence[str] = (),
        clock: bool = False,
    ) -> Page:
        expected.extend(complaints)
        context = (visitors if clock else kept_visitors)(size, scheme, scripts, motion)
        if clock:
            with_clock.append(context)
        page = context.new_page()
        pages.append(page)
        page.set_default_timeout(30_000)
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.on(
            "console",
            lambda message: heard.append(message.text) if message.type in ("error", "warning") else None,
        )
        if clock:
            page.clock.install()
        page.goto(f"{HERE}/{name}")
        return page

    yield at
    for page in pages:
        page.close()
    for context in with_clock:
        context.close()
    assert [text for text in heard if not any(part in text for part in expected)] == []
