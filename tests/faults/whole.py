"""The whole Commander in this process, served by the real server in a thread: a control breaks it by `monkeypatch`."""

from __future__ import annotations

import asyncio
import re
import socket
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import argon2
import httpx
import uvicorn
from litestar.routes import ASGIRoute, HTTPRoute, WebSocketRoute

from rigfarm.commander.app import Commander
from rigfarm.commander.auth import Auth
from rigfarm.commander.server.serve import PING_S
from rigfarm.commander.settings import Settings
from support.lazy_commander import LazyCommander

__all__ = ["HASH", "PASSWORD", "Whole", "cookies_of", "hash_of", "path_of", "whole"]

T = TypeVar("T")

PASSWORD = "correct horse battery staple"


def hash_of(password: str) -> str:
    """Quick to check: most tests are not about how slow that is."""
    return argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(password)


HASH = hash_of(PASSWORD)


class Whole:
    """A Commander, where it listens, and its routes."""

    def __init__(self, lazy: LazyCommander, url: str, server: uvicorn.Server) -> None:
        self.app, self.url, self.host = lazy.app, url, url.removeprefix("http://")
        self.commander: Commander = lazy.commander
        self.loop = lazy.loop
        self.server = server

    def part(self, name: str) -> Any:
        """A part of the Commander, as handlers ask for it."""
        return self.commander.named[name]

    @property
    def auth(self) -> Auth:
        return self.commander.auth

    def http(self) -> list[tuple[str, str, bool]]:
        """(method, path template, open) of every HTTP route."""
        found = []
        for route in self.app.routes:
            if isinstance(route, HTTPRoute):
                for method, (handler, _) in route.route_handler_map.items():
                    found.append((str(method), route.path_format, handler.opt.get("open") is True))
            elif isinstance(route, ASGIRoute):
                found.append(("GET", route.path_format, route.route_handler.opt.get("open") is True))
        return found

    def questions(self) -> dict[str, list[str]]:
        """The query parameters of what is read, by path template."""
        return {
            route.path_format: sorted(route.route_handler_map["GET"][0].opt.get("query parameters", ()))
            for route in self.app.routes
            if isinstance(route, HTTPRoute) and "GET" in route.route_handler_map
        }

    def sockets(self) -> list[tuple[str, bool]]:
        """(path template, open) of every WebSocket."""
        return [
            (route.path_format, route.route_handler.opt.get("open") is True)
            for route in self.app.routes
            if isinstance(route, WebSocketRoute)
        ]

    @asynccontextmanager
    async def client(self, **headers: str) -> AsyncIterator[httpx.AsyncClient]:
        """A program, or a browser that says where its requests come from."""
        limits = httpx.Limits(max_connections=64)
        async with httpx.AsyncClient(base_url=self.url, headers=headers, timeout=60, limits=limits) as one:
            yield one

    @asynccontextmanager
    async def logged_in(self, password: str = PASSWORD) -> AsyncIterator[tuple[httpx.AsyncClient, str]]:
        """A browser with a session, and its CSRF token."""
        async with self.client() as browser:
            done = await browser.post("/login", data={"password": password})
            assert done.status_code == 303, done.text
            token = re.search(r'name="csrf" value="([0-9a-f]+)"', (await browser.get("/settings")).text)
            assert token
            yield browser, token[1]

    async def within(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Have something done in the Commander's own loop."""
        future = asyncio.run_coroutine_threadsafe(work(), self.loop)
        return await asyncio.wrap_future(future)


def path_of(template: str) -> str:
    """A path that the template matches."""
    return re.sub(r"\{[^}]*\}", "1", template)


def cookies_of(browser: httpx.AsyncClient) -> str:
    """As a header."""
    return "; ".join(f"{name}={value}" for name, value in browser.cookies.items())


@contextmanager
def whole(folder: Path, *more: Any, ping_s: float | None = PING_S, **settings: Any) -> Iterator[Whole]:
    """A Commander with a data folder; `more` are routes that it does not have, `ping_s` is as in `serve`."""
    folder.mkdir(parents=True, exist_ok=True)
    app = LazyCommander(Settings(data_dir=folder, **({"password_hash": HASH} | settings)), *more)
    config = uvicorn.Config(
        app,
        http="httptools",
        ws="websockets-sansio",
        ws_ping_interval=ping_s,
        ws_ping_timeout=ping_s,
        lifespan="on",
        log_config=None,
        proxy_headers=False,
        timeout_graceful_shutdown=2,
    )
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the Commander did not start"
            thread.join(0.01)
        yield Whole(app, f"http://127.0.0.1:{listener.getsockname()[1]}", server)
    finally:
        server.should_exit = True
        thread.join()
