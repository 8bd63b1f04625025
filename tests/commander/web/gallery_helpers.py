"""What the tests of the pages share."""

from __future__ import annotations

import asyncio
import socket
import threading

import uvicorn
from playwright.sync_api import Page

from support.gallery.pages import Gallery
from support.gallery.server import GalleryServer

PHONE = (390, 844)
DESK = (1440, 900)


class Served:
    """A gallery that runs in a thread of its own; its pages' sockets are spoken to from the test."""

    def __init__(self) -> None:
        self.gallery = Gallery()
        self.server = GalleryServer(self.gallery)
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(self.server.app, log_level="warning", ws="websockets-sansio", lifespan="off")
        self._uvicorn = uvicorn.Server(config)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="gallery")

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._uvicorn.serve(sockets=[self._socket]))

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._uvicorn.should_exit = True
        self._thread.join(60)

    def say(self, *frames: str) -> None:
        """Send frames to every open page."""
        asyncio.run_coroutine_threadsafe(self.server.say(*frames), self._loop).result(60)

    def hang_up(self, code: int = 1012) -> None:
        """Close every page's socket."""
        asyncio.run_coroutine_threadsafe(self.server.hang_up(code), self._loop).result(60)


def live(page: Page) -> Page:
    """Wait until the page is connected."""
    page.locator('#live[data-live="on"]').wait_for()
    return page


def stopped(page: Page) -> Page:
    """Stop the clock of a page that was looked at with `clock`: what it does after a while, it does when told to."""
    page.clock.pause_at(page.evaluate("Date.now()") / 1000 + 60)  # never in its past, however slow this machine is
    return page
