"""Just enough HTTP/1.1 for a fake web interface: requests, answers, digest login."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

import msgspec

from rigfarm.simulate.asic.recorded import Json

__all__ = ["HttpAnswer", "HttpRequest", "digest_challenge", "digest_user", "next_request"]

_HEAD_END = b"\r\n\r\n"
_NONCE = "5f2c1d0e"


@dataclass
class HttpRequest:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    def json(self) -> dict[str, Json]:
        """The body as an object; empty when it is none."""
        try:
            return msgspec.json.decode(self.body, type=dict)
        except msgspec.DecodeError:
            return {}


@dataclass
class HttpAnswer:
    status: int = 200
    body: Json | bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    def encode(self, keep_alive: bool) -> bytes:
        """As bytes for the wire."""
        raw = isinstance(self.body, bytes)
        body = self.body if isinstance(self.body, bytes) else msgspec.json.encode(self.body)
        head = [f"HTTP/1.1 {self.status} {'OK' if self.status == 200 else 'No'}", f"Content-Length: {len(body)}"]
        head += [f"{name}: {value}" for name, value in self.headers.items()]
        head.append(f"Content-Type: {'text/html; charset=utf-8' if raw else 'application/json'}")
        head.append(f"Connection: {'keep-alive' if keep_alive else 'close'}")
        return "\r\n".join(head).encode() + _HEAD_END + body


def next_request(received: bytearray) -> HttpRequest | None:
    """Take one whole request off what was received, if there is one."""
    end = received.find(_HEAD_END)
    if end < 0:
        return None
    lines = received[:end].decode("latin-1").split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    length = int(headers.get("content-length") or 0)
    start = end + len(_HEAD_END)
    if len(received) < start + length:
        return None
    body = bytes(received[start : start + length])
    del received[: start + length]
    method, target, *_ = [*lines[0].split(" "), "/"]
    url = urlsplit(target)
    query = {name: values[0] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
    return HttpRequest(method, url.path, query, headers, body)


def digest_challenge(realm: str) -> HttpAnswer:
    """The 401 by which a device with a digest login is known."""
    challenge = f'Digest realm="{realm}", nonce="{_NONCE}", qop="auth"'
    return HttpAnswer(401, b"<html><title>401 - Unauthorized</title></html>", {"WWW-Authenticate": challenge})


def digest_user(request: HttpRequest, realm: str, username: str, password: str) -> tuple[str | None, bool]:
    """Who tries to log in, and whether the digest is that of this user and password (RFC 7616, MD5, qop=auth)."""
    authorization = request.headers.get("authorization", "")
    if not authorization.lower().startswith("digest "):
        return None, False
    said = {key: quoted or bare for key, quoted, bare in re.findall(r'(\w+)=(?:"([^"]*)"|([^,\s]+))', authorization)}
    secret = _md5(f"{username}:{realm}:{password}")
    action = _md5(f"{request.method}:{said.get('uri', '')}")
    middle = f"{said.get('nonce', '')}:{said.get('nc', '')}:{said.get('cnonce', '')}:{said.get('qop', '')}"
    good = said.get("response") == _md5(f"{secret}:{middle}:{action}") and said.get("username") == username
    return said.get("username"), good


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
