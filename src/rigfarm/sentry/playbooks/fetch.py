"""Downloading a pinned archive from the Commander: resumed, bounded, and checked before anything else touches it.

h11 rather than httpx, which would cost every Sentry 11 MB of memory for a few downloads in its life.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import ssl
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import h11
from msgspec import Struct

from rigfarm.sentry.link.errors import LinkError
from rigfarm.sentry.link.trust import WrongCertificateError
from rigfarm.sentry.playbooks.threads import abortable
from rigfarm.wire.playbooks import Archive

__all__ = ["CHUNK_BYTES", "FetchError", "Pace", "PinError", "Tls", "authorities", "fetch"]

CHUNK_BYTES = 64 << 10
_WRITE_BYTES = 512 << 10

Tls = Callable[[str], ssl.SSLContext | None]
"""The TLS context for a URL, None for http. Raises LinkError for one that must not be used: see `Trust.context`."""


def authorities(url: str) -> ssl.SSLContext | None:
    """Trust whom this machine trusts."""
    return ssl.create_default_context() if url.startswith("https:") else None


class FetchError(Exception):
    """No archive this time; what came so far is kept and the rest is asked for next time. For a person."""


class PinError(FetchError):
    """What came is not the pinned file; nothing of it is kept."""


class Pace(Struct, frozen=True):
    """How patient a download is."""

    connect_s: float = 10.0
    answer_s: float = 20.0
    window_s: float = 30.0
    least_bytes_per_s: float = 1_024.0
    """Over each window: a body that drips in is broken off, and resumed."""


async def fetch(
    url: str,
    token: str,
    archive: Archive,
    part: Path,
    progress: Callable[[int], None],
    pace: Pace,
    tls: Tls = authorities,
) -> None:
    """Complete the file `part`, and see to it that it has the archive's size and SHA-256.

    `url` is the Commander's; an empty `token` is not sent; `progress` is told the bytes there are.
    Raises FetchError, PinError, OSError for the disk.
    """
    sink = _Sink(part, archive)
    try:
        await abortable(sink.open)
        progress(sink.size)
        if sink.size < archive.size:
            await _download(url, token, archive, sink, progress, pace, tls)
        await abortable(sink.check)
    finally:
        sink.close()


class _Sink:
    """The growing file and its running hash."""

    def __init__(self, part: Path, archive: Archive) -> None:
        self._part = part
        self._archive = archive
        self._file = -1
        self._hash = hashlib.sha256()
        self.size = 0

    def open(self, aborted: Callable[[], bool]) -> None:
        """Take up what an earlier download left."""
        self._file = os.open(self._part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        while not aborted() and (chunk := os.read(self._file, 1 << 20)):
            self._hash.update(chunk)
            self.size += len(chunk)
        if self.size > self._archive.size:
            self.restart()

    def restart(self) -> None:
        """Forget what there is."""
        os.ftruncate(self._file, 0)
        os.lseek(self._file, 0, os.SEEK_SET)
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            written = os.write(self._file, view)
            self._hash.update(view[:written])
            self.size += written
            view = view[written:]

    def check(self, _: Callable[[], bool]) -> None:
        """Raises PinError, and forgets everything, unless this is the pinned file."""
        if self.size != self._archive.size:
            raise FetchError(f"the download ended after {self.size:,} of {self._archive.size:,} bytes")
        found = self._hash.hexdigest()
        if found != self._archive.sha256:
            self.restart()
            raise PinError(
                f"what the Commander sent is not the pinned file: its SHA-256 is {found}, not {self._archive.sha256}; "
                "nothing of it was unpacked. Fetch and pin the version again"
            )
        os.fsync(self._file)

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)


async def _download(
    url: str, token: str, archive: Archive, sink: _Sink, progress: Callable[[int], None], pace: Pace, tls: Tls
) -> None:
    try:
        async with asyncio.timeout(pace.connect_s):
            exchange = await _Exchange.open(url, tls)
    except WrongCertificateError:
        raise FetchError(
            "the Commander shows another certificate than the pinned one; nothing was sent to it"
        ) from None
    except LinkError as error:
        raise FetchError(str(error)) from None
    except (OSError, TimeoutError, ValueError) as error:
        raise FetchError(f"the Commander cannot be reached: {error or 'no answer'}") from None
    try:
        async with asyncio.timeout(pace.answer_s):
            answer = await exchange.ask(archive.path, token, sink.size)
        _check_answer(answer, archive, sink)
        await _receive(exchange, archive, sink, progress, pace)
    except TimeoutError:
        raise FetchError(f"the Commander did not answer within {pace.answer_s:.0f} s") from None
    except (h11.LocalProtocolError, UnicodeError):
        raise FetchError("the archive's address or the token has characters that no HTTP request may have") from None
    except h11.RemoteProtocolError as error:
        raise FetchError(f"the connection to the Commander broke: {error}") from None
    finally:
        exchange.close()


def _check_answer(answer: h11.Response, archive: Archive, sink: _Sink) -> None:
    """Whether a body worth reading follows. A server that does not resume starts the file from its beginning."""
    status, headers = answer.status_code, dict(answer.headers.raw_items())
    fields = {name.lower(): value for name, value in headers.items()}
    if status == 206:
        expected = f"bytes {sink.size}-{archive.size - 1}/{archive.size}".encode()
        if fields.get(b"content-range") != expected:
            raise FetchError("the Commander sent another part of the file than was asked for")
    elif status == 200:
        sink.restart()
    elif status == 416:
        sink.restart()
        raise FetchError("the Commander cannot resume this download: it starts again")
    elif 300 <= status < 400:
        raise FetchError("the Commander redirects this download elsewhere; that is not followed. Check its public URL")
    else:
        raise FetchError(f"the Commander answered with HTTP status {status}{_MEANING.get(status, '')}")
    length = fields.get(b"content-length")
    if length is not None and int(length) != archive.size - sink.size:
        raise FetchError(
            f"the Commander offers {int(length) + sink.size:,} bytes, but the pinned file has {archive.size:,}"
        )


_MEANING = {
    401: ": it does not know this rig's token",
    403: ": it does not give this file to this rig",
    404: ": it has no such file. Fetch and pin the version again",
}


async def _receive(
    exchange: _Exchange, archive: Archive, sink: _Sink, progress: Callable[[int], None], pace: Pace
) -> None:
    window = _Window(pace)
    waiting = bytearray()
    received = sink.size
    try:
        while chunk := await window.next(exchange):
            received += len(chunk)
            if received > archive.size:
                waiting.clear()
                sink.restart()
                raise PinError(f"the Commander sends more than the {archive.size:,} bytes of the pinned file")
            waiting += chunk
            progress(received)
            if len(waiting) >= _WRITE_BYTES:
                data = bytes(waiting)
                waiting.clear()
                await abortable(lambda _, data=data: sink.write(data))  # type: ignore[misc]  # mypy does not infer a lambda with a default
    finally:
        if waiting:
            sink.write(bytes(waiting))


class _Window:
    """A span of time in which a body has to bring a least number of bytes."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._loop = asyncio.get_running_loop()
        self._ends = self._loop.time() + pace.window_s
        self._brought = 0

    async def next(self, exchange: _Exchange) -> bytes:
        """The next chunk, empty at the end. Raises FetchError when a window has brought too little."""
        while True:
            if self._loop.time() >= self._ends:
                self._turn()
            try:
                async with asyncio.timeout_at(self._ends):
                    chunk = await exchange.chunk()
            except TimeoutError:
                continue
            self._brought += len(chunk)
            return chunk

    def _turn(self) -> None:
        if self._brought < self._pace.least_bytes_per_s * self._pace.window_s:
            raise FetchError(f"the download is too slow: {self._brought:,} bytes in {self._pace.window_s:.0f} s")
        self._ends, self._brought = self._loop.time() + self._pace.window_s, 0


class _Exchange:
    """One request and its answer."""

    def __init__(self, base: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._base = base
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.CLIENT)

    @classmethod
    async def open(cls, url: str, tls: Tls) -> _Exchange:
        """Connect to the Commander. Raises OSError, LinkError; ValueError for a URL that is none."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is not the address of a Commander")
        secure = tls(url)
        port = parts.port or (443 if secure else 80)
        reader, writer = await asyncio.open_connection(parts.hostname, port, ssl=secure, limit=CHUNK_BYTES)
        return cls(url, reader, writer)

    async def ask(self, path: str, token: str, offset: int) -> h11.Response:
        """Send the request; the answer's head. The path is joined as text, so it can never name another host."""
        parts = urlsplit(self._base)
        headers = [
            ("Host", parts.netloc.rpartition("@")[2]),
            *([("Authorization", f"Bearer {token}")] if token else []),
            ("Accept-Encoding", "identity"),
            ("Connection", "close"),
        ]
        if offset:
            headers.append(("Range", f"bytes={offset}-"))
        target = f"{parts.path.rstrip('/')}/{path.lstrip('/')}"
        self._writer.write(self._http.send(h11.Request(method="GET", target=target, headers=headers)) or b"")
        self._writer.write(self._http.send(h11.EndOfMessage()) or b"")
        while True:
            event = await self._next()
            if isinstance(event, h11.Response):
                return event
            if not isinstance(event, h11.InformationalResponse):
                raise FetchError("the Commander closed the connection without an answer")

    async def chunk(self) -> bytes:
        """Some of the body, at most CHUNK_BYTES; empty at its end. May be cancelled and called again."""
        event = await self._next()
        return bytes(event.data) if isinstance(event, h11.Data) else b""

    def close(self) -> None:
        self._writer.transport.abort()

    async def _next(self) -> object:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            try:
                data = await self._reader.read(CHUNK_BYTES)
            except OSError as error:  # told apart here from those of the disk, and from our own timeouts
                raise FetchError(f"the connection to the Commander broke: {error}") from None
            self._http.receive_data(data)
        return event
