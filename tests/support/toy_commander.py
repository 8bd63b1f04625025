"""A Commander small enough to be an oracle: real frames, real sockets, a dictionary as journal, faults on request."""

from __future__ import annotations

import asyncio
import contextlib
import random
import ssl
from collections import Counter
from collections.abc import AsyncIterator
from http import HTTPStatus

from nacl.signing import SigningKey
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from rigfarm.common.clock import utc_ms
from rigfarm.wire.codec import decode_log, decode_up, encode
from rigfarm.wire.frames import (
    Acks,
    DownFrame,
    Gap,
    Hello,
    Logs,
    Proof,
    Prove,
    Signed,
    UpFrame,
    Verdict,
    Welcome,
)
from rigfarm.wire.log import OperationalLog
from rigfarm.wire.signing import frames_message, proof_message


class ToyCommander:
    """Judges tokens by `verdicts` (default: unknown), keeps what it is sent by (spool, number), and acknowledges it."""

    def __init__(self) -> None:
        self.verdicts: dict[str, Verdict] = {}
        self.kept: dict[bytes, dict[int, OperationalLog]] = {}
        self.gone: dict[bytes, set[int]] = {}
        self.lost = 0
        """Numbers told as lost that were never kept."""
        self.sends: Counter[tuple[bytes, int]] = Counter()
        self.arrivals: dict[int, float] = {}
        """Loop time at which the log with this `uptime_s` first came."""
        self.frames: list[UpFrame] = []
        """Everything but logs."""
        self.log_frames: list[int] = []
        """Number of logs in each frame."""
        self.sockets: list[ServerConnection] = []
        self.connections = 0
        self.interval_s = 5.0
        self.ahead_ms = 0
        self.drop_acks = 0.0
        self.ack_after_s = 0.0
        self.silent = False
        """Takes logs and never acknowledges."""
        self.deaf = False
        """Does not even read."""
        self.tells_highest = False
        self.claims: int | None = None
        """As the highest number it has, whatever it has."""
        self.unreadable: set[float] = set()
        """`uptime_s` of logs it cannot read."""
        self.answer: Response | None = None
        """Instead of a WebSocket."""
        self.close_at_hello: tuple[int, str] | None = None
        self.random = random.Random(7)
        self.tls: ssl.SSLContext | None = None
        self.certificate = b""
        """SHA-256 of its certificate, as its proofs name it."""
        self.key = SigningKey.generate()
        self._nonces: dict[ServerConnection, bytes] = {}
        self._sequence = 0
        self._server: Server | None = None
        self.port = 0

    # Life

    async def start(self) -> None:
        self._server = await serve(
            self._serve,
            "127.0.0.1",
            self.port,
            process_request=self._process,
            compression=None,
            ping_interval=None,
            ssl=self.tls,
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is None:
            return
        self._server.close(close_connections=True)
        await self._server.wait_closed()
        self._server = None

    def cut(self) -> None:
        """Break every connection without a word."""
        for socket in self.sockets:
            socket.transport.abort()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def good(self, *tokens: str) -> None:
        for token in tokens:
            rig = len(self.verdicts) + 1
            self.verdicts[token] = Verdict("ok", rig, f"rig-{rig:02}")

    # What came

    @property
    def logs(self) -> list[OperationalLog]:
        """All that were kept, by spool and number."""
        return [kept[seq] for kept in self.kept.values() for seq in sorted(kept)]

    @property
    def uptimes(self) -> list[float]:
        return [log.uptime_s for log in self.logs if log.uptime_s is not None]

    @property
    def hellos(self) -> list[Hello]:
        return [frame for frame in self.frames if isinstance(frame, Hello)]

    def of(self, kind: type[UpFrame]) -> list[UpFrame]:
        return [frame for frame in self.frames if isinstance(frame, kind)]

    async def tell(self, *frames: DownFrame, signed: bool = True) -> None:
        for socket in self.sockets:
            if signed:
                await socket.send(self.sign(socket, *frames))
            else:
                for frame in frames:
                    await socket.send(encode(frame))

    def sign(self, socket: ServerConnection, *frames: DownFrame) -> bytes:
        self._sequence += 1
        encoded = [encode(frame) for frame in frames]
        message = frames_message(self._nonces[socket], self._sequence, encoded)
        return encode(Signed(self._sequence, encoded, self.key.sign(message).signature))

    def prove(self, socket: ServerConnection, prove: Prove) -> Proof:
        self._nonces[socket] = prove.nonce
        signature = self.key.sign(proof_message(prove.nonce, self.certificate)).signature
        return Proof(bytes(self.key.verify_key), self.certificate, signature)

    # The link

    def _process(self, _socket: ServerConnection, _request: Request) -> Response | None:
        return self.answer

    async def _serve(self, socket: ServerConnection) -> None:
        self.connections += 1
        self.sockets.append(socket)
        try:
            while self.deaf:
                await asyncio.sleep(0.01)
            prove = decode_up(await socket.recv())  # type: ignore[arg-type]
            assert isinstance(prove, Prove)
            await socket.send(encode(self.prove(socket, prove)))
            hello = decode_up(await socket.recv())  # type: ignore[arg-type]
            assert isinstance(hello, Hello)
            if self.close_at_hello is not None:
                await socket.close(*self.close_at_hello)
                return
            await self._welcome(socket, hello)
            async for data in socket:
                assert isinstance(data, bytes)
                frame = decode_up(data)
                if isinstance(frame, Hello):
                    hello = frame
                    await self._welcome(socket, hello)
                elif isinstance(frame, Logs):
                    if not await self._logs(socket, hello, frame):
                        return
                elif isinstance(frame, Gap):
                    await self._gap(socket, hello, frame)
                else:
                    self.frames.append(frame)
                while self.deaf:
                    await asyncio.sleep(0.01)  # type: ignore[unreachable]  # another task makes it deaf
        except ConnectionClosed:
            pass
        finally:
            self.sockets.remove(socket)
            self._nonces.pop(socket, None)

    async def _welcome(self, socket: ServerConnection, hello: Hello) -> None:
        self.frames.append(hello)
        verdicts = [self.verdicts.get(token, Verdict("unknown")) for token in hello.tokens]
        kept = self.kept.get(hello.spool, {})
        highest = max(kept, default=None) if self.tells_highest else self.claims
        now_ms = utc_ms() + self.ahead_ms
        await socket.send(self.sign(socket, Welcome(now_ms, self.interval_s, verdicts, "0.1.0", highest)))

    async def _logs(self, socket: ServerConnection, hello: Hello, frame: Logs) -> bool:
        assert len(frame.logs) == len(frame.slots) > 0
        logs = [decode_log(raw) for raw in frame.logs]
        if any(log.uptime_s in self.unreadable for log in logs):
            await socket.close(4400, "not an operational log")
            return False
        kept = self.kept.setdefault(hello.spool, {})
        self.log_frames.append(len(logs))
        for seq, (slot, log) in enumerate(zip(frame.slots, logs, strict=True), frame.first):
            assert self.verdicts[hello.tokens[slot]].kind == "ok", "a log of a token that is not good"
            self.sends[hello.spool, seq] += 1
            if seq in kept:
                assert kept[seq] == log, f"number {seq} stands for two logs"
            kept[seq] = log
            assert log.uptime_s is not None
            self.arrivals.setdefault(int(log.uptime_s), asyncio.get_running_loop().time())
        await self._ack(socket, frame.first, frame.first + len(logs) - 1)
        return True

    async def _gap(self, socket: ServerConnection, hello: Hello, frame: Gap) -> None:
        self.frames.append(frame)
        gone = self.gone.setdefault(hello.spool, set())
        kept = self.kept.get(hello.spool, {})
        for seq in range(frame.first, frame.last + 1):
            if seq not in gone and seq not in kept:
                gone.add(seq)
                self.lost += frame.lost
        await self._ack(socket, frame.first, frame.last)

    async def _ack(self, socket: ServerConnection, first: int, last: int) -> None:
        if self.silent or self.random.random() < self.drop_acks:
            return
        if self.ack_after_s:
            await asyncio.sleep(self.ack_after_s)
        with contextlib.suppress(ConnectionClosed):
            await socket.send(encode(Acks([(first, last)])))


@contextlib.asynccontextmanager
async def toy_commander() -> AsyncIterator[ToyCommander]:
    commander = ToyCommander()
    await commander.start()
    try:
        yield commander
    finally:
        await commander.stop()


def page(status: int, body: bytes = b"<html><title>nginx</title></html>", **headers: str) -> Response:
    """What a proxy or another web server answers instead."""
    from websockets.datastructures import Headers

    fields = Headers({"Content-Type": "text/html", "Content-Length": str(len(body)), **headers})
    return Response(status, HTTPStatus(status).phrase, fields, body)
