"""What a Commander may make a Sentry do: the cost of what it sends is bounded, whatever it sends."""

from __future__ import annotations

from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.frames import Frame, Opcode

from rigfarm.common.pace import Pace

__all__ = ["FLOOD", "GuardedConnection", "new_pace", "received"]

FLOOD = 1008
"""The code this Sentry closes with when it is flooded ("policy violation")."""
CONTROLS = 100
CONTROLS_PER_S = 10.0
"""Pings and pongs: how many at once, and how many a second over time. A Commander sends one ping every 20 s."""
MAX_PIECES = 64
"""Of one message; each is kept until the last has come, however empty. A Commander sends messages whole."""

FRAMES = 10_000.0
FRAMES_PER_S = 500.0
"""Frames that are handled: how many at once (commands to thousands of rigs), and how many a second over time. What
comes faster waits in the network, and so at the Commander."""
BYTES_PER_FRAME = 4_096
"""A larger frame counts as several."""


def new_pace() -> Pace:
    """Of one connection."""
    return Pace(FRAMES, FRAMES_PER_S)


async def received(socket: ClientConnection, pace: Pace) -> str | bytes:
    """The next message, once it may be handled."""
    data = await socket.recv()
    await pace.wait(1 + len(data) / BYTES_PER_FRAME)
    return data


class GuardedConnection(ClientConnection):
    """A WebSocket that ends when it is flooded with what no application ever sees: pings, pongs, empty pieces."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # theirs: it hands on whatever the library gives it
        super().__init__(*args, **kwargs)
        self._controls = Pace(CONTROLS, CONTROLS_PER_S)
        self._pieces = 0

    def process_event(self, event: Any) -> None:  # the library's type is not public
        """A frame, or the answer to the handshake."""
        if isinstance(event, Frame):
            if self.protocol.close_sent is not None and self.protocol.close_sent.code == FLOOD:
                return  # the rest of what came with the one too many
            if flood := self._flood(event):
                self.protocol.fail(FLOOD, flood)
                self.transport.abort()
                return
        super().process_event(event)

    def _flood(self, frame: Frame) -> str:
        if frame.opcode in (Opcode.PING, Opcode.PONG):
            return "too many pings and pongs" if self._controls.spend(1) else ""
        self._pieces = self._pieces + 1 if frame.opcode is Opcode.CONT else 0
        return "a message in too many pieces" if self._pieces > MAX_PIECES else ""
