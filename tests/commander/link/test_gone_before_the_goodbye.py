"""A peer that has gone when it is told why its link ends is no error: nothing is logged, and nothing is left behind."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from rigfarm.simulate.commander import CommanderProcess

SOON = """
import pathlib
from rigfarm.commander.server import web_sockets
from rigfarm.commander.link import socket
socket.HELLO_WITHIN_S = 0.3
close = web_sockets.Socket.close
async def late(self, *given, **named):
    pathlib.Path({told!r}).touch()
    raise web_sockets.ClientDisconnected  # as when the peer has gone in this moment
web_sockets.Socket.close = late
"""
HANDSHAKE = (
    b"GET /link HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


async def test_it_is_no_error(tmp_path: Path) -> None:
    told = tmp_path / "told"
    with CommanderProcess(tmp_path, mutation=SOON.format(told=str(told))) as commander:
        reader, writer = await asyncio.open_connection("127.0.0.1", commander.port)
        writer.write(HANDSHAKE)
        assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            await asyncio.wait_for(reader.read(), 30)
        writer.close()
        assert told.exists()
        assert await asyncio.to_thread(commander.ready)
    assert "Traceback" not in commander.log.read_text()
