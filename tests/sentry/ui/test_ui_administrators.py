"""What any user of a rig gets from its Sentry's page, and what takes an administrator."""

from __future__ import annotations

import asyncio
import html
import os
import re
import socket
import stat
import subprocess
import sys

import httpx
import msgspec
import pytest
from page_helpers import browsing, code, csrf, enter
from sentry_helpers import FakePart, running

from rigfarm.sentry.agent.agent import Agent
from rigfarm.sentry.asic.lan import LanAsics
from rigfarm.sentry.httpd.http import MAX_CONNECTIONS
from rigfarm.sentry.identity.passwords import hash_password
from rigfarm.sentry.identity.settings import Settings
from rigfarm.sentry.ui.ask import ask_code
from rigfarm.sentry.ui.guard import COOKIE
from rigfarm.sentry.ui.server import Page, serve_page
from rigfarm.sentry.ui.socket_path import SOCKET
from rigfarm.wire.playbooks import PlaybookStatus
from rigfarm.wire.tokens import new_token
from support.asic_trial import QUICK
from support.toy_commander import ToyCommander
from support.until import until

OPEN = {("GET", "/"), ("GET", "/status.json"), ("GET", "/login"), ("POST", "/login"), ("POST", "/logout")}
"""All that anyone may ask for. A route that is added here has to be harmless in the hands of a mining program."""
WITH_A_PASSWORD = {("GET", "/login"), ("POST", "/login"), ("POST", "/logout")}
NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="acts as another user")


async def routes(settings: Settings) -> list[tuple[str, str]]:
    """Every route of a Sentry with every part, by its own table."""
    lan = LanAsics(settings.data_dir / "other", pace=QUICK)
    page = Page(Agent(settings, [FakePart(""), lan]))
    await lan.wake()
    return [(route.method, route.path) for route in page.ui.routes]


@pytest.mark.parametrize("password", [None, "eight or more"])
@pytest.mark.parametrize("joined", [True, False])
async def test_no_route_is_open_that_is_not_listed_here(
    settings: Settings, commander: ToyCommander, joined: bool, password: str | None
) -> None:
    part = FakePart(None if joined else "")
    commander.good(part.token)
    lan = LanAsics(settings.data_dir, wanted=True, pace=QUICK)
    known = await routes(settings)
    assert len(known) > 15
    hashed = hash_password(password) if password else None
    allowed = WITH_A_PASSWORD if password else OPEN
    async with browsing(settings, commander, part, lan, login=False, ui_password=hashed) as (agent, client):
        await until(lambda: lan.part)
        secret = await csrf(client, "/login")
        for method, path in known:
            if (method, path) in allowed:
                continue
            path = path.replace("{id}", "1")
            data = {"csrf": secret, "token": new_token(), "url": "http://127.0.0.1:9", "address": "http://127.0.0.1:9"}
            for _ in range(2):
                answer = await client.request(method, path, data=data if method == "POST" else None)
                assert answer.status_code == (401 if method == "POST" else 303), (method, path)
                assert answer.headers.get("Location", "/login").startswith("/login"), (method, path)
        assert agent.settings.commander == commander.url
        assert part.token not in str(client.cookies) or not part.token


async def test_an_unjoined_rig_is_not_anyones(settings: Settings, commander: ToyCommander) -> None:
    part, evil = FakePart(""), new_token()
    commander.good(evil)
    async with browsing(settings, None, part, login=False) as (agent, client):
        secret = await csrf(client, "/login")
        answer = await client.post("/token", data={"csrf": secret, "url": commander.url, "token": evil})
        assert answer.status_code == 401
        assert (part.token, agent.settings.commander, commander.connections) == ("", None, 0)
        assert not (settings.data_dir / "sentry.toml").exists()


async def test_onlookers_see_how_it_does_and_no_more(settings: Settings, commander: ToyCommander) -> None:
    part = FakePart()
    commander.good(part.token)
    async with browsing(settings, commander, part, login=False) as (agent, client):
        await until(lambda: part.verdicts)
        part.report(1)
        assert part.reporter is not None
        part.reporter.playbooks(part.token, [PlaybookStatus(1, 1, "backing-off", "it said: --pass hunter2")])
        shown = (await client.get("/")).text + (await client.get("/", params={"values": "1"})).text
        assert "rig-01" in shown
        assert "backing-off" in shown
        status = (await client.get("/status.json")).json()
        for secret in (part.token, "hunter2", await code(agent)):
            assert secret not in shown + str(status)
        assert status["code"] == ""
        assert (await enter(client, await code(agent))).status_code == 303
        assert "hunter2" in (await client.get("/")).text


async def test_the_code_works_once_and_leads_on(settings: Settings) -> None:
    async with browsing(settings, None, FakePart(""), login=False) as (agent, client):
        asked = await client.get("/", follow_redirects=True)
        assert asked.url.path == "/login"
        assert "rigfarm sentry code" in asked.text
        first = await code(agent)
        wrong = await enter(client, "AAAA-AAAA-AAAA-AAAA")
        assert (wrong.status_code, "Wrong code" in wrong.text) == (403, True)
        assert await code(agent) == first, "guesses take nobody's code away"
        right = await enter(client, f" {first.lower().replace('-', ' ')} ", next="/token")
        assert (right.status_code, right.headers["Location"]) == (303, "/token")
        assert "This machine needs a token" in (await client.get("/token")).text
        client.cookies.clear()
        assert (await enter(client, first)).status_code == 403


async def test_a_login_leads_back_to_the_page_with_its_query(settings: Settings) -> None:
    """A filtered list of ASICs is where one was going, not its unfiltered first page."""
    async with browsing(settings, None, FakePart(""), login=False, ui_password=hash_password("eight or more")) as (
        _,
        client,
    ):
        asked = await client.get("/token", params={"again": "1&2", "empty": ""})
        assert asked.headers["Location"] == "/login?next=/token%3Fagain%3D1%25262%26empty%3D"
        page = (await client.get(asked.headers["Location"])).text
        found = re.search(r'name="next" value="([^"]+)"', page)
        assert found is not None
        there = html.unescape(found[1])
        assert (await enter(client, "eight or more", next=there)).headers["Location"] == "/token?again=1%262&empty="
        assert (await client.get(asked.headers["Location"])).headers["Location"] == "/token?again=1%262&empty="


async def test_the_link_to_the_login_leads_back(settings: Settings, commander: ToyCommander) -> None:
    part = FakePart()
    commander.good(part.token)
    async with browsing(settings, commander, part, login=False) as (_, client):
        await until(lambda: part.verdicts)
        assert '<a class="login" href="/login?next=/%3Flist%3Dall">' in (await client.get("/?list=all")).text


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example",
        "https://evil.example/",
        "/\\evil.example",
        "/nothing",
        "/\r\nX: y",
        "%2F%2Fevil.example",
        "?//evil",
    ],
)
async def test_a_login_leads_nowhere_else(settings: Settings, path: str) -> None:
    async with browsing(settings, None, FakePart(""), login=False) as (agent, client):
        assert (await enter(client, await code(agent), next=path)).headers["Location"] == "/"


async def test_the_socket_is_root_s_and_the_sentry_s_own(settings: Settings) -> None:
    async with browsing(settings, None, FakePart(""), login=False):
        found = (settings.data_dir / SOCKET).stat()
        assert stat.S_IMODE(found.st_mode) == 0o600
        assert found.st_uid == os.geteuid()


_ASK = """
import os, socket, sys
request = sys.stdin.buffer.read()
socket.create_connection(("127.0.0.1", int(sys.argv[1]))).close()  # imports what it needs, while it may
os.setgroups([]); os.setgid(65534); os.setuid(65534)
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as one:
    one.sendall(request)
    while data := one.recv(65536):
        os.write(1, data)
"""


async def as_nobody(port: int, request: str) -> str:
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", _ASK, str(port)],
        input=request.encode(),
        capture_output=True,
        timeout=30,
        check=True,
    )
    return done.stdout.decode()


@as_root
async def test_a_stolen_cookie_opens_nothing_for_another_user(settings: Settings) -> None:
    """A browser sends a cookie to every port of this host, and so to a server of the mining program."""
    async with browsing(settings, None, FakePart("")) as (_, client):
        cookie, port = client.cookies[COOKIE], client.base_url.port
        assert port is not None
        assert "needs a token" in (await client.get("/token")).text
        for more in ("", "X-Forwarded-For: 127.0.0.1\r\nX-Real-IP: 127.0.0.1\r\n"):
            head = f"GET /token HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{more}"
            answer = await as_nobody(port, f"{head}Cookie: {COOKIE}={cookie}\r\n\r\n")
            assert "303" in answer.splitlines()[0]
            assert "ocation: /login" in answer
        assert "needs a token" in (await client.get("/token")).text, "its owner's session goes on"


@pytest.mark.parametrize(
    "request_",
    [
        b"POST /token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"GET /status.json HTTP/1.1\r\nHost: localhost\r\nCookie: a=b\r\nCookie: c=d\r\nConnection: close\r\n\r\n",
    ],
)
async def test_requests_with_two_meanings_are_refused(settings: Settings, request_: bytes) -> None:
    async with browsing(settings, None, FakePart(""), login=False) as (_, client):
        reader, writer = await asyncio.open_connection("127.0.0.1", client.base_url.port)
        writer.write(request_)
        assert b" 400 " in (await reader.read()).partition(b"\r\n")[0]
        writer.close()


async def test_a_stranger_sends_little(settings: Settings) -> None:
    async with browsing(settings, None, FakePart(""), login=False) as (agent, client):
        many = {"csrf": await csrf(client, "/login"), "password": "a" * 20_000}
        assert (await client.post("/login", data=many)).status_code == 413
        assert (await enter(client, await code(agent))).status_code == 303


async def test_who_holds_all_connections_locks_nobody_out(settings: Settings) -> None:
    """64 connections that say nothing were enough to close the page, and `rigfarm sentry status` with it."""
    async with browsing(settings, None, FakePart(""), login=False) as (agent, client):
        port = client.base_url.port
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2 * MAX_CONNECTIONS)]
        try:
            async with httpx.AsyncClient(base_url=client.base_url, headers=client.headers) as owner:
                assert (await enter(owner, await code(agent))).status_code == 303
        finally:
            for _, writer in held:
                writer.close()


async def test_the_code_is_not_told_for_a_page_that_someone_else_serves(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        agent = Agent(msgspec.structs.replace(settings, ui=address), [FakePart("")], serve=serve_page)
        async with running(agent):
            await until(lambda: (settings.data_dir / SOCKET).exists())
            lines = await ask_code(settings.data_dir)
            while "cannot be served" not in lines[0]:
                assert len(lines) == 1
                lines = await ask_code(settings.data_dir)
            assert len(lines) == 1
