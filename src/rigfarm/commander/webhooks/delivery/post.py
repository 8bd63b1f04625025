"""Posts a body to a URL: where it may, over connections that are looked at, and with a bound on everything.

Redirects are not followed: a signature is for the receiver that the operator entered. Each request has a connection
of its own, to an address that was looked at in that moment.
"""

from __future__ import annotations

import asyncio
import ssl
from urllib.parse import urlsplit

import httpcore
from msgspec import Struct

from rigfarm.commander.outbound.download import trust
from rigfarm.commander.outbound.guarded import GuardedBackend
from rigfarm.commander.outbound.reach import BadUrlError, ForbiddenAddressError, Reach, check_url
from rigfarm.commander.outbound.secrets import without_secrets
from rigfarm.common.text import printable

__all__ = ["Answer", "Poster"]

WITHIN_S = 15.0
TIMEOUTS = {"connect": 5.0, "read": 10.0, "write": 10.0, "pool": 5.0}
MOST_READ = 4_096
"""Bytes of an answer."""
MOST_ANSWER = 300
AT_ONCE = 10
_HEADERS = {"Content-Type": "application/json", "User-Agent": "rigfarm", "Accept-Encoding": "identity"}


class Answer(Struct, frozen=True):
    """What came of a request."""

    ok: bool
    text: str


class Poster:
    """At most ten requests at a time."""

    def __init__(self, reach: Reach | None = None, *, within_s: float = WITHIN_S) -> None:
        self._reach = reach or Reach()
        self._within_s = within_s
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._tls: ssl.SSLContext | None = None

    async def post(self, url: str, headers: dict[str, str], body: bytes, *, lan: bool) -> Answer:
        """Send it. Whatever the receiver does is its answer: nothing is raised."""
        async with self._turns:
            if self._tls is None:
                self._tls = await asyncio.to_thread(trust)
            try:
                check_url(url, lan=lan)
                async with asyncio.timeout(self._within_s):
                    answer = await self._post(url, headers, body, lan=lan, tls=self._tls)
            except (ForbiddenAddressError, BadUrlError) as error:
                said = str(error).replace("downloads from there are", "that is").replace("from the LAN", "In the LAN")
                return Answer(False, f"Not sent: {said}")
            except (TimeoutError, httpcore.TimeoutException):
                return Answer(False, f"No answer within {self._within_s:g} s")
            except httpcore.NetworkError as error:
                return Answer(False, _words("It can't be reached", error, url))
            except (httpcore.ProtocolError, httpcore.UnsupportedProtocol) as error:
                return Answer(False, _words("It doesn't speak HTTP as expected", error, url))
            return answer

    async def _post(self, url: str, headers: dict[str, str], body: bytes, *, lan: bool, tls: ssl.SSLContext) -> Answer:
        guard = GuardedBackend(self._reach, lan=lan, plain=urlsplit(url).scheme == "http", most=MOST_READ)
        sent = [(name.encode(), value.encode()) for name, value in (_HEADERS | headers).items()]
        async with (
            httpcore.AsyncConnectionPool(ssl_context=tls, max_connections=1, network_backend=guard) as pool,
            pool.stream("POST", url, headers=sent, content=body, extensions={"timeout": TIMEOUTS}) as response,
        ):
            read = bytearray()
            async for chunk in response.aiter_stream():
                read += chunk
                if len(read) >= MOST_READ:
                    break
        said = " ".join(bytes(read[:MOST_READ]).decode("utf-8", "replace").split())
        if 300 <= response.status < 400:
            said = f"redirects are not followed: enter the final URL. {said}"
        text = printable(without_secrets(said, url), " ", most=MOST_ANSWER)
        return Answer(200 <= response.status < 300, f"HTTP {response.status} {text}".strip())


def _words(what: str, error: Exception, url: str) -> str:
    said = without_secrets(str(error) or type(error).__name__, url)
    return printable(f"{what}: {said}", " ", most=MOST_ANSWER)
