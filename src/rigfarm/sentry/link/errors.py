"""What can be wrong between a Sentry and its Commander: one tree, each error a sentence that says what to do."""

from __future__ import annotations

from rigfarm.common.text import printable

__all__ = [
    "AnotherSentryError",
    "ClosedError",
    "FloodError",
    "HandshakeTimeoutError",
    "ImpostorError",
    "InsecureError",
    "LinkError",
    "LostError",
    "NoGoodTokenError",
    "NoHelloError",
    "NotACommanderError",
    "OverloadedError",
    "ProtocolError",
    "RejectedFrameError",
    "RestartingError",
    "TlsError",
    "TooManyBadTokensError",
    "UnexpectedError",
    "UnreachableError",
    "closed",
]


class LinkError(Exception):
    """Something is wrong with the link. `str()` is for a person. None of these ever stops mining."""

    wait_s = 0.0
    """Not to be tried again before so many seconds, s."""


class UnreachableError(LinkError):
    """No connection: the name does not resolve, nothing listens, a firewall drops."""


class TlsError(LinkError):
    """The certificate cannot be trusted, or the other side speaks no TLS."""


class InsecureError(LinkError):
    """Plain http, which the operator has not allowed."""


class ImpostorError(LinkError):
    """The other side cannot prove that it is this machine's Commander. Nothing was sent to it."""

    wait_s = 10.0


class NotACommanderError(LinkError):
    """Something answers, but not a Commander: a proxy's error page, another web server, a captive portal."""


class HandshakeTimeoutError(LinkError):
    """It accepts connections and then says nothing."""


class ProtocolError(LinkError):
    """The Commander said something that this version of the Sentry cannot read."""


class FloodError(LinkError):
    """The Commander sends more than any Commander has to say."""

    wait_s = 30.0


class LostError(LinkError):
    """The connection broke."""


class ClosedError(LinkError):
    """The Commander closed the link and said why."""

    def __init__(self, message: str, code: int, reason: str) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason


class RejectedFrameError(ClosedError):
    """It could not read what this Sentry sent."""


class NoGoodTokenError(ClosedError):
    """None of the tokens is good there."""

    CODE = 4401
    wait_s = 30.0


class AnotherSentryError(ClosedError):
    """A newer connection uses the same token."""

    wait_s = 5.0


class NoHelloError(ClosedError):
    """It waited in vain for a Hello."""


class TooManyBadTokensError(ClosedError):
    """It has heard too many bad tokens from this address."""

    wait_s = 60.0


class RestartingError(ClosedError):
    """It is shutting down, probably to come back."""


class OverloadedError(ClosedError):
    """It has too much to do at the moment."""

    wait_s = 2.0


class UnexpectedError(LinkError):
    """A mistake in this Sentry, or something unexpected from the Commander: it costs the connection."""

    wait_s = 5.0


_CLOSED: dict[int, tuple[type[ClosedError], str]] = {
    1001: (RestartingError, "The Commander is shutting down; trying again until it is back."),
    1012: (RestartingError, "The Commander is restarting; trying again until it is back."),
    1013: (OverloadedError, "The Commander is overloaded and asked to try again later."),
    4400: (
        RejectedFrameError,
        "The Commander could not read what this Sentry sent ({reason}). Update the older of the two.",
    ),
    NoGoodTokenError.CODE: (NoGoodTokenError, "The Commander knows none of this Sentry's tokens."),
    4408: (NoHelloError, "The Commander did not receive this Sentry's greeting; trying again."),
    4409: (
        AnotherSentryError,
        "Another Sentry reports with the same token, and the Commander listens to the newer one. Every machine needs a "
        "token of its own: create a rig for each on the Commander.",
    ),
    4429: (
        TooManyBadTokensError,
        "The Commander refuses this address for a minute, because too many bad tokens came from it.",
    ),
}


def closed(code: int, reason: str) -> ClosedError:
    """What a close code of the Commander means."""
    reason = printable(reason, " ", most=120).strip()
    kind, message = _CLOSED.get(code, (ClosedError, "The Commander closed the link (code {code}: {reason})."))
    return kind(message.format(code=code, reason=reason or "no reason given"), code, reason)
