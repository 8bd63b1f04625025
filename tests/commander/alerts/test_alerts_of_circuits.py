"""A circuit that draws too much has an alert of its own, which ends once it is known to draw less by some slack."""

from __future__ import annotations

from rigfarm.commander.alerts.delivery.texts import Urls, message
from rigfarm.commander.alerts.rules import rules
from rigfarm.commander.alerts.rules.circuits import CircuitsForm
from rigfarm.commander.circuits import Circuit, Draw
from rigfarm.commander.circuits.model import CircuitForm
from support.alerts import Scene


def _circuit(circuit_id: int) -> Circuit:
    return Circuit(circuit_id, CircuitForm(name=f"PDU-{circuit_id}", limit_w=1000.0, places=["hall"]), 1, 0, 0)


def _scene(form: CircuitsForm) -> Scene:
    scene = Scene(("circuits", form))
    scene.facts = {-1: frozenset({("circuit", "PDU-1")}), -2: frozenset({("circuit", "PDU-2")})}
    return scene


def _lasts(scene: Scene, seconds: float, **draws: Draw) -> None:
    """Circuits draw this, and are looked at every five seconds."""
    for name, draw in draws.items():
        number = int(name.removeprefix("pdu_"))
        scene.farm.draws[number] = (_circuit(number), draw)
    for _ in range(int(seconds / 5)):
        scene.step(scene.watch.not_rigs())
        scene.later(5.0, step_s=1.0)


FORM = CircuitsForm(name="Circuits", minutes=1.0, well_minutes=1.0)


def test_over_what_it_may_carry_continuously_for_as_long_as_the_rule_says() -> None:
    scene = _scene(FORM)
    _lasts(scene, 120.0, pdu_1=Draw(800.0, 4))
    assert scene.open == [], "at the mark is not over it"
    _lasts(scene, 50.0, pdu_1=Draw(920.0, 4, unknown=2))
    assert scene.open == []
    _lasts(scene, 20.0)
    (alert,) = scene.open
    assert alert.shared == [("circuit", "PDU-1")]
    said = "draws at least 920 W, 92 % of its limit of 1.000 kW; the power of 2 rigs is unknown"
    assert alert.text == said
    title, _ = message(alert, "firing", alert.started_ms, Urls("", "", ""))
    assert title == f"[warning] PDU-1: {said}"


def test_each_circuit_has_an_alert_of_its_own_however_soon_it_follows() -> None:
    scene = _scene(FORM)
    _lasts(scene, 80.0, pdu_1=Draw(900.0, 4))
    _lasts(scene, 80.0, pdu_2=Draw(900.0, 4))
    assert [alert.shared for alert in scene.open] == [[("circuit", "PDU-1")], [("circuit", "PDU-2")]]


def test_it_ends_below_the_mark_by_some_slack_and_not_because_rigs_are_offline() -> None:
    scene = _scene(FORM)
    _lasts(scene, 80.0, pdu_1=Draw(900.0, 4))
    _lasts(scene, 600.0, pdu_1=Draw(790.0, 4))
    assert len(scene.open) == 1, "between the mark and the slack it neither begins nor ends"
    _lasts(scene, 600.0, pdu_1=Draw(200.0, 4, unknown=3, last_w=700.0))
    assert len(scene.open) == 1, "most likely they still draw what they drew"
    _lasts(scene, 600.0, pdu_1=Draw(0.0, 4, unknown=4, last_w=900.0))
    assert len(scene.open) == 1
    _lasts(scene, 70.0, pdu_1=Draw(770.0, 4))
    assert scene.open == []
    assert scene.alerts[0].ending == "back to normal"


def test_a_share_of_the_limit_may_be_set() -> None:
    scene = _scene(CircuitsForm(name="x", above=1.0))
    _lasts(scene, 20.0, pdu_1=Draw(1000.0, 4), pdu_2=Draw(1001.0, 4))
    assert [alert.text for alert in scene.open] == ["draws 1.001 kW, 100 % of its limit of 1.000 kW"]


def test_a_circuit_that_is_removed_ends_its_alert() -> None:
    scene = _scene(FORM)
    _lasts(scene, 80.0, pdu_1=Draw(900.0, 4))
    scene.farm.draws.clear()
    _lasts(scene, 80.0)
    assert scene.open == []
    assert scene.alerts[0].ending == "the circuit was removed"


def test_without_such_a_rule_circuits_cost_nothing() -> None:
    scene = Scene(("commander", rules()["commander"].defaults[0]))
    scene.farm.draws[1] = (_circuit(1), Draw(900.0, 4))
    assert scene.watch.not_rigs() == {0}
