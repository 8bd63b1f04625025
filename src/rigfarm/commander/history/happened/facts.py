"""What can happen to a rig or to the farm, as it is kept: a time, whose it is, and one fact.

*Lasting* facts are true until the next one of the same rig: what a rig was at any time is the last of them before it.
*Moments* are over at once: a command, a new revision.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TypeAlias

import msgspec
from msgspec import Struct

from rigfarm.wire.specs import Specs

__all__ = [
    "FARM",
    "LASTING",
    "SELDOM",
    "AssignedWas",
    "Fact",
    "Happened",
    "LabelsWere",
    "Moment",
    "NameWas",
    "NormalWas",
    "RestWas",
    "SpecsWas",
    "StateWas",
    "decode_fact",
    "encode_fact",
    "same",
    "tag_of",
]

FARM = 0
"""In the place of a rig: it is about the whole farm."""
MAX_BODY = 64 << 10
SLIGHT = 0.01
"""A normal that changed by less is the same."""


class StateWas(Struct, frozen=True, tag="state", array_like=True, gc=False):
    """Lasting: how a rig was, and why. See `stats.condition.Condition`."""

    state: str
    reason: str = ""
    cause: str = ""
    word: str = ""
    severity: int = 0
    rank: int = 9
    before: str = ""
    maintenance: bool = False


class NameWas(Struct, frozen=True, tag="name", array_like=True, gc=False):
    """Lasting."""

    name: str


class LabelsWere(Struct, frozen=True, tag="labels", array_like=True, gc=False):
    """Lasting: a rig's place and tags."""

    place: str = ""
    tags: tuple[str, ...] = ()


class RestWas(Struct, frozen=True, tag="rest", array_like=True, gc=False):
    """Lasting: why a rig mined nothing on purpose; empty when it should mine."""

    why: str


class SpecsWas(Struct, frozen=True, tag="specs", array_like=True, gc=False):
    """Lasting: what a rig was made of."""

    specs: Specs


class NormalWas(Struct, frozen=True, tag="normal", array_like=True, gc=False):
    """Lasting: a rig's own normal hashrates, H/s by coin."""

    coins: dict[str, float]


class AssignedWas(Struct, frozen=True, tag="assigned", array_like=True, gc=False):
    """Lasting: the playbooks that a rig should run, as (playbook, revision, running or stopped)."""

    playbooks: tuple[tuple[int, int, str], ...]


class Moment(Struct, frozen=True, tag="moment", array_like=True, gc=False):
    """A moment: what happened, for markers and lists."""

    topic: str
    """command, result, reverted, playbook, added, removed, renamed, …"""
    title: str
    detail: str = ""
    key: str = ""
    """Of what it is about: the id of a command or a playbook."""


Fact: TypeAlias = StateWas | NameWas | LabelsWere | RestWas | SpecsWas | NormalWas | AssignedWas | Moment
LASTING = ("state", "name", "labels", "rest", "specs", "normal", "assigned")
SELDOM = ("name", "labels")
"""Lasting facts that only people change."""

SHORT = 128
"""Bytes of a fact that is remembered."""
_decoder: msgspec.msgpack.Decoder[Fact] = msgspec.msgpack.Decoder(Fact)
_encoder = msgspec.msgpack.Encoder()


class Happened(Struct, frozen=True, gc=False):
    """Something that happened. `rig` may be FARM."""

    t_ms: int
    rig: int
    fact: Fact
    id: int = 0
    """Of its row; 0: it was not read from one."""


def tag_of(fact: Fact) -> str:
    """The word it is stored under."""
    return str(fact.__struct_config__.tag)


def encode_fact(fact: Fact) -> bytes:
    """As bytes; empty where it is too large to be kept."""
    body = _encoder.encode(fact)
    return body if len(body) <= MAX_BODY else b""


def decode_fact(body: bytes) -> Fact:
    """Inverse of `encode_fact`; msgspec.DecodeError. Facts are frozen, and those that are short come again and again:
    each moment of the farm asks for the same names, places and states."""
    return _known(body) if len(body) <= SHORT else _decoder.decode(body)


@lru_cache(maxsize=32_768)
def _known(body: bytes) -> Fact:
    return _decoder.decode(body)


def same(old: Fact, new: Fact) -> bool:
    """Whether a lasting fact says nothing that the one before it does not say."""
    if isinstance(old, StateWas) and isinstance(new, StateWas):
        return (old.state, old.cause, old.maintenance) == (new.state, new.cause, new.maintenance)
    if isinstance(old, NormalWas) and isinstance(new, NormalWas):
        return old.coins.keys() == new.coins.keys() and all(
            abs(new.coins[coin] - one) <= SLIGHT * abs(one) for coin, one in old.coins.items()
        )
    return old == new
