"""The sockets of a fake: the cgminer protocol and HTTP, and everything that can go wrong on the way out."""

from __future__ import annotations

import asyncio
import os
import socket
import struct

import msgspec

from rigfarm.simulate.asic.corrupt import hostile, mangled, mangled_bytes, nonsense
from rigfarm.simulate.asic.http import HttpAnswer, next_request
from rigfarm.simulate.asic.makes.base import Make, error
from rigfarm.simulate.asic.recorded import Json
from rigfarm.simulate.asic.state import FakeAsic, Fault

__all__ = ["HttpPort", "Port", "RpcPort"]

_HUGE_BYTES = 256 << 20
_HUGE_CHUNK = b'{"A":"' + b"A" * 65_000
_TLS_ALERT = b"\x16\x03\x03\x00\x31\x02\x00\x00\x2d\x03\x03" + bytes(range(44)) + b"\x15\x03\x03\x00\x02\x02\x28"
_DRIP_S = 0.25
_BYTES_TOO = 0.2
_KEEP_ALIVE_S = 5.0


class Port(asyncio.Protocol):
    """One connection to a fake. Subclasses cut requests out of what arrives and say what the answer is."""

    def __init__(self, asic: FakeAsic, make: Make, plugged: set[Port]) -> None:
        self.asic = asic
        self.make = make
        self._plugged = plugged
        self.received = bytearray()
        self._transport: asyncio.Transport | None = None
        self._writable = True
        self._huge_left = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._plugged.add(self)
        self.asic.traffic.connected()
        if self.asic.restarting:
            self._reset()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._plugged.discard(self)
        self.asic.traffic.disconnected()

    def cut(self) -> None:
        """The cable is out."""
        if self._transport is not None:
            self._transport.abort()

    def pause_writing(self) -> None:
        self._writable = False

    def resume_writing(self) -> None:
        self._writable = True
        self._pour()

    def data_received(self, data: bytes) -> None:
        self.received += data
        while self._transport is not None and self.serve_next():
            pass

    def serve_next(self) -> bool:
        """Answer one request if a whole one has arrived."""
        raise NotImplementedError

    def twisted(self, answer: Json) -> Json:
        """The answer as its fault of the moment makes it."""
        match self.asic.fault:
            case Fault.HOSTILE:
                return hostile(answer)
            case Fault.NONSENSE:
                return nonsense(answer, self.asic.number)
            case Fault.MANGLED:
                return mangled(answer, self.asic.dice)
        return answer

    def reply(self, question: str, payload: bytes, close: bool) -> None:
        """Send an answer, after the device's delay, the way its fault has it."""
        self.asic.traffic.begin(question)
        if self.asic.answer_delay_s:
            asyncio.get_running_loop().call_later(self.asic.answer_delay_s, self._send, question, payload, close)
        else:
            self._send(question, payload, close)

    def _send(self, question: str, payload: bytes, close: bool) -> None:
        self.asic.traffic.end(question)
        if self._transport is None:
            return
        match self.asic.fault:
            case Fault.SILENT:
                pass
            case Fault.RESET:
                self._reset()
            case Fault.DRIP:
                self._drip(payload, 0)
            case Fault.HUGE:
                self._huge_left = _HUGE_BYTES
                self._pour()
            case Fault.GARBAGE:
                self._say(os.urandom(3000), close=True)
            case Fault.TLS:
                self._say(_TLS_ALERT, close=True)
            case Fault.HALF:
                self._say(payload[: len(payload) // 2], close=True)
            case Fault.EMPTY:
                self._say(b"", close=True)
            case Fault.MANGLED if self.asic.dice.random() < _BYTES_TOO:
                self._say(mangled_bytes(payload, self.asic.dice), close=True)
            case _:
                self._say(payload, close)

    def _say(self, payload: bytes, close: bool) -> None:
        assert self._transport is not None
        self._transport.write(payload)
        if close:
            self._transport.close()

    def _reset(self) -> None:
        if self._transport is not None:
            sock: socket.socket = self._transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()

    def _drip(self, payload: bytes, at: int) -> None:
        if self._transport is not None and at < len(payload):
            self._transport.write(payload[at : at + 1])
            asyncio.get_running_loop().call_later(_DRIP_S, self._drip, payload, at + 1)

    def _pour(self) -> None:
        while self._transport is not None and self._writable and self._huge_left > 0:
            if self._transport.is_closing():
                return
            self._huge_left -= len(_HUGE_CHUNK)
            self._transport.write(_HUGE_CHUNK)


class RpcPort(Port):
    """cgminer: one JSON command, one JSON answer, a NUL byte, the end."""

    def serve_next(self) -> bool:
        text = bytes(self.received).rstrip(b"\0\r\n ")
        try:
            request = msgspec.json.decode(text, type=dict)
        except msgspec.DecodeError:
            return False
        self.received.clear()
        command = str(request.get("command") or request.get("cmd") or "")
        question = " ".join(str(value) for key, value in request.items() if key != "data")
        self.reply(question, msgspec.json.encode(self.twisted(self._answer(command, request))) + b"\0", close=True)
        return False

    def _answer(self, command: str, request: dict[str, Json]) -> Json:
        if command == "privileged":  # answered alike by all that descend from cgminer: the harmless question of rank
            return _yes() if self.asic.write_open else error("Access denied to 'privileged' command", 45)
        try:
            return self.make.rpc(self.asic, command, request)
        except KeyError:
            return error()


def _yes() -> Json:
    return {
        "STATUS": [{"STATUS": "S", "When": 1, "Code": 46, "Msg": "Privileged access OK", "Description": ""}],
        "id": 1,
    }


class HttpPort(Port):
    """HTTP/1.1 with connections kept alive, for as long as lighttpd does: most devices run that."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._idle: asyncio.TimerHandle | None = None
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._idle is not None:
            self._idle.cancel()
        super().connection_lost(exc)

    def _say(self, payload: bytes, close: bool) -> None:
        super()._say(payload, close)
        if self._idle is not None:
            self._idle.cancel()
        if self._transport is not None:
            self._idle = asyncio.get_running_loop().call_later(_KEEP_ALIVE_S, self._transport.close)

    def serve_next(self) -> bool:
        request = next_request(self.received)
        if request is None:
            return False
        answer = self.make.http(self.asic, request)
        if not isinstance(answer.body, bytes):
            answer = HttpAnswer(answer.status, self.twisted(answer.body), answer.headers)
        keep = request.headers.get("connection", "").lower() != "close"
        self.reply(f"{request.method} {request.path}", answer.encode(keep), close=not keep)
        return True
