"""Talks to a Commander's API with the standard library. Nothing is sent before its certificate is known to be right."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from io import BufferedReader
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from rigfarm import __version__
from rigfarm.client.config import Login
from rigfarm.client.errors import ExitCode, Failure, Untrusted
from rigfarm.common.fingerprints import fingerprint_text

__all__ = ["MAX_ROWS", "Answer", "Api", "JsonValue", "certificate_of"]

TIMEOUT_S = 60.0
SILENT_S = 45.0
"""A stream says something at least every 15 s."""
MAX_ANSWER = 64 << 20
MAX_LINE = 4 << 20
MAX_PAGES = 1_000
PAGE = 2_000
"""Rows that a page has at most."""
MAX_ROWS = 200_000
"""Of a list or of a stream's snapshot."""
ATTEMPTS = 3
JsonValue = Any
"""What JSON holds; the API's documentation says what is in it."""


class Answer(NamedTuple):
    """A good answer."""

    content: JsonValue
    next: str
    """The next page's path and query; empty on the last page."""


def certificate_of(url: str) -> bytes:
    """SHA-256 of the certificate that a host shows; it is not verified. Failure when there is none."""
    parts = urlsplit(url)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    host = parts.hostname or ""
    try:
        with (
            socket.create_connection((host, parts.port or 443), TIMEOUT_S) as plain,
            context.wrap_socket(plain, server_hostname=host) as connection,
        ):
            return hashlib.sha256(connection.getpeercert(binary_form=True) or b"").digest()
    except OSError as error:
        raise _unreachable(url, error) from None


class Api:
    """The API of one Commander."""

    def __init__(self, login: Login) -> None:
        self._login = login
        self._parts = urlsplit(login.url)

    def check(self) -> None:
        """Make sure that its certificate is trusted; nothing is sent. Failure."""
        self._connection(TIMEOUT_S).close()

    def get(self, path: str, **query: str | int | None) -> Answer:
        """One page."""
        return self._call("GET", path, query)

    def all(self, path: str, *, most: int = MAX_ROWS, **query: str | int | None) -> list[JsonValue]:
        """All pages of a list, or as many as it takes for `most` rows."""
        answer = self.get(path, limit=min(most, PAGE), **query)
        found = _rows(answer.content)
        for _ in range(MAX_PAGES):
            if not answer.next or len(found) >= most:
                return found[:most]
            answer = self._call("GET", answer.next, {}, whole=True)
            found += _rows(answer.content)
        raise Failure("The list is too long.")

    def text(self, path: str, **query: str | int | None) -> str:
        """An answer that is not JSON, such as CSV."""
        content = self._call("GET", path, query, as_text=True).content
        assert isinstance(content, str)
        return content

    def send(self, method: str, path: str, body: JsonValue = None, **query: str | int | None) -> JsonValue:
        """Change something. A POST whose answer is lost is sent again, and carried out once."""
        headers = {"Idempotency-Key": os.urandom(16).hex()} if method == "POST" else {}
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._call(method, path, query, body, headers).content
            except Failure as failure:
                if failure.exit_code != ExitCode.UNREACHABLE or method != "POST" or attempt == ATTEMPTS:
                    raise
                time.sleep(attempt)
        raise AssertionError

    def upload(self, path: str, file: Path) -> JsonValue:
        """Send a whole file. Failure."""
        try:
            with file.open("rb") as body:
                size = {"Content-Length": str(os.fstat(body.fileno()).st_size)}
                return self._call("PUT", path, {}, body, {"Content-Type": "application/octet-stream", **size}).content
        except OSError as error:
            raise Failure(f"{file} cannot be read: {error.strerror}.", ExitCode.USAGE) from None

    def stream(self, **query: str | None) -> Iterator[tuple[str, JsonValue]]:
        """Events of the stream, until the Commander ends it. Failure when it cannot be reached."""
        connection = self._connection(SILENT_S)
        try:
            answer = self._ask(connection, "GET", _address("/api/stream", query), None, {"Accept": "text/event-stream"})
            if answer.status != 200:
                raise _refusal(answer.status, answer.read(MAX_ANSWER))
            name = ""
            while line := answer.readline(MAX_LINE):
                field, _, value = line.decode(errors="replace").rstrip("\r\n").partition(": ")
                if field == "event":
                    name = value
                elif field == "data":
                    yield name, _rows([_json(value.encode())])[0]
        except (OSError, http.client.HTTPException) as error:
            raise _unreachable(self._login.url, error) from None
        finally:
            connection.close()

    def _call(
        self,
        method: str,
        path: str,
        query: Mapping[str, str | int | None],
        body: JsonValue | BufferedReader = None,
        headers: Mapping[str, str] | None = None,
        *,
        whole: bool = False,
        as_text: bool = False,
    ) -> Answer:
        connection = self._connection(TIMEOUT_S)
        sent = body if body is None or isinstance(body, BufferedReader) else json.dumps(body).encode()
        try:
            address = path if whole else _address(path, query)
            answer = self._ask(
                connection, method, address, sent, {"Content-Type": "application/json", **(headers or {})}
            )
            text = answer.read(MAX_ANSWER + 1)
        except (OSError, http.client.HTTPException) as error:
            raise _unreachable(self._login.url, error) from None
        finally:
            connection.close()
        if answer.status >= 300:
            raise _refusal(answer.status, text)
        if len(text) > MAX_ANSWER:
            raise Failure("The answer is too large.")
        if as_text:
            return Answer(text.decode(errors="replace"), "")
        return Answer(_json(text) if text else None, _next(answer.getheader("Link") or ""))

    def _connection(self, timeout_s: float) -> http.client.HTTPConnection:
        """Connected to the right Commander."""
        host, port = self._parts.hostname or "", self._parts.port
        if self._parts.scheme == "http":
            plain = http.client.HTTPConnection(host, port, timeout=timeout_s)
            return self._connected(plain)
        pinned = self._login.fingerprint
        try:
            context = ssl.create_default_context(cafile=self._login.ca_file or None)
        except (OSError, ssl.SSLError) as error:
            raise Failure(f"The file {self._login.ca_file} cannot be used: {error}.", ExitCode.USAGE) from None
        if pinned:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        secure = http.client.HTTPSConnection(host, port, timeout=timeout_s, context=context)
        self._connected(secure)
        if pinned:
            assert isinstance(secure.sock, ssl.SSLSocket)
            seen = hashlib.sha256(secure.sock.getpeercert(binary_form=True) or b"").digest()
            if seen.hex() != pinned:
                secure.close()
                raise Failure(
                    f"{self._login.url} shows another certificate than when you logged in: {fingerprint_text(seen)}. "
                    "Your key was not sent. If the Commander has a new certificate, run rigfarm login again.",
                    ExitCode.UNREACHABLE,
                )
        return secure

    def _connected(self, connection: http.client.HTTPConnection) -> http.client.HTTPConnection:
        try:
            connection.connect()
        except OSError as error:
            raise _unreachable(self._login.url, error) from error
        connection.auto_open = 0  # what is sent goes over the connection that was checked, and over no other
        return connection

    def _ask(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        address: str,
        body: bytes | BufferedReader | None,
        headers: Mapping[str, str],
    ) -> http.client.HTTPResponse:
        own = {"Authorization": f"Bearer {self._login.key}", "User-Agent": f"rigfarm/{__version__}"}
        connection.request(method, self._parts.path + address, body, {**own, **headers})
        return connection.getresponse()


def _address(path: str, query: Mapping[str, str | int | None]) -> str:
    given = {name.rstrip("_"): value for name, value in query.items() if value not in (None, "")}
    return f"{path}?{urlencode(given)}" if given else path


def _next(link: str) -> str:
    address, _, relation = link.partition(">")
    return address.removeprefix("<") if 'rel="next"' in relation and address.startswith("</") else ""


def _json(text: bytes) -> JsonValue:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise Failure("This is not a Commander: its answer is not JSON. Check the URL.", ExitCode.UNREACHABLE) from None


def _rows(content: JsonValue) -> list[JsonValue]:
    """A list of objects, as the Commander's lists are. Failure for anything else."""
    if isinstance(content, list) and all(isinstance(one, dict) for one in content):
        return content
    raise Failure("This is not a Commander: its answer is not a list. Check the URL.", ExitCode.UNREACHABLE)


def _refusal(status: int, text: bytes) -> Failure:
    try:
        problem = json.loads(text)
        detail, errors = str(problem["detail"]), problem.get("errors", [])
        lines = [detail, *(f"  {one['field']}: {one['detail']}" for one in errors if one["detail"] != detail)]
    except (ValueError, KeyError, TypeError, RecursionError):
        lines = [f"The Commander answered {status}."]
    return Failure("\n".join(lines), ExitCode.LOGIN if status == 401 else ExitCode.REFUSED)


def _unreachable(url: str, error: Exception) -> Failure:
    if isinstance(error, ssl.SSLCertVerificationError):
        return Untrusted(f"The certificate of {url} is not trusted: {error.verify_message}.", ExitCode.UNREACHABLE)
    why = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return Failure(f"{url} cannot be reached: {why}.", ExitCode.UNREACHABLE)
