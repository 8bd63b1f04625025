"""In the whole application: an open page of a login that ended is closed, with the code that sends it to the login."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from gated import CHEAP_HASH, PASSWORD, csrf, listening
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from rigfarm.commander.app import create_app
from rigfarm.commander.settings import Settings

SIGN_IN_AGAIN = 4401


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    with listening(create_app(Settings(data_dir=tmp_path, password_hash=CHEAP_HASH))) as one:
        yield one


async def _closing(page: ClientConnection) -> None:
    with suppress(ConnectionClosed):
        async for _ in page:
            pass


@pytest.mark.parametrize("path", ["/logout", "/settings/sessions/end-all"])
async def test_it_works(url: str, path: str) -> None:
    async with httpx.AsyncClient(base_url=url, headers={"Origin": url}) as browser:
        assert (await browser.post("/login", data={"password": PASSWORD})).status_code == 303
        cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        socket = f"ws{url[4:]}/live?page=%2Frigs"
        async with connect(socket, origin=url, additional_headers={"Cookie": cookie}) as page:
            await page.recv()
            assert (await browser.post(path, data={"csrf": await csrf(browser)})).status_code == 303
            async with asyncio.timeout(10):
                await _closing(page)
                assert page.close_code == SIGN_IN_AGAIN
