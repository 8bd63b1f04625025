"""Row 27: no route without a login. The list is taken from the router of the whole application, so a route that
somebody adds tomorrow is in it.

Strangers come without anything, with a made-up cookie or key, with the token of a removed rig and with one of another
rig, 64 at a time, over HTTP and WebSockets. The control is a route whose author opened it and did not say why.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from litestar import WebSocket, get, websocket
from litestar.params import FromPath
from promise import record, scaled
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from whole import Whole, path_of, whole

OPEN = {
    "/healthz",
    "/leads",
    "/readyz",
    "/login",
    "/link",
    "/static/{name:path}",
    "/bundle/{name:str}",
    "/acknowledge/{token}",
    "/api/v1/ping",
    "/api/v1/asic_miners/expected_status_bulk",
}
"""Without a session: how a load balancer asks, the login itself, what the login looks like, the Sentries' link, which
has tokens of its own, the self-contained Sentry, which a machine fetches that has nothing to show yet (there is no
secret in it), the link in an alert's message, which is signed, expires and can be used once, and how older agents ask
whether this is a Commander, and about devices whose tokens are in the body. Every other route that is open has to say
why here."""
OPEN_TO_TOKENS = {"/software/archives/{sha256:str}"} | {
    f"/api/v1/{path}"
    for path in (
        "cpu_gpu_miners/specs", "cpu_gpu_miners/logs", "cpu_gpu_miners/playbooks", "asic_miners/specs",
        "asic_miners/logs", "asic_miners/expected_status",
    )
}  # fmt: skip
"""Open routes that authenticate by a rig's token themselves."""
AT_ONCE = 64


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


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    with whole(tmp_path_factory.mktemp("farm"), forgotten, forgotten_socket, left_open) as one:
        yield one


def refused(answer: httpx.Response, path: str) -> bool:
    """A program is told 401, a person is sent to the login; nothing else is sent along."""
    if "set-cookie" in answer.headers:
        return False
    if answer.status_code == 303:
        return not path.startswith("/api/") and answer.headers["location"].startswith("/login") and not answer.content
    if answer.status_code == 429:
        return "Authorization" in answer.request.headers
    return answer.status_code == 401 and "www-authenticate" in answer.headers


def listed() -> set[str]:
    return {re.sub(r":\w+\}", "}", template) for template in OPEN | OPEN_TO_TOKENS}


def credentials(farm: Whole, removed: str, other: str) -> list[dict[str, str]]:
    """What strangers show."""
    made_up, port = "x" * 43, farm.url.rpartition(":")[2]
    return [
        {},
        {"Cookie": f"rigfarm={made_up}; rigfarm-{port}={made_up}; __Host-rigfarm={made_up}"},
        {"Authorization": f"Bearer rk_{made_up}"},
        {"Authorization": f"Bearer rf_{made_up}"},
        {"Authorization": f"Bearer {removed}"},
        {"Authorization": f"Bearer {other}"},
        {"Cookie": f"rigfarm-{port}={other}"},
        {"Authorization": "Basic cm9vdDpyb290"},
        {"X-Forwarded-For": "127.0.0.1", "X-Forwarded-User": "root", "X-Original-URL": "/login"},
    ]


async def rig_tokens(farm: Whole) -> tuple[str, str]:
    """The token of a rig that was removed, and that of one that lives."""

    async def make() -> tuple[str, str]:
        book = farm.commander.book
        number = len(book.rigs) + book.revision
        (gone, removed), (_, other) = await book.create_many([f"gone-{number}", f"other-{number}"], "cpu-gpu")
        await book.remove(gone.id)
        return removed, other

    return await farm.within(make)


async def request(client: httpx.AsyncClient, method: str, path: str, headers: dict[str, str]) -> httpx.Response:
    """Asked once more when the server ended a kept connection at the very moment it was used again."""
    try:
        return await client.request(method, path, headers=headers)
    except (httpx.ReadError, httpx.RemoteProtocolError):
        return await client.request(method, path, headers=headers)


async def strangers(farm: Whole, routes: list[tuple[str, str]], rounds: int) -> tuple[int, list[str]]:
    """(requests, those that were not refused) for every route and every credential, with an owner's among them."""
    shown = credentials(farm, *await rig_tokens(farm))
    gate, bad = asyncio.Semaphore(AT_ONCE), []

    async def ask(client: httpx.AsyncClient, headers: dict[str, str], method: str, template: str) -> None:
        async with gate:
            answer = await request(client, method, path_of(template), headers | {"Origin": farm.url})
        if not refused(answer, template):
            bad.append(f"{method} {template} with {sorted(headers)}: {answer.status_code}")

    async def look(owner: httpx.AsyncClient, path: str) -> None:
        async with gate:
            answer = await request(owner, "GET", path, {})
        if refused(answer, path):
            bad.append(f"GET {path} was refused to the owner")

    async with farm.logged_in() as (owner, _), farm.client() as stranger:
        asked = [ask(stranger, headers, *route) for headers, route in every(shown, routes)]
        mixed = [look(owner, path) for path in ("/", "/rigs", "/api/rigs", "/settings", "/playbooks")]
        await asyncio.gather(*asked, *mixed)
        for _ in range(rounds - 1):
            again = [ask(stranger, headers, *route) for headers, route in every(shown, routes)]
            await asyncio.gather(*again, *(look(owner, path) for path in ("/", "/rigs", "/api/rigs")))
        sockets = [template for template, is_open in farm.sockets() if not is_open]
        for template in sockets:
            for headers in shown:
                if not await socket_refused(farm, template, headers | {"Origin": farm.url}):
                    bad.append(f"WebSocket {template} with {sorted(headers)}")
    return rounds * len(every(shown, routes)) + len(sockets) * len(shown), bad


def every(shown: list[dict[str, str]], routes: list[tuple[str, str]]) -> list[tuple[dict[str, str], tuple[str, str]]]:
    """Every route with every credential; OPTIONS, which tells the same for all, without any."""
    return [(headers, route) for headers in shown for route in routes if not headers or route[0] != "OPTIONS"]


async def socket_refused(farm: Whole, template: str, headers: dict[str, str]) -> bool:
    try:
        socket = await connect(f"ws://{farm.host}{path_of(template)}", additional_headers=headers)
    except InvalidStatus as error:
        return error.response.status_code == 403
    await socket.close()
    return False


@pytest.mark.timeout(900)
async def test_every_route_is_closed_to_strangers(farm: Whole) -> None:
    closed = [(method, template) for method, template, is_open in farm.http() if not is_open]
    assert ("GET", "/forgotten/{name}") in closed
    assert ("/forgotten-socket", False) in farm.sockets()
    assert len(closed) > 60
    n, bad = await strangers(farm, closed, scaled(1, 20))
    _, control = await strangers(farm, [("GET", "/left-open")], 1)
    record(
        27,
        f"a route is open to a stranger, {len(closed)} of the router's, {AT_ONCE} at a time with an owner among them",
        n=n,
        bad=len(bad),
        unit="requests and sockets",
        control="a new route without the guard",
        control_bad=f"{len(control)} of 9 strangers were let in",
    )
    assert bad == []
    assert len(control) == 9


def test_only_these_are_open(farm: Whole) -> None:
    found = {template for _, template, is_open in farm.http() if is_open}
    found |= {template for template, is_open in farm.sockets() if is_open}
    assert found - listed() == {"/left-open"}, "say in OPEN why strangers may have this"


@pytest.mark.parametrize(
    "authorization", ["", "Bearer x", "Bearer rf_{made_up}", "Bearer rk_{made_up}", "Basic cm9vdDo="]
)
async def test_routes_with_tokens_of_their_own_refuse_others(farm: Whole, authorization: str) -> None:
    headers = {"Authorization": authorization.format(made_up="x" * 43)} if authorization else {}
    async with farm.client(**headers) as stranger:
        for method, template, is_open in farm.http():
            if is_open and template in OPEN_TO_TOKENS and method != "OPTIONS":
                answer = await stranger.request(method, path_of(template), json={"rigs": []})
                assert answer.status_code in (401, 429), f"{method} {template}: {answer.status_code}"
