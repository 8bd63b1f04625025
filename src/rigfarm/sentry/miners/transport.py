"""One question to a mining program's stats API, over HTTP or plain TCP.

Made for a program on the same machine that may be hung, broken or hostile: a cap on the answer, no redirects, no
connection kept. The caller sets the time limit. h11 rather than httpx: importing httpx costs a Sentry 11 MB of memory
and 150 ms, h11 0.7 MB and 12 ms.
"""

from __future__ import annotations

import asyncio
import re

import h11
import msgspec

from rigfarm.sentry.miners.adapter import Http, Request, Tcp

__all__ = ["MAX_ANSWER_BYTES", "NoAnswerError", "ask"]

MAX_ANSWER_BYTES = 1 << 20
_CHUNK = 64 << 10
_LOOKS = 64
"""An answer is read through so often at most, to see whether it is complete: one that drips in, and could be complete
after every drop, would cost the square of its size."""

_STATUS = re.compile(rb"HTTP/\d(?:\.\d)? (\d{3})")


class NoAnswerError(Exception):
    """The program gave no usable answer; the text says how, for a person. `answered`: it did send something, so it is
    not dead, however little can be made of it."""

    def __init__(self, why: str, *, answered: bool = False) -> None:
        super().__init__(why)
        self.answered = answered


async def ask(request: Request, host: str, port: int, within_s: float) -> bytes:
    """The answer's body, or as much of it as came within `within_s`. Raises NoAnswerError."""
    try:
        if isinstance(request, Tcp):
            return await _tcp(request, host, port, within_s)
        return await _http(request, host, port, within_s)
    except ConnectionRefusedError:
        raise NoAnswerError(f"nothing listens on {host}:{port}") from None
    except TimeoutError:
        raise NoAnswerError(f"no answer within {within_s:.0f} s") from None
    except (OSError, ValueError) as error:
        raise NoAnswerError(f"{host}:{port} broke off: {error}") from None


async def _http(request: Http, host: str, port: int, within_s: float) -> bytes:
    status = 0
    ends = asyncio.get_running_loop().time() + within_s
    for path in request.paths:
        status, body = await _get(host, port, path, ends)
        if status == 200:
            return body
        if status != 404:
            break
    raise NoAnswerError(f"{host}:{port} answers with HTTP status {status}", answered=True)


async def _get(host: str, port: int, path: str, ends: float) -> tuple[int, bytes]:
    """Status and body, or what came of it until `ends` (loop time); programs serve HTTP/1.0, chunks, bodies that end
    with the connection, and no HTTP at all."""
    answer = _HttpAnswer()
    try:
        async with asyncio.timeout_at(ends):
            await answer.ask(host, port, path)
    except (TimeoutError, ConnectionError):
        if not answer.raw:
            raise
    except h11.ProtocolError:
        pass  # what came may be read all the same
    return answer.status_and_body(f"{host}:{port}")


class _HttpAnswer:
    """What came of an answer until it was complete or broke off."""

    def __init__(self) -> None:
        self.raw = bytearray()
        self._body = bytearray()
        self._status = 0

    async def ask(self, host: str, port: int, path: str) -> None:
        """Until the end. Raises h11.ProtocolError, OSError, NoAnswerError."""
        reader, writer = await asyncio.open_connection(host, port)
        try:
            http = h11.Connection(h11.CLIENT)
            headers = [("Host", f"{host}:{port}"), ("Accept", "application/json"), ("Connection", "close")]
            writer.write(http.send(h11.Request(method="GET", target=path, headers=headers)) or b"")
            writer.write(http.send(h11.EndOfMessage()) or b"")
            await self._receive(http, reader)
        finally:
            writer.transport.abort()

    async def _receive(self, http: h11.Connection, reader: asyncio.StreamReader) -> None:
        while True:
            event = http.next_event()
            if event is h11.NEED_DATA:
                data = await reader.read(_CHUNK)
                self.raw += data
                _check_size(self.raw)
                http.receive_data(data)
            elif isinstance(event, h11.Response):
                self._status = event.status_code
            elif isinstance(event, h11.Data):
                self._body += event.data
            elif not isinstance(event, h11.InformationalResponse):
                return

    def status_and_body(self, who: str) -> tuple[int, bytes]:
        """Raises NoAnswerError if it is neither HTTP nor JSON."""
        if self._status:
            return self._status, bytes(self._body)
        head, blank, body = bytes(self.raw).replace(b"\r\n", b"\n").partition(b"\n\n")
        if blank and (found := _STATUS.match(head)):
            return int(found[1]), body
        if bytes(self.raw[:64]).lstrip().startswith((b"{", b"[")):
            return 200, bytes(self.raw)
        if not self.raw:
            raise NoAnswerError(f"{who} closed the connection without an answer")
        raise NoAnswerError(f"{who} answers, but not with HTTP", answered=True)


async def _tcp(request: Tcp, host: str, port: int, within_s: float) -> bytes:
    answer = bytearray()
    try:
        async with asyncio.timeout(within_s):
            await _converse(request, host, port, answer)
    except (TimeoutError, ConnectionResetError, BrokenPipeError):
        if not answer:
            raise
    if not answer:
        raise NoAnswerError(f"{host}:{port} closed the connection without an answer")
    return bytes(answer)


async def _converse(request: Tcp, host: str, port: int, answer: bytearray) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(request.payload)
        looks = 0
        while chunk := await reader.read(_CHUNK):
            answer += chunk
            _check_size(answer)
            if _may_be_complete(answer):
                looks += 1
                if looks > _LOOKS:
                    raise NoAnswerError(f"{host}:{port} answers in too many pieces", answered=True)
                if _complete(answer):
                    return
    finally:
        writer.transport.abort()


def _may_be_complete(answer: bytearray) -> bool:
    """By its end, which is quickly seen."""
    if not answer.startswith((b"{", b"[")):
        return answer.endswith((b"|", b"\0"))
    return bytes(answer[-8:]).rstrip(b"\0 \r\n\t").endswith((b"}", b"]"))


def _complete(answer: bytearray) -> bool:
    """Whether a program that keeps its connection open has said all it will."""
    if not answer.startswith((b"{", b"[")):
        return True
    try:
        msgspec.json.decode(bytes(answer).rstrip(b"\0"), type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def _check_size(answer: bytearray) -> None:
    if len(answer) > MAX_ANSWER_BYTES:
        raise NoAnswerError(f"the answer is longer than {MAX_ANSWER_BYTES >> 20} MiB", answered=True)
