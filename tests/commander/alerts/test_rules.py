"""Each kind of rule: what makes it fire, what at its very edge does not, what ends it, and that missing data ends
nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest

from rigfarm.commander.alerts.engine.rule import RuleForm
from rigfarm.commander.alerts.rules import rules
from rigfarm.commander.alerts.rules.fans import FansForm
from rigfarm.commander.alerts.rules.hashrate import HashrateForm
from rigfarm.commander.alerts.rules.power import PowerForm
from rigfarm.commander.alerts.rules.temperature import TemperatureForm
from rigfarm.commander.stats import RigStats
from rigfarm.common.exposures import FACTORY_PASSWORD, WRITE_OPEN
from rigfarm.wire.log import Device, Pool
from support.alerts import NOW_MS, Scene, TestFarm, a_rig, a_workload

Made = Callable[[TestFarm], RigStats]


class Case(NamedTuple):
    """One kind of trouble."""

    name: str
    kind: str
    bad: Made
    edge: Made
    """As near to it as can be, and not in trouble."""
    well: Made
    missing: Made
    """The same rig, of which this is unknown."""
    says: str
    form: RuleForm | None = None
    held: bool = False
    """Whether what is at the edge keeps a fired alert open."""


def _gpu(**values: object) -> RigStats:
    return a_rig(devices=[Device("gpu", 0), Device("gpu", 3, **values)])  # type: ignore[arg-type]


def _board(**values: object) -> RigStats:
    return a_rig(kind="asic", devices=[Device("hashboard", 1, **values)])  # type: ignore[arg-type]


def _rate(rate: float | None, **values: object) -> RigStats:
    return a_rig(workloads=[a_workload(rate, **values)], normal={"XMR": 1000.0})


def _shares(accepted: int | None, rejected: int | None) -> RigStats:
    return a_rig(workloads=[a_workload(accepted=accepted, rejected=rejected)])


def _playbook(state: str) -> Made:
    def make(farm: TestFarm) -> RigStats:
        farm.states = [("XMR", state, "exit code 1")]
        return a_rig()

    return make


def _assigned(wrong: bool | None) -> Made:
    def make(farm: TestFarm) -> RigStats:
        farm.wrong = [("XMR wallet", "mines XMR to wallet 4other")] if wrong else []
        farm.right = wrong is False
        return a_rig()

    return make


def _effect(*, bad: bool = False, fine: bool = False) -> Made:
    def make(farm: TestFarm) -> RigStats:
        farm.without_effect = (
            [("power limit", "Limit power to 2800 W: no effect, 3,250 W, limit 2,800 W")] if bad else []
        )
        farm.effective = fine
        return a_rig(kind="asic")

    return make


def _counted(**ago_ms: int) -> Made:
    def make(farm: TestFarm) -> RigStats:
        rig = a_rig()
        for name, ago in ago_ms.items():
            setattr(rig, name, NOW_MS - ago)
        rig.dropped = rig.untimely = 7
        return rig

    return make


def _pool(alive: bool | None, *more: Pool) -> RigStats:
    return a_rig(kind="asic", pools=[Pool("stratum+tcp://pool.example:3333", alive=alive), *more])


OFF = a_rig(link_up=False)
CASES = [
    Case("offline", "offline", lambda _: a_rig(link_up=False), lambda _: a_rig(), lambda _: a_rig(),
         lambda _: a_rig(reported=False), "link lost"),
    Case("idle", "idle", lambda _: _rate(0.0), lambda _: _rate(0.1), lambda _: _rate(1000.0),
         lambda _: OFF, "mines nothing"),
    Case("idle and hot", "idle",
         lambda _: a_rig(workloads=[a_workload(0.0)], devices=[Device("gpu", 0, core_c=95.0)]),
         lambda _: _rate(0.1), lambda _: _rate(1000.0), lambda _: OFF, "mines nothing"),
    Case("below normal", "hashrate", lambda _: _rate(700.0), lambda _: _rate(701.0), lambda _: _rate(730.0),
         lambda _: _rate(None), "30 % below its normal", HashrateForm(name="x"), held=True),
    Case("below expected", "hashrate", lambda _: _rate(900.0, expected_hashrate=1000.0),
         lambda _: _rate(901.0, expected_hashrate=1000.0), lambda _: _rate(930.0, expected_hashrate=1000.0),
         lambda _: _rate(None), "expected", HashrateForm(name="x", below_expected=0.1), held=True),
    Case("below a number", "hashrate", lambda _: _rate(800.0), lambda _: _rate(801.0), lambda _: _rate(900.0),
         lambda _: _rate(None), "below 800", HashrateForm(name="x", below=800.0), held=True),
    Case("core", "temperature", lambda _: _gpu(core_c=85.0), lambda _: _gpu(core_c=84.9),
         lambda _: _gpu(core_c=81.9), lambda _: _gpu(core_c=None), "GPU 3 at 85 °C", held=True),
    Case("memory", "temperature", lambda _: _gpu(memory_c=105.0), lambda _: _gpu(memory_c=104.9),
         lambda _: _gpu(memory_c=101.0), lambda _: _gpu(core_c=40.0), "GPU 3 memory at 105", held=True),
    Case("hotspot", "temperature", lambda _: _gpu(chip_c=110.0), lambda _: _gpu(chip_c=109.9),
         lambda _: _gpu(chip_c=100.0), lambda _: _gpu(), "GPU 3 hotspot at 110", held=True),
    Case("board", "temperature", lambda _: _board(core_c=85.0), lambda _: _board(core_c=84.9),
         lambda _: _board(core_c=70.0), lambda _: _board(), "board 1 at 85", held=True),
    Case("chip", "temperature", lambda _: _board(chip_c=95.0), lambda _: _board(chip_c=94.9),
         lambda _: _board(chip_c=90.0), lambda _: _board(), "board 1 chip at 95", held=True),
    Case("limit of its own", "temperature", lambda _: _gpu(core_c=60.0), lambda _: _gpu(core_c=59.9),
         lambda _: _gpu(core_c=50.0), lambda _: _gpu(), "GPU 3 at 60", TemperatureForm(name="x", gpu=60.0), held=True),
    Case("cold", "cold", lambda _: _board(core_c=4.9), lambda _: _board(core_c=5.0), lambda _: _board(core_c=7.0),
         lambda _: _board(core_c=0.0), "board 1 at 5 °C", held=True),
    Case("fan stopped", "fans", lambda _: a_rig(fans=[3000.0, 0.0]), lambda _: a_rig(fans=[0.0, 0.0]),
         lambda _: a_rig(fans=[3000.0, 2900.0]), lambda _: a_rig(fans=[3000.0]), "fan 2 has stopped", held=True),
    Case("fan slow", "fans", lambda _: a_rig(fans=[1499.0]), lambda _: a_rig(fans=[1500.0]),
         lambda _: a_rig(fans=[1700.0]), lambda _: a_rig(fans=[None]), "fan 1 at 1499 rpm",
         FansForm(name="x", below=1500.0), held=True),
    Case("fan of a GPU", "fans", lambda _: _gpu(fan_rpm=0.0, fan_percent=60.0),
         lambda _: _gpu(fan_rpm=0.0, fan_percent=0.0), lambda _: _gpu(fan_rpm=900.0, fan_percent=60.0),
         lambda _: _gpu(fan_percent=60.0), "fan of GPU 3 has stopped", held=True),
    Case("rejects", "rejects", lambda _: _shares(950, 50), lambda _: _shares(951, 49), lambda _: _shares(970, 30),
         lambda _: _shares(5, 5), "5.0 % of shares rejected", held=True),
    Case("power above", "power", lambda _: a_rig(power_w=1201.0), lambda _: a_rig(power_w=1200.0),
         lambda _: a_rig(power_w=1100.0), lambda _: a_rig(), "1,201 W", PowerForm(name="x", above=1200.0), held=True),
    Case("power below", "power", lambda _: a_rig(power_w=99.0), lambda _: a_rig(power_w=100.0),
         lambda _: a_rig(power_w=110.0), lambda _: a_rig(), "99 W", PowerForm(name="x", below=100.0), held=True),
    Case("missing", "missing", lambda _: _gpu(missing=True), lambda _: _gpu(core_c=30.0), lambda _: _gpu(),
         lambda _: a_rig(), "GPU 3 fell off the bus"),
    Case("board missing", "missing", lambda _: _board(missing=True), lambda _: _board(), lambda _: _board(),
         lambda _: a_rig(kind="asic"), "board 1 is missing"),
    Case("chips", "chips", lambda _: _board(chips=107, chips_expected=108),
         lambda _: _board(chips=108, chips_expected=108), lambda _: _board(chips=108, chips_expected=108),
         lambda _: _board(chips_expected=108), "board 1 has 107 of 108 chips"),
    Case("playbook failed", "playbooks", _playbook("failed"), _playbook("starting"), _playbook("mining"),
         _playbook("offline"), "XMR failed: exit code 1", held=True),
    Case("playbook backing off", "playbooks", _playbook("backing-off"), _playbook("starting"), _playbook("mining"),
         _playbook("queued"), "XMR keeps failing", held=True),
    Case("pool", "pools", lambda _: _pool(False), lambda _: _pool(None), lambda _: _pool(True),
         lambda _: a_rig(kind="asic"), "pool.example:3333, does not answer", held=True),
    Case("assigned", "assigned", _assigned(True), _assigned(False), _assigned(False), _assigned(None), "4other"),
    Case("effects", "effects", _effect(bad=True), _effect(fine=False), _effect(fine=True), _effect(fine=False),
         "limit 2,800 W", held=True),
    Case("spool", "spool", _counted(dropped_ms=599_999), _counted(dropped_ms=600_000), _counted(dropped_ms=600_000),
         lambda _: OFF, "7 logs lost"),
    Case("clock", "clock", _counted(untimely_ms=599_999), _counted(untimely_ms=600_000),
         _counted(untimely_ms=600_000), lambda _: OFF, "its clock is wrong"),
    Case("factory password", "exposed", lambda _: a_rig(kind="asic", messages=["hello", FACTORY_PASSWORD]),
         lambda _: a_rig(kind="asic", messages=["hello"]), lambda _: a_rig(kind="asic"), lambda _: OFF,
         "it still has its factory password"),
    Case("open port", "exposed", lambda _: a_rig(kind="asic", messages=[WRITE_OPEN]), lambda _: a_rig(kind="asic"),
         lambda _: a_rig(kind="asic"), lambda _: OFF, "anyone on its network can give it commands"),
    Case("sick", "sick", lambda _: _gpu(core_c=95.0), lambda _: _gpu(core_c=84.0), lambda _: _gpu(core_c=50.0),
         lambda _: a_rig(reported=False), "GPU 3 at 95 °C"),
]  # fmt: skip


def _scene(case: Case) -> Scene:
    form = case.form or rules()[case.kind].defaults[0]
    return Scene((case.kind, form))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_fires_and_ends_when_it_is_well(case: Case) -> None:
    scene = _scene(case)
    form = scene.watch.rules[1].form
    scene.lasts(form.minutes * 60 + 2.0, case.bad(scene.farm))
    assert [alert.rule_id for alert in scene.open] == [1]
    assert case.says in scene.open[0].text
    scene.lasts(form.well_minutes * 60 + 6.0, case.well(scene.farm))
    assert scene.open == []
    assert scene.alerts[0].ending == "back to normal"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_at_its_edge_it_does_not_fire(case: Case) -> None:
    scene = _scene(case)
    scene.lasts(scene.watch.rules[1].form.minutes * 60 + 10.0, case.edge(scene.farm))
    assert scene.alerts == []
    assert not scene.watch.open


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_missing_data_ends_nothing(case: Case) -> None:
    scene = _scene(case)
    scene.lasts(scene.watch.rules[1].form.minutes * 60 + 2.0, case.bad(scene.farm))
    scene.lasts(7200.0, case.missing(scene.farm))
    assert [alert.id for alert in scene.open] == [1]


@pytest.mark.parametrize("case", [case for case in CASES if case.held], ids=lambda case: case.name)
def test_what_hovers_at_the_edge_keeps_it_open(case: Case) -> None:
    scene = _scene(case)
    scene.lasts(scene.watch.rules[1].form.minutes * 60 + 2.0, case.bad(scene.farm))
    scene.lasts(3600.0, case.edge(scene.farm))
    assert [alert.id for alert in scene.open] == [1]


@pytest.mark.parametrize("case", [case for case in CASES if (case.form or rules()[case.kind].defaults[0]).minutes >= 1])
def test_it_does_not_fire_before_its_time(case: Case) -> None:
    scene = _scene(case)
    scene.lasts(scene.watch.rules[1].form.minutes * 60 - 1.0, case.bad(scene.farm))
    assert scene.alerts == []
    assert [one.member.state for one in scene.watch.open.values()] == ["pending"]


@pytest.mark.parametrize(
    ("kind", "form", "low", "again"),
    [
        ("hashrate", HashrateForm(name="x", below_normal=0.01), _rate(989.0), _rate(996.0)),
        ("hashrate", HashrateForm(name="x", below_expected=0.01), _rate(989.0, expected_hashrate=1000.0),
         _rate(996.0, expected_hashrate=1000.0)),
        ("power", PowerForm(name="x", below=990.0, above=1000.0), a_rig(power_w=1001.0), a_rig(power_w=995.0)),
        ("power", PowerForm(name="x", below=990.0, above=1000.0), a_rig(power_w=989.0), a_rig(power_w=995.0)),
    ],
)  # fmt: skip
def test_a_narrow_limit_leaves_room_to_be_well_again(kind: str, form: RuleForm, low: RigStats, again: RigStats) -> None:
    scene = Scene((kind, form))
    scene.lasts(form.minutes * 60 + 2.0, low)
    assert len(scene.open) == 1
    scene.lasts(form.well_minutes * 60 + 6.0, again)
    assert scene.open == []


def test_a_coin_that_is_no_longer_mined_ends_its_alert_and_a_rig_that_mines_nothing_does_not() -> None:
    scene = Scene(("hashrate", HashrateForm(name="x")))
    scene.lasts(2.0, _rate(100.0))
    assert len(scene.open) == 1
    scene.lasts(3600.0, a_rig(workloads=[]))
    scene.lasts(3600.0, a_rig(workloads=[a_workload(0.0, "KAS")]))
    assert len(scene.open) == 1
    scene.lasts(66.0, a_rig(workloads=[a_workload(1e6, "KAS")]))
    assert [alert.ending for alert in scene.alerts] == ["XMR is no longer mined"]


HOSTILE = "X\0MR\x1b[2J\u202e" + "y" * 5_000


@pytest.mark.parametrize(
    ("kind", "form", "bad", "well"),
    [
        ("hashrate", HashrateForm(name="x", below=800.0), a_rig(workloads=[a_workload(1.0, HOSTILE)]),
         a_rig(workloads=[a_workload(900.0, HOSTILE)])),
        ("pools", RuleForm(name="x"), a_rig(kind="asic", pools=[Pool(HOSTILE, alive=False)]),
         a_rig(kind="asic", pools=[Pool(HOSTILE, alive=True)])),
    ],
)  # fmt: skip
def test_what_a_rig_calls_its_parts_is_short_and_printable_and_still_ends(
    kind: str, form: RuleForm, bad: RigStats, well: RigStats
) -> None:
    scene = Scene((kind, form))
    scene.lasts(2.0, bad)
    (member,) = scene.members
    assert member.part.startswith("X?MR?[2J?y")
    assert (member.part + member.text).isprintable()
    assert (len(member.part) <= 120, len(member.text) <= 300) == (True, True)
    scene.lasts(3600.0, bad)
    assert len(scene.members) == 1, "it is known again by the same name"
    scene.lasts(66.0, well)
    assert [alert.ending for alert in scene.alerts] == ["back to normal"]


def test_every_kind_of_rule_has_a_case_here() -> None:
    assert {case.kind for case in CASES} | {"commander", "circuits"} == set(rules())


def test_the_commander_itself() -> None:
    scene = Scene(("commander", rules()["commander"].defaults[0]))
    scene.farm.broken = [("log storage", "disk full")]
    for _ in range(14):
        scene.step({0})
        scene.later(5.0)
    assert [alert.text for alert in scene.open] == ["log storage: disk full"]
    scene.farm.broken = []
    for _ in range(14):
        scene.step({0})
        scene.later(5.0)
    assert scene.open == []


@pytest.mark.parametrize("kind", sorted(rules()))
def test_every_kind_of_rule_explains_itself_and_has_a_first_rule(kind: str) -> None:
    rule = rules()[kind]
    assert rule.title
    assert rule.about.endswith(".")
    assert rule.defaults
    assert all(type(form) is rule.form for form in rule.defaults)
