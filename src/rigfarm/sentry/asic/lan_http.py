"""HTTP to devices of the LAN: one request on a connection of its own, an end to every answer, no proxies or redirects.
Of a device that answers by HTTPS only, the certificate is its own, so it hides what is sent from the LAN and proves
nothing.

Much less than an HTTP client, and so a fifth of its cost: what is read with it is asked of every device in every cycle.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from urllib.parse import urlencode, urlsplit

import h11
import msgspec

from rigfarm.common.text import printable

__all__ = ["MAX_BODY_BYTES", "LanAnswer", "LanHttpError", "ask"]

MAX_BODY_BYTES = 512 << 10
_MAX_HEAD_BYTES = 32 << 10
_CONNECT_S = 3.0


class LanHttpError(Exception):
    """No usable answer; the text says in a few words why."""


@dataclass(frozen=True)
class LanAnswer:
    status: int
    body: bytes
    challenge: str
    """What kind of login it wants (the WWW-Authenticate header)."""
    cookie: str
    """Its cookies, ready to be sent back."""
    location: str = ""
    """Where it sends who asks (the Location header)."""

    @property
    def wants_tls(self) -> bool:
        """Whether it is sent to HTTPS: then nothing secret may be sent without it."""
        return 300 <= self.status < 400 and self.location.lower().startswith("https:")

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")


async def ask(
    method: str,
    url: str,
    *,
    timeout_s: float = 5.0,
    form: Mapping[str, str] | None = None,
    json: object = None,
    cookie: str = "",
    digest: tuple[str, str] | None = None,
) -> LanAnswer:
    """One request (two with a digest login), one answer of at most MAX_BODY_BYTES; or LanHttpError."""
    headers = {"Cookie": cookie} if cookie else {}
    body = b""
    if form is not None:
        body, headers["Content-Type"] = urlencode(form).encode(), "application/x-www-form-urlencoded"
    elif json is not None:
        body, headers["Content-Type"] = msgspec.json.encode(json), "application/json"
    try:
        async with asyncio.timeout(timeout_s):
            answer = await _exchange(method, url, headers, body)
            if digest is not None and answer.status == 401 and answer.challenge.lower().startswith("digest"):
                headers["Authorization"] = _digest(method, urlsplit(url).path, answer.challenge, *digest)
                answer = await _exchange(method, url, headers, body)
            return answer
    except TimeoutError as error:
        raise LanHttpError("no answer in time") from error
    except (OSError, h11.RemoteProtocolError, h11.LocalProtocolError) as error:
        raise LanHttpError(type(error).__name__) from error


async def _exchange(method: str, url: str, headers: Mapping[str, str], body: bytes) -> LanAnswer:
    target = urlsplit(url)
    async with asyncio.timeout(_CONNECT_S):
        secure = target.scheme == "https"
        tls = _tls() if secure else None
        port = target.port or (443 if secure else 80)
        reader, writer = await asyncio.open_connection(target.hostname, port, ssl=tls)
    try:
        wire = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MAX_HEAD_BYTES)
        length = [("Content-Length", str(len(body)))] if body or method == "POST" else []
        head = [("Host", target.netloc), ("Connection", "close"), *length, *headers.items()]
        request = h11.Request(method=method, target=target.path or "/", headers=head)
        sent = [wire.send(request), wire.send(h11.Data(body)) if body else b"", wire.send(h11.EndOfMessage())]
        writer.write(b"".join(part for part in sent if part))
        return await _receive(wire, reader)
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


@cache
def _tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def _receive(wire: h11.Connection, reader: asyncio.StreamReader) -> LanAnswer:
    status, headers, body = 0, list[tuple[bytes, bytes]](), bytearray()
    while True:
        event = wire.next_event()
        if event is h11.NEED_DATA:
            wire.receive_data(await reader.read(64 << 10))
        elif isinstance(event, h11.Response):
            status, headers = event.status_code, list(event.headers)
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > MAX_BODY_BYTES:
                raise LanHttpError("an answer without end")
        elif isinstance(event, (h11.EndOfMessage, h11.ConnectionClosed)):
            challenge, location = (_values(headers, name, "")[:300] for name in (b"www-authenticate", b"location"))
            return LanAnswer(status, bytes(body), challenge, _cookies(headers), location)


def _values(headers: list[tuple[bytes, bytes]], name: bytes, separator: str) -> str:
    return separator.join(value.decode("latin-1") for key, value in headers if key == name)


def _cookies(headers: list[tuple[bytes, bytes]]) -> str:
    set_cookies = [value.decode("latin-1").partition(";")[0] for key, value in headers if key == b"set-cookie"]
    return "; ".join(cookie for cookie in set_cookies if re.fullmatch(r"[\x21-\x3a\x3c-\x7e]+", cookie))[:1000]


def _digest(method: str, path: str, challenge: str, username: str, password: str) -> str:
    """The answer to a digest challenge (RFC 7616): MD5 or SHA-256, with or without `qop=auth`."""
    said = {
        key.lower(): quoted or bare for key, quoted, bare in re.findall(r'(\w+)=(?:"([^"]*)"|([^,\s]+))', challenge)
    }
    algorithm = said.get("algorithm", "MD5").upper()

    def hashed(text: str) -> str:
        make = hashlib.sha256 if algorithm == "SHA-256" else hashlib.md5
        return make(text.encode(), usedforsecurity=False).hexdigest()

    realm, nonce, cnonce = said.get("realm", ""), said.get("nonce", ""), secrets.token_hex(8)
    secret, action = hashed(f"{username}:{realm}:{password}"), hashed(f"{method}:{path}")
    fields = {"username": username, "realm": realm, "nonce": nonce, "uri": path}
    if "auth" in re.split(r"[,\s]+", said.get("qop", "")):
        fields["response"] = hashed(f"{secret}:{nonce}:00000001:{cnonce}:auth:{action}")
        more = f', qop=auth, nc=00000001, cnonce="{cnonce}"'
    else:
        fields["response"], more = hashed(f"{secret}:{nonce}:{action}"), ""
    if "opaque" in said:
        fields["opaque"] = said["opaque"]
    quoted = ", ".join(f'{key}="{_inert(value)}"' for key, value in fields.items())
    return f"Digest {quoted}, algorithm={algorithm}{more}"


_QUOTES = str.maketrans("", "", '"\\')


def _inert(value: str) -> str:
    return printable(value).translate(_QUOTES)
