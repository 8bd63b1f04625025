"""Bytes to frames and back. Anything off the wire passes through here, and nothing else does the parsing."""

from __future__ import annotations

from collections.abc import Collection
from typing import get_args

import msgspec
from msgspec import Struct

from rigfarm.wire.fitting import fitted
from rigfarm.wire.frames import DownFrame, UpFrame
from rigfarm.wire.limits import MAX_FRAME_BYTES, MAX_LOG_BYTES, MAX_LOGS_PER_FRAME, MAX_TOKENS
from rigfarm.wire.log import OperationalLog

__all__ = [
    "MAX_FRAME_BYTES",
    "MAX_LOGS_PER_FRAME",
    "MAX_LOG_BYTES",
    "MAX_TOKENS",
    "FrameError",
    "IgnoredFrameError",
    "UnknownFrameError",
    "decode_down",
    "decode_log",
    "decode_up",
    "encode",
    "encode_log",
    "encode_up",
]

_encoder = msgspec.msgpack.Encoder()
_up: msgspec.msgpack.Decoder[UpFrame] = msgspec.msgpack.Decoder(UpFrame)
_down: msgspec.msgpack.Decoder[DownFrame] = msgspec.msgpack.Decoder(DownFrame)
_log = msgspec.msgpack.Decoder(OperationalLog)

encode = _encoder.encode
"""A frame or a log as bytes."""

_BROKEN = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""All that decoding raises, whatever the bytes."""
MAX_REASON = 200


class FrameError(ValueError):
    """Bytes that are no frame of ours; the link is closed with this text as the reason."""


class IgnoredFrameError(FrameError):
    """A frame that is passed over, with one warning, and closes nothing."""


class UnknownFrameError(IgnoredFrameError):
    """A well-formed frame of a type this version does not know."""


class _Head(Struct, array_like=True):
    """The beginning of every frame; whatever follows is skipped."""

    type: int


_head = msgspec.msgpack.Decoder(_Head)


def decode_up(data: bytes) -> UpFrame:
    """A frame from a Sentry, or FrameError."""
    try:
        return _up.decode(data)
    except _BROKEN as error:
        raise _reason(data, error, _UP_TAGS) from None


def decode_down(data: bytes) -> DownFrame:
    """A frame from a Commander, or FrameError."""
    try:
        return _down.decode(data)
    except _BROKEN as error:
        raise _reason(data, error, _DOWN_TAGS) from None


def decode_log(data: bytes | memoryview | msgspec.Raw) -> OperationalLog:
    """One operational log, or FrameError."""
    try:
        log = _log.decode(data)
    except _BROKEN as error:
        raise FrameError(f"not an operational log: {_text(error)}") from None
    if len(log.devices.hashrates) > len(log.workloads):
        raise FrameError("not an operational log: hashrates of more workloads than there are")
    return log


def encode_log(log: OperationalLog) -> bytes:
    """A log that its receiver will take: where a device or a program says too much, that is cut to size."""
    data = encode(log)
    try:
        decode_log(data)
    except FrameError:
        log = fitted(log)
        del log.devices.hashrates[len(log.workloads) :]
        data = encode(log)
    return data


def encode_up(frame: UpFrame) -> bytes:
    """A frame that a Commander will take: what is too long or too large in it is cut to size."""
    data = encode(frame)
    try:
        _up.decode(data)
    except _BROKEN:
        data = encode(fitted(frame))
    return data


_UP_TAGS = frozenset(kind.__struct_config__.tag for kind in get_args(UpFrame))
_DOWN_TAGS = frozenset(kind.__struct_config__.tag for kind in get_args(DownFrame))
_BESIDE_LOGS = frozenset({2, 5, 6, 7, 8, 10})
"""Frames that are passed over when a value in them is out of its range: they say nothing that must not be missed, and a
Sentry would send the same again on its next link, and be closed again, for ever."""


def _reason(data: bytes, error: Exception, known: Collection[object]) -> FrameError:
    """Tell a frame from the future, and one with a value that cannot be, from garbage."""
    try:
        tag = _head.decode(data).type
    except _BROKEN:
        return FrameError(f"not a frame: {_text(error)}")
    if tag not in known:
        return UnknownFrameError(f"unknown frame type {tag}")
    text = f"malformed frame of type {tag}: {_text(error)}"
    if tag in _BESIDE_LOGS and isinstance(error, msgspec.ValidationError):
        return IgnoredFrameError(text)
    return FrameError(text)


def _text(error: Exception) -> str:
    """What is wrong, in bounded length: some errors quote what they found."""
    return str(error)[:MAX_REASON]
