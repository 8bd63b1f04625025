"""A small application behind the real gate, served by the real server: what the tests of this folder talk to."""

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
import jinja2
import uvicorn
from litestar import Litestar, Request, WebSocket, delete, get, patch, post, put, websocket
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, MultipartBody, URLEncodedBody
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.template import TemplateConfig
from msgspec import Struct

import rigfarm.commander
from rigfarm.commander.auth import CONFIGURE, Auth, harden, routes
from rigfarm.commander.auth.auth import provided
from rigfarm.commander.auth.limits import LoginLimits, RateLimit
from rigfarm.commander.settings import Settings
from rigfarm.commander.storage import Storage
from rigfarm.commander.supervised import Part, supervised
from rigfarm.commander.web.assets import add_helpers
from rigfarm.commander.web.problems import problem_handlers
from rigfarm.commander.web.render import render

PASSWORD = "correct horse battery staple"
CHEAP_HASH = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
"""The same password, quick to check: most tests are not about how slow that is."""
FOLDER = Path(rigfarm.commander.__file__).parent


class RigForm(Struct):
    name: str = ""


@get("/")
async def overview(request: Request[Any, Any, Any]) -> str:
    return f"overview {request.auth.csrf}"


@get("/rigs/{rig_id:int}")
async def rig_page(rig_id: FromPath[int]) -> str:
    return f"rig {rig_id}"


@post("/rigs")
async def new_rig(data: URLEncodedBody[RigForm]) -> str:
    return data.name


@post("/upload")
async def upload(data: MultipartBody[dict[str, Any]]) -> str:
    return str(data["name"])


@put("/rigs/{rig_id:int}")
async def put_rig(rig_id: FromPath[int]) -> str:
    return "put"


@get("/api/rigs")
async def api_rigs(request: Request[Any, Any, Any]) -> list[str]:
    return [request.auth.key.name if request.auth.key else "session"]


@patch("/api/rigs/{rig_id:int}", opt=CONFIGURE)
async def api_change(rig_id: FromPath[int], data: JSONBody[RigForm]) -> str:
    return data.name


@delete("/api/rigs/{rig_id:int}", opt=CONFIGURE)
async def api_remove(rig_id: FromPath[int]) -> None: ...


@get("/metrics", opt={"api_key": True})
async def metrics() -> str:
    return "rigs 1"


@get("/boom")
async def boom() -> None:
    raise RuntimeError("the cat ate the database password hunter2")


@get("/page")
async def page(request: Request[Any, Any, Any]) -> Any:
    return render(request, "layout.html")


@get("/healthz", opt={"open": True})
async def healthz() -> str:
    return "ok"


@websocket("/live")
async def live(socket: WebSocket[Any, Any, Any], auth: NamedDependency[Auth]) -> None:
    """Like a live page: open until its session ends."""
    ended = asyncio.Event()
    own = socket.auth.session.id_hash
    auth.sessions.on_end(lambda id_hash: ended.set() if id_hash == own else None)
    await socket.accept()
    await socket.send_text("live")
    gone, dead = asyncio.create_task(socket.receive_text()), asyncio.create_task(ended.wait())
    await asyncio.wait([gone, dead], return_when=asyncio.FIRST_COMPLETED)
    if ended.is_set():
        await socket.close(code=4401)
    gone.cancel()
    dead.cancel()
    await asyncio.gather(gone, dead, return_exceptions=True)


@websocket("/link", opt={"open": True})
async def link(socket: WebSocket[Any, Any, Any]) -> None:
    await socket.accept()
    await socket.send_text("hello")
    await socket.close()


HANDLERS = [
    overview, rig_page, new_rig, upload, put_rig, api_rigs, api_change, api_remove, metrics, boom, page, healthz,
    live, link,
]  # fmt: skip


class Served:
    """An application and where it listens."""

    def __init__(self, app: Litestar, auth: Auth, url: str, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.app = app
        self.auth = auth
        self.url = url
        self.host = url.removeprefix("http://")

    def reset(self) -> None:
        """As if it had just been started."""

        async def clear() -> None:
            await self.auth.sessions.end_all()
            for key in self.auth.keys.all():
                await self.auth.keys.revoke(key.id)
            self.auth.login_limits = LoginLimits(1000, 10_000)
            self.auth.bad_keys = RateLimit(1000)

        asyncio.run_coroutine_threadsafe(clear(), self.app.state.loop).result(60)

    def client(self, **options: Any) -> httpx.AsyncClient:
        """A program, or a browser that keeps cookies and says where its requests come from."""
        headers = {"Origin": self.url} | options.pop("headers", {})
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=30, **options)

    async def logged_in(self, **options: Any) -> httpx.AsyncClient:
        """A browser that logged in; sends its CSRF token along, as htmx does."""
        client = self.client(**options)
        answer = await client.post("/login", data={"password": PASSWORD})
        assert answer.status_code == 303, answer.text
        client.headers["X-CSRF-Token"] = await csrf(client)
        return client


async def csrf(client: httpx.AsyncClient) -> str:
    """The token of the client's session, from a page's head."""
    found = re.search(r'<meta name="csrf[^"]*" content="([0-9a-f]+)"', (await client.get("/settings")).text)
    assert found
    return found[1]


def page_templates() -> jinja2.Environment:
    """The real ones: an undefined name in one of them is an error."""
    loader = jinja2.FileSystemLoader(sorted(FOLDER.glob("*/templates")))
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    add_helpers(environment)
    return environment


def make_app(settings: Settings, announce: Any = None) -> tuple[Litestar, Auth]:
    auth = Auth(settings, announce)

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        app.state.loop = asyncio.get_running_loop()
        storage = await Storage.open(settings.database)
        try:
            async with auth.running(storage), supervised(Part("logins"), auth.housekeeping):
                yield
        finally:
            await storage.close()

    app = Litestar(
        [*routes, *HANDLERS],
        middleware=[auth.gate],
        dependencies={name: provided(part) for name, part in auth.parts.items()},
        lifespan=[lifespan],
        exception_handlers=problem_handlers(),
        template_config=TemplateConfig(instance=JinjaTemplateEngine.from_environment(page_templates())),
        logging_config=None,
    )
    harden(app, settings, auth.change_log)
    return app, auth


@contextmanager
def listening(app: Any) -> Iterator[str]:
    """Serve an application in a thread; yields its URL."""
    config = uvicorn.Config(
        app,
        http="httptools",
        ws="websockets-sansio",
        lifespan="on",
        log_config=None,
        proxy_headers=False,
        timeout_graceful_shutdown=2,
    )
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the application did not start"
            thread.join(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def served(tmp_path: Path, **settings: Any) -> Iterator[Served]:
    """The small application with a database of its own."""
    app, auth = make_app(Settings(data_dir=tmp_path, **({"password_hash": CHEAP_HASH} | settings)))
    with listening(app) as url:
        yield Served(app, auth, url, tmp_path)


__all__ = ["PASSWORD", "Served", "csrf", "listening", "make_app", "served"]
