"""What tests of the Sentry's own page share: a running Sentry, and somebody who asks it over real HTTP."""

from __future__ import annotations

import contextlib
import re
import socket
from collections.abc import AsyncIterator

import httpx
import msgspec
from sentry_helpers import QUICK, running

from rigfarm.sentry.agent.agent import Agent
from rigfarm.sentry.agent.parts import Part
from rigfarm.sentry.identity.settings import Settings
from rigfarm.sentry.ui.ask import ask_code
from rigfarm.sentry.ui.server import serve_page
from rigfarm.simulate.commander import free_port
from support.toy_commander import ToyCommander
from support.until import until

__all__ = ["browsing", "code", "csrf", "enter", "post"]


@contextlib.asynccontextmanager
async def browsing(
    settings: Settings, commander: ToyCommander | None, *parts: Part, login: bool = True, **changes: object
) -> AsyncIterator[tuple[Agent, httpx.AsyncClient]]:
    """A Sentry of these parts, and an administrator's browser at its page; without `login` any local user's."""
    port = free_port()
    url = commander.url if commander is not None else None
    settings = msgspec.structs.replace(settings, ui=f"127.0.0.1:{port}", commander=url, **changes)
    base = f"http://127.0.0.1:{port}"
    agent = Agent(settings, parts, timings=QUICK, serve=serve_page)
    async with running(agent), httpx.AsyncClient(base_url=base, headers={"Origin": base}, timeout=60) as client:
        await until(lambda: _listens(port))
        if login:
            assert (await enter(client, await code(agent))).status_code == 303
        yield agent, client


async def code(agent: Agent) -> str:
    """What `rigfarm sentry code` prints."""
    found = re.search(r"^Code +([A-Z0-9-]+) ", "\n".join(await ask_code(agent.settings.data_dir)), re.MULTILINE)
    assert found is not None
    return found[1]


async def enter(client: httpx.AsyncClient, text: str, **fields: str) -> httpx.Response:
    """Send the form of the login."""
    return await client.post("/login", data={"csrf": await csrf(client, "/login"), "password": text, **fields})


def _listens(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


async def csrf(client: httpx.AsyncClient, path: str = "/") -> str:
    """The secret of this visitor's forms."""
    answer = await client.get(path)
    if answer.status_code == 303:  # a page without a form of its own, for this visitor
        answer = await client.get("/login")
    found = re.search(r'name="csrf" value="(\w+)"', answer.text)
    assert found is not None
    return found[1]


async def post(client: httpx.AsyncClient, path: str, *, at: str = "/asics", **fields: str) -> httpx.Response:
    """Send a form of the page `at`; `_` in the names of fields stands for a hyphen."""
    data = {name.replace("_", "-"): value for name, value in fields.items()}
    return await client.post(path, data={"csrf": await csrf(client, at), **data})
