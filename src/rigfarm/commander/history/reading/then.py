"""How every rig was at one moment: its last log before it, and all that was true then.

Logs are read while they are kept; of an older moment, the minute that holds it stands for one. *In brief*, only what a
rig's log added to the totals is read, and its state and name: a twentieth of the work.
"""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping

from msgspec import Struct

from rigfarm.commander.history.chunks.brief import Briefs
from rigfarm.commander.history.chunks.chunk import last_log
from rigfarm.commander.history.chunks.columns import Columns, DamagedError
from rigfarm.commander.history.happened.facts import LabelsWere, NameWas, NormalWas, RestWas, SpecsWas, StateWas
from rigfarm.commander.history.happened.rows import Life, lasting_of, lives, running
from rigfarm.commander.history.happened.seldom import Seldom
from rigfarm.commander.history.model import HOUR_MS, OWNER, SLOT_MS, Table, group_of, row_id
from rigfarm.commander.history.rollups.as_log import minute_as_log, minute_in_brief
from rigfarm.commander.history.rollups.minutes import MINUTE_MS, Pace
from rigfarm.commander.history.store import Reader
from rigfarm.commander.stats.condition import STATES
from rigfarm.commander.stats.contribution import Contribution, contribution_of
from rigfarm.wire.log import OperationalLog
from rigfarm.wire.specs import Specs

__all__ = ["Brief", "FarmThen", "RigThen", "farm_then"]

AT_ONCE = 50
"""Rigs between two pauses, in which the interpreter belongs to others."""
GROUPS_AT_ONCE = 4
"""Groups of rigs in brief between two pauses: ten milliseconds."""
PAUSE_S = 0.001
LONGEST_MS = 3_600_000
"""So much is looked through for last logs, at most."""

Brief = tuple[int, Contribution]
"""Of a rig's last log: when it was, UTC ms, and what it added to the totals."""


class RigThen(Struct, frozen=True, kw_only=True, gc=False):
    """A rig as it was. What isn't known is empty or None."""

    life: Life
    name: str = ""
    labels: LabelsWere | None = None
    specs: Specs | None = None
    state: StateWas | None = None
    since_ms: int | None = None
    """Since when it was in this state."""
    normals: Mapping[str, float] = {}
    """H/s by coin."""
    rests: str = ""
    """Why it mined nothing on purpose."""
    log: OperationalLog | None = None
    brief: Brief | None = None
    """In its log's place, where it was read in brief: then specs, normals and rests are not read, either."""


class FarmThen(Struct, frozen=True, kw_only=True):
    """All rigs that there were."""

    t_ms: int
    rigs: list[RigThen]
    ran: bool
    """Whether the Commander ran then."""
    by_minute: bool
    """Figures are those of a minute: logs are no longer kept."""
    brief: Collection[int] = ()
    """Those of which no more than a brief was read."""
    until_ms: int
    """Up to when logs are in the history; it is written some time after they came."""


def farm_then(
    reader: Reader,
    t_ms: int,
    pace: Pace,
    rigs: Collection[int] | None = None,
    *,
    brief: bool = False,
    seldom: Seldom | None = None,
) -> FarmThen:
    """How the farm was at a time (UTC ms), or some rigs; in `brief`: those of which it is known how they were. `seldom`
    is what was kept from earlier questions."""
    there = {
        one.rig: one
        for one in lives(reader, rigs)
        if one.added_ms <= t_ms and (one.removed_ms is None or one.removed_ms > t_ms)
    }
    by_minute = t_ms < (reader.note("raw_floor_ms") or 0)
    until_ms = reader.note("until_ms") or 0
    since_ms = min(t_ms, until_ms) - pace.hold_ms  # beyond the history, the last that it has is shown
    ran = bool(running(reader, t_ms, t_ms + 1))
    lasting = lasting_of if seldom is None or rigs is not None else seldom.at
    names, labels = lasting(reader, NameWas, t_ms, there), lasting(reader, LabelsWere, t_ms, there)
    states = lasting_of(reader, StateWas, t_ms, there)
    short = {rig for rig in there if rig in states and states[rig][1].state in STATES} if brief and ran else set()
    whole = there.keys() - short
    read = _minutes if by_minute else _logs
    logs = dict(read(reader, t_ms, whole, since_ms))
    briefs = dict((_minutes_in_brief if by_minute else _briefs)(reader, t_ms, short, since_ms))
    specs, normals = lasting_of(reader, SpecsWas, t_ms, whole), lasting_of(reader, NormalWas, t_ms, whole)
    rests = lasting_of(reader, RestWas, t_ms, whole)
    none = (None, None)
    return FarmThen(
        t_ms=t_ms,
        rigs=[
            RigThen(
                life=one,
                name=names[rig][1].name if rig in names else "",
                labels=labels[rig][1] if rig in labels else None,
                specs=specs[rig][1].specs if rig in specs else None,
                state=states.get(rig, none)[1],
                since_ms=states.get(rig, none)[0],
                normals=normals[rig][1].coins if rig in normals else {},
                rests=rests[rig][1].why if rig in rests else "",
                log=logs.get(rig),
                brief=briefs.get(rig),
            )
            for rig, one in there.items()
        ],
        ran=ran,
        by_minute=by_minute,
        brief=short,
        until_ms=until_ms,
    )


def _logs(reader: Reader, t_ms: int, rigs: Iterable[int], since_ms: int) -> Iterator[tuple[int, OperationalLog]]:
    """(rig, its last log) of those that were heard of after a time."""
    wanted = set(rigs)
    for slot in _slots(t_ms, since_ms):
        for rig, log in _logs_of(reader, slot, t_ms, wanted):
            if log.t > since_ms:
                wanted.discard(rig)
                yield rig, log


def _slots(t_ms: int, since_ms: int) -> range:
    """Where last logs are looked for, the last first."""
    return range(min(t_ms, since_ms + LONGEST_MS) // SLOT_MS, since_ms // SLOT_MS - 1, -1)


def _logs_of(reader: Reader, slot: int, t_ms: int, rigs: Iterable[int]) -> Iterator[tuple[int, OperationalLog]]:
    for n, (row, body) in enumerate(reader.some("raw", [row_id(slot, rig) for rig in rigs])):
        log = _last(body, t_ms)
        if log is not None:
            yield row & OWNER, log
        _pause(n, AT_ONCE)


def _briefs(reader: Reader, t_ms: int, rigs: Iterable[int], since_ms: int) -> Iterator[tuple[int, Brief]]:
    """The same in brief. Of what is not written in brief yet, the logs are read."""
    wanted = set(rigs)
    for slot in _slots(t_ms, since_ms):
        briefs, unread = _written(reader, "briefs", slot, t_ms, wanted)
        for rig, found in briefs.items():
            if found[0] > since_ms:
                wanted.discard(rig)
                yield rig, found
        for rig, log in _logs_of(reader, slot, t_ms, unread):
            if log.t > since_ms:
                wanted.discard(rig)
                yield rig, (log.t, contribution_of(log))


def _written(
    reader: Reader, table: Table, number: int, t_ms: int, rigs: Iterable[int]
) -> tuple[dict[int, Brief], set[int]]:
    """What is written in brief of a row's time: the last of each rig until then; and of which rigs nothing is."""
    found: dict[int, Brief] = {}
    unread: set[int] = set()
    groups: dict[int, set[int]] = defaultdict(set)
    for rig in rigs:
        groups[group_of(rig)].add(rig)
    for n, (row, body) in enumerate(reader.some(table, [row_id(number, group) for group in groups])):
        with contextlib.suppress(DamagedError):  # made again when what it is made from is next written
            briefs = Briefs(body)
            some = groups.pop(row & OWNER)
            unread |= some.intersection(briefs.unread)
            found |= {rig: one for rig, one in briefs.at(t_ms).items() if rig in some}
        _pause(n, GROUPS_AT_ONCE)
    return found, unread.union(*groups.values())


def _last(body: bytes, t_ms: int) -> OperationalLog | None:
    with contextlib.suppress(DamagedError):  # begun again when it is next written
        return last_log(body, t_ms)
    return None


def _minutes(reader: Reader, t_ms: int, rigs: Iterable[int], _: int) -> Iterator[tuple[int, OperationalLog]]:
    """(rig, the means of its minute as a log)."""
    for rig, columns in _hours(reader, t_ms, rigs):
        log = minute_as_log(columns, t_ms)
        if log is not None:
            yield rig, log


def _minutes_in_brief(reader: Reader, t_ms: int, rigs: Iterable[int], _: int) -> Iterator[tuple[int, Brief]]:
    """Of what is not written in brief, the minutes are read."""
    begin_ms = t_ms // MINUTE_MS * MINUTE_MS
    briefs, unread = _written(reader, "minute_briefs", t_ms // HOUR_MS, t_ms, rigs)
    yield from ((rig, found) for rig, found in briefs.items() if found[0] == begin_ms)
    for rig, columns in _hours(reader, t_ms, unread):
        one = minute_in_brief(columns, t_ms)
        if one is not None:
            yield rig, one


def _hours(reader: Reader, t_ms: int, rigs: Iterable[int]) -> Iterator[tuple[int, Columns]]:
    for n, (row, body) in enumerate(reader.some("minutes", [row_id(t_ms // HOUR_MS, rig) for rig in rigs])):
        with contextlib.suppress(DamagedError):  # begun again when it is next written
            yield row & OWNER, Columns(body)
        _pause(n, AT_ONCE)


def _pause(n: int, every: int) -> None:
    if n % every == every - 1:
        time.sleep(PAUSE_S)
