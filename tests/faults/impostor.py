"""Somebody who answers at the Commander's address: with any certificate or none, any proof, any frames. He writes down
all that he hears."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from rigfarm.wire.codec import decode_up, encode
from rigfarm.wire.frames import Hello, Prove

__all__ = ["Impostor"]


class Impostor:
    """`proof` answers a Prove; `frames` are sent after it, and again after whatever comes next."""

    def __init__(
        self, port: int, tls: ssl.SSLContext | None, proof: Callable[[Prove], bytes], frames: list[bytes]
    ) -> None:
        self.heard: list[bytes] = []
        self.connections = 0
        self.hellos = 0
        self._port = port
        self._tls = tls
        self._proof = proof
        self._frames = frames
        self._server: Server | None = None

    async def __aenter__(self) -> Impostor:
        self._server = await serve(
            self._serve,
            "127.0.0.1",
            self._port,
            ssl=self._tls,
            process_request=self._request,
            compression=None,
            ping_interval=None,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close(close_connections=True)
        await self._server.wait_closed()

    def _request(self, _: ServerConnection, request: Request) -> Response | None:
        self.heard.append(request.path.encode() + str(request.headers).encode())
        return None

    async def _serve(self, socket: ServerConnection) -> None:
        self.connections += 1
        with contextlib.suppress(ConnectionClosed):
            async for data in socket:
                assert isinstance(data, bytes)
                self.heard.append(data)
                frame = decode_up(data)
                self.hellos += isinstance(frame, Hello)
                if isinstance(frame, Prove):
                    await socket.send(self._proof(frame))
                for one in self._frames:
                    await socket.send(one)
                    await asyncio.sleep(0)


def encoded(*frames: object) -> list[bytes]:
    """As they go over the link."""
    return [encode(frame) for frame in frames]
