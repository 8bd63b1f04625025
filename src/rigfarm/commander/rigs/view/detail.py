"""Everything on one rig's page."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from rigfarm.commander.bundle import Bundle
from rigfarm.commander.kinds import Kind
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.rigs.view.actions import Action, actions_of
from rigfarm.commander.rigs.view.charts import ChartData
from rigfarm.commander.rigs.view.devices import DeviceTable, device_tables
from rigfarm.commander.rigs.view.facts import Fact, facts
from rigfarm.commander.rigs.view.heat import HeatMap
from rigfarm.commander.rigs.view.join import JoinView
from rigfarm.commander.rigs.view.labels import LabelsView, labels_view
from rigfarm.commander.rigs.view.levels import LEVELS
from rigfarm.commander.rigs.view.maintenance import MaintenanceView, maintenance_view
from rigfarm.commander.rigs.view.state import SHAPES, StateView, state_view
from rigfarm.commander.rigs.view.vitals import Vital, vitals
from rigfarm.commander.stats import RigStats
from rigfarm.commander.stats.marks import MARKS
from rigfarm.common.clock import iso
from rigfarm.units import UNKNOWN, Quantity, count, duration, hashrate, percent
from rigfarm.wire.log import OperationalLog, Pool, Workload

__all__ = ["DetailPage", "EventLine", "PoolLine", "WorkloadLine", "detail_page"]


class WorkloadLine(Struct, frozen=True):
    """What one program does for one coin. `normal` is the rig's own, or what the device promises."""

    coin: str
    algorithm: str
    program: str
    state: str
    since: str
    hashrate: Quantity
    normal: Quantity
    normal_is: str
    """`normal` or `expected`"""
    level: str
    accepted: str
    rejects: Quantity
    rejects_level: str
    stale: str
    pool: str
    wallet: str
    worker: str


class PoolLine(Struct, frozen=True):
    """One configured pool of an ASIC, in failover order. `state` is active, alive, dead or empty."""

    url: str
    user: str
    state: str
    accepted: str
    rejected: str


class EventLine(Struct, frozen=True):
    """A change of state; newest first."""

    at_ms: int
    at_iso: str
    age: str
    word: str
    shape: str
    tone: str
    reason: str


class DetailPage(Struct, frozen=True):
    """Everything of rig_detail.html. `faded`: the rig is away, its values are its last ones."""

    id: int
    name: str
    kind: Kind
    href: str
    state: StateView
    since_iso: str
    since: str
    seen_iso: str
    seen: str
    uptime: str
    faded: bool
    waiting: bool
    maintenance: MaintenanceView | None
    labels: LabelsView
    actions: tuple[Action, ...]
    """ASICs only: what it can be told, in the menu of its page."""
    vitals: tuple[Vital, ...]
    """ASICs only: what stands above the tables."""
    workloads: tuple[WorkloadLine, ...]
    devices: tuple[DeviceTable, ...]
    fans: tuple[str, ...]
    pools: tuple[PoolLine, ...]
    messages: tuple[str, ...]
    facts: tuple[Fact, ...]
    events: tuple[EventLine, ...]
    dropped: str
    untimely: str
    over_quota: str
    join: JoinView | None
    then_href: str
    """Its page at a time, which is added."""
    charts: ChartData | None
    heat: HeatMap | None


def detail_page(
    rig: Rig,
    stats: RigStats,
    now_ms: int,
    *,
    charts: ChartData | None = None,
    join: JoinView | None = None,
    heat: HeatMap | None = None,
    offered: Sequence[Bundle] = (),
) -> DetailPage:
    """The page of a rig as it is now; `join` for one that never reported. `offered`: the Sentries that the Commander
    hands out."""
    log = stats.log
    return DetailPage(
        id=rig.id,
        name=rig.name,
        kind=rig.of,
        href=rig.href,
        state=state_view(stats.condition, stats.since_ms),
        since_iso=iso(stats.since_ms),
        since=_age(stats.since_ms, now_ms),
        seen_iso=iso(stats.heard_ms),
        seen=_age(stats.heard_ms, now_ms),
        uptime=duration(log.uptime_s) if log is not None and stats.counted else UNKNOWN,
        faded=log is not None and not stats.counted,
        waiting=log is None,
        maintenance=maintenance_view(rig.maintenance, now_ms),
        labels=labels_view(rig),
        actions=() if rig.of.runs_programs else actions_of(rig),
        vitals=vitals(rig.specs, log, live=stats.counted) if rig.of.has_boards else (),
        workloads=_workloads(log, stats),
        devices=device_tables(log),
        fans=_fans(log),
        pools=tuple(_pool(pool) for pool in log.pools) if log is not None else (),
        messages=tuple(log.messages) if log is not None else (),
        facts=facts(rig, log, offered),
        events=_events(stats, now_ms),
        dropped=count(stats.dropped) if stats.dropped else "",
        untimely=count(stats.untimely) if stats.untimely else "",
        over_quota=count(stats.over_quota) if stats.over_quota else "",
        join=join,
        then_href=f"{rig.of.path}/{rig.id}?at=",
        charts=charts,
        heat=heat,
    )


def _age(ms: int | None, now_ms: int) -> str:
    return "" if ms is None else duration((now_ms - ms) / 1000)


def _workloads(log: OperationalLog | None, stats: RigStats) -> tuple[WorkloadLine, ...]:
    return tuple(_workload(one, stats) for one in log.workloads) if log is not None else ()


def _workload(workload: Workload, stats: RigStats) -> WorkloadLine:
    coin = workload.coin or workload.algorithm or "?"
    normal = workload.expected_hashrate or stats.expected(coin)
    rate = workload.hashrate
    shortfall = 1.0 - rate / normal if normal and rate is not None else None
    accepted, rejected = workload.accepted, workload.rejected
    decided = (accepted or 0) + (rejected or 0)
    ratio = rejected / decided if rejected is not None and decided > 0 else None
    return WorkloadLine(
        coin=workload.coin or "",
        algorithm=workload.algorithm or "",
        program=" ".join(part for part in (workload.software, workload.version) if part),
        state="" if workload.state == "mining" else (workload.state or ""),
        since=duration(workload.uptime_s) if workload.uptime_s is not None else "",
        hashrate=hashrate(rate),
        normal=hashrate(normal) if normal else Quantity("", ""),
        normal_is="expected" if workload.expected_hashrate else "normal",
        level=LEVELS[MARKS.shortfall.level(shortfall)],
        accepted=count(accepted),
        rejects=percent(ratio),
        rejects_level=LEVELS[MARKS.rejects.level(ratio)],
        stale=count(workload.stale) if workload.stale else "",
        pool=workload.pool or "",
        wallet=shortened(workload.wallet or ""),
        worker=workload.worker or "",
    )


def shortened(text: str, most: int = 24) -> str:
    """The beginning and the end of something long, as people compare wallets."""
    return text if len(text) <= most else f"{text[: most // 2 - 1]}…{text[-(most // 2 - 2) :]}"


def _fans(log: OperationalLog | None) -> tuple[str, ...]:
    if log is None:
        return ()
    return tuple(count(round(rpm)) if rpm is not None and 0 <= rpm < 1e5 else UNKNOWN for rpm in log.fans)


def _pool(pool: Pool) -> PoolLine:
    state = "active" if pool.active else {True: "alive", False: "dead", None: ""}[pool.alive]
    return PoolLine(pool.url, shortened(pool.user or ""), state, count(pool.accepted), count(pool.rejected))


def _events(stats: RigStats, now_ms: int) -> tuple[EventLine, ...]:
    tones = dict.fromkeys(("online", "waiting", "stopped", "maintenance"), "calm") | {"degraded": "warn"}
    return tuple(
        EventLine(
            one.t_ms,
            iso(one.t_ms),
            duration((now_ms - one.t_ms) / 1000),
            one.state,
            SHAPES.get(one.state, "down"),
            tones.get(one.state, "bad"),
            one.reason,
        )
        for one in reversed(stats.happenings)
    )
