"""Before anything secret is said, a connection's other end proves that it is the Commander; afterwards what it wants
changed on a rig must be signed."""

from __future__ import annotations

import asyncio
import os
import ssl

import structlog
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from rigfarm.common.text import printable
from rigfarm.sentry.link.connect import Timings, connection_lost
from rigfarm.sentry.link.errors import HandshakeTimeoutError, ProtocolError, RejectedFrameError
from rigfarm.sentry.link.flood import new_pace, received
from rigfarm.sentry.link.trust import Trust, is_signed
from rigfarm.wire.codec import FrameError, UnknownFrameError, decode_down, encode
from rigfarm.wire.frames import DownFrame, Proof, Prove, Signed
from rigfarm.wire.signing import NONCE_BYTES, frames_message

__all__ = ["Signatures", "decode", "prove"]

log = structlog.get_logger()


class Signatures:
    """Checks what is signed on one connection."""

    def __init__(self, key: bytes, nonce: bytes) -> None:
        self._key = key
        self._nonce = nonce
        self._sequence = 0

    def open(self, signed: Signed) -> list[DownFrame]:
        """The frames in it. ProtocolError: it is not signed by the Commander for this connection, or comes again."""
        if signed.sequence <= self._sequence:
            raise ProtocolError("The Commander's signed frames come twice, or in another order.")
        message = frames_message(self._nonce, signed.sequence, signed.frames)
        if not is_signed(self._key, message, signed.signature):
            raise ProtocolError("A frame claims to be signed by this machine's Commander, but is not.")
        self._sequence = signed.sequence
        return [frame for data in signed.frames if (frame := decode(data)) is not None]


async def prove(socket: ClientConnection, url: str, trust: Trust, timings: Timings) -> Signatures:
    """Have the other end prove who it is. LinkError; then nothing was sent but random bytes."""
    nonce = os.urandom(NONCE_BYTES)
    try:
        async with asyncio.timeout(timings.welcome_s):
            await socket.send(encode(Prove(nonce)))
            pace = new_pace()
            while (frame := decode(await received(socket, pace))) is None:
                pass
    except TimeoutError:
        raise HandshakeTimeoutError(
            "The other side accepts connections but does not prove who it is. Is it a Commander?"
        ) from None
    except ConnectionClosed as error:
        lost = connection_lost(error)
        if isinstance(lost, RejectedFrameError):
            raise ProtocolError(
                "The Commander is older than this Sentry and cannot prove who it is. Update the Commander."
            ) from error
        raise lost from error
    if not isinstance(frame, Proof):
        raise ProtocolError(f"The Commander was asked for a proof and answered with {type(frame).__name__}.")
    tls: ssl.SSLObject | None = socket.transport.get_extra_info("ssl_object")
    if trust.accept(url, nonce, frame, tls):
        try:
            await asyncio.to_thread(trust.save)
        except OSError as error:
            log.error("what was learnt of the Commander cannot be kept", error=str(error))
    return Signatures(frame.key, nonce)


def decode(data: str | bytes) -> DownFrame | None:
    """A frame; None for one of a type that this version does not know. ProtocolError."""
    if isinstance(data, str):
        raise ProtocolError("The Commander sent text where only binary frames are spoken.")
    try:
        return decode_down(data)
    except UnknownFrameError as error:
        log.debug("frame ignored", error=str(error))
        return None
    except FrameError as error:
        raise ProtocolError(
            f"The Commander sent something that is not a frame of the link ({printable(str(error), ' ', most=120)})."
        ) from error
