"""Readers of the stream: a slow one costs no more than a quick one, and without readers there is no work."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from litestar.exceptions import ServiceUnavailableException

from rigfarm.commander.live import Hub
from rigfarm.commander.stream.actions import MAX_FEEDS, MAX_READERS_EACH, Streams
from rigfarm.commander.stream.model import MAX_WAITING, Feed, Reader
from support.until import until


class Figures(Feed):
    """One figure that changes."""

    def __init__(self, hub: Hub) -> None:
        super().__init__(hub, ["figures"])
        self.now = b"1"
        self.encoded = 0

    async def snapshot(self) -> AsyncIterator[bytes]:
        yield b"all=" + self.now

    async def changes(self) -> bytes:
        if self.now == b"broken":
            raise ValueError("broken")
        self.encoded += 1
        return b"now=" + self.now


class Farm:
    def __init__(self) -> None:
        self.hub = Hub()
        self.feeds: list[Figures] = []
        self.streams = Streams({"rigs": self._feed})

    def _feed(self, kind: object, search: str) -> Figures:
        self.feeds.append(Figures(self.hub))
        return self.feeds[-1]

    def change(self, to: bytes) -> None:
        self.feeds[-1].now = to
        self.hub.publish("figures", "updated", None)


@pytest.fixture
async def farm() -> AsyncIterator[Farm]:
    farm = Farm()
    yield farm
    await farm.streams.close()
    assert farm.hub.subscriptions() == 0


class Client:
    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.seen: list[bytes] = []
        self.reads = asyncio.Event()
        self.reads.set()
        self.ended = False

    async def run(self) -> None:
        async for piece in self.reader.pieces():
            await self.reads.wait()
            self.seen.append(piece)
        self.ended = True

    async def until(self, piece: bytes) -> None:
        await until(lambda: piece in self.seen, lambda: f"{piece!r} in {self.seen[-9:]}")


@asynccontextmanager
async def reading(farm: Farm, search: str = "", owner: str = "key") -> AsyncIterator[Client]:
    async with farm.streams.reading(["rigs"], None, search, lambda: True, owner) as reader:
        client = Client(reader)
        task = asyncio.create_task(client.run())
        try:
            yield client
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_a_reader_gets_what_there_is_then_what_changes(farm: Farm) -> None:
    async with reading(farm) as client:
        await client.until(b"event: ready\ndata: {}\n\n")
        assert client.seen[:3] == [b"retry: 3000\n\n", b"event: reset\ndata: {}\n\n", b"all=1"]
        farm.change(b"2")
        await client.until(b"now=2")


async def test_a_change_is_encoded_once_for_all_readers(farm: Farm) -> None:
    async with reading(farm) as one, reading(farm) as two, reading(farm, "other") as other:
        assert len(farm.feeds) == 2, "one for each filter"
        for client in (one, two, other):
            await client.until(b"event: ready\ndata: {}\n\n")
        farm.feeds[0].now = b"2"
        farm.change(b"3")
        await one.until(b"now=2")
        await two.until(b"now=2")
        await other.until(b"now=3")
        assert farm.feeds[0].encoded == 2, "the first and the change"


async def test_a_reader_that_does_not_read_costs_a_bounded_amount_and_starts_again(farm: Farm) -> None:
    async with reading(farm) as slow, reading(farm) as quick:
        await slow.until(b"event: ready\ndata: {}\n\n")
        await quick.until(b"event: ready\ndata: {}\n\n")
        slow.reads.clear()
        for number in range(6):
            farm.change(b"%d" % number + b"x" * (MAX_WAITING // 4))
            await quick.until(b"now=" + farm.feeds[0].now)
        assert slow.reader.waiting_bytes <= MAX_WAITING
        before = len(slow.seen)
        slow.reads.set()
        await slow.until(b"all=" + farm.feeds[0].now)
        assert slow.seen[before:].count(b"event: reset\ndata: {}\n\n") == 1
        assert b"event: reset\ndata: {}\n\n" not in quick.seen[3:]


async def test_nothing_runs_without_readers(farm: Farm) -> None:
    async with reading(farm):
        assert farm.hub.watched("figures")
    await until(lambda: not farm.hub.watched("figures"))
    async with reading(farm) as client:
        await client.until(b"all=1")
    assert len(farm.feeds) == 2


async def test_readers_of_a_feed_that_fails_are_ended_and_can_come_again(farm: Farm) -> None:
    async with reading(farm) as client:
        await client.until(b"event: ready\ndata: {}\n\n")
        farm.change(b"broken")
        await until(lambda: client.ended)
    async with reading(farm) as again:
        await again.until(b"all=1")


async def test_too_many_readers_are_refused(farm: Farm) -> None:
    def full(owner: str, search: str = "") -> bool:
        try:
            farm.streams.check_room(["rigs"], None, search, owner)
        except ServiceUnavailableException:
            return True
        return False

    async with AsyncExitStack() as stack:
        for _ in range(MAX_READERS_EACH):
            assert not full("one")
            await stack.enter_async_context(farm.streams.reading(["rigs"], None, "", lambda: True, "one"))
        assert full("one")
        assert not full("another"), "one key leaves room for others"
        for number in range(MAX_FEEDS - 1):
            search = f"rig-{number}"
            assert not full("another", search)
            await stack.enter_async_context(farm.streams.reading(["rigs"], None, search, lambda: True, "another"))
        assert full("another", "one more")
        assert not full("another", "rig-1"), "that is read already"
        for _ in range(MAX_READERS_EACH - MAX_FEEDS + 1):
            await stack.enter_async_context(farm.streams.reading(["rigs"], None, "", lambda: True, "another"))
        assert full("third")
    assert not full("one")


async def test_at_the_end_no_one_is_let_in(farm: Farm) -> None:
    async with reading(farm) as client:
        await client.until(b"event: ready\ndata: {}\n\n")
        farm.streams.end()
        await until(lambda: client.ended)
        with pytest.raises(ServiceUnavailableException, match="stopping"):
            farm.streams.check_room(["rigs"], None, "", "key")
