"""One connection to the Commander, from the Hello to its end."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterable
from typing import NamedTuple, Protocol

import structlog
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from rigfarm import __version__
from rigfarm.sentry.link.connect import Timings, connection_lost
from rigfarm.sentry.link.errors import HandshakeTimeoutError, ProtocolError
from rigfarm.sentry.link.flood import new_pace, received
from rigfarm.sentry.link.lanes import Lanes
from rigfarm.sentry.link.proof import Signatures, decode
from rigfarm.sentry.spool.record import token_key
from rigfarm.wire.codec import MAX_FRAME_BYTES, encode, encode_up
from rigfarm.wire.frames import (
    PROTOCOL,
    Acks,
    DownFrame,
    Hello,
    Playbooks,
    RigCommand,
    Signed,
    UpFrame,
    Verdict,
    Verdicts,
    Welcome,
)

__all__ = ["Greeting", "Session", "SessionEvents", "say_hello"]

log = structlog.get_logger()

MAX_CONTROLS = 2_000
MAX_CONTROL_BYTES = 8 << 20
"""Frames other than logs that may wait; the oldest is dropped for one more."""
MAX_CHANGES = 100
MAX_CHANGES_PER_TOKEN = 4
"""Verdicts that may change over one connection. Each makes the spool move logs on the disk."""
RELAX_AFTER = 8
_LATE_EVERY_S = 2.0


class SessionEvents(Protocol):
    """Who wants to know what the Commander says. Called on the loop; must be quick and must not raise."""

    def welcomed(self, welcome: Welcome, round_trip_s: float) -> None:
        """The Commander answered a Hello."""

    def judged(self, token: str, verdict: Verdict) -> None:
        """A verdict on one token, of a Welcome or later."""

    def told(self, frame: DownFrame, token: str | None) -> None:
        """Anything else, with the token of its slot where it has one."""

    def not_signed(self, what: str) -> None:
        """Something was ignored because the Commander's signature was missing."""


class Greeting(NamedTuple):
    """The Commander's answer to the first Hello."""

    welcome: Welcome
    signed: bool
    round_trip_s: float


async def say_hello(
    socket: ClientConnection, spool: bytes, tokens: list[str], timings: Timings, signatures: Signatures
) -> Greeting:
    """Greet the Commander on a connection that is proven to be its own. LinkError."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    try:
        async with asyncio.timeout(timings.welcome_s):
            await socket.send(encode(Hello(PROTOCOL, __version__, spool, tokens)))
            pace = new_pace()
            while (frame := decode(await received(socket, pace))) is None:
                pass
    except TimeoutError:
        raise HandshakeTimeoutError(
            "The other side accepts connections but does not answer the greeting. Is it a Commander?"
        ) from None
    except ConnectionClosed as error:
        raise connection_lost(error) from error
    signed = isinstance(frame, Signed)
    if isinstance(frame, Signed):
        frame = next(iter(signatures.open(frame)), None)
    if not isinstance(frame, Welcome):
        raise ProtocolError(f"The Commander answered the greeting with {type(frame).__name__}.")
    check_welcome(frame, tokens)
    return Greeting(frame, signed, loop.time() - started)


def check_welcome(welcome: Welcome, tokens: list[str]) -> None:
    if len(welcome.verdicts) != len(tokens):
        raise ProtocolError(f"The Commander judged {len(welcome.verdicts)} tokens where {len(tokens)} were named.")


class Session:
    """A greeted connection. `run` ends with the LinkError that ended it, or quietly after `leave`."""

    def __init__(
        self,
        socket: ClientConnection,
        spool: bytes,
        lanes: Lanes,
        tokens: list[str],
        events: SessionEvents,
        careful_s: float,
        signatures: Signatures,
    ) -> None:
        self.tokens = tokens
        """By slot. A slot keeps its token as long as the connection lasts, so that no frame, however late, is
        taken for another rig's."""
        self.lanes = lanes
        self._socket = socket
        self._events = events
        self._spool = spool
        self._careful_s = careful_s
        self._signatures = signatures
        self._controls: deque[bytes] = deque()
        self._controls_bytes = 0
        self._room = asyncio.Event()
        """Clear while so much waits to be sent that requests are not taken: they would get no answer."""
        self._room.set()
        self._changes = 0
        self._hello_sent: float | None = None
        """When a Hello was sent that is not answered yet; there is one at most."""
        self._hello_wanted = False
        self._named = list(tokens)
        self._wake = asyncio.Event()
        self._leaving = False
        self._warned = False
        self._reading: asyncio.Task[None] | None = None

    # What the link asks for

    def send(self, frame: UpFrame) -> None:
        """Send a frame before any log. One that no Commander would take is left out: it would close the link for it,
        and again at each connect."""
        try:
            data = encode_up(frame)
        except (OverflowError, UnicodeError, TypeError) as error:
            log.error("something cannot be sent to the Commander", what=type(frame).__name__, error=str(error)[:200])
            return
        if len(data) > MAX_FRAME_BYTES:
            log.error("something is too large to send", what=type(frame).__name__, bytes=len(data))
            return
        self._controls_bytes += len(data)
        most = MAX_CONTROLS + 2 * len(self.tokens)  # specs and statuses of each, at each connect
        while self._controls and (len(self._controls) >= most or self._controls_bytes > MAX_CONTROL_BYTES):
            self._controls_bytes -= len(self._controls.popleft())
        self._controls.append(data)
        if len(self._controls) > MAX_CONTROLS // 2:
            self._room.clear()
        self._wake.set()

    def _next_control(self) -> bytes | None:
        if not self._controls:
            return None
        data = self._controls.popleft()
        self._controls_bytes -= len(data)
        if len(self._controls) <= MAX_CONTROLS // 2:
            self._room.set()
        return data

    def slot_of(self, token: str) -> int | None:
        """The slot of a token whose logs the Commander takes."""
        return self.lanes.slots.get(token_key(token))

    def ask(self, tokens: list[str]) -> None:
        """Name these tokens, new or refused before, to the Commander."""
        self._named += [token for token in tokens if token not in self._named]
        self._hello_wanted = True
        self._wake.set()

    def recorded(self) -> None:
        """The lanes have something new."""
        self._wake.set()

    def leave(self) -> None:
        """Close the connection; `run` returns."""
        self._leaving = True
        self._wake.set()

    def judge(self, verdicts: Iterable[tuple[int, Verdict]], *, signed: bool) -> None:
        """Slot and verdict: whose logs may be sent from now on, and whose mining ends. A removal must be signed."""
        believed = []
        for slot, verdict in verdicts:
            if verdict.kind == "removed" and not signed:
                self._events.not_signed("a removal")
            else:
                believed.append((slot, verdict))
        self._apply(believed)
        for slot, verdict in believed:
            self._events.judged(self.tokens[slot], verdict)

    def _apply(self, verdicts: list[tuple[int, Verdict]]) -> None:
        gained = False
        for slot, verdict in verdicts:
            key = token_key(self.tokens[slot])
            if verdict.kind == "ok":
                gained = gained or key not in self.lanes.slots
                self.lanes.slots[key] = slot
            else:
                self.lanes.slots.pop(key, None)
        if gained:
            self.lanes.changed()

    # The connection

    async def run(self) -> None:
        """Send and receive until the connection ends. LinkError says why, unless `leave` was called."""
        receiving = asyncio.create_task(self._receive())
        sending = asyncio.create_task(self._send())
        try:
            done, _ = await asyncio.wait({receiving, sending}, return_when=asyncio.FIRST_COMPLETED)
            for task in sorted(done, key=lambda task: task is sending):
                task.result()
        finally:
            receiving.cancel()
            sending.cancel()
            if self._reading is not None:
                self._reading.cancel()
            await asyncio.gather(receiving, sending, return_exceptions=True)

    async def _receive(self) -> None:
        pace = new_pace()
        try:
            while True:
                await self._room.wait()
                frame = decode(await received(self._socket, pace))
                if isinstance(frame, Signed):
                    for inner in self._signatures.open(frame):
                        self._take(inner, signed=True)
                elif frame is not None:
                    self._take(frame, signed=False)
                elif not self._warned:
                    self._warned = True
                    log.warning("the Commander sends frames this version does not know; they are ignored")
        except ConnectionClosed as error:
            raise connection_lost(error) from error

    def _take(self, frame: DownFrame, *, signed: bool) -> None:
        if isinstance(frame, Acks):
            self.lanes.acked(frame.ranges)
            self._maybe_relax()
            self._wake.set()
        elif isinstance(frame, Welcome):
            self._welcomed_again(frame, signed=signed)
        elif isinstance(frame, Verdicts):
            self._changes += len(frame.changes)
            if self._changes > MAX_CHANGES + MAX_CHANGES_PER_TOKEN * len(self.tokens):
                raise ProtocolError("The Commander keeps changing its verdict on this Sentry's tokens.")
            self.judge([one for one in frame.changes if 0 <= one[0] < len(self.tokens)], signed=signed)
            self._wake.set()
        elif isinstance(frame, Playbooks | RigCommand) and not signed:
            self._events.not_signed("playbooks" if isinstance(frame, Playbooks) else "a command")
        else:
            addressee: int | None = getattr(frame, "slot", None)
            if addressee is None:
                self._events.told(frame, None)
            elif 0 <= addressee < len(self.tokens):
                self._events.told(frame, self.tokens[addressee])

    def _welcomed_again(self, welcome: Welcome, *, signed: bool) -> None:
        if self._hello_sent is None:
            raise ProtocolError("The Commander answered a greeting that it was not given.")
        check_welcome(welcome, self.tokens)
        self._events.welcomed(welcome, asyncio.get_running_loop().time() - self._hello_sent)
        self._hello_sent = None
        self.judge(enumerate(welcome.verdicts), signed=signed)
        self._wake.set()

    def _maybe_relax(self) -> None:
        careful = self.lanes.one_frame_of
        if careful is not None and self.lanes.acknowledged >= RELAX_AFTER * careful:
            self.lanes.relax()

    async def _send(self) -> None:
        if self.lanes.one_frame_of is not None:
            # Whatever else the Commander could not read is refused before the first log, and no log is blamed for it.
            await asyncio.sleep(self._careful_s)
        while not self._leaving:
            self._greet_again()
            data = self._next_control() or self.lanes.next_frame()
            if data is not None:
                try:
                    await self._socket.send(data)
                except ConnectionClosed as error:
                    raise connection_lost(error) from error
            else:
                await self._rest()

    async def _rest(self) -> None:
        """There is nothing to send until something happens, or an acknowledgement is late."""
        if self.lanes.wants_reading and self._reading is None:
            self._reading = asyncio.create_task(self._read())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.lanes.look_again_in()):
                await self._wake.wait()
        self._wake.clear()
        self.lanes.send_late_again()

    async def _read(self) -> None:
        """Beside the sending, so that the disk never delays a live log."""
        try:
            if not await self.lanes.read():
                await asyncio.sleep(1.0)
        finally:
            self._reading = None
            self._wake.set()

    def _greet_again(self) -> None:
        if not self._hello_wanted or self._hello_sent is not None:
            return
        self.tokens = list(self._named)
        self._hello_wanted = False
        self._hello_sent = asyncio.get_running_loop().time()
        data = encode(Hello(PROTOCOL, __version__, self._spool, self.tokens))
        self._controls.appendleft(data)  # where no flood of others pushes it out
        self._controls_bytes += len(data)
