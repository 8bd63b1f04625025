"""HTTP to devices of the LAN: no proxies, no redirects, an end to every answer, nothing kept between two requests."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from functools import cache

import httpx

__all__ = ["MAX_BODY_BYTES", "LanAnswer", "LanHttpError", "ask"]

MAX_BODY_BYTES = 512 << 10
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

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")


@cache
def _no_verification() -> ssl.SSLContext:
    """Made once: devices have certificates nobody signed, and a context costs ten milliseconds."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def ask(
    method: str,
    url: str,
    *,
    timeout_s: float = 5.0,
    form: dict[str, str] | None = None,
    json: object = None,
    cookie: str = "",
    digest: tuple[str, str] | None = None,
) -> LanAnswer:
    """One request, one answer of at most MAX_BODY_BYTES, or LanHttpError."""
    auth = httpx.DigestAuth(*digest) if digest else None
    headers = {"Cookie": cookie} if cookie else {}
    transport = httpx.AsyncHTTPTransport(verify=_no_verification(), limits=httpx.Limits(max_connections=1))
    timeout = httpx.Timeout(timeout_s, connect=min(_CONNECT_S, timeout_s))
    try:
        async with (
            httpx.AsyncClient(transport=transport, timeout=timeout, trust_env=False, auth=auth) as client,
            client.stream(method, url, data=form, json=json, headers=headers) as response,
        ):
            return LanAnswer(
                response.status_code,
                await _bounded(response),
                response.headers.get("www-authenticate", "")[:200],
                "; ".join(f"{name}={value}" for name, value in response.cookies.items())[:1000],
            )
    except httpx.TimeoutException as error:
        raise LanHttpError("no answer in time") from error
    except (httpx.HTTPError, httpx.InvalidURL, httpx.CookieConflict, ValueError) as error:
        raise LanHttpError(type(error).__name__) from error


async def _bounded(response: httpx.Response) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise LanHttpError("an answer without end")
    return bytes(body)
