"""Open the WebSocket to a Commander, and put whatever goes wrong into words."""

from __future__ import annotations

import errno
import logging
import socket
import ssl

from msgspec import Struct
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidMessage,
    InvalidStatus,
    InvalidUpgrade,
    ProxyError,
)

from rigfarm import __version__
from rigfarm.common.commander_url import host_of, link_url
from rigfarm.common.text import printable
from rigfarm.sentry.link.errors import (
    FloodError,
    LinkError,
    LostError,
    NotACommanderError,
    ProtocolError,
    TlsError,
    UnreachableError,
    closed,
)
from rigfarm.sentry.link.flood import FLOOD, GuardedConnection
from rigfarm.sentry.link.trust import Trust, WrongCertificateError
from rigfarm.wire.codec import MAX_FRAME_BYTES

__all__ = ["Timings", "connection_lost", "open_socket"]

_logger = logging.getLogger("rigfarm.sentry.websocket")
# At DEBUG it would print frames, and the first one carries tokens.
_logger.setLevel(logging.WARNING)


class Timings(Struct, frozen=True):
    """Times of the link, s."""

    open_s: float = 15.0
    welcome_s: float = 15.0
    ping_every_s: float = 10.0
    ping_timeout_s: float = 10.0
    """A half-open socket is found after `ping_every_s + ping_timeout_s` at the latest."""
    first_retry_s: float = 1.0
    retry_cap_s: float = 20.0
    stable_s: float = 10.0
    """A link that stood so long begins again with `first_retry_s`."""
    resend_s: float = 30.0
    """Logs that are not acknowledged after so long are sent again."""
    careful_s: float = 1.0
    """Before the first log to a Commander that could not read a frame."""


class _Connect(connect):
    """Follows no redirect: the tokens go to the address the operator gave, and to no other."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


async def open_socket(url: str, trust: Trust, timings: Timings) -> ClientConnection:
    """A connected WebSocket, or LinkError. Say nothing before `prove` has found it to be the Commander's."""
    try:
        return await _open(url, trust.link_context(url), timings)
    except TlsError:
        if trust.key is None or trust.certificate is not None:
            raise
        # The authorities do not vouch for it (this machine's clock may be wrong); its own key still may.
        return await _open(url, trust.link_context(url, unverified=True), timings)


async def _open(url: str, tls: ssl.SSLContext | None, timings: Timings) -> ClientConnection:
    try:
        return await _Connect(
            link_url(url),
            ssl=tls,
            compression=None,
            user_agent_header=f"rigfarm-sentry/{__version__}",
            open_timeout=timings.open_s,
            ping_interval=timings.ping_every_s,
            ping_timeout=timings.ping_timeout_s,
            close_timeout=1.0,
            max_size=MAX_FRAME_BYTES,
            create_connection=GuardedConnection,
            logger=_logger,
            happy_eyeballs_delay=0.25,
        )
    except (OSError, InvalidHandshake, EOFError) as error:
        raise _in_words(error, url) from error


def _in_words(error: Exception, url: str) -> LinkError:
    if isinstance(error, InvalidStatus):
        return NotACommanderError(_status_in_words(error, url))
    if isinstance(error, InvalidUpgrade):
        return NotACommanderError(
            f"{url} answers, but does not speak WebSocket. If there is a reverse proxy in front of the "
            f"Commander, configure it to pass WebSockets (the Upgrade header)."
        )
    if isinstance(error, ProxyError):
        return UnreachableError(f"The HTTP proxy of this machine's environment does not let {url} through ({error}).")
    if isinstance(error, InvalidHandshake | EOFError):
        other = "https" if url.startswith("http:") else "http"
        told = "speaks another protocol" if isinstance(error, InvalidMessage) else "gives a strange answer"
        return NotACommanderError(
            f"{host_of(url)} {told}: it is not a Commander, or its address begins with {other}:// instead."
        )
    if isinstance(error, OSError):
        return _network_in_words(error, url)
    raise error


def _network_in_words(error: OSError, url: str) -> LinkError:
    where = host_of(url)
    if isinstance(error, WrongCertificateError):
        return TlsError(
            f"The certificate of {where} has another fingerprint than expected: {error.args[0]}. "
            "Nothing was sent. Compare with `rigfarm commander fingerprint` on the Commander or with its settings page."
        )
    if isinstance(error, ssl.SSLCertVerificationError):
        return TlsError(
            f"No authority known to this machine vouches for the certificate of {where} ({error.verify_message}). "
            "Join with --fingerprint: the Commander's join commands carry it, its settings page and `rigfarm "
            "commander fingerprint` show it. Or, if an authority of your own signed it, with --ca and its file; then "
            "also check this machine's date."
        )
    if isinstance(error, ssl.SSLError):
        return TlsError(f"{where} does not speak TLS ({error.reason}). Does its address begin with http:// instead?")
    if isinstance(error, socket.gaierror):
        return UnreachableError(f"The name of {where} cannot be resolved. Check it, or use the IP address.")
    if isinstance(error, ConnectionRefusedError):
        return UnreachableError(f"Nothing listens at {where}. Is the Commander running, and is the port right?")
    if isinstance(error, TimeoutError):
        return UnreachableError(f"{where} does not answer. Is it switched on, and is there no firewall in between?")
    if error.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN):
        return UnreachableError(f"{where} cannot be reached ({error.strerror}). Is this machine's network up?")
    if isinstance(error, ConnectionError) and url.startswith("https:"):
        return TlsError(f"{where} does not speak TLS (it closed the connection). Does its address begin with http://?")
    if isinstance(error, ConnectionError):
        return UnreachableError(f"{where} closed the connection at once. Is it a Commander, and is the port right?")
    return UnreachableError(f"No connection to {where}: {error}.")


def _status_in_words(error: InvalidStatus, url: str) -> str:
    response = error.response
    status = response.status_code
    if 300 <= status < 400:
        target = printable(response.headers.get("Location", ""), most=200)
        return f"{url} sends visitors on to {target or 'another address'}. Join with the Commander's own address."
    if status in (502, 503, 504):
        return f"A proxy at {url} answers ({status}), but the Commander behind it does not. Is the Commander running?"
    if status in (401, 403, 407):
        return f"Something at {url} forbids the connection ({status}): a proxy or firewall, not a Commander."
    if status == 404:
        return f"There is a web server at {url}, but no Commander ({status}). Check the address, its path too."
    if status == 429:
        return f"{url} is rate-limiting us ({status}); trying again later."
    kind = "an ordinary web page" if "html" in response.headers.get("Content-Type", "") else "something else"
    return f"{url} answers with {kind} ({status}) where a Commander has its link. Check the address."


def connection_lost(error: ConnectionClosed) -> LinkError:
    """Why an open link ended."""
    if error.rcvd is not None and (error.rcvd_then_sent or error.sent is None):
        if error.rcvd.code in (1000, 1005):
            return LostError("The Commander closed the link.")
        return closed(error.rcvd.code, error.rcvd.reason)
    if error.sent is not None and error.sent.code == 1011:
        return LostError("The Commander has not answered pings: it hangs, or the network between is cut.")
    if error.sent is not None and error.sent.code == FLOOD:
        return FloodError(f"The Commander floods this Sentry ({error.sent.reason}); disconnected for a while.")
    if error.sent is not None and error.sent.code in (1002, 1007, 1009):
        return ProtocolError(f"The Commander sent something that is not a frame of the link ({error.sent.reason}).")
    return LostError("The connection to the Commander broke.")
