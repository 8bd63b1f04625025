"""No route without a login, and no change by another site's page: the list is taken from the router of the whole
application, so a route that somebody adds tomorrow is in it."""

from __future__ import annotations

import asyncio
import re
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import argon2
import httpx
import pytest
import uvicorn
from litestar import Litestar, WebSocket, get, websocket
from litestar.params import FromPath
from litestar.routes import ASGIRoute, HTTPRoute, WebSocketRoute
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from rigfarm.commander.app import create_app
from rigfarm.commander.settings import Settings

OPEN = {"/healthz", "/readyz", "/login", "/link", "/static/{name:path}"}
"""Without a session: how a load balancer asks, the login itself, what the login looks like, and the Sentries' link,
which has tokens of its own. Every other route that is open has to say why here."""
OPEN_TO_TOKENS = {"/api/enrol", "/software/archives/{sha256:str}"}
"""Open routes that authenticate by a rig's token or an enrolment key themselves."""

PASSWORD = "correct horse battery staple"
HASH = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
SAFE = {"GET", "HEAD", "OPTIONS"}
FOREIGN = [
    {},
    {"Origin": "null"},
    {"Origin": "http://evil.example"},
    {"Origin": "http://sub.{host}"},
    {"Origin": "http://127.0.0.1:1"},
    {"Origin": "{url}", "Sec-Fetch-Site": "cross-site"},
    {"Origin": "{url}", "Sec-Fetch-Site": "same-site"},
]


@get("/forgotten/{name:str}")
async def forgotten(name: FromPath[str]) -> str:
    """A route whose author did not think of the login."""
    return name


@get("/left-open", opt={"open": True})
async def left_open() -> str:
    """The control: what the test is there to find."""
    return "secrets"


@websocket("/forgotten-socket")
async def forgotten_socket(socket: WebSocket[Any, Any, Any]) -> None:
    await socket.accept()


class Farm:
    """The whole application, where it listens, and its routes."""

    def __init__(self, app: Litestar, url: str) -> None:
        self.app, self.url, self.host = app, url, url.removeprefix("http://")

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

    def sockets(self) -> list[tuple[str, bool]]:
        return [
            (route.path_format, route.route_handler.opt.get("open") is True)
            for route in self.app.routes
            if isinstance(route, WebSocketRoute)
        ]


def _path(template: str) -> str:
    return re.sub(r"\{[^}]*\}", "1", template)


@contextmanager
def _served(tmp_path: Path, *more: Any) -> Iterator[Farm]:
    app = create_app(Settings(data_dir=tmp_path, password_hash=HASH))
    for handler in more:
        app.register(handler)
    config = uvicorn.Config(
        app, http="httptools", ws="websockets-sansio", lifespan="on", log_config=None, timeout_graceful_shutdown=2
    )
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the application did not start"
            thread.join(0.01)
        yield Farm(app, f"http://127.0.0.1:{listener.getsockname()[1]}")
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    with _served(tmp_path_factory.mktemp("farm"), forgotten, forgotten_socket) as one:
        yield one


@asynccontextmanager
async def _browser(farm: Farm, **headers: str) -> AsyncIterator[httpx.AsyncClient]:
    limits = httpx.Limits(max_connections=64)
    async with httpx.AsyncClient(base_url=farm.url, headers=headers, timeout=60, limits=limits) as client:
        yield client


@asynccontextmanager
async def _logged_in(farm: Farm) -> AsyncIterator[tuple[httpx.AsyncClient, str]]:
    """A browser with a session, and its CSRF token."""
    async with _browser(farm) as browser:
        done = await browser.post("/login", data={"password": PASSWORD})
        assert done.status_code == 303, done.text
        token = re.search(r'name="csrf" value="([0-9a-f]+)"', (await browser.get("/settings")).text)
        assert token
        yield browser, token[1]


def _refused(answer: httpx.Response, path: str) -> bool:
    """A program is told 401, a person is sent to the login; nothing else is sent along."""
    if answer.status_code == 303:
        return not path.startswith("/api/") and answer.headers["location"].startswith("/login") and not answer.content
    return answer.status_code == 401 and "www-authenticate" in answer.headers


CREDENTIALS = [
    {},
    {"Cookie": "rigfarm={made_up}; rigfarm-{port}={made_up}; __Host-rigfarm={made_up}"},
    {"Authorization": "Bearer rk_{made_up}"},
    {"Authorization": "Bearer rf_{made_up}"},
    {"Authorization": "Basic cm9vdDpyb290"},
    {"X-Forwarded-For": "127.0.0.1", "X-Forwarded-User": "root", "X-Original-URL": "/login"},
]


@pytest.mark.parametrize("credentials", CREDENTIALS)
async def test_every_route_is_closed_to_strangers(farm: Farm, credentials: dict[str, str]) -> None:
    values = {"made_up": "x" * 43, "port": farm.url.rpartition(":")[2]}
    headers = {name: value.format(**values) for name, value in credentials.items()}
    closed = [(method, template) for method, template, is_open in farm.http() if not is_open]
    assert ("GET", "/forgotten/{name}") in closed
    assert len(closed) > 20
    async with _browser(farm, **headers, Origin=farm.url) as stranger:
        for method, template in closed:
            answer = await stranger.request(method, _path(template))
            limited = answer.status_code == 429 and "Authorization" in headers
            assert limited or _refused(answer, template), f"{method} {template}: {answer.status_code}"
            assert "set-cookie" not in answer.headers


async def test_every_route_is_closed_at_the_same_time(farm: Farm) -> None:
    """64 requests at a time, with and without a login, mixed: nobody gets the other's answer."""
    paths = [_path(template) for method, template, is_open in farm.http() if method == "GET" and not is_open]
    paths = [path for path in paths if not path.startswith("/api/docs")]
    async with _logged_in(farm) as (owner, _), _browser(farm) as stranger:

        async def ask(number: int) -> None:
            path = paths[number % len(paths)]
            if number % 3 == 0:
                assert not _refused(await owner.get(path), path), path
            else:
                assert _refused(await stranger.get(path), path), path

        gate = asyncio.Semaphore(64)

        async def limited(number: int) -> None:
            async with gate:
                await ask(number)

        await asyncio.gather(*(limited(number) for number in range(300)))


def test_only_these_are_open(farm: Farm) -> None:
    found = {template for _, template, is_open in farm.http() if is_open}
    found |= {template for template, is_open in farm.sockets() if is_open}
    listed = {re.sub(r":\w+\}", "}", template) for template in OPEN | OPEN_TO_TOKENS}
    assert found <= listed, "say in OPEN why strangers may have this"


@pytest.mark.parametrize(
    "authorization", ["", "Bearer x", "Bearer rf_{made_up}", "Bearer rk_{made_up}", "Basic cm9vdDo="]
)
async def test_routes_with_tokens_of_their_own_refuse_others(farm: Farm, authorization: str) -> None:
    headers = {"Authorization": authorization.format(made_up="x" * 43)} if authorization else {}
    async with _browser(farm, **headers) as stranger:
        for method, template, is_open in farm.http():
            if is_open and template in OPEN_TO_TOKENS and method != "OPTIONS":
                answer = await stranger.request(method, _path(template), json={"rigs": []})
                assert answer.status_code in (401, 429), f"{method} {template}: {answer.status_code}"


def test_a_route_that_is_left_open_is_found(tmp_path: Path) -> None:
    app = create_app(Settings(data_dir=tmp_path, password_hash=HASH))
    app.register(left_open)
    with pytest.raises(AssertionError, match="say in OPEN"):
        test_only_these_are_open(Farm(app, ""))


async def test_every_socket_is_closed_to_strangers_and_other_sites(farm: Farm) -> None:
    closed = [template for template, is_open in farm.sockets() if not is_open]
    assert "/forgotten-socket" in closed
    async with _logged_in(farm) as (browser, _):
        cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    attempts = [{"Origin": farm.url}, {"Origin": farm.url, "Cookie": "rigfarm=x"}]
    attempts += [{"Cookie": cookie} | headers for headers in FOREIGN]
    for template in closed:
        for headers in attempts:
            shown = {name: value.format(url=farm.url, host=farm.host) for name, value in headers.items()}
            with pytest.raises(InvalidStatus) as refused:
                await connect(f"ws://{farm.host}{_path(template)}", additional_headers=shown)
            assert refused.value.response.status_code == 403, (template, headers)


async def test_other_sites_change_nothing_by_any_route(farm: Farm) -> None:
    unsafe = [(method, template, is_open) for method, template, is_open in farm.http() if method not in SAFE]
    assert len(unsafe) > 10
    async with _logged_in(farm) as (browser, token):
        for method, template, is_open in unsafe:
            for headers in FOREIGN[1:] if is_open else FOREIGN:
                shown = {name: value.format(url=farm.url, host=farm.host) for name, value in headers.items()}
                answer = await browser.request(method, _path(template), headers=shown | {"X-CSRF-Token": token})
                assert answer.status_code == 403, f"{method} {template} {shown}: {answer.status_code}"
            if not is_open:
                for wrong in ("", "x", "0" * 128):
                    headers = {"Origin": farm.url, "X-CSRF-Token": wrong}
                    answer = await browser.request(method, _path(template), headers=headers)
                    assert answer.status_code == 403, f"{method} {template} token {wrong!r}: {answer.status_code}"
        assert (await browser.get("/settings")).status_code == 200, "and the session lives"


async def test_ones_own_page_reaches_every_route(farm: Farm) -> None:
    """The control: it was the origin and the token that were refused, and nothing else."""
    for method, template, is_open in farm.http():
        if method in SAFE or is_open:
            continue
        async with _logged_in(farm) as (browser, token):
            headers = {"Origin": farm.url, "X-CSRF-Token": token}
            answer = await browser.request(method, _path(template), headers=headers)
            assert answer.status_code not in (401, 403), f"{method} {template}: {answer.status_code}"
