"""A fake on its socket: answers, faults, and nothing left behind."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time

import pytest

from rigfarm.simulate.miners import FakeMiner


async def ask(port: int, question: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(question)
        return await asyncio.wait_for(reader.read(100_000), 60)
    finally:
        writer.transport.abort()


GET = b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n"


async def test_it_works():
    async with FakeMiner("xmrig") as fake:
        answer = await ask(fake.port, GET % b"/2/summary")

    head, body = answer.split(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK")
    assert json.loads(body)["algo"] == "rx/0"
    assert fake.requests == ["/2/summary"]


async def test_an_unknown_page():
    async with FakeMiner("xmrig") as fake:
        assert (await ask(fake.port, GET % b"/nothing")).startswith(b"HTTP/1.1 404")


@pytest.mark.parametrize(
    ("name", "question", "ending"),
    [
        ("teamredminer", b'{"command":"summary"}\n', b"\0"),
        ("teamredminer", b"no json\n", b"\0"),
        ("teamredminer", b'{"command":"summary+fly"}\n', b"\0"),
        ("cpuminer", b"summary\n", b"|\0"),
        ("cpuminer", b"fly\n", b"\0"),
        ("phoenixminer", b'{"id":0,"jsonrpc":"2.0","method":"miner_getstat1"}\n', b"}\n"),
        ("phoenixminer", b'{"id":0,"jsonrpc":"2.0","method":"miner_restart"}\n', b"}\n"),
        ("phoenixminer", b"no json\n", b"}\n"),
    ],
)
async def test_every_line_is_answered_as_its_protocol_ends_an_answer(name, question, ending):
    async with FakeMiner(name) as fake:
        assert (await ask(fake.port, question)).endswith(ending)


async def test_restart_forgets_the_shares():
    async with FakeMiner("trex", started_ago_s=3600.0) as fake:
        before = fake.now().first.accepted
        fake.restart()

        assert before > 1000
        assert fake.now().first.accepted == 0
        assert not fake.now().measured


async def test_a_fault_comes_and_goes_while_it_runs():
    async with FakeMiner("xmrig") as fake:
        fake.fault = "http500"
        assert (await ask(fake.port, GET % b"/2/summary")).startswith(b"HTTP/1.1 500")
        fake.fault = None
        assert (await ask(fake.port, GET % b"/2/summary")).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("fault", ["hang", "slow", "huge"])
async def test_who_gives_up_on_a_fault_leaves_nothing_running(fault):
    async with FakeMiner("xmrig", fault=fault) as fake:
        for _ in range(5):
            _, writer = await asyncio.open_connection("127.0.0.1", fake.port)
            writer.write(GET % b"/2/summary")
            await writer.drain()
            await asyncio.sleep(0.01)
            writer.transport.abort()
        deadline = time.monotonic() + 10
        while fake._talks and time.monotonic() < deadline:
            await asyncio.sleep(0.01)

        assert not fake._talks


async def test_leaving_ends_whoever_hangs():
    async with FakeMiner("xmrig", fault="hang") as fake:
        reader, writer = await asyncio.open_connection("127.0.0.1", fake.port)
        writer.write(GET % b"/2/summary")
        await writer.drain()
        while not fake._talks:
            await asyncio.sleep(0.01)
    with contextlib.suppress(ConnectionResetError):
        assert await asyncio.wait_for(reader.read(), 60) == b""
    writer.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", fake.port)
