"""What began before a login or key ended has no effect after it: a thief's form that is held back until its session was
signed out would else still be taken."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from gated import Served, served

from rigfarm.commander.storage import Storage
from rigfarm.wire.tokens import hash_token


@pytest.fixture(scope="module")
def gated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("commander")) as one:
        yield one


def within(gated: Served, work: Callable[[], Any]) -> Any:
    return asyncio.run_coroutine_threadsafe(work(), gated.app.state.loop).result(60)


def half_sent(gated: Served, head: list[str], body: bytes) -> socket.socket:
    """A request without the last byte of its body."""
    host, port = gated.host.split(":")
    one = socket.create_connection((host, int(port)))
    one.settimeout(30)
    lines = [*head, f"Host: {gated.host}", f"Origin: {gated.url}", f"Content-Length: {len(body)}", "", ""]
    one.sendall("\r\n".join(lines).encode() + body[:-1])
    return one


async def cookie_and_csrf(gated: Served) -> tuple[str, str]:
    browser = await gated.logged_in()
    await browser.aclose()
    return "; ".join(f"{name}={value}" for name, value in browser.cookies.items()), browser.headers["X-CSRF-Token"]


def taken(one: socket.socket, rest: bytes) -> int:
    one.sendall(rest)
    return int(one.recv(65536).split()[1])


FORM = "Content-Type: application/x-www-form-urlencoded"


@pytest.mark.parametrize("token_in", ["header", "form"])
async def test_a_form_that_was_held_back_until_the_logout_is_refused(gated: Served, token_in: str) -> None:
    for ends, expected in ((False, 200), (True, 401)):
        cookie, csrf = await cookie_and_csrf(gated)
        head = ["POST /settings/api-keys HTTP/1.1", f"Cookie: {cookie}", FORM]
        body = b"name=stolen&read=1"
        if token_in == "header":
            head.append(f"X-CSRF-Token: {csrf}")
        else:
            body = f"csrf={csrf}&name=stolen&read=1".encode()
        with half_sent(gated, head, body) as one:
            await asyncio.sleep(0.1)
            if ends:
                await asyncio.to_thread(within, gated, lambda: gated.auth.sessions.end_all())
            assert await asyncio.to_thread(taken, one, body[-1:]) == expected
        assert bool(gated.auth.keys.all()) == (not ends)
        for key in gated.auth.keys.all():
            await asyncio.to_thread(within, gated, lambda key=key: gated.auth.keys.revoke(key.id))


async def test_a_request_of_a_key_that_was_revoked_meanwhile_is_refused(gated: Served) -> None:
    for ends, expected in ((False, 200), (True, 401)):
        key, secret = await asyncio.to_thread(
            within, gated, lambda: gated.auth.keys.create("script", ("configure",), None)
        )
        body = b'{"name":"x"}'
        head = ["PATCH /api/rigs/1 HTTP/1.1", f"Authorization: Bearer {secret}", "Content-Type: application/json"]
        with half_sent(gated, head, body) as one:
            await asyncio.sleep(0.1)
            if ends:
                await asyncio.to_thread(within, gated, lambda key=key: gated.auth.keys.revoke(key.id))
            assert await asyncio.to_thread(taken, one, body[-1:]) == expected
        if not ends:
            await asyncio.to_thread(within, gated, lambda key=key: gated.auth.keys.revoke(key.id))


async def test_a_change_that_waited_for_the_database_is_refused(gated: Served) -> None:
    """The disk was busy for a while, and the operator signed out everywhere in that time."""
    storage: Storage = gated.auth.keys._db
    cookie, csrf = await cookie_and_csrf(gated)
    id_hash = hash_token(re.split("[=;]", cookie)[1])
    body = b"name=stolen&read=1"
    head = ["POST /settings/api-keys HTTP/1.1", f"Cookie: {cookie}", FORM, f"X-CSRF-Token: {csrf}"]

    async def busy() -> None:
        async with storage.begin():
            one.sendall(body[-1:])
            await asyncio.sleep(0.5)
            gated.auth.sessions._drop(id_hash)

    with half_sent(gated, head, body) as one:
        await asyncio.to_thread(within, gated, busy)
        assert await asyncio.to_thread(taken, one, b"") == 401
    assert not gated.auth.keys.all()


async def test_signing_oneself_out_is_written_down(gated: Served) -> None:
    for way in ("/logout", "/settings/sessions/end-all"):
        browser = await gated.logged_in()
        assert (await browser.post(way)).status_code == 303
        await browser.aclose()
    assert not gated.auth.sessions._ended
