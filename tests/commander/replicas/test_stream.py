"""The stream that replicas share: each message once, in one order, by one replica at a time."""

from __future__ import annotations

import asyncio

import pytest

from rigfarm.commander.logs import TooLargeRowError
from rigfarm.commander.replicas.model import HeadMessage, Message, NewcomerMessage, NothingMessage, RowMessage
from rigfarm.commander.replicas.stream import NotTheLastError, Stream, StreamAwayError
from support.nats_server import NatsServer


def row(number: int) -> RowMessage:
    return RowMessage(number, b"rigs", b"body")


async def read(stream: Stream, after: int = 0) -> list[tuple[int, Message]]:
    """All that is there."""
    _, last = await stream.state()
    found: list[tuple[int, Message]] = []
    async for messages in stream.read(after):
        found += messages
        if after + len(found) >= last:
            break
    return found


async def test_what_is_published_is_read_in_its_order(stream: Stream, other: Stream) -> None:
    sent: list[Message] = [row(1), NewcomerMessage(b"spool", {1: 2}), HeadMessage("1:abc"), row(2)]
    for number, message in enumerate(sent, 1):
        assert await stream.publish(message) == number
    assert await read(other) == list(enumerate(sent, 1))
    assert await read(other, after=2) == [(3, sent[2]), (4, sent[3])]


async def test_one_that_has_not_read_everything_appends_nothing(stream: Stream, other: Stream) -> None:
    await stream.publish(row(1))
    with pytest.raises(NotTheLastError):
        await other.publish(row(2))
    assert await read(other) == [(1, row(1))]
    assert await other.publish(row(2)) == 2
    with pytest.raises(NotTheLastError):
        await stream.publish(row(3))


async def test_a_message_whose_acknowledgement_was_lost_is_published_once(stream: Stream) -> None:
    await stream.publish(row(1))
    stream.last = 0  # as if the answer had not come
    assert await stream.publish(row(1)) == 1
    assert await stream.publish(row(2)) == 2
    assert [message for _, message in await read(stream)] == [row(1), row(2)]


async def test_another_message_may_come_between_a_message_and_its_repetition(
    nats: NatsServer, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = stream._put

    async def deaf(last: int, data: bytes) -> int:
        await real(last, data)
        raise TimeoutError

    monkeypatch.setattr(stream, "_put", deaf)
    with pytest.raises(StreamAwayError):
        await stream.publish(row(1))
    monkeypatch.undo()
    assert await stream.publish(HeadMessage("between")) == 2
    assert await stream.publish(row(1)) == 1
    assert await stream.publish(row(3)) == 3
    assert [message for _, message in await read(stream)] == [row(1), HeadMessage("between"), row(3)]


async def test_messages_that_the_server_lost_are_given_again(stream: Stream, other: Stream) -> None:
    await stream.publish(row(1))
    stream.last = 3  # the server had 2 and 3, too, before its power was cut

    async def again(number: int) -> Message:
        return row(number) if number == 2 else NothingMessage()

    assert await stream.publish(row(4), again) == 4
    assert await read(other) == [(1, row(1)), (2, row(2)), (3, NothingMessage()), (4, row(4))]


async def test_a_row_that_is_too_large_is_refused(stream: Stream) -> None:
    with pytest.raises(TooLargeRowError):
        await stream.publish(RowMessage(1, b"", bytes(stream.most)))
    assert await stream.publish(RowMessage(1, b"", bytes(stream.most - 100))) == 1


async def test_without_the_server_nothing_is_published_and_with_it_everything(nats: NatsServer, stream: Stream) -> None:
    await stream.publish(row(1))
    await asyncio.to_thread(nats.kill)
    with pytest.raises(StreamAwayError):
        await stream.publish(row(2))
    assert not stream.connected
    await asyncio.to_thread(nats.start)
    while True:
        try:
            number = await stream.publish(row(2))
            break
        except StreamAwayError:
            await asyncio.sleep(0.1)
    assert number == 2
    assert await read(stream) == [(1, row(1)), (2, row(2))]


async def test_older_messages_than_are_kept_are_missed(stream: Stream, other: Stream) -> None:
    for number in range(5):
        await stream.publish(row(number))
    await stream.js.purge_stream("farm", keep=2)
    with pytest.raises(NotTheLastError, match="message 1 is missing"):
        await read(other)
    assert [number for number, _ in await read(other, after=3)] == [4, 5]


async def test_a_reader_that_the_server_forgot_notices(stream: Stream, other: Stream) -> None:
    await stream.publish(row(1))
    reading = other.read(0)
    assert await anext(reading) == [(1, row(1))]
    for one in await stream.js.consumers_info("farm"):
        await stream.js.delete_consumer("farm", one.name)
    await stream.publish(row(2))

    async def wait() -> None:
        async for messages in reading:
            assert messages == []

    with pytest.raises(StreamAwayError):
        await wait()
    assert await read(other, after=1) == [(2, row(2))]
