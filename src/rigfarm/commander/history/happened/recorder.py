"""Writes down what happens: it listens to the Commander's events, and hands them to the thread that writes history.

Each rig has an allowance. Beyond it, of lasting facts the newest is written when there is allowance again; so a rig
that changes with every log costs others nothing, and what it was in the end is true all the same.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping

from msgspec import Struct

from rigfarm.commander.events import (
    AssignmentsChanged,
    CommandEnded,
    CommandGiven,
    ConditionChanged,
    EffectReverted,
    Events,
    MaintenanceChanged,
    NormalChanged,
    PlaybookChanged,
    RigAdded,
    RigLabelled,
    RigRemoved,
    RigRenamed,
    RigRests,
    SpecsChanged,
)
from rigfarm.commander.history.happened import rows
from rigfarm.commander.history.happened.facts import (
    FARM,
    AssignedWas,
    Fact,
    Happened,
    LabelsWere,
    Moment,
    NameWas,
    NormalWas,
    RestWas,
    SpecsWas,
    StateWas,
    tag_of,
)
from rigfarm.commander.history.model import KnownRig
from rigfarm.commander.history.store import Store
from rigfarm.commander.kinds import KindName
from rigfarm.common.clock import utc_ms
from rigfarm.common.text import printable

__all__ = ["STREAM", "Batch", "Recorder"]

MAX_WAITING = 100_000
"""Facts that wait to be written; while they cannot be, the oldest leave."""
BURST = 200
"""Facts of one rig at once, and how many more each hour."""
PER_HOUR = 60.0
MAX_TEXT = 200
JUMP_MS = 60_000
"""The clock and the time that passed may differ by so much within one span."""


STREAM = "stream_position"
"""The note of the last message of the replicas' stream that is written."""


class Batch(Struct, kw_only=True):
    """What is written at once."""

    facts: list[Happened]
    added: list[tuple[int, KindName, int]]
    removed: dict[int, int]
    """Rigs, and when."""
    kept: list[rows.Kept]
    """Removed rigs whose history stays."""
    known: frozenset[int] | None
    """At the start: all rigs that there are."""
    span: tuple[int, int]
    number: int = 0
    """Of the message with it in the stream that replicas share; 0 without replicas."""

    def pieces(self, most: int) -> list[Batch]:
        """The same in several batches, to be written in this order, none with more than `most` facts."""
        starts = range(0, max(len(self.facts), 1), most)
        return [
            Batch(
                facts=self.facts[at : at + most],
                added=self.added if at == 0 else [],
                known=self.known if at == 0 else None,
                removed=self.removed if at == starts[-1] else {},
                kept=self.kept,
                span=self.span,
            )
            for at in starts
        ]


class _Allowance(Struct):
    left: float
    at: float


class Recorder:
    """On the event loop; `write` in the writer's thread. `wall_ms` yields UTC ms, `monotonic` s."""

    def __init__(
        self,
        events: Events,
        rigs: Callable[[], Mapping[int, KnownRig]],
        *,
        wall_ms: Callable[[], int] = utc_ms,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rigs = rigs
        self._wall_ms = wall_ms
        self._monotonic = monotonic
        self._waiting: deque[Happened] = deque(maxlen=MAX_WAITING)
        self._held: dict[tuple[int, str], Happened] = {}
        """Lasting facts of rigs beyond their allowance."""
        self._allowances: dict[int, _Allowance] = {}
        self._added: list[tuple[int, KindName, int]] = []
        self._removed: dict[int, int] = {}
        self._kept: list[rows.Kept] = []
        self._known: frozenset[int] | None = None
        self._began_ms = wall_ms()
        self._began = monotonic()
        events.listen(RigAdded, self._rig_added)
        events.listen(RigRemoved, self._rig_removed)
        events.listen(RigRenamed, self._rig_renamed)
        events.listen(RigLabelled, lambda one: self.note(one.rig_id, LabelsWere(one.place, one.tags)))
        events.listen(ConditionChanged, self._condition_changed)
        events.listen(RigRests, lambda one: self.note(one.rig_id, RestWas(one.why)))
        events.listen(SpecsChanged, lambda one: self.note(one.rig_id, SpecsWas(one.specs)))
        events.listen(NormalChanged, lambda one: self.note(one.rig_id, NormalWas({one.coin: one.hashrate})))
        events.listen(AssignmentsChanged, lambda one: self.note(one.rig_id, AssignedWas(one.playbooks)))
        events.listen(MaintenanceChanged, self._maintenance_changed)
        events.listen(CommandGiven, self._command_given)
        events.listen(CommandEnded, self._command_ended)
        events.listen(EffectReverted, self._effect_reverted)
        events.listen(PlaybookChanged, self._playbook_changed)

    def begin(self) -> None:
        """Once, when all rigs are known: what changed while nothing was written is written now."""
        rigs, now_ms = self._rigs(), self._wall_ms()
        self._known = frozenset(rigs)
        for rig_id, rig in rigs.items():
            self._added.append((rig_id, rig.kind, rig.added_ms))
            self._waiting.append(Happened(now_ms, rig_id, NameWas(rig.name)))
            self._waiting.append(Happened(now_ms, rig_id, LabelsWere(rig.place, rig.tags)))
            if rig.specs is not None:
                self._waiting.append(Happened(now_ms, rig_id, SpecsWas(rig.specs)))

    def note(self, rig: int, fact: Fact, t_ms: int = 0) -> None:
        """Something happened, now or at a time; `rig` may be FARM."""
        one = Happened(t_ms or self._wall_ms(), rig, fact)
        lasting = not isinstance(fact, Moment)
        if rig != FARM and not self._allowed(rig):
            if lasting:
                self._held[rig, tag_of(fact)] = one
            return
        if lasting:
            self._held.pop((rig, tag_of(fact)), None)
        self._waiting.append(one)

    def _allowed(self, rig: int) -> bool:
        now = self._monotonic()
        one = self._allowances.get(rig)
        if one is None:
            one = self._allowances[rig] = _Allowance(BURST, now)
        one.left = min(one.left + (now - one.at) * PER_HOUR / 3600, BURST)
        one.at = now
        if one.left < 1.0:
            return False
        one.left -= 1.0
        return True

    # Listening

    def _rig_added(self, one: RigAdded) -> None:
        self._added.append((one.rig_id, one.kind, self._wall_ms()))
        self._waiting.append(Happened(self._wall_ms(), one.rig_id, NameWas(one.name)))
        self._waiting.append(Happened(self._wall_ms(), one.rig_id, LabelsWere()))
        self._waiting.append(Happened(self._wall_ms(), one.rig_id, Moment("added", one.name, key=str(one.rig_id))))

    def _rig_removed(self, one: RigRemoved) -> None:
        self._removed[one.rig_id] = self._wall_ms()
        if one.keep_history:
            self._kept.append(rows.Kept(one.rig_id, one.kind, one.name, self._wall_ms()))
        self._allowances.pop(one.rig_id, None)
        for key in [key for key in self._held if key[0] == one.rig_id]:
            del self._held[key]
        self.note(FARM, Moment("removed", one.name, key=str(one.rig_id)))

    def _rig_renamed(self, one: RigRenamed) -> None:
        self.note(one.rig_id, NameWas(one.name))
        self.note(one.rig_id, Moment("renamed", one.name, one.before))

    def _condition_changed(self, one: ConditionChanged) -> None:
        fact = StateWas(
            one.state,
            _short(one.reason),
            _short(one.cause),
            _short(one.word),
            one.severity,
            one.rank,
            one.before,
            one.maintenance,
        )
        self.note(one.rig_id, fact, one.t_ms)

    def _maintenance_changed(self, one: MaintenanceChanged) -> None:
        self.note(one.rig_id, Moment("maintenance", "begins" if one.on else "ends", _short(one.said)))

    def _command_given(self, one: CommandGiven) -> None:
        self.note(one.rig_id, Moment("command", _short(one.title), key=one.command_id))

    def _command_ended(self, one: CommandEnded) -> None:
        detail = f"{one.state}: {one.detail}" if one.detail else one.state
        self.note(one.rig_id, Moment("result", _short(one.title), _short(detail), one.command_id))

    def _effect_reverted(self, one: EffectReverted) -> None:
        self.note(one.rig_id, Moment("reverted", _short(one.title), _short(one.words), one.command_id))

    def _playbook_changed(self, one: PlaybookChanged) -> None:
        self.note(FARM, Moment("playbook", _short(one.name), f"revision {one.revision}", str(one.playbook_id)))

    # Writing

    @property
    def waiting(self) -> bool:
        """Whether something happened that is not written."""
        return bool(self._waiting or self._added or self._removed or self._held)

    def take(self) -> Batch:
        """What is to be written now."""
        for key in [key for key in self._held if self._allowed(key[0])]:
            self._waiting.append(self._held.pop(key))
        now_ms, passed_ms = self._wall_ms(), round((self._monotonic() - self._began) * 1000)
        if abs(now_ms - self._began_ms - passed_ms) > JUMP_MS:
            self._began_ms, self._began = now_ms, self._monotonic()
        batch = Batch(
            facts=list(self._waiting),
            added=self._added,
            removed=self._removed,
            kept=self._kept,
            known=self._known,
            span=(self._began_ms, now_ms),
        )
        self._waiting.clear()
        self._added, self._removed, self._kept, self._known = [], {}, [], None
        return batch


def write(store: Store, batch: Batch) -> None:
    """In the writer's thread: all of a batch, or nothing. One that came by the stream is written once."""
    if batch.number and batch.number <= (store.note(STREAM) or 0):
        return
    with store.transaction():
        if batch.number:
            store.set_note(STREAM, batch.number)
        for rig, kind, t_ms in batch.added:
            rows.added(store, rig, kind, t_ms)
        if batch.known is not None:
            gone = (one.rig for one in rows.lives(store) if one.removed_ms is None and one.rig not in batch.known)
            rows.removed(store, dict.fromkeys(gone, batch.span[1]))
        rows.keep(store, batch.kept)
        leaving = batch.removed.keys() - {one.rig for one in batch.kept}
        rows.write(store, (one for one in batch.facts if one.rig not in leaving))
        rows.removed(store, batch.removed)
        rows.runs(store, *batch.span)


def _short(text: str) -> str:
    return printable(text, " ", most=MAX_TEXT)
