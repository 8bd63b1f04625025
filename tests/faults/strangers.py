"""Strangers without a token, in a process of their own: each address holds connections of one kind and opens another
for each that is ended. Only ever against a Commander that the test has started on loopback."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import struct
import subprocess
import sys
from collections.abc import Awaitable, Callable
from typing import Any

__all__ = ["KINDS", "Attack"]

AGAIN_S = 0.05
LOOK_S = 0.1
ESTABLISHED = 1


class Say:
    """What a stranger says on its connection."""

    def __init__(self, one: socket.socket) -> None:
        self._one = one

    async def __call__(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self._one, data)

    async def upgrade(self) -> None:
        """To a WebSocket. A busy Commander takes a while, and hangs up on who does not wait for it."""
        await self(_upgrade())
        while True:
            try:
                self._one.recv(1, socket.MSG_PEEK)
            except BlockingIOError:
                await asyncio.sleep(LOOK_S)
            else:
                return


class Attack:
    """`async with Attack(port, kind, addresses, each):` goes on until the block ends; then `opened` and `ended` say how
    many connections were made, and how many of them the Commander ended."""

    def __init__(self, port: int, kind: str, addresses: int, each: int) -> None:
        self.opened = self.ended = 0
        self._arguments = [str(port), kind, str(addresses), str(each)]
        self._process: subprocess.Popen[bytes] | None = None

    async def __aenter__(self) -> Attack:
        self._process = subprocess.Popen(
            [sys.executable, __file__, *self._arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process is not None
        out, _ = await asyncio.to_thread(self._process.communicate, b"\n", 120)
        self.opened, self.ended = json.loads(out)


async def sockets(say: Say) -> None:
    """WebSockets of Sentries that never say Hello."""
    await say(_upgrade())


async def heads(say: Say) -> None:
    """Heads of requests that never end."""
    await say(b"GET / HTTP/1.1\r\nX: ")
    while True:
        await say(b"x")
        await asyncio.sleep(LOOK_S)


async def pings(say: Say) -> None:
    """As many pings as go, and no answer to them is read."""
    await say.upgrade()
    while True:
        await say(_frame(9, b"x" * 125) * 200)
        await asyncio.sleep(0.01)


async def halves(say: Say) -> None:
    """A first message of half a megabyte that never ends."""
    await say.upgrade()
    await say(_frame(2, b"x" * 300_000, size=500_000))
    while True:
        await say(b"x")
        await asyncio.sleep(LOOK_S)


async def pieces(say: Say) -> None:
    """A message in empty pieces without end."""
    await say.upgrade()
    await say(_frame(2, b"", last=False))
    while True:
        await say(_frame(0, b"", last=False) * 10)
        await asyncio.sleep(LOOK_S)


async def bodies(say: Say) -> None:
    """A form that comes a byte at a time."""
    await say(b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n"
              b"Content-Type: application/x-www-form-urlencoded\r\n\r\n")  # fmt: skip
    while True:
        await say(b"x")
        await asyncio.sleep(LOOK_S)


async def readers(say: Say) -> None:
    """Files are asked for, and not read."""
    while True:
        await say(b"GET /static/vendor/tabler.min.css HTTP/1.1\r\nHost: x\r\n\r\n" * 5)
        await asyncio.sleep(1)


async def tls(say: Say) -> None:
    """The first bytes of another protocol, and no more."""
    await say(b"\x16\x03\x01")


async def floods(say: Say) -> None:
    """Hung up at once."""
    raise ConnectionError


KINDS: dict[str, Callable[[Say], Awaitable[None]]] = {
    one.__name__: one for one in (sockets, heads, pings, halves, pieces, bodies, readers, tls, floods)
}


def _upgrade() -> bytes:
    key = base64.b64encode(b"x" * 16)
    return (
        b"GET /link HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: "
        + key
        + b"\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )


def _frame(opcode: int, data: bytes, *, last: bool = True, size: int | None = None) -> bytes:
    size = len(data) if size is None else size
    head = bytes([(0x80 if last else 0) | opcode])
    if size < 126:
        return head + bytes([0x80 | size]) + b"\0\0\0\0" + data
    return head + bytes([0x80 | 127]) + struct.pack("!Q", size) + b"\0\0\0\0" + data


class _Strangers:
    def __init__(self, port: int, kind: str) -> None:
        self._port = port
        self._behave = KINDS[kind]
        self.opened = self.ended = 0

    async def hold(self, address: str) -> None:
        while True:
            with socket.socket() as one:
                one.setblocking(False)
                one.bind((address, 0))
                try:
                    await asyncio.get_running_loop().sock_connect(one, ("127.0.0.1", self._port))
                    self.opened += 1
                    await self._stay(one)
                except OSError:
                    self.ended += 1
            await asyncio.sleep(AGAIN_S)

    async def _stay(self, one: socket.socket) -> None:
        """Until the Commander has ended the connection."""
        behaving: asyncio.Future[Any] = asyncio.ensure_future(self._behave(Say(one)))
        try:
            while True:
                await asyncio.sleep(LOOK_S)
                if one.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] != ESTABLISHED:
                    raise ConnectionError
                if behaving.done() and (error := behaving.exception()) is not None:
                    raise error
        finally:
            behaving.cancel()
            await asyncio.gather(behaving, return_exceptions=True)


async def _main(port: int, kind: str, addresses: int, each: int) -> None:
    strangers = _Strangers(port, kind)
    tasks = [
        asyncio.create_task(strangers.hold(f"127.0.1.{number + 1}")) for number in range(addresses) for _ in range(each)
    ]
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    print(json.dumps([strangers.opened, strangers.ended]))


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
