"""Pool URLs, as mining programs and firmwares write them: one rule for the Commander and its Sentries.

Programs invent schemes: `PROTOCOL+TRANSPORT` ("ethproxy+ssl", "alphstratum+tcp", "node+tcp"), or either of the two
alone. The transport says whether it is encrypted, so a protocol that Rigfarm has not heard of is accepted with a
warning. Sources: READMEs of BzMiner, Rigel, GMiner, lolMiner, SRBMiner-MULTI, XMRig, T-Rex and ethminer
(POOL_EXAMPLES_ETH.md); Braiins OS's bosminer.toml (stratum2+tcp, port 3336 unless said); Zilliqa's ZMP.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from rigfarm.common.text import printable

__all__ = [
    "MAX_POOLS",
    "MAX_URLS",
    "SCHEMES",
    "BadPoolUrlError",
    "PoolUrl",
    "asic_pool",
    "parse_pool_url",
    "pool_host",
    "pool_warning",
    "same_pool",
]

MAX_URLS = 8
MAX_URL = 300
MAX_POOLS = 8
"""Of one ASIC."""
_MAX_LOGIN = 300

_TRANSPORTS = {
    "tcp": False,
    "udp": False,
    "http": False,
    "ws": False,
    "grpc": False,
    "ssl": True,
    "tls": True,
    "tls12": True,
    "tls13": True,
    "tcps": True,
    "https": True,
    "wss": True,
    "grpcs": True,
}
"""Transport -> whether the connection is encrypted."""
_PROTOCOLS = {
    "stratum": False,
    "stratum1": False,
    "stratum2": False,
    "stratum3": False,
    "stratums": True,
    "ethproxy": False,
    "ethstratum": False,
    "alphstratum": False,
    "zmp": True,
    "node": False,
    "solo": False,
    "daemon": False,
    "getwork": False,
    "xatum": True,
}
"""Protocol -> whether it is encrypted where no transport is named. Zilliqa's `zmp://` is."""
_OF_NO_POOL = frozenset(
    {
        "about",
        "blob",
        "data",
        "file",
        "ftp",
        "gopher",
        "javascript",
        "ldap",
        "mailto",
        "smb",
        "ssh",
        "telnet",
        "vbscript",
    }
)
SCHEMES: dict[str, bool] = (
    _TRANSPORTS
    | _PROTOCOLS
    | {f"{protocol}+{transport}": tls for protocol in _PROTOCOLS for transport, tls in _TRANSPORTS.items()}
)
"""The schemes that Rigfarm knows -> whether the connection is encrypted."""
_DEFAULT_PORTS: dict[str, int | None] = {"http": 80, "https": 443, "ws": 80, "wss": 443, "stratum2": 3336, "zmp": None}
"""By scheme or protocol; None: only the program knows it."""
_STRATUM = ("stratum", "stratum1", "stratum2")
_OF_AN_ASIC = {"tcp": "stratum+tcp", "ssl": "stratum+ssl", "tls": "stratum+tls", "stratum": "stratum+tcp"}

_SCHEME = re.compile(r"[a-z][a-z0-9.-]{0,30}(?:\+[a-z0-9]{1,16}){0,2}")
_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")
_REST = re.compile(r"[A-Za-z0-9/._~:@!$&()*+,;=%#?-]*")
_DEFAULT_SCHEME = "stratum+tcp"


class BadPoolUrlError(ValueError):
    """The text says what is wrong with the URL and what would be right."""


@dataclass(frozen=True)
class PoolUrl:
    """A pool's URL in its parts."""

    scheme: str
    host: str
    """IPv6 addresses without brackets."""
    port: int | None
    """None: the program's default for this scheme, where nothing else is known."""
    rest: str = ""
    """Path and fragment as typed: some pools want `#xnsub`, some nodes a path, Stratum V2 the pool's key."""
    typed_port: bool = True

    @property
    def protocol(self) -> str:
        """What is before the plus."""
        return self.scheme.partition("+")[0]

    @property
    def tls(self) -> bool:
        """Whether the connection is encrypted."""
        transport = self.scheme.rpartition("+")[2]
        return SCHEMES.get(self.scheme, _TRANSPORTS.get(transport, False))

    @property
    def known(self) -> bool:
        """Whether Rigfarm knows the scheme."""
        return self.scheme in SCHEMES

    @property
    def endpoint(self) -> str:
        """`host:port`, which is what programs with an option for TLS want; without the port where that is not known."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{self.endpoint if self.typed_port else host}{self.rest}"


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
    if not _SCHEME.fullmatch(scheme) or scheme in _OF_NO_POOL:
        raise BadPoolUrlError(f"{scheme}:// is not a pool's scheme: expected for example stratum+tcp or stratum+ssl.")
    if parts.username is not None or parts.password is not None:
        raise BadPoolUrlError("Don't put credentials in the URL: the playbook's template passes wallet and worker.")
    if not port and (port == 0 or not _has_default(scheme)):
        raise BadPoolUrlError(
            f"{text.strip()!r} lacks the port: expected for example {scheme}://{host or 'pool.example'}:3333."
        )
    _check_host(host)
    rest = parts.path + (f"?{parts.query}" if parts.query else "") + (f"#{parts.fragment}" if parts.fragment else "")
    if not _REST.fullmatch(rest):
        raise BadPoolUrlError(f"{rest!r} after the port has a character that URLs cannot have.")
    default = _DEFAULT_PORTS.get(scheme, _DEFAULT_PORTS.get(scheme.partition("+")[0]))
    return PoolUrl(scheme, host, port or default, "" if rest == "/" else rest, typed_port=port is not None)


def pool_warning(text: str) -> str | None:
    """A sentence about a URL that is kept although it may be wrong. BadPoolUrlError for one that cannot be right."""
    url = parse_pool_url(text)
    if not url.known:
        return (
            f"Rigfarm does not know the scheme {url.scheme}://. If your mining program's documentation has it, "
            "nothing is wrong."
        )
    if not url.typed_port:
        return f"{text.strip()} has no port: the mining program's default will be used."
    return None


def asic_pool(url: str, user: str, password: str) -> str:
    """The URL of an ASIC's pool as every firmware takes it. BadPoolUrlError for what no ASIC takes: protocols other
    than Stratum, logins that are not one line."""
    pool = parse_pool_url(url)
    if pool.scheme not in _OF_AN_ASIC and not (pool.known and pool.protocol in _STRATUM and "+" in pool.scheme):
        raise BadPoolUrlError(f"An ASIC speaks Stratum, not {pool.scheme}://: write it as stratum+tcp://host:port.")
    if not user.strip() or any(
        len(text) > _MAX_LOGIN or not text.isprintable() or text != text.strip() for text in (user, password)
    ):
        raise BadPoolUrlError(
            "Every pool needs a user (wallet or account); user and password are plain text without line ends, "
            f"of at most {_MAX_LOGIN} characters."
        )
    written = str(pool)
    return _OF_AN_ASIC.get(pool.scheme, pool.scheme) + written[len(pool.scheme) :]


def pool_host(url: str | None) -> str:
    """`host:port` of a pool as anything reports it; empty when it cannot be said."""
    if not url or len(url) > MAX_URL:
        return ""
    try:
        parsed = parse_pool_url(url)
    except BadPoolUrlError:
        return printable(url.partition("://")[2].partition("/")[0] or url.partition("/")[0], "?").casefold()
    return f"{parsed.host}:{parsed.port}".casefold() if parsed.port else parsed.host.casefold()


def same_pool(reported: str | None, urls: Iterable[str]) -> bool | None:
    """Whether a reported pool is one of these, by host: programs write ports and schemes in many ways. None when that
    cannot be said: an IP address instead of a name says nothing."""
    host = pool_host(reported)
    hosts = {found for url in urls if (found := pool_host(url))}
    if not host or not hosts:
        return None
    if host.partition(":")[0] in {one.partition(":")[0] for one in hosts}:
        return True
    return None if _is_ip(host.partition(":")[0]) else False


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _has_default(scheme: str) -> bool:
    return scheme in _DEFAULT_PORTS or scheme.partition("+")[0] in _DEFAULT_PORTS.keys() - _TRANSPORTS.keys()


def _check_host(host: str) -> None:
    if not host:
        raise BadPoolUrlError("The URL has no host: expected for example stratum+tcp://pool.example:3333.")
    labels = host.removesuffix(".").split(".")
    if ":" in host or labels[-1].isdigit():
        try:
            ipaddress.ip_address(host)
        except ValueError:
            raise BadPoolUrlError(f"{host} is not a valid IP address.") from None
    elif len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise BadPoolUrlError(f"{host} is not a valid host name.")
