"""Alerts without a Commander: rigs made by hand, a clock that is turned, and a farm that answers what a test says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from rigfarm.commander.alerts import Alerts, Outbox, RuleBook
from rigfarm.commander.alerts.engine.causes import Facts
from rigfarm.commander.alerts.engine.changes import Changes
from rigfarm.commander.alerts.engine.rule import ActiveRule, Rule, RuleForm
from rigfarm.commander.alerts.engine.watch import Watch
from rigfarm.commander.alerts.model import Alert, Member
from rigfarm.commander.alerts.rules import rules
from rigfarm.commander.circuits import Circuit, Draw
from rigfarm.commander.events import Events
from rigfarm.commander.kinds import KindName
from rigfarm.commander.live import Hub
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.rigs.listing.rig_list import RigList
from rigfarm.commander.stats import OperationalStats, RigStats
from rigfarm.commander.stats.condition import condition
from rigfarm.commander.stats.marks import Marks
from rigfarm.commander.stats.normal import Normal
from rigfarm.commander.storage import Storage
from rigfarm.wire.log import Device, Devices, OperationalLog, Pool, Workload

__all__ = ["NOW_MS", "AlertFarm", "Scene", "TestFarm", "a_rig", "a_workload"]

NOW_MS = 1_760_000_000_000


def a_workload(rate: float | None = 1e6, coin: str = "XMR", **more: object) -> Workload:
    return Workload(software="xmrig", coin=coin, hashrate=rate, state="mining", **more)  # type: ignore[arg-type]


def a_rig(
    rig_id: int = 1,
    *,
    kind: KindName = "cpu-gpu",
    devices: Iterable[Device] = (),
    workloads: Iterable[Workload] | None = None,
    normal: dict[str, float] | None = None,
    link_up: bool = True,
    resting: str = "",
    power_w: float | None = None,
    fans: Iterable[float | None] = (),
    pools: Iterable[Pool] = (),
    messages: Iterable[str] = (),
    reported: bool = True,
) -> RigStats:
    """A rig as it is after one log."""
    rig = RigStats(rig_id, kind, link_up=link_up, resting=resting)
    rig.normal = {coin: Normal(value=value) for coin, value in (normal or {}).items()}
    if reported:
        rig.log = OperationalLog(
            t=NOW_MS,
            power_w=power_w,
            workloads=[a_workload()] if workloads is None else list(workloads),
            devices=Devices.from_rows(list(devices)),
            fans=list(fans),
            pools=list(pools),
            messages=list(messages),
        )
    rig.condition = condition(
        rig.log,
        link_up=link_up,
        last_seen_age_s=0.0,
        interval_s=5.0,
        normal_hashrate=rig.expected,
        resting=resting,
    )
    return rig


class TestFarm:
    """What rules may ask, as a test says it."""

    __test__ = False

    def __init__(self) -> None:
        self.marks = Marks()
        self.without_effect: list[tuple[str, str]] = []
        self.effective: bool | None = None
        self.now_ms = NOW_MS
        self.states: list[tuple[str, str, str]] = []
        self.wrong: list[tuple[str, str]] = []
        self.right = True
        self.broken: list[tuple[str, str]] = []
        self.away = ""
        self.installing = False
        self.draws: dict[int, tuple[Circuit, Draw]] = {}

    def playbook_states(self, rig_id: int) -> Iterable[tuple[str, str, str]]:
        return self.states

    def updating(self, rig_id: int) -> bool:
        return self.installing

    def not_as_assigned(self, rig: RigStats) -> Iterable[tuple[str, str]]:
        return self.wrong

    def as_assigned(self, rig: RigStats, what: str) -> bool:
        return self.right

    def not_in_effect(self, rig_id: int) -> Iterable[tuple[str, str]]:
        return self.without_effect

    def in_effect(self, rig_id: int, what: str) -> bool | None:
        return self.effective

    def troubles(self) -> Iterable[tuple[str, str]]:
        return self.broken

    def circuits(self) -> Iterable[int]:
        return self.draws

    def circuit(self, circuit_id: int) -> tuple[Circuit, Draw] | None:
        return self.draws.get(circuit_id)

    def expected_offline(self, rig: RigStats) -> str:
        return self.away


class Scene:
    """A Watch with a clock of its own. What it decides is "stored" at once: numbers are given here."""

    def __init__(self, *active: tuple[str, RuleForm], start_s: float = 0.0) -> None:
        self.now = 1_000.0
        self.farm = TestFarm()
        self.rigs: dict[int, RigStats] = {}
        self.facts: dict[int, Facts] = {}
        self.number = 0
        self.alerts: list[Alert] = []
        self.members: list[Member] = []
        self.changes = Changes()
        self.watch = self.make(start_s)
        self.use(*active)

    def make(self, start_s: float = 0.0) -> Watch:
        return Watch(
            self.farm,
            self.rigs,
            lambda rig_id: f"rig-{rig_id}",
            lambda rig_id: self.facts.get(rig_id, frozenset({("rig", f"rig-{rig_id}")})),
            monotonic=lambda: self.now,
            wall=lambda: NOW_MS + int(self.now * 1000),
            start_s=start_s,
        )

    def use(self, *active: tuple[str, RuleForm]) -> None:
        kinds = rules()
        self.watch.use(ActiveRule(at, kind, kinds[kind], form, None) for at, (kind, form) in enumerate(active, 1))

    def rule(self, kind: str) -> Rule[RuleForm]:
        return rules()[kind]

    def see(self, *rigs: RigStats) -> Changes:
        """These rigs reported, or changed their state."""
        self.rigs.update({rig.rig_id: rig for rig in rigs})
        return self.step({rig.rig_id for rig in rigs})

    def step(self, ids: set[int] | None = None) -> Changes:
        changes = self.changes = Changes()
        self.watch.look(self.watch.due() | (ids or set()), changes)
        self.watch.fire(changes)
        for one in changes.alerts:
            self.number += 1
            one.id = self.number
        self.alerts += changes.alerts
        for member in (*changes.pending, *changes.fired):
            if not member.id:
                self.members.append(member)
                member.id = len(self.members)
            alert = self.watch.alert_of(member)
            member.alert_id = None if alert is None else alert.id
        self.watch.stored(changes)
        return changes

    def later(self, seconds: float, step_s: float = 0.25) -> None:
        """Let time pass; nothing is reported meanwhile."""
        until = self.now + seconds
        while self.now < until:
            self.now = min(self.now + step_s, until)
            self.step()

    def lasts(self, seconds: float, *rigs: RigStats) -> None:
        """Time passes, and these rigs report the same every five seconds."""
        until = self.now + seconds
        while self.now < until:
            self.see(*rigs)
            self.later(min(5.0, until - self.now), step_s=1.0)

    @property
    def open(self) -> list[Alert]:
        return list(self.watch.alerts.values())


class NoOutbox:
    """Sends nothing."""

    async def write(self, tx: AsyncConnection, news: Sequence[tuple[Alert, str]]) -> None:
        """Nothing."""

    def wake(self) -> None:
        """Nothing."""


class AlertFarm:
    """Alerts over a database: everything but the background part, which is `step`; a clock that is turned."""

    def __init__(self, storage: Storage, outbox: Outbox | None = None, *, clock: list[float] | None = None) -> None:
        self.storage = storage
        self.clock = clock if clock is not None else [1_000.0]
        self.base_ms = NOW_MS
        """What the wall clock said at 0; set another one, and it jumps."""
        self.hub, self.events = Hub(), Events()
        self.stats = OperationalStats(self.hub, self.events, 5.0)
        self.book = Rigs(storage, self.hub, self.events)
        self.farm = TestFarm()
        self.facts: dict[int, Facts] = {}
        self.rule_book = RuleBook(
            storage, self.events, self.stats, RigList(self.book, self.stats), lambda playbook: playbook == 1
        )
        self.watch = Watch(
            self.farm,
            self.stats.rigs,
            lambda rig_id: self.book.rigs[rig_id].name if rig_id in self.book.rigs else "Commander",
            lambda rig_id: self.facts.get(rig_id, frozenset({("rig", f"rig-{rig_id}")})),
            monotonic=lambda: self.clock[0],
            wall=self.wall,
            start_s=0.0,
        )
        self.alerts = Alerts(
            storage,
            self.hub,
            self.events,
            self.book,
            self.stats,
            self.rule_book,
            self.watch,
            outbox or NoOutbox(),
            self.muted_until,
            wall=self.wall,
        )

    def wall(self) -> int:
        return self.base_ms + int(self.clock[0] * 1000)

    def muted_until(self, rig_ids: Iterable[int]) -> int | None:
        """Nothing is."""
        return None

    async def load(self) -> AlertFarm:
        await self.book.load()
        for rig in self.book.rigs.values():
            self.stats.add(rig.id, rig.kind)
        await self.alerts.load()
        return self

    async def new_rigs(self, count: int) -> list[int]:
        made = await self.book.create_many([f"rig-{at}" for at in range(1, count + 1)], "cpu-gpu")
        return [rig.id for rig, _ in made]

    def put(self, *rigs: RigStats) -> None:
        """These rigs are so from now on."""
        for rig in rigs:
            self.stats.rigs[rig.rig_id] = rig
            self.stats.touched.add(rig.rig_id)

    async def later(self, seconds: float, step_s: float = 1.0) -> None:
        until = self.clock[0] + seconds
        while self.clock[0] < until:
            self.clock[0] = min(self.clock[0] + step_s, until)
            await self.alerts.step()
