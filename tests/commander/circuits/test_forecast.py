"""Before rigs start to mine, it is said what their circuits would draw then, and of whom that is unknown."""

from __future__ import annotations

from typing import Any

from rigfarm.commander.circuits import forecast
from rigfarm.commander.circuits.draw.forecast import MOST_TOLD, warnings


async def _stopped(farm: Any, name: str, mined_w: float | None, idle_w: float | None = 50.0) -> None:
    """The rig mines nothing, and drew so much when it last did."""
    if mined_w is not None:
        farm.report(name, mined_w)
        await farm.circuits.draws.add_up()
    farm.report(name, idle_w, hashrate=None)
    await farm.circuits.draws.add_up()


async def test_what_rigs_drew_when_they_last_mined_is_added_to_what_is_drawn_now(farm: Any) -> None:
    await farm.add(dict.fromkeys(("mines", "idle", "gone"), "hall") | {"elsewhere": "shed"})
    circuit = await farm.circuit("PDU-1", 2500, "hall")
    farm.report("mines", 800.0)
    await _stopped(farm, "idle", 900.0)
    await _stopped(farm, "gone", 700.0)
    farm.lose("gone")
    await farm.circuits.draws.add_up()
    (one,) = forecast(farm.circuits, farm.on("mines", "idle", "elsewhere"))
    assert (one.circuit, one.now_w, one.then_w, one.unknown) == (circuit, 850.0, 1700.0, 1)
    assert (one.level, one.words) == ("fine", "")
    (one,) = forecast(farm.circuits, farm.on("mines", "idle", "gone", "gone"))
    assert (one.then_w, one.unknown, one.level) == (2400.0, 0, "over-continuous")
    assert one.words == "PDU-1 would draw 2.400 kW (850 W now): more than 80 % of its limit of 2.500 kW."


async def test_over_the_limit_is_said_and_that_others_are_unknown(farm: Any) -> None:
    await farm.add(dict.fromkeys(("a", "b", "new"), "hall"))
    await farm.circuit("PDU-1", 1000, "hall")
    await _stopped(farm, "a", 600.0)
    await _stopped(farm, "b", 600.0)
    assert warnings(farm.circuits, farm.on("a", "b")) == [
        "PDU-1 would draw at least 1.200 kW (100 W now): more than its limit of 1.000 kW. "
        "The power of 1 rig is unknown."
    ]


async def test_rigs_that_never_mined_here_are_said_to_be_unknown(farm: Any) -> None:
    await farm.add(dict.fromkeys(("a", "b", "mute"), "hall"))
    await farm.circuit("PDU-1", 1000, "hall")
    await _stopped(farm, "a", None)
    farm.report("mute", None)
    await farm.circuits.draws.add_up()
    assert warnings(farm.circuits, farm.on("mute")) == [], "it mines already"
    assert warnings(farm.circuits, farm.on("a", "b")) == [
        "PDU-1 would draw at least 50 W of its limit of 1.000 kW: it is unknown what 3 rigs will draw."
    ]


async def test_rigs_without_a_circuit_have_no_forecast_and_many_circuits_are_told_in_brief(farm: Any) -> None:
    names = [f"rig-{at}" for at in range(MOST_TOLD + 3)]
    await farm.add({name: f"rack-{name}" for name in names})
    assert forecast(farm.circuits, farm.on(*names)) == []
    for name in names:
        await farm.circuit(f"PDU of {name}", 100, f"rack-{name}")
        await _stopped(farm, name, 300.0)
    said = warnings(farm.circuits, farm.on(*names))
    assert (len(said), said[-1]) == (MOST_TOLD + 1, "And 3 more circuits.")
