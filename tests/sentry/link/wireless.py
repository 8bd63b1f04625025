"""A connection without a wire: what the Commander says is put in, and what is sent to it is kept."""

from __future__ import annotations

import asyncio
from typing import Any

from websockets.exceptions import ConnectionClosedOK

from rigfarm.wire.codec import decode_down, decode_up, encode
from rigfarm.wire.frames import Signed, Verdict, Welcome

__all__ = ["NOW", "SPOOL_ID", "Events", "Signatures", "Socket", "signed", "welcome"]

SPOOL_ID = bytes(16)
NOW = 1_800_000_000_000


class Socket:
    """What the Commander says is put in; what is sent is kept."""

    def __init__(self) -> None:
        self.said: asyncio.Queue[bytes | Exception] = asyncio.Queue()
        self.sent: list[Any] = []
        self.broken = False

    def say(self, *frames: Any) -> None:
        for frame in frames:
            self.said.put_nowait(frame if isinstance(frame, bytes | Exception) else encode(frame))

    async def recv(self) -> bytes:
        data = await self.said.get()
        if isinstance(data, Exception):
            raise data
        return data

    async def send(self, data: bytes) -> None:
        if self.broken:
            raise ConnectionClosedOK(None, None)
        self.sent.append(decode_up(data))


class Signatures:
    """Believes that what is signed is."""

    def open(self, signed: Signed) -> list[Any]:
        return [decode_down(data) for data in signed.frames]


def signed(*frames: Any) -> Signed:
    return Signed(1, [encode(frame) for frame in frames], bytes(64))


class Events:
    """Whoever listens to a session, or to a link."""

    def __init__(self) -> None:
        self.heard: list[Any] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *said, **more: self.heard.append((name, *said, *more.values()))


def welcome(*kinds: Any, highest: int | None = None, interval_s: float = 7.0, now_ms: int = NOW) -> Welcome:
    return Welcome(now_ms, interval_s, [Verdict(kind) for kind in kinds], "1.0", highest)
