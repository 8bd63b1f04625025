"""Over real sockets: whatever a program does, a reading comes within its time and says what is known."""

from __future__ import annotations

import asyncio
import os
import time

import pytest

from rigfarm.sentry import miners
from rigfarm.sentry.miners import adapters, read, transport
from rigfarm.sentry.readings import WorkloadSource
from rigfarm.simulate.miners import FakeMiner, programs

HTTP, CGMINER = "xmrig", "teamredminer"


@pytest.fixture
def impatient(monkeypatch):
    """A short limit where no answer is expected, so that the tests need not wait."""
    monkeypatch.setattr(miners, "TIMEOUT_S", 0.25)


def source_of(fake: FakeMiner, **more: object) -> WorkloadSource:
    return WorkloadSource(adapter=fake.program.name, port=fake.port, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", sorted(programs()))
async def test_it_works(name):
    async with FakeMiner(name) as fake:
        reading = await read(source_of(fake), adapters()[name])

    assert [workload.state for workload in reading.workloads] == ["mining"]
    assert reading.problems == []


@pytest.mark.parametrize("name", sorted(programs()))
@pytest.mark.parametrize(
    ("fault", "state"),
    [
        *(("hang", "unreachable"), ("empty", "unreachable")),
        # It answers, so it is not dead, and is not to be restarted for what its API cannot tell.
        *(("garbage", None), ("slow", None), ("huge", None), ("http500", None)),
    ],
)
async def test_a_program_that_misbehaves_is_unknown(name, fault, state, impatient):
    async with FakeMiner(name, fault=fault) as fake:
        reading = await read(source_of(fake, coins=["XMR"], wallet="w", worker="rig", playbook=3), adapters()[name])

    (workload,) = reading.workloads
    assert (workload.state, workload.hashrate, workload.accepted) == (state, None, None)
    assert (workload.software, workload.coin, workload.playbook) == (fake.program.software, "XMR", 3)
    assert (workload.wallet, workload.worker) == ("w", "rig")
    assert reading.devices == []
    assert len(reading.problems) == 1
    assert str(fake.port) in reading.problems[0]


async def test_nothing_listens():
    async with FakeMiner(HTTP) as fake:
        pass
    reading = await read(source_of(fake, coins=["ETC", "KAS"], software="My XMRig"), adapters()[HTTP])

    assert [(w.software, w.coin, w.state) for w in reading.workloads] == [
        ("My XMRig", "ETC", "unreachable"),
        ("My XMRig", "KAS", "unreachable"),
    ]
    assert "nothing listens" in reading.problems[0]


async def test_an_optional_page_that_hangs_costs_its_own_values_only(monkeypatch):
    monkeypatch.setattr(miners, "OPTIONAL_S", 0.05)

    async def serve(reader, writer):
        request = await reader.readuntil(b"\r\n\r\n")
        if b"/2/summary" in request:
            body = b'{"hashrate": {"total": [77.0]}}'
            writer.write(b"HTTP/1.0 200 OK\r\n\r\n" + body)  # no length: the body ends with the connection
            writer.close()
        else:
            await reader.read()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        reading = await read(WorkloadSource(adapter=HTTP, port=port), adapters()[HTTP])

    assert reading.workloads[0].hashrate == 77.0
    assert reading.devices == []


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\nContent-Length: 31\n\n",
        b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 31\r\n\r\n",
    ],
)
async def test_the_ways_programs_write_http(head):
    body = b'{"hashrate": {"total": [77.0]}}'

    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        chunked = b"chunked" in head
        writer.write(head + (b"1f\r\n" + body + b"\r\n0\r\n\r\n" if chunked else body))
        await reader.read()  # keeps the connection open

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        reading = await read(WorkloadSource(adapter=HTTP, port=port), adapters()[HTTP])

    assert reading.workloads[0].hashrate == 77.0


@pytest.mark.parametrize("ending", [b"", b"\0", b"\n"])
async def test_a_tcp_program_may_keep_its_connection_open(ending):
    async with FakeMiner(CGMINER) as fake:
        answer = fake.program.answer('{"command":"summary+devs"}', fake.now()).rstrip(b"\0")

    async def serve(reader, writer):
        await reader.readline()
        half = len(answer) // 2
        writer.write(answer[:half])
        await writer.drain()
        await asyncio.sleep(0)
        writer.write(answer[half:] + ending)
        await reader.read()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        reading = await read(WorkloadSource(adapter=CGMINER, port=port), adapters()[CGMINER])

    assert reading.workloads[0].state == "mining"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n%s",  # longer than what comes
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1f\r\n%s",  # the last chunk is missing
        b"HTTP/1.1 200 OK\r\nContent-Length: 31\r\nContent-Length: 8\r\n\r\n%s",
        b"HTTP/1.1 200 OK\r\na header that is none\r\n\r\n%s",
        b"%s",  # no HTTP at all
    ],
)
@pytest.mark.parametrize("hangs", [False, True])
async def test_an_answer_in_broken_http_counts(answer, hangs, monkeypatch):
    monkeypatch.setattr(miners, "TIMEOUT_S", 0.2)

    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer % b'{"hashrate": {"total": [77.0]}}')
        await writer.drain()
        if hangs:
            await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        reading = await read(WorkloadSource(adapter=HTTP, port=port), adapters()[HTTP])

    assert (reading.workloads[0].hashrate, reading.workloads[0].state) == (77.0, "mining")


@pytest.mark.parametrize("name", sorted(programs()))
async def test_an_answer_that_breaks_off_counts_as_far_as_it_goes(name):
    async with FakeMiner(name, fault="half") as fake:
        reading = await read(source_of(fake, coins=["XMR"]), adapters()[name])

    assert "unreachable" not in {workload.state for workload in reading.workloads}
    assert {workload.coin for workload in reading.workloads} == {"XMR"}


async def test_an_older_program_is_asked_for_its_older_page():
    async with FakeMiner(HTTP) as fake:
        newer = fake.program.answer

        async def serve(reader, writer):
            head = await reader.readuntil(b"\r\n\r\n")
            path = head.split()[1].decode()
            body = newer(path, fake.now()) if path == "/1/summary" else None
            status = b"200 OK" if body else b"404 Not Found"
            writer.write(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body or b""), body or b""))
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            reading = await read(WorkloadSource(adapter=HTTP, port=port), adapters()[HTTP])

    assert reading.workloads[0].state == "mining"


async def test_the_limit_is_two_seconds_for_everything():
    assert miners.TIMEOUT_S == 2.0
    async with FakeMiner(HTTP, fault="hang") as fake:
        reading = await read(source_of(fake), adapters()[HTTP])

    assert reading.workloads[0].state == "unreachable"
    assert "2 s" in reading.problems[0]


@pytest.mark.parametrize("name", [HTTP, CGMINER])
async def test_an_answer_without_end_is_cut_off_at_a_megabyte(name):
    async with FakeMiner(name, fault="huge") as fake:
        reading = await read(source_of(fake), adapters()[name])

    assert "longer than 1 MiB" in reading.problems[0]


@pytest.mark.parametrize("name", [HTTP, CGMINER])
@pytest.mark.parametrize("fault", ["half", "hang"])
async def test_readings_of_a_broken_program_leave_no_connection_behind(name, fault, monkeypatch):
    monkeypatch.setattr(miners, "TIMEOUT_S", 0.02)
    async with FakeMiner(name, fault=fault) as fake:
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(30):
            await read(source_of(fake), adapters()[name])
        deadline = time.monotonic() + 10
        while (open_now := len(os.listdir("/proc/self/fd"))) > before and time.monotonic() < deadline:
            await asyncio.sleep(0.01)

        assert open_now <= before


@pytest.mark.parametrize("piece", [b"{}", b"[]", b"{" * 50 + b"}"])
async def test_an_answer_that_could_end_after_every_drop_is_read_through_a_few_times_only(monkeypatch, piece):
    """Counted: the Sentry would spend its time on reading the same megabyte again and again."""
    looks = 0
    complete = transport._complete

    def count(answer):
        nonlocal looks
        looks += 1
        return complete(answer)

    monkeypatch.setattr(transport, "_complete", count)

    async def serve(reader, writer):
        writer.write(b"[")
        while not writer.is_closing():
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        reading = await read(WorkloadSource(adapter=CGMINER, port=port), adapters()[CGMINER])

    assert looks <= 64 * len(adapters()[CGMINER].requests)
    assert [(workload.state, workload.hashrate) for workload in reading.workloads] == [(None, None)]


async def test_an_answer_nested_without_end_is_no_answer():
    async def serve(reader, writer):
        writer.write(b"[" * 500_000 + b"]")
        await writer.drain()
        await reader.read()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        reading = await read(WorkloadSource(adapter=CGMINER, port=port), adapters()[CGMINER])

    assert [(workload.state, workload.hashrate) for workload in reading.workloads] == [(None, None)]
