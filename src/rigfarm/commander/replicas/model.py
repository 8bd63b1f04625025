"""What is in the stream that replicas share, and what they say of themselves."""

from __future__ import annotations

from typing import TypeAlias

import msgspec
from msgspec import Struct

from rigfarm.commander.history import Batch

__all__ = [
    "FactsMessage",
    "HeadMessage",
    "Message",
    "NewcomerMessage",
    "NothingMessage",
    "ReplicaState",
    "RowMessage",
    "Seat",
    "TermMessage",
    "decode_message",
    "encode_message",
]


class RowMessage(Struct, frozen=True, array_like=True, tag=1, gc=False):
    """A row of the journal."""

    t_ms: int
    rigs: bytes
    body: bytes


class FactsMessage(Struct, frozen=True, array_like=True, tag=2):
    """What happened to rigs, for the history."""

    batch: Batch


class TermMessage(Struct, frozen=True, array_like=True, tag=3):
    """Another replica leads from here on."""

    holder: str
    term: int


class NewcomerMessage(Struct, frozen=True, array_like=True, tag=4):
    """What tells the doubles of a spool (`logs.doubles`)."""

    spool: bytes
    newest: dict[int, int]


class HeadMessage(Struct, frozen=True, array_like=True, tag=6):
    """The newest entry of the activity (`activity.chain.head`): one that is removed is missed on every replica."""

    head: str


class NothingMessage(Struct, frozen=True, array_like=True, tag=5):
    """In the place of a message that the stream lost."""


Message: TypeAlias = RowMessage | FactsMessage | TermMessage | NewcomerMessage | NothingMessage | HeadMessage

encode_message = msgspec.msgpack.Encoder().encode
_decoder: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message)


def decode_message(data: bytes) -> Message:
    """Inverse of `encode_message`; msgspec.DecodeError."""
    return _decoder.decode(data)


class Seat(Struct, frozen=True):
    """Who leads."""

    holder: str
    """The name of its tenant; empty: nobody."""
    term: int
    """The how-manieth that leads."""
    beat: int
    """Grows every second while it does."""


class ReplicaState(Struct, frozen=True):
    """What a replica that follows said of itself last."""

    name: str
    version: str
    position: int
    """The message of the stream up to which it has everything."""
    trouble: str
    """What keeps it from following; empty: nothing."""
    beat: int
    """Grows with everything that it says."""
