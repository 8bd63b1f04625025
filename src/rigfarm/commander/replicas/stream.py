"""The stream that replicas share: a JetStream stream of NATS, to which only the one that leads can append.

Every message is published with the number of the one before it, which the server compares
(`Nats-Expected-Last-Sequence`, https://docs.nats.io/reference/jetstream/api/headers.md). So one that does not know yet
that another leads appends nothing, and a message whose acknowledgement was lost is found again instead of being
published twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec
import nats
import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, DiscardPolicy, StorageType, StreamConfig
from nats.js.errors import APIError, NotFoundError

from rigfarm.commander.logs import TooLargeRowError
from rigfarm.commander.replicas.model import Message, NothingMessage, decode_message, encode_message
from rigfarm.commander.storage import StorageError

__all__ = ["NotTheLastError", "Stream", "StreamAwayError"]

CONNECT_S = 5.0
ANSWER_S = 5.0
AT_ONCE = 50
"""Messages in memory, of a megabyte each at the most."""
WAIT_S = 1.0
HEAD_BYTES = 4_096
"""Of a message's largest size, for its headers."""
MAX_UNSURE = 8
"""The journal's row, what happened, and some more: each has one message under way."""
WRONG_LAST = 10071
"""The server's code for: the last message is another one than expected."""

log = structlog.get_logger()


class StreamAwayError(OSError):
    """NATS does not answer; it may later."""


class NotTheLastError(Exception):
    """There are messages in the stream that this replica has not read."""


class Stream:
    """One connection to NATS, and the stream of this farm."""

    def __init__(self, client: Client, name: str) -> None:
        self.name = name
        self.client = client
        self.js: JetStreamContext = client.jetstream(timeout=ANSWER_S)
        self._turn = asyncio.Lock()
        self._unsure: set[bytes] = set()
        """Messages whose acknowledgement did not come: each may be in the stream, or not."""
        self._found: dict[bytes, int] = {}
        """Those of them that were found there, until they are published again."""
        self.last = 0
        """The number of the last message, as far as this replica knows: of what it read, and of what it published."""

    @classmethod
    async def open(cls, servers: str, name: str, *, keep_s: float, copies: int, who: str) -> Stream:
        """Connect, and make the stream if there is none. StorageError in words when that cannot be."""

        async def quiet(error: Exception) -> None:
            log.debug("NATS", error=repr(error))

        try:
            async with asyncio.timeout(CONNECT_S):
                client = await nats.connect(
                    [one.strip() for one in servers.split(",")],
                    name=who,
                    max_reconnect_attempts=-1,
                    reconnect_time_wait=0.5,
                    connect_timeout=2,
                    ping_interval=2,
                    max_outstanding_pings=2,
                    error_cb=quiet,
                )
        except (NatsError, OSError, ValueError) as error:
            raise StorageError(f"NATS, which nats_url names, does not answer: {error!r}.") from error
        stream = cls(client, name)
        try:
            await stream._make(keep_s, copies)
        except (NatsError, OSError) as error:
            await client.close()
            raise StorageError(f"The stream {name} of NATS cannot be used: {error!r}. Is JetStream on?") from error
        return stream

    async def _make(self, keep_s: float, copies: int) -> None:
        wanted = StreamConfig(
            name=self.name,
            subjects=[self.name],
            storage=StorageType.FILE,
            discard=DiscardPolicy.OLD,
            max_age=keep_s,
            num_replicas=copies,
            allow_direct=True,
        )
        try:
            await self.js.stream_info(self.name)
        except NotFoundError:
            await self.js.add_stream(wanted)

    @property
    def most(self) -> int:
        """Bytes of the largest message."""
        return self.client.max_payload - HEAD_BYTES

    @property
    def connected(self) -> bool:
        """Whether NATS answers."""
        return self.client.is_connected

    async def state(self) -> tuple[int, int]:
        """(the number of the first message that is there, of the last). StreamAwayError."""
        try:
            state = (await self.js.stream_info(self.name)).state
        except (NatsError, OSError) as error:
            raise _away(error) from error
        return state.first_seq, state.last_seq

    async def read(self, after: int) -> AsyncIterator[list[tuple[int, Message]]]:
        """The messages after a number, for ever; an empty list now and then while there is none. StreamAwayError, and
        NotTheLastError where one is missing: older ones than those that the stream keeps."""
        config = ConsumerConfig(
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=after + 1,
            ack_policy=AckPolicy.NONE,
            inactive_threshold=30,
        )
        try:
            pulled = await self.js.pull_subscribe(self.name, stream=self.name, config=config)
            try:
                while True:
                    try:
                        found = await pulled.fetch(AT_ONCE, timeout=WAIT_S)
                    except TimeoutError:
                        found = []
                        await self._still_read(after)
                    messages = []
                    for one in found:
                        after += 1
                        if one.metadata.sequence.stream != after:
                            raise NotTheLastError(f"message {after} is missing")
                        messages.append((after, _decoded(after, one.data)))
                    self.last = max(self.last, after)
                    yield messages
            finally:
                if self.connected:
                    await pulled.unsubscribe()
        except (NatsError, OSError) as error:
            raise _away(error) from error

    async def _still_read(self, after: int) -> None:
        """StreamAwayError when there are messages that do not come: the server forgot who reads."""
        _, last = await self.state()
        if last > after:
            raise StreamAwayError(f"NATS sends no messages after {after}, and has them up to {last}")

    async def publish(self, message: Message, again: Callable[[int], Awaitable[Message]] | None = None) -> int:
        """Append a message after the last one that is known; its number once the server has it.

        `again` yields a message that the server has lost, by its number. StreamAwayError: it may be there all the same,
        and is found when the same is published again. NotTheLastError: another replica appended. TooLargeRowError."""
        data = encode_message(message)
        if len(data) > self.most:
            raise TooLargeRowError(f"{len(data)} bytes, and NATS takes {self.most} (max_payload)")
        async with self._turn:
            if data in self._found:
                return self._found.pop(data)
            if len(self._unsure) >= MAX_UNSURE and data not in self._unsure:
                raise StreamAwayError("NATS has not answered for a while")
            self._unsure.add(data)
            try:
                self.last = await self._append(data, again)
            except (NatsError, OSError) as error:
                raise _away(error) from error
            self._unsure.discard(data)
            return self.last

    async def _append(self, data: bytes, again: Callable[[int], Awaitable[Message]] | None) -> int:
        while True:
            try:
                return await self._put(self.last, data)
            except APIError as error:
                if error.err_code != WRONG_LAST:
                    raise
            _, last = await self.state()
            if last > self.last:
                there = await self.js.get_msg(self.name, self.last + 1)
                if there.data == data:
                    return self.last + 1
                if there.data in self._unsure:
                    self.last += 1
                    self._unsure.discard(there.data)
                    self._found[there.data] = self.last
                    continue
                raise NotTheLastError(f"the stream goes up to {last}, and not {self.last}")
            if last < self.last:
                await self._give_again(last, again)

    async def _give_again(self, last: int, again: Callable[[int], Awaitable[Message]] | None) -> None:
        """The server lost its last messages, as after a power cut."""
        if again is None:
            raise NotTheLastError(f"the stream goes up to {last} only, and not {self.last}")
        log.error("NATS lost messages, which are given again", after=last, up_to=self.last)
        for number in range(last + 1, self.last + 1):
            await self._put(number - 1, encode_message(await again(number)))

    async def _put(self, last: int, data: bytes) -> int:
        ack = await self.js.publish(
            self.name, data, timeout=ANSWER_S, stream=self.name, headers={"Nats-Expected-Last-Sequence": str(last)}
        )
        return ack.seq

    async def close(self) -> None:
        """Close the connection."""
        await self.client.close()


def _decoded(number: int, data: bytes) -> Message:
    try:
        return decode_message(data)
    except msgspec.DecodeError as error:  # of a newer version
        log.error("a message of the stream cannot be read and is passed over", number=number, error=str(error))
        return NothingMessage()


def _away(error: Exception) -> StreamAwayError:
    return StreamAwayError(f"NATS does not answer: {error!r}")
