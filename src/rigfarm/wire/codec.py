"""Bytes to frames and back. Anything off the wire passes through here, and nothing else does the parsing."""

from __future__ import annotations

import msgspec

from rigfarm.wire.frames import DownFrame, UpFrame
from rigfarm.wire.log import OperationalLog

__all__ = [
    "MAX_FRAME_BYTES",
    "MAX_LOGS_PER_FRAME",
    "MAX_LOG_BYTES",
    "MAX_TOKENS",
    "FrameError",
    "UnknownFrameError",
    "decode_down",
    "decode_log",
    "decode_up",
    "encode",
]

MAX_FRAME_BYTES = 1 << 20
MAX_LOG_BYTES = 64 << 10
MAX_LOGS_PER_FRAME = 500
MAX_TOKENS = 5_000

_encoder = msgspec.msgpack.Encoder()
_up: msgspec.msgpack.Decoder[UpFrame] = msgspec.msgpack.Decoder(UpFrame)
_down: msgspec.msgpack.Decoder[DownFrame] = msgspec.msgpack.Decoder(DownFrame)
_log = msgspec.msgpack.Decoder(OperationalLog)
_any = msgspec.msgpack.Decoder(list[object])

encode = _encoder.encode
"""A frame or a log as bytes."""


class FrameError(ValueError):
    """Bytes that are no frame of ours; the link is closed with this text as the reason."""


class UnknownFrameError(FrameError):
    """A well-formed frame of a type this version does not know: ignored, with one warning."""


def decode_up(data: bytes) -> UpFrame:
    """A frame from a Sentry, or FrameError."""
    try:
        return _up.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _reason(data, error, _UP_TAGS) from None


def decode_down(data: bytes) -> DownFrame:
    """A frame from a Commander, or FrameError."""
    try:
        return _down.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _reason(data, error, _DOWN_TAGS) from None


def decode_log(data: bytes | memoryview | msgspec.Raw) -> OperationalLog:
    """One operational log, or FrameError."""
    try:
        return _log.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FrameError(f"not an operational log: {error}") from None


_UP_TAGS = range(1, 9)
_DOWN_TAGS = range(101, 108)


def _reason(data: bytes, error: Exception, known: range) -> FrameError:
    """Tell a frame from the future from garbage."""
    try:
        items = _any.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return FrameError(f"not a frame: {error}")
    if items and isinstance(items[0], int) and items[0] not in known:
        return UnknownFrameError(f"unknown frame type {items[0]}")
    return FrameError(f"malformed frame: {error}")
