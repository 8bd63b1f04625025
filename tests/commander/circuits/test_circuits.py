"""A circuit is kept as it was entered, feeds the right rigs, and draws what is known of them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rigfarm.commander.circuits import Circuit, Circuits
from rigfarm.commander.circuits.draw.sums import MINED_FADES_S
from rigfarm.commander.circuits.model import MAX_CIRCUITS, MAX_PLACES, CircuitForm, Feeds, read_limit
from rigfarm.commander.fields import read_form, texts_of
from rigfarm.commander.live import Hub
from rigfarm.commander.refusals import Absent, ChangedMeanwhile, Conflict, Invalid
from rigfarm.commander.rigs.listing.query import IndexQuery
from rigfarm.commander.rigs.model import Relabel
from rigfarm.commander.stats import remembered
from rigfarm.commander.storage import Storage
from rigfarm.commander.supervised import Parts, Work
from support.until import until


@pytest.mark.parametrize(
    ("text", "watts"),
    [
        ("3680", 3680.0), ("3680 W", 3680.0), ("3.68 kW", 3680.0), ("0.5MW", 5e5), ("16 A × 230 V", 3680.0),
        ("230V x 16A", 3680.0), ("3 × 32 A × 230 V", 22_080.0), ("3*30a*120v", 10_800.0), ("2 x 30 A x 120 V", 7_200.0),
        ("16,5 A * 230 V", 3_795.0), ("  ", None),
    ],
)  # fmt: skip
def test_a_limit_is_a_power_or_amps_times_volts(text: str, watts: float | None) -> None:
    assert read_limit(text) == watts


@pytest.mark.parametrize(
    "text",
    ["many", "16 A", "16 A ×", "16 A × 230 A", "4 × 16 A × 230 V", "16 × 230", "3 × 16 V × 230 V", "1 × 2 × 3 × 4",
     "16 A × 230 V × 3 phases", "9" * 400, "× ×"],
)  # fmt: skip
def test_what_is_no_power_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(Invalid, match="for example"):
        read_limit(text)


@pytest.mark.parametrize("volts", [200, 208, 380, 400, 415, 480])
def test_the_voltage_between_two_phases_is_not_multiplied_by_three(volts: int) -> None:
    with pytest.raises(Invalid, match="between a phase and neutral"):
        read_limit(f"3 × 32 A × {volts} V")
    assert read_limit(f"32 A × {volts} V") == 32 * volts


@given(st.floats(1.0, 1e7), st.lists(st.sampled_from(["a", "b/c", "hall 1/rack-2"]), min_size=1, unique=True))
def test_a_form_reads_what_it_writes(limit_w: float, places: list[str]) -> None:
    form = CircuitForm(name="PDU", limit_w=limit_w, places=places)
    again = read_form(CircuitForm, texts_of(form))
    assert again.places == places
    assert again.limit_w == pytest.approx(limit_w, rel=1e-9)


LEVELS = st.sampled_from(["a", "A", "b", "c"])
PLACES = st.lists(LEVELS, max_size=4).map("/".join)


@given(st.lists(st.tuples(PLACES.filter(bool), st.integers(1, 5)), max_size=12), PLACES)
def test_the_smallest_place_around_a_rig_decides(fed: list[tuple[str, int]], place: str) -> None:
    by_key = {key.casefold(): number for key, number in fed}
    places: dict[int, list[str]] = {}
    for key, number in by_key.items():
        places.setdefault(number, []).append(key)
    circuits = [Circuit(number, CircuitForm(name="x", places=its), 1, 0, 0) for number, its in places.items()]
    found = Feeds(circuits).of(place)
    levels = place.casefold().split("/") if place else []
    around = ["/".join(levels[:depth]) for depth in range(1, len(levels) + 1)]
    deepest = next((by_key[one] for one in reversed(around) if one in by_key), None)
    assert (found.id if found else None) == deepest


async def test_a_circuit_outlasts_a_restart(farm: Any, storage: Storage, hub: Hub) -> None:
    made = await farm.circuits.create(
        CircuitForm(name=" PDU  3 ", limit_w=3680, places=["hall 1 / rack-2", "Hall 1/rack-2", "b"], notes="left\n")
    )
    assert made.form == CircuitForm(name="PDU 3", limit_w=3680.0, places=["hall 1/rack-2", "b"], notes="left")
    again = Circuits(storage, hub, farm.book, farm.stats)
    await again.load()
    assert again.listed() == [made]
    assert again.listed("RACK-2") == [made]
    assert again.listed("rack-3") == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""), ("name", 'PDU "3"'), ("name", "a,b"), ("name", "a*"), ("name", "x" * 65), ("limit_w", None),
        ("limit_w", 0.5), ("limit_w", 2e7), ("limit_w", float("nan")), ("continuous", 0.0), ("continuous", 1.1),
        ("continuous", None), ("places", []), ("places", [" / "]), ("places", ["a?"]),
        ("places", [f"rack-{number}" for number in range(MAX_PLACES + 1)]), ("notes", "x" * 2_001),
    ],
)  # fmt: skip
async def test_what_cannot_be_is_refused_by_its_field(farm: Any, field: str, value: object) -> None:
    values = {"name": "PDU-3", "limit_w": 3680.0, "places": ["a"]} | {field: value}
    with pytest.raises(Invalid) as refused:
        await farm.circuits.create(CircuitForm(**values))
    assert list(refused.value.fields) == [field]
    assert farm.circuits.listed() == []


async def test_a_name_and_a_place_belong_to_one_circuit(farm: Any) -> None:
    one = await farm.circuit("PDU-1", 1000, "hall/rack-1", "hall/rack-2")
    with pytest.raises(Conflict) as refused:
        await farm.circuit("pdu-1", 1000, "elsewhere")
    assert list(refused.value.fields) == ["name"]
    with pytest.raises(Conflict, match="fed by PDU-1") as refused:
        await farm.circuit("PDU-2", 1000, "HALL/rack-2")
    assert list(refused.value.fields) == ["places"]
    two = await farm.circuit("PDU-2", 1000, "hall")
    with pytest.raises(Conflict):
        await farm.circuits.change(two.id, CircuitForm(name="PDU-2", limit_w=1000, places=["hall/rack-1"]))
    assert await farm.circuits.change(one.id, one.form) is one


async def test_who_saw_an_older_circuit_does_not_replace_it(farm: Any) -> None:
    one = await farm.circuit("PDU-1", 1000, "hall")
    await farm.circuits.change(one.id, CircuitForm(name="PDU-1", limit_w=2000, places=["hall"]), one.revision)
    with pytest.raises(ChangedMeanwhile):
        await farm.circuits.change(one.id, CircuitForm(name="mine", limit_w=1, places=["hall"]), one.revision)
    await farm.circuits.remove(one.id)
    with pytest.raises(Absent):
        farm.circuits.get(one.id)
    with pytest.raises(Absent):
        await farm.circuits.remove(one.id)


async def test_there_are_not_too_many(farm: Any) -> None:
    for number in range(MAX_CIRCUITS):
        farm.circuits.circuits[-number] = Circuit(-number, CircuitForm(name=f"c{number}"), 1, 0, 0)
    with pytest.raises(Conflict, match="maximum"):
        await farm.circuit("one more", 1000, "hall")


async def test_unknown_power_is_not_zero(farm: Any) -> None:
    await farm.add(
        {"mining": "hall/1", "mute": "hall/2", "gone": "hall/3", "new": "hall/4", "off": "hall", "other": ""}
    )
    circuit = await farm.circuit("PDU-1", 1000, "hall")
    assert (await farm.draw(circuit)).known_w is None, "nobody has said anything yet"
    farm.report("mining", 300.5)
    farm.report("mute", None)
    farm.report("gone", 250.0)
    farm.report("other", 999.0)
    farm.report("off", 77.0)
    farm.stats.rigs[farm.ids["off"]].off = "shut down"
    assert (await farm.draw(circuit)).watts == 627.5
    farm.lose("gone")
    farm.lose("off")
    draw = await farm.draw(circuit)
    assert (draw.watts, draw.known_w, draw.rigs, draw.unknown, draw.last_w) == (300.5, 300.5, 5, 3, 250.0)
    assert farm.circuits.draws.kinds[circuit.id] == {"cpu-gpu": 5}


async def test_an_empty_circuit_draws_nothing(farm: Any) -> None:
    assert (await farm.draw(await farm.circuit("PDU-1", 1000, "hall"))).known_w == 0.0


async def test_sums_are_those_of_brute_force(farm: Any) -> None:
    """Places, nested circuits and rigs in all states, compared with the plainest way to add them up."""
    places = [f"h{at % 3}/r{at % 5}" if at % 7 else "" for at in range(60)]
    await farm.add({f"rig-{at}": place for at, place in enumerate(places)})
    for at in range(60):
        if at % 4:
            farm.report(f"rig-{at}", None if at % 9 == 0 else 100.0 + at / 8)
        if at % 6 == 5:
            farm.lose(f"rig-{at}")
    circuits = [
        await farm.circuit("hall", 5e3, "h0", "H1"), await farm.circuit("rack", 1e3, "h0/r1", "h1/r4", "h2/r0"),
        await farm.circuit("shelf", 1e3, "h0/r1/s1"),
    ]  # fmt: skip
    owner = {"h0/r1": "rack", "h1/r4": "rack", "h2/r0": "rack"}
    for circuit in circuits:
        mine = [
            at for at, place in enumerate(places)
            if owner.get(place, "hall" if place[:2] in ("h0", "h1") else "") == circuit.name
        ]  # fmt: skip
        known = [100.0 + at / 8 for at in mine if at % 4 and at % 9 and at % 6 != 5]
        draw = await farm.draw(circuit)
        assert (draw.rigs, draw.unknown, draw.watts) == (len(mine), len(mine) - len(known), sum(known))


async def test_a_search_finds_the_rigs_of_a_circuit_by_its_name_of_now(farm: Any) -> None:
    await farm.add({"a": "hall/1", "b": "hall/2", "c": "shed"})
    one = await farm.circuit("PDU 1", 1000, "hall")
    two = await farm.circuit("PDU 2", 1000, "hall/2")

    def found(search: str) -> set[int]:
        return set(farm.rig_list.sorted_ids(IndexQuery("cpu-gpu", q=search)))

    assert found('circuit:"PDU 1"') == set(farm.on("a"))
    assert found('circuit:"pdu *"') == set(farm.on("a", "b"))
    assert found("-circuit:*") == set(farm.on("c"))
    assert farm.circuits.names() == ("PDU 1", "PDU 2")
    await farm.circuits.remove(two.id)
    await farm.circuits.change(one.id, CircuitForm(name="north", limit_w=1000, places=["hall"]))
    assert found("circuit:north") == set(farm.on("a", "b"))
    await farm.book.relabel(farm.on("c"), Relabel(place="hall/9"))
    await farm.circuits.draws.add_up()
    assert found("circuit:north") == set(farm.on("a", "b", "c"))


async def test_sums_follow_by_themselves_and_viewers_are_told(farm: Any, hub: Hub) -> None:
    await farm.add({"a": "hall"})
    circuit = await farm.circuit("PDU-1", 1000, "hall")
    farm.report("a", 321.0)
    parts = Parts()
    async with parts.running(Work("power of circuits", farm.circuits.draws.run)):
        await until(lambda: farm.circuits.draws.of(circuit.id).watts == 321.0, "the sum has the rig")


async def test_circuits_that_change_while_sums_are_made_have_sums_of_now(farm: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("rigfarm.commander.circuits.draw.sums.SLICE", 1)
    await farm.add({f"rig-{at}": "hall" for at in range(9)})
    for at in range(9):
        farm.report(f"rig-{at}", 10.0)
    one = await farm.circuit("PDU-1", 1000, "hall")
    under_way = asyncio.create_task(farm.circuits.draws.add_up())
    await asyncio.sleep(0)
    await farm.circuits.remove(one.id)
    two = await farm.circuit("PDU-2", 1000, "hall")
    await under_way
    assert farm.circuits.draws.of(two.id).watts == 90.0
    assert {rig.circuit for rig in farm.stats.rigs.values()} == {"PDU-2"}


async def test_what_a_rig_drew_while_it_mined_is_remembered_through_a_restart(farm: Any, monkeypatch: Any) -> None:
    now = [1_000.0]
    monkeypatch.setattr("rigfarm.commander.circuits.draw.sums.time.monotonic", lambda: now[0])
    await farm.add({"a": "hall"})
    rig = farm.stats.rigs[farm.ids["a"]]
    farm.report("a", 40.0, hashrate=None)
    await farm.circuits.draws.add_up()
    assert rig.mined_w is None
    farm.report("a", 900.0)
    await farm.circuits.draws.add_up()
    farm.report("a", 80.0)
    now[0] += 10.0
    await farm.circuits.draws.add_up()
    assert 895.0 < rig.mined_w < 900.0, "its last hashrate is shown for a while after it stopped"
    farm.report("a", 40.0, hashrate=None)
    now[0] += 3 * MINED_FADES_S
    await farm.circuits.draws.add_up()
    assert rig.mined_w > 895.0, "it fades only while it mines"
    farm.report("a", 500.0)
    await farm.circuits.draws.add_up()
    for _ in range(40):
        now[0] += MINED_FADES_S / 4
        await farm.circuits.draws.add_up()
    assert rig.mined_w == pytest.approx(500.0, abs=1.0)
    state = remembered.remember(farm.stats)()
    rig.mined_w = None
    rig.counted = False
    assert remembered.restore(farm.stats, state, ()) == []
    assert rig.mined_w == pytest.approx(500.0, abs=1.0)
