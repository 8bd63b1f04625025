"""What the operational stats leave behind for the next start: the state part of a journal snapshot."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

import msgspec
from msgspec import Struct

from rigfarm.commander.kinds import KindName
from rigfarm.commander.logs.rows import Row
from rigfarm.commander.stats.day import Day
from rigfarm.commander.stats.normal import Normal
from rigfarm.commander.stats.operational import OperationalStats
from rigfarm.commander.stats.rig_stats import HAPPENINGS, Happening
from rigfarm.wire.codec import FrameError, decode_log
from rigfarm.wire.log import OperationalLog

__all__ = ["remember", "restore"]

ENCODE_AT_ONCE = 250
"""Rigs encoded per call: the interpreter lock is free in between."""


class _RigMemory(Struct, array_like=True, gc=False):
    rig_id: int
    log: OperationalLog
    heard_ms: int
    since_ms: int | None
    normal: dict[str, Normal]
    state: str = ""
    """The state word that `since_ms` is about; empty in what an older version wrote."""
    happenings: list[Happening] = []
    paused: str = ""
    paused_seen: bool = False
    off: str = ""
    mined_w: float | None = None


class _Memory(Struct, array_like=True):
    parts: list[bytes]
    """Encoded lists of _RigMemory."""
    days: bytes


_memory = msgspec.msgpack.Decoder(_Memory)
_rigs = msgspec.msgpack.Decoder(list[msgspec.Raw])
_rig = msgspec.msgpack.Decoder(_RigMemory)


def remember(stats: OperationalStats) -> Callable[[], bytes]:
    """Note the state now, on the loop (cheap); the returned function encodes it, in another thread."""
    memories = [
        _RigMemory(
            rig.rig_id,
            rig.log,
            rig.heard_ms or 0,
            rig.since_ms,
            dict(rig.normal),
            rig.condition.state,
            list(rig.happenings),
            rig.paused,
            rig.paused_seen,
            rig.off,
            rig.mined_w,
        )
        for rig in stats.rigs.values()
        if rig.log is not None
    ]

    days = msgspec.msgpack.encode(stats.days)

    def encode() -> bytes:
        steps = range(0, len(memories), ENCODE_AT_ONCE)
        parts = [msgspec.msgpack.encode(memories[i : i + ENCODE_AT_ONCE]) for i in steps]
        return msgspec.msgpack.encode(_Memory(parts, days))

    return encode


def restore(stats: OperationalStats, state: bytes, tail: Iterable[tuple[int, Row]]) -> list[str]:
    """Bring back what a snapshot and the journal rows after it say; rigs that are no more are passed over, and so is
    what is damaged: returns why.

    `tail` yields (t_ms, row) in order. Blocking: called before serving.
    """
    newest: dict[int, _RigMemory] = {}
    damage: list[str] = []
    try:
        _read_state(stats, state, newest)
    except (msgspec.DecodeError, ValueError) as error:
        damage.append(f"state: {error}")
    for t_ms, row in tail:
        latest: dict[int, memoryview] = dict(row.raw_logs())
        for rig_id, raw in latest.items():
            try:
                log = decode_log(raw)
            except FrameError:
                continue  # an older version took what this one does not
            known = newest.get(rig_id)
            if known is None:
                newest[rig_id] = _RigMemory(rig_id, log, t_ms, None, {})
            elif log.t > known.log.t:
                known.log, known.heard_ms = log, t_ms
    for one in newest.values():
        try:
            _restore_rig(stats, one)
        except (ArithmeticError, ValueError, TypeError) as error:
            damage.append(f"state of rig {one.rig_id}: {error}")
    return damage


def _read_state(stats: OperationalStats, state: bytes, newest: dict[int, _RigMemory]) -> None:
    if state:
        memory = _memory.decode(state)
        for part in memory.parts:
            newest |= {one.rig_id: one for raw in _rigs.decode(part) if (one := _remembered(raw)) is not None}
        stats.days.update(msgspec.msgpack.decode(memory.days, type=dict[KindName, Day]))


def _remembered(raw: msgspec.Raw) -> _RigMemory | None:
    """None for what an older version took and this one does not: the rig waits for its next log."""
    try:
        return _rig.decode(raw)
    except msgspec.ValidationError:
        return None


def _restore_rig(stats: OperationalStats, one: _RigMemory) -> None:
    rig = stats.rigs.get(one.rig_id)
    if rig is not None:
        rig.normal = one.normal
        rig.paused, rig.paused_seen, rig.off = one.paused, one.paused_seen, one.off
        rig.mined_w = one.mined_w
        stats.restore(one.rig_id, one.log, one.heard_ms)
        if one.state in ("", rig.condition.state):
            rig.since_ms = one.since_ms or rig.since_ms
        elif rig.condition.state == "offline":
            rig.since_ms = one.heard_ms
        since = () if one.happenings and one.state == rig.condition.state else tuple(rig.happenings)
        rig.happenings = deque([*one.happenings, *since], HAPPENINGS)
