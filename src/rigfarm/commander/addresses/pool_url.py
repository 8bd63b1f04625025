"""Where a pool listens, as mining programs write it."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from msgspec import Struct

__all__ = ["MAX_URLS", "SCHEMES", "BadPoolUrlError", "PoolUrl", "parse_pool_url"]

MAX_URLS = 8
MAX_URL = 300

SCHEMES: dict[str, bool] = {
    "stratum+tcp": False,
    "stratum+ssl": True,
    "stratum+tls": True,
    "stratum+tcps": True,
    "stratum1+tcp": False,
    "stratum1+ssl": True,
    "stratum2+tcp": False,
    "stratum2+ssl": True,
    "stratum": False,
    "ethproxy+tcp": False,
    "ethproxy+ssl": True,
    "ethstratum+tcp": False,
    "ethstratum+ssl": True,
    "daemon+http": False,
    "daemon+https": True,
    "http": False,
    "https": True,
    "tcp": False,
    "ssl": True,
    "tls": True,
    "ws": False,
    "wss": True,
}
"""Scheme -> whether the connection is encrypted."""

_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")
_REST = re.compile(r"[A-Za-z0-9/._~:@!$&()*+,;=%#?-]*")
_DEFAULT_SCHEME = "stratum+tcp"


class BadPoolUrlError(ValueError):
    """The text says what is wrong with the URL and what would be right."""


class PoolUrl(Struct, frozen=True):
    """A pool's URL in its parts."""

    scheme: str
    host: str
    """IPv6 addresses without brackets."""
    port: int
    rest: str = ""
    """Path and fragment as typed: some pools want `#xnsub`, some nodes a path."""

    @property
    def tls(self) -> bool:
        """Whether the connection is encrypted."""
        return SCHEMES[self.scheme]

    @property
    def endpoint(self) -> str:
        """`host:port`, which is what programs with an option for TLS want."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.endpoint}{self.rest}"


def parse_pool_url(text: str) -> PoolUrl:
    """A URL, or a bare `host:port` (then it is plain Stratum). BadPoolUrlError."""
    typed = text.strip()
    if len(typed) > MAX_URL:
        raise BadPoolUrlError(f"A pool's URL has at most {MAX_URL} characters; this one has {len(typed)}.")
    if not typed.isascii() or not typed.isprintable() or " " in typed:
        raise BadPoolUrlError(
            f"{typed[:60]!r} has a blank or a special character: expected for example stratum+ssl://pool.example:3333."
        )
    if "://" not in typed:
        typed = f"{_DEFAULT_SCHEME}://{typed}"
    try:
        parts = urlsplit(typed)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise BadPoolUrlError(f"{text.strip()!r}: the port is a number from 1 to 65535.") from None
    scheme = parts.scheme.lower()
    if scheme not in SCHEMES:
        raise BadPoolUrlError(f"{scheme}:// is no pool's scheme: expected one of {', '.join(SCHEMES)}.")
    if parts.username is not None or parts.password is not None:
        raise BadPoolUrlError(
            "A login does not belong into a pool's URL: the playbook's template passes wallet and worker."
        )
    if not port:
        raise BadPoolUrlError(
            f"{text.strip()!r} lacks the port: expected for example {scheme}://{host or 'pool.example'}:3333."
        )
    _check_host(host)
    rest = parts.path + (f"?{parts.query}" if parts.query else "") + (f"#{parts.fragment}" if parts.fragment else "")
    if not _REST.fullmatch(rest):
        raise BadPoolUrlError(f"{rest!r} after the port has a character that no URL has.")
    return PoolUrl(scheme, host, port, "" if rest == "/" else rest)


def _check_host(host: str) -> None:
    if not host:
        raise BadPoolUrlError("The URL has no host: expected for example stratum+tcp://pool.example:3333.")
    labels = host.removesuffix(".").split(".")
    if ":" in host or labels[-1].isdigit():
        try:
            ipaddress.ip_address(host)
        except ValueError:
            raise BadPoolUrlError(f"{host} is no IP address.") from None
    elif len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise BadPoolUrlError(f"{host} is no host name.")
