"""The farm of another time, in the shape in which pages know the farm of now."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from msgspec.structs import replace

from rigfarm.commander.history import FarmThen, RigThen, StateWas
from rigfarm.commander.kinds import KindName
from rigfarm.commander.refusals import Absent
from rigfarm.commander.rigs.model import Maintenance, PastRig, Rig
from rigfarm.commander.stats import FarmStats, RigStats
from rigfarm.commander.stats.condition import STATES, UP, WAITING, Condition, condition
from rigfarm.commander.stats.contribution import NOTHING, contribution_of
from rigfarm.commander.stats.normal import Normal
from rigfarm.commander.stats.rig_stats import Happening
from rigfarm.wire.log import OperationalLog

__all__ = ["PastBook", "past_farm"]

UNKNOWN = Condition("offline", "not known: the Commander did not run", attention_rank=7, cause="unknown")
_NO_NORMAL: dict[str, Normal] = {}
_NO_HAPPENINGS: deque[Happening] = deque(maxlen=0)
"""Shared by all rigs of the past, of which ten thousand would have one of their own each."""


class PastBook:
    """Rigs as they were: what pages ask of `Rigs`."""

    def __init__(self, rigs: dict[int, Rig]) -> None:
        self.rigs = rigs
        self.revision = 1

    def get(self, rig_id: int) -> Rig:
        """The rig, or the refusal Absent."""
        found = self.rigs.get(rig_id)
        if found is None:
            raise Absent(f"Rig {rig_id} was not there then.")
        return found

    def of_kind(self, kind: KindName) -> list[Rig]:
        """Rigs of a kind, oldest first."""
        return [rig for rig in self.rigs.values() if rig.kind == kind]


def past_farm(found: FarmThen, present: Mapping[int, Rig], interval_s: float) -> tuple[PastBook, FarmStats]:
    """Rigs and their stats. What history doesn't know of a rig is as it is at `present`."""
    rigs: dict[int, Rig] = {}
    stats = FarmStats(interval_s)
    seen = _Seen()
    for one in sorted(found.rigs, key=lambda one: one.life.rig):
        rig = _rig(one, found.t_ms, present.get(one.life.rig))
        rigs[rig.id] = rig
        stats.recall(_stats(one, interval_s, seen if found.ran else None))
    return PastBook(rigs), stats


def _rig(then: RigThen, t_ms: int, now: Rig | None) -> PastRig:
    life = then.life
    labels = then.labels or now
    maintained = then.state is not None and then.state.maintenance
    return PastRig(
        id=life.rig,
        name=then.name or (now.name if now is not None else f"rig {life.rig}"),
        kind=life.kind,
        created_at=life.added_ms,
        first_seen_at=life.first_ms if life.first_ms is not None and life.first_ms <= t_ms else None,
        specs=then.specs or (now.specs if now is not None else None),
        maintenance=Maintenance(then.since_ms or t_ms, "") if maintained else None,
        place=labels.place if labels is not None else "",
        tags=labels.tags if labels is not None else (),
        at_ms=t_ms,
    )


class _Seen:
    """Conditions as viewers saw them, each made once: most rigs of a farm share a few."""

    def __init__(self) -> None:
        self._made: dict[int, Condition] = {}
        """By the identity of the fact. Facts outlive this."""

    def __call__(self, was: StateWas) -> Condition:
        found = self._made.get(id(was))
        if found is None:
            found = self._made[id(was)] = Condition(
                was.state,  # type: ignore[arg-type] # one of STATES
                was.reason,
                was.severity,
                was.rank,
                was.cause,
                was.word,
                was.maintenance,
            )
        return found


def _stats(then: RigThen, interval_s: float, seen: _Seen | None) -> RigStats:
    log = then.log
    heard_ms, adds = then.brief or ((log.t, contribution_of(log)) if log is not None else (None, NOTHING))
    normal = {coin: Normal(value=hashrate) for coin, hashrate in then.normals.items()} if then.normals else _NO_NORMAL
    rig = RigStats(
        then.life.rig,
        then.life.kind,
        log=log,
        heard_ms=heard_ms,
        contribution=adds,
        resting=then.rests,
        normal=normal,
        happenings=_NO_HAPPENINGS,
        since_ms=then.since_ms,
    )
    rig.condition = _condition(then, rig, interval_s, seen)
    rig.link_up = rig.condition.state in UP
    rig.counted = rig.link_up and heard_ms is not None
    return rig


def _condition(then: RigThen, rig: RigStats, interval_s: float, seen_as: _Seen | None) -> Condition:
    """What viewers saw then; if the Commander did not run, what the log says."""
    was = then.state
    if seen_as is not None and was is not None and was.state in STATES:
        seen = seen_as(was)
        said = None if then.log is None else _by_its_log(then, then.log, rig, interval_s)
        if said is not None and (said.state, said.cause) == (seen.state, seen.cause):
            return replace(seen, reason=said.reason)  # with the numbers of then: it began with others
        return seen
    if then.log is None:
        return WAITING if was is None or was.state == "waiting" else UNKNOWN
    return _by_its_log(then, then.log, rig, interval_s)


def _by_its_log(then: RigThen, log: OperationalLog, rig: RigStats, interval_s: float) -> Condition:
    return condition(
        log,
        link_up=True,
        last_seen_age_s=0.0,
        interval_s=interval_s,
        normal_hashrate=rig.expected,
        resting=then.rests,
    )
