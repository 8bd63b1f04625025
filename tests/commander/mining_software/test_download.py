"""A download: its redirects followed, its size capped, its server's mistakes told in words."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import httpcore
import pytest

from rigfarm.commander.outbound.download import HOPS, FetchError, open_download
from rigfarm.commander.outbound.guarded import HEAD, READ_AT_ONCE, GuardedBackend
from rigfarm.commander.outbound.reach import Reach


@pytest.fixture
def fetch(origin: Any, names: dict[str, list[str]], reach: Reach, client_tls: ssl.SSLContext) -> Any:
    names["mirror.test"] = ["127.0.1.7"]

    async def fetch(path: str, *, limit: int = 1 << 20, scheme: str = "http", port: int | None = None) -> bytes:
        url = f"{scheme}://mirror.test:{port or origin.port}{path}"
        async with open_download(url, lan=True, limit=limit, reach=reach, tls=client_tls) as download:
            return b"".join([chunk async for chunk in download.chunks])

    return fetch


async def test_it_works(origin: Any, fetch: Any) -> None:
    origin.serve("/a.tar.gz", b"body" * 50_000)
    assert await fetch("/a.tar.gz") == b"body" * 50_000


async def test_it_works_over_tls(fetch: Any, origin: Any, server_tls: ssl.SSLContext) -> None:
    secure = type(origin)()
    await secure.listen("127.0.1.7", 0, server_tls)
    secure.serve("/a", b"secret")
    assert await fetch("/a", scheme="https", port=secure.port) == b"secret"
    await secure.close()


async def test_a_certificate_for_another_name_is_refused(
    origin: Any, server_tls: ssl.SSLContext, reach: Reach, client_tls: ssl.SSLContext, names: dict[str, list[str]]
) -> None:
    secure = type(origin)()
    await secure.listen("127.0.1.7", 0, server_tls)
    secure.serve("/a", b"secret")
    names["impostor.test"] = ["127.0.1.7"]
    url = f"https://impostor.test:{secure.port}/a"
    with pytest.raises(FetchError, match="certificate"):
        async with open_download(url, lan=True, limit=100, reach=reach, tls=client_tls):
            pass
    assert secure.asked == []
    await secure.close()


async def test_redirects_are_followed_but_not_for_ever(origin: Any, fetch: Any) -> None:
    origin.redirect("/0", "1")
    origin.redirect("/1", "/2")
    origin.serve("/2", b"body")
    assert await fetch("/0") == b"body"
    origin.redirect("/loop", "/loop")
    with pytest.raises(FetchError, match="redirects"):
        await fetch("/loop")
    assert origin.asked.count("/loop") == HOPS


async def test_little_of_a_connection_is_read_at_a_time_and_no_more_than_is_wanted(reach: Reach) -> None:
    async def flood(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(bytes(HEAD + 3_000_000))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(flood, "127.0.1.7", 0)
    port = server.sockets[0].getsockname()[1]
    stream = await GuardedBackend(reach, lan=True, plain=True, most=1_000_000).connect_tcp("127.0.1.7", port)
    sizes: list[int] = []

    async def read_all() -> None:
        while True:
            sizes.append(len(await stream.read(1 << 16)))

    with pytest.raises(httpcore.ReadError, match="too long"):
        await read_all()
    assert max(sizes) <= READ_AT_ONCE
    assert HEAD + 2_000_000 <= sum(sizes) < HEAD + 2_000_000 + READ_AT_ONCE
    await stream.aclose()
    server.close()


@pytest.mark.parametrize("status", [204, 206, 304, 401, 404, 500, 503])
async def test_any_other_answer_is_said(origin: Any, fetch: Any, status: int) -> None:
    origin.reply("/a", status)
    with pytest.raises(FetchError, match=str(status)):
        await fetch("/a")


async def test_a_redirect_to_what_is_no_address_is_said(origin: Any, fetch: Any) -> None:
    origin.redirect("/a", "http://[")
    with pytest.raises(FetchError, match="an address that cannot be"):
        await fetch("/a")


async def test_a_redirect_to_nowhere_is_said(origin: Any, fetch: Any) -> None:
    origin.reply("/a", 302)
    with pytest.raises(FetchError, match="without saying where"):
        await fetch("/a")


async def test_a_file_that_says_it_is_too_large_is_not_begun(origin: Any, fetch: Any) -> None:
    origin.serve("/a", b"x" * 1001)
    with pytest.raises(FetchError, match="1\u202f001"):
        await fetch("/a", limit=1000)


async def test_an_endless_body_is_cut_off(origin: Any, fetch: Any) -> None:
    sent = 0

    async def endless(_: str, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x" * 65536)
            sent += 65536
            await writer.drain()

    origin.answers["/a"] = endless
    with pytest.raises(FetchError, match="more than"):
        await fetch("/a", limit=1 << 20)
    assert sent < 32 << 20


async def test_a_body_that_stops_early_is_said(origin: Any, fetch: Any) -> None:
    async def short(_: str, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this")
        await writer.drain()

    origin.answers["/a"] = short
    with pytest.raises(FetchError):
        await fetch("/a")


async def test_a_reencoded_body_is_refused(origin: Any, fetch: Any) -> None:
    origin.serve("/a", b"x", "Content-Encoding: gzip")
    with pytest.raises(FetchError, match="re-encoded"):
        await fetch("/a")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x15\x03\x01\x00\x02\x02\x16",
        b"HTTP/1.1 two hundred\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 30_000,
    ],
)
async def test_nonsense_is_said(origin: Any, fetch: Any, answer: bytes) -> None:
    async def nonsense(_: str, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()

    origin.answers["/a"] = nonsense
    with pytest.raises(FetchError):
        await fetch("/a")


async def test_a_host_nobody_knows_and_one_that_is_not_there_are_said(
    fetch: Any, reach: Reach, client_tls: ssl.SSLContext, names: dict[str, list[str]]
) -> None:
    names["nobody.test"] = ["no such name"]
    with pytest.raises(FetchError, match="cannot be reached"):
        await fetch("/a", port=1)
    with pytest.raises(FetchError, match="not known"):
        async with open_download("https://nobody.test/", lan=False, limit=1, reach=reach, tls=client_tls):
            pass


async def test_what_the_operator_is_told_has_no_query(origin: Any, fetch: Any) -> None:
    origin.reply("/a?token=hunter2", 404)
    with pytest.raises(FetchError) as error:
        await fetch("/a?token=hunter2")
    assert "hunter2" not in str(error.value)
