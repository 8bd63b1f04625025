"""A browser's side, as far as benchmarks need it: log in, load pages, hold live sockets open."""

from __future__ import annotations

import asyncio
import gzip
import http.client
import re
import time
from collections.abc import Callable, Sequence
from urllib.parse import quote, urlsplit

import httpx
import websockets

from bench.report import cpu_seconds

__all__ = ["PageLoader", "Watching", "login", "look"]


def login(url: str, password: str) -> str:
    """A session's Cookie header, made the way a browser does."""
    with httpx.Client(base_url=url, headers={"Origin": url}, timeout=60.0) as client:
        page = client.get("/login")
        field = re.search(r'name="csrf" value="([^"]*)"', page.text)
        answer = client.post("/login", data={"password": password, "csrf": field[1] if field else ""})
        assert answer.status_code == 303, answer.text
        return "; ".join(f"{name}={value}" for name, value in client.cookies.items())


class Watching:
    """Many who watch a farm, and what they see while it is measured."""

    def __init__(self) -> None:
        self.waits: list[float] = []
        """From a log to what it changed, s."""
        self.bytes = 0
        self.rows = 0
        self.measuring = False
        self.cpu_share = 0.0
        """Of one core, the Commander's while it was measured."""

    async def measure(self, pid: int, tasks: Sequence[asyncio.Task[None]], seconds: float) -> None:
        """Let the tasks go on for so long, then end them; what one of them raised is raised."""
        self.measuring = True
        before = cpu_seconds(pid)
        await asyncio.sleep(seconds)
        self.cpu_share = (cpu_seconds(pid) - before) / seconds
        self.measuring = False
        for task in tasks:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, Exception):
                raise result


class PageLoader:
    """Loads pages over one connection that stays open, compressed as for a browser."""

    def __init__(self, url: str, cookie: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
        self._headers = {"Cookie": cookie, "Accept": "text/html", "Accept-Encoding": "gzip"}

    def load(self, path: str) -> float:
        """ms from the request to the last byte."""
        started = time.perf_counter()
        self._get(path)
        return (time.perf_counter() - started) * 1000

    def html(self, path: str) -> str:
        """What is on the page."""
        return gzip.decompress(self._get(path)).decode()

    def _get(self, path: str) -> bytes:
        self._connection.request("GET", path, headers=self._headers)
        answer = self._connection.getresponse()
        body = answer.read()
        assert answer.status == 200, f"{path}: {answer.status}"
        return body


async def look(url: str, path: str, cookie: str, on_frame: Callable[[str], None]) -> None:
    """Hold a page's live socket open until cancelled; compressed, as a browser's is."""
    address = f"{url.replace('http', 'ws')}/live?page={quote(path, safe='')}"
    headers = {"Cookie": cookie, "Origin": url}
    async with websockets.connect(address, additional_headers=headers, max_size=None) as socket:
        async for frame in socket:
            on_frame(frame if isinstance(frame, str) else frame.decode())
