"""Row 40: what began before a revocation has no effect after it: forms, uploads, requests of an API key, archives that
a rig fetches, pages and links that are open.

The control asks at the start only, as most software does.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from browsers import LivePage, login
from promise import record, scaled

from rigfarm.commander.auth.control import RevokeKey, ask
from rigfarm.simulate.commander import CommanderProcess
from rigfarm.simulate.program.pack import pack, pack_files, source
from rigfarm.wire.codec import encode
from support.load import a_log, connect
from support.playbooks import make_playbook
from support.until import until

AT_THE_START_ONLY = """
import rigfarm.commander.server.downloads as downloads, rigfarm.commander.permission as permission
from rigfarm.commander.auth.auth import Auth
from rigfarm.commander.auth.sessions import Sessions
from rigfarm.commander.link.registry import Links
Auth.alive = lambda self, viewer: True
send = downloads.Downloads.send
downloads.Downloads.send = lambda *arguments: send(*arguments[:-1], lambda: True)
Sessions.on_end = lambda self, listener: None
Links._token_rotated = lambda self, rotated: None
"""
TRIES = scaled(2, 25)
BEGUN_S = 0.5
"""A request is under way after that; if it is not, it is refused at its start, and the control notices."""

Way = Callable[["Farm", int], Awaitable[bool]]


class Farm:
    """A Commander with a rig and mining software, and the owner, who revokes."""

    def __init__(self, commander: CommanderProcess) -> None:
        self.commander = commander
        self.big = 0
        self.owner = httpx.AsyncClient(base_url=commander.url, headers={"Origin": commander.url}, timeout=60)

    async def log_in(self) -> None:
        """The owner."""
        assert (await self.owner.post("/login", data={"password": self.commander.password})).status_code == 303

    async def sign_out_all(self) -> None:
        """Every login, and the owner logs in again."""
        token = await csrf(self.owner)
        assert (await self.owner.post("/settings/sessions/end-all", headers={"X-CSRF-Token": token})).status_code == 303
        await self.log_in()

    async def api(self, method: str, path: str, body: object = None) -> Any:
        return await asyncio.to_thread(self.commander.api, method, path, body)

    def half_sent(self, head: str, body: bytes) -> socket.socket:
        """A request without the second half of its body."""
        one = socket.create_connection(("127.0.0.1", self.commander.port))
        one.settimeout(60)
        host = f"Host: 127.0.0.1:{self.commander.port}\r\nOrigin: {self.commander.url}"
        one.sendall(f"{head}\r\n{host}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body[: len(body) // 2])
        time.sleep(BEGUN_S)
        return one


async def csrf(browser: httpx.AsyncClient) -> str:
    page = (await browser.get("/settings")).text
    return page.split('name="csrf" value="')[1].split('"')[0]


async def rest(one: socket.socket, body: bytes) -> bytes:
    """Send the second half; what is answered."""

    def work() -> bytes:
        with contextlib.suppress(ConnectionError):
            one.sendall(body[len(body) // 2 :])
            return one.recv(65536)
        return b""

    return await asyncio.to_thread(work)


@asynccontextmanager
async def thief(farm: Farm) -> AsyncIterator[tuple[str, str]]:
    """Cookie and CSRF token of a login that somebody else uses."""
    async with httpx.AsyncClient(base_url=farm.commander.url, headers={"Origin": farm.commander.url}) as browser:
        await browser.post("/login", data={"password": farm.commander.password})
        yield "; ".join(f"{name}={value}" for name, value in browser.cookies.items()), await csrf(browser)


async def form(farm: Farm, number: int) -> bool:
    """A rig is made by a form that was half sent when its login was signed out."""
    name = f"stolen-{number}"
    async with thief(farm) as (cookie, token):
        body = f"csrf={token}&kind=cpu-gpu&name={name}".encode()
        kind = "Content-Type: application/x-www-form-urlencoded"
        with farm.half_sent(f"POST /rigs HTTP/1.1\r\nCookie: {cookie}\r\n{kind}", body) as one:
            await farm.sign_out_all()
            await rest(one, body)
    return any(rig["name"] == name for rig in await farm.api("GET", "/api/rigs"))


async def upload(farm: Farm, number: int) -> bool:
    """A file for a mining software is kept though its upload was half done when the key was revoked."""
    wanted = {"name": f"Stolen {number}", "version": "1", "executable": "fakeminer", "adapter": "xmrig",
              "api_arguments": "", "devices": "both"}  # fmt: skip
    software = (await farm.api("POST", "/api/software", wanted))["id"]
    name, secret = await new_key(farm, number)
    body = pack("tar.gz", salt=name)
    head = f"PUT /api/software/{software}/archive HTTP/1.1\r\nAuthorization: Bearer {secret}"
    with farm.half_sent(head, body) as one:
        await asyncio.to_thread(ask, farm.commander.folder, RevokeKey(name))
        await rest(one, body)
    return "sha256" in (await farm.api("GET", f"/api/software/{software}"))["file"]


async def key(farm: Farm, number: int) -> bool:
    """A rig is made by a request that was half sent when its API key was revoked."""
    name, secret = await new_key(farm, 1000 + number)
    body = b'{"names":["%s"],"kind":"cpu-gpu"}' % name.encode()
    kind = f"Authorization: Bearer {secret}\r\nContent-Type: application/json"
    with farm.half_sent(f"POST /api/rigs/many HTTP/1.1\r\n{kind}", body) as one:
        await asyncio.to_thread(ask, farm.commander.folder, RevokeKey(name))
        await rest(one, body)
    return any(rig["name"] == name for rig in await farm.api("GET", "/api/rigs"))


async def archive(farm: Farm, number: int) -> bool:
    """A rig that was removed gets the rest of a file that it had begun to fetch."""
    software = await farm.api("GET", f"/api/software/{farm.big}")
    sha256, size = software["file"]["sha256"], software["file"]["size"]
    ((rig, token),) = await asyncio.to_thread(farm.commander.add_rigs, [f"fetching-{number}"])

    def fetch() -> int:
        with socket.socket() as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            one.settimeout(60)
            one.connect(("127.0.0.1", farm.commander.port))
            one.sendall(
                f"GET /software/archives/{sha256} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
            )
            got = len(one.recv(1000))
            farm.commander.api("DELETE", f"/api/rigs/{rig}")
            with contextlib.suppress(ConnectionError):
                while more := len(one.recv(65536)):
                    got += more
            return got

    return await asyncio.to_thread(fetch) >= size


async def page(farm: Farm, number: int) -> bool:
    """A live page of a login that was signed out gets what happens afterwards."""
    cookie = await asyncio.to_thread(login, farm.commander)
    async with LivePage(farm.commander, cookie, "/rigs") as live:
        await until(lambda: live.frames, "the snapshot")
        await farm.sign_out_all()
        with contextlib.suppress(AssertionError):
            await until(lambda: live._reading is None or live._reading.done(), "its end", 3)
        before = live.frames
        await asyncio.to_thread(farm.commander.add_rigs, [f"after-{number}"])
        with contextlib.suppress(AssertionError):
            await until(lambda: live.frames > before, "a frame", 3)
        return live.frames > before


async def link(farm: Farm, number: int) -> bool:
    """A link of a rig whose token was rotated reports for it."""
    ((rig, token),) = await asyncio.to_thread(farm.commander.add_rigs, [f"reporting-{number}"])
    sentry = await connect(farm.commander.url, [token])
    await farm.api("POST", f"/api/rigs/{rig}/token")
    sentry.send_logs([encode(a_log(rig, 1_700_000_000_000 + number))])
    await asyncio.sleep(1)
    sentry.close()
    return bool((await farm.api("GET", f"/api/rigs/{rig}")).get("last_seen_at"))


async def new_key(farm: Farm, number: int) -> tuple[str, str]:
    """Name and secret of an API key."""
    from rigfarm.commander.auth.control import CreateKey

    name = f"key-{number}"
    answer = await asyncio.to_thread(ask, farm.commander.folder, CreateKey(name, ("read", "configure"), None))
    assert answer.secret
    return name, answer.secret


WAYS: dict[str, Way] = {"form": form, "upload": upload, "key": key, "archive": archive, "page": page, "link": link}


async def effects(folder: Path, tries: int, mutation: str = "") -> dict[str, int]:
    """How often each way had an effect after the revocation."""
    with CommanderProcess(folder, settings={"login_attempts": "10000"}, mutation=mutation) as commander:
        farm = Farm(commander)
        await farm.log_in()
        await asyncio.to_thread(make_playbook, commander)
        await big_archive(farm)
        found = {name: sum([await way(farm, number) for number in range(tries)]) for name, way in WAYS.items()}
        await farm.owner.aclose()
    return found


async def big_archive(farm: Farm) -> None:
    """Mining software whose file is larger than what the system buffers."""
    wanted = {"name": "Big", "version": "1", "executable": "fakeminer", "adapter": "xmrig", "api_arguments": "",
              "devices": "both"}  # fmt: skip
    farm.big = software = (await farm.api("POST", "/api/software", wanted))["id"]
    body = pack_files("zip", {"fakeminer": source(), "padding": random.Random(40).randbytes(24 << 20)})
    await asyncio.to_thread(farm.commander.api, "PUT", f"/api/software/{software}/archive", body)


@pytest.mark.timeout(1800)
async def test_what_is_under_way_ends_with_the_revocation(tmp_path: Path) -> None:
    found = await effects(tmp_path / "farm", TRIES)
    control = await effects(tmp_path / "control", 1, AT_THE_START_ONLY)
    record(
        40,
        "forms, uploads, requests, archives, pages and links begun before a revocation: effects after it",
        n=TRIES * len(WAYS),
        bad=sum(found.values()),
        unit="revocations",
        control="check at the start only",
        control_bad=f"{sum(control.values())} of {len(WAYS)} ways had an effect",
    )
    assert not any(found.values()), found
    assert all(control.values()), control
