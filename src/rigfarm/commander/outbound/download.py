"""Fetch a file over https: streamed, capped, and each redirect judged like the first URL."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from urllib.parse import urljoin, urlsplit

import httpcore
import httpx
from msgspec import Struct

from rigfarm import units
from rigfarm.commander.outbound.guarded import GuardedBackend
from rigfarm.commander.outbound.reach import BadUrlError, ForbiddenAddressError, Reach, check_url

__all__ = ["Download", "FetchError", "open_download", "trust"]

HOPS = 5
TIMEOUTS = {"connect": 10.0, "read": 30.0, "write": 10.0, "pool": 10.0}
_REDIRECTS = {301, 302, 303, 307, 308}
_HEADERS = [(b"Accept", b"*/*"), (b"Accept-Encoding", b"identity"), (b"User-Agent", b"rigfarm")]


class FetchError(Exception):
    """The file could not be fetched; the text says why, for the operator."""


class Download(Struct):
    """A body on its way."""

    size: int | None
    """As the server says."""
    chunks: AsyncIterator[bytes]


def trust() -> ssl.SSLContext:
    """The authorities a server's certificate is checked against: certifi's, and those this machine trusts besides."""
    context = httpx.create_ssl_context()
    context.load_default_certs()
    return context


@asynccontextmanager
async def open_download(
    url: str, *, lan: bool, limit: int, reach: Reach, tls: ssl.SSLContext
) -> AsyncIterator[Download]:
    """The body behind a URL. FetchError, also from its chunks: then what came so far is worth nothing.

    `lan` allows addresses of the LAN for the host of this URL, not for one that a redirect names.
    """
    first = urlsplit(url).hostname
    for _ in range(HOPS):
        here = urlsplit(url)
        allowed = lan and here.hostname == first
        try:
            check_url(url, lan=allowed)
        except BadUrlError as error:
            raise FetchError(f"{_where(url)} cannot be fetched. {error}") from None
        guard = GuardedBackend(reach, lan=allowed, plain=here.scheme == "http", most=limit)
        with _in_words(url):
            async with (
                httpcore.AsyncConnectionPool(ssl_context=tls, max_connections=1, network_backend=guard) as pool,
                pool.stream("GET", url, headers=_HEADERS, extensions={"timeout": TIMEOUTS}) as response,
            ):
                if response.status not in _REDIRECTS:
                    yield _download(response, url, limit)
                    return
                url = _next(response, url)
    raise FetchError(f"{_where(url)}: more than {HOPS} redirects.")


def _download(response: httpcore.Response, url: str, limit: int) -> Download:
    if response.status != 200:
        raise FetchError(f"{_where(url)} answered {response.status}: is the URL right?")
    headers = {name.lower(): value for name, value in response.headers}
    if headers.get(b"content-encoding", b"identity") != b"identity":
        raise FetchError(f"{_where(url)} sends the file re-encoded, so its hash would not be the published one.")
    length = headers.get(b"content-length", b"")
    size = int(length) if length.isdigit() and len(length) < 16 else None
    if size is not None and size > limit:
        raise FetchError(f"The file has {units.count(size)} bytes; the maximum is {units.count(limit)}.")
    return Download(size, _chunks(response, url, size, limit))


async def _chunks(response: httpcore.Response, url: str, size: int | None, limit: int) -> AsyncIterator[bytes]:
    received = 0
    with _in_words(url):
        async for chunk in response.aiter_stream():
            received += len(chunk)
            if received > limit:
                raise FetchError(f"The file has more than the {units.count(limit)} bytes that are allowed.")
            yield chunk
    if size is not None and received != size:
        raise FetchError(f"{_where(url)} stopped after {units.count(received)} of {units.count(size)} bytes.")


def _next(response: httpcore.Response, url: str) -> str:
    location = next((value for name, value in response.headers if name.lower() == b"location"), b"")
    if not location or not location.isascii():
        raise FetchError(f"{_where(url)} answered {response.status} without saying where the file is.")
    try:
        return urljoin(url, location.decode())
    except ValueError:
        raise FetchError(f"{_where(url)} answered {response.status} with an address that cannot be.") from None


@contextmanager
def _in_words(url: str) -> Iterator[None]:
    """Turns what a connection can raise into a sentence."""
    where = _where(url)
    try:
        yield
    except ForbiddenAddressError as error:
        raise FetchError(str(error)) from None
    except httpcore.TimeoutException as error:
        raise FetchError(f"{where} did not answer in time. {error}".strip()) from None
    except httpcore.NetworkError as error:
        raise FetchError(f"{where} cannot be reached: {error or type(error).__name__}.") from None
    except (httpcore.ProtocolError, httpcore.UnsupportedProtocol) as error:
        raise FetchError(f"{where} does not speak HTTP as expected: {error}.") from None


def _where(url: str) -> str:
    """The host, which is what an operator recognises; a URL's query may be a secret."""
    return urlsplit(url).hostname or "The URL"
