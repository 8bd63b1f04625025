"""Row 25: a session that ended is refused from that moment, by HTTP and on its open pages, whatever ended it.

The control is what many do: a cookie that proves itself, of which nobody asks whether its session still is.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from promise import record, scaled
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from whole import Whole, cookies_of, hash_of, whole

from rigfarm.commander.auth import Sessions
from rigfarm.wire.tokens import hash_token

SIGN_IN_AGAIN = 4401
DAY_S = 86_400
PATHS = ("/", "/rigs", "/settings", "/api/rigs", "/api/session")
AT_ONCE = 20
SETTINGS = {"session_idle_days": 5, "session_absolute_days": 50}

End = Callable[[Whole, "Login"], Awaitable[None]]


class Login:
    """A browser with a session and an open page."""

    def __init__(self, browser: httpx.AsyncClient, token: str, page: ClientConnection) -> None:
        self.browser, self.token, self.page = browser, token, page
        self.cookies = cookies_of(browser)
        self.id_hash = hash_token(next(iter(browser.cookies.values())))

    async def closed_after(self, began: float) -> float:
        """s until its page was closed by the right code; fails when it stays open."""
        async with asyncio.timeout(60):
            with suppress(ConnectionClosed):
                while True:
                    await self.page.recv()
        assert self.page.close_code == SIGN_IN_AGAIN
        return time.monotonic() - began


async def page_of(farm: Whole, cookies: str) -> ClientConnection:
    headers = {"Cookie": cookies}
    page = await connect(f"ws://{farm.host}/live?page=/rigs", origin=farm.url, additional_headers=headers)
    await page.recv()
    return page


async def accepted(farm: Whole, cookies: str, tries: int) -> int:
    """How often an old cookie is believed."""
    found = 0
    async with farm.client(Cookie=cookies) as thief:
        for start in range(0, tries, AT_ONCE):
            paths = [PATHS[number % len(PATHS)] for number in range(start, min(start + AT_ONCE, tries))]
            answers = await asyncio.gather(*(thief.get(path) for path in paths))
            found += sum(answer.status_code not in (303, 401) for answer in answers)
    try:
        page = await page_of(farm, cookies)
    except InvalidStatus:
        return found
    await page.close()
    return found + 1


async def log_out(farm: Whole, login: Login) -> None:
    await login.browser.post("/logout", data={"csrf": login.token}, headers={"Origin": farm.url})


async def end_from_the_list(farm: Whole, login: Login) -> None:
    async with farm.logged_in() as (other, token):
        path = f"/settings/sessions/{login.id_hash.hex()}/end"
        await other.post(path, data={"csrf": token}, headers={"Origin": farm.url})


async def end_all(farm: Whole, login: Login) -> None:
    async with farm.logged_in() as (other, token):
        await other.post("/settings/sessions/end-all", data={"csrf": token}, headers={"Origin": farm.url})


async def expire(farm: Whole, login: Login, days: float) -> None:
    farm.auth.sessions._clock = lambda: time.monotonic() + days * DAY_S


async def leave_unused(farm: Whole, login: Login) -> None:
    await expire(farm, login, SETTINGS["session_idle_days"])


async def use_for_too_long(farm: Whole, login: Login) -> None:
    session = farm.auth.sessions._all[login.id_hash]
    session.used = time.monotonic() + SETTINGS["session_absolute_days"] * DAY_S
    await expire(farm, login, SETTINGS["session_absolute_days"])


WAYS: list[End] = [log_out, end_from_the_list, end_all, leave_unused, use_for_too_long]


async def end_one(farm: Whole, way: End, tries: int) -> tuple[int, float]:
    """(times the old cookie was believed, s until its page was closed)."""
    async with farm.logged_in() as (browser, token):
        login = Login(browser, token, await page_of(farm, cookies_of(browser)))
        await way(farm, login)
        took = await login.closed_after(time.monotonic())
        believed = await accepted(farm, login.cookies, tries)
    farm.auth.sessions._clock = time.monotonic
    return believed, took


async def change_password(folder: Path, tries: int) -> int:
    """Times a cookie of the old password was believed; it holds before, or the figure would say nothing."""
    with whole(folder) as farm:
        async with farm.logged_in() as (browser, _):
            cookies = cookies_of(browser)
            assert await accepted(farm, cookies, 5) == 6
            secret = next(iter(browser.cookies.values()))
    with whole(folder, password_hash=hash_of("another one entirely")) as farm:
        cookies = f"rigfarm-{farm.url.rpartition(':')[2]}={secret}"
        return await accepted(farm, cookies, tries)


@pytest.mark.timeout(900)
async def test_an_ended_session_is_refused_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rounds, tries = scaled(1, 2), scaled(20, 1_000)
    believed, slowest, n = 0, 0.0, 0
    with whole(tmp_path / "farm", **SETTINGS) as farm:
        for _ in range(rounds):
            for way in WAYS:
                found, took = await end_one(farm, way, tries)
                believed, slowest, n = believed + found, max(slowest, took), n + tries + 1
        with monkeypatch.context() as patch:  # believes what was once good
            known = {}
            find = Sessions.find

            def stateless(self: Sessions, secret: str, address: str) -> object:
                return known.setdefault(secret, find(self, secret, address) or known.get(secret))

            patch.setattr(Sessions, "find", stateless)
            patch.setattr(Sessions, "alive", lambda self, id_hash: True)
            control, _ = await end_one(farm, log_out, 20)
    believed += await change_password(tmp_path / "changed", tries)
    record(
        25,
        f"an old cookie is believed, after logging out, being signed out, idling, age, and a change of the password; "
        f"open pages were closed within {slowest * 1000:.0f} ms",
        n=n + tries + 1,
        bad=believed,
        unit="requests and sockets",
        control="a token that proves itself",
        control_bad=f"believed {control} of 21 times",
    )
    assert believed == 0
    assert control == 21
