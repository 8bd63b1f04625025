"""A page whose socket is gone is greyed after three seconds, not before, says since when, and stays grey until the new
snapshot is in: by a clock that the test turns."""

from __future__ import annotations

import re
import time

import pytest
from gallery_helpers import Served, live, stopped
from playwright.sync_api import Page, WebSocketRoute, expect

from support.browser import Look, until_true

pytestmark = pytest.mark.browser

STALE = "'stale' in document.documentElement.dataset"
GREY = "getComputedStyle(document.getElementById('main')).filter"


class Line:
    """The page's way to the Commander: cut first, then back; what comes down it waits until it is let through."""

    def __init__(self, page: Page) -> None:
        self.cut = True
        self.held: list[tuple[WebSocketRoute, str]] = []
        page.route_web_socket(re.compile("/live"), self._open)

    def _open(self, socket: WebSocketRoute) -> None:
        if self.cut:
            socket.close(code=1011)
            return
        server = socket.connect_to_server()
        server.on_message(lambda text: self.held.append((socket, str(text))))

    def let_through(self) -> None:
        for socket, text in self.held:
            socket.send(text)


def test_grey_comes_after_three_seconds_and_goes_with_the_snapshot(look: Look, served: Served) -> None:
    page = look("rigs-12", clock=True, complaints=["status of 404"])  # it asks whether it is still logged in
    live(page)
    line = Line(page)
    stopped(page)
    lost = page.evaluate("new Date().toLocaleTimeString([], {hour: '2-digit', minute: '2-digit', second: '2-digit'})")
    served.hang_up(1011)
    page.locator('#live[data-live="off"]').wait_for()
    page.clock.run_for(2_500)
    assert not page.evaluate(STALE)
    expect(page.locator("#stale")).to_be_hidden()

    page.clock.run_for(1_000)
    assert page.evaluate(STALE)
    expect(page.locator("#stale")).to_contain_text(f"No connection to the Commander since {lost}")
    assert page.evaluate(GREY) == "grayscale(1)"

    line.cut = False
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:  # a page that has failed to connect waits longer each time, by chance
        page.clock.run_for(2_000)
        time.sleep(0.2)  # a connection takes real time, whatever the page's clock says
        if page.evaluate("document.getElementById('live').dataset.live") == "on":
            break
    until_true(page, "document.getElementById('live').dataset.live === 'on'")
    assert page.evaluate(STALE), "connected is not yet up to date"
    line.let_through()
    until_true(page, f"!({STALE})")
    expect(page.locator("#stale")).to_be_hidden()
    assert page.evaluate(GREY) == "none"
