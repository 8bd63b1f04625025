"""Circuits as pages show them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

from msgspec import Struct

from rigfarm.commander.asked import known_names, short_text
from rigfarm.commander.circuits.actions import Circuits
from rigfarm.commander.circuits.draw.sums import milliwatts_of
from rigfarm.commander.circuits.model import Circuit
from rigfarm.commander.kinds import KINDS
from rigfarm.commander.names import name_sort
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.rigs.view.labels import condition
from rigfarm.units import Quantity, percent, power

__all__ = ["LIST_PARAMS", "Bar", "CircuitRow", "asked_words", "circuit_page", "listing", "row"]

LIST_PARAMS = ("q",)
MAX_WORDS = 64
BRIEF = 12
"""Circuits on the page of places; where there are more, those nearest to their limit."""
LISTED_RIGS = 200


class Bar(Struct, frozen=True):
    """How much of a limit is drawn, in percent of what the bar shows: a tenth more than the limit."""

    drawn: float
    continuous: float
    limit: float


class CircuitRow(Struct, frozen=True):
    """A circuit in a list."""

    id: int
    name: str
    href: str
    draw: Quantity
    least: bool
    """Whether it draws more than that, because of rigs whose power is unknown."""
    limit: Quantity
    share: str
    """Of the limit."""
    tone: str
    shape: str
    word: str
    bar: Bar | None
    rigs: int
    links: tuple[tuple[str, str], ...]
    """Rigs of each kind, and where they are listed."""
    unknown: int
    places: tuple[str, ...]


class RigLine(Struct, frozen=True):
    """A rig on a circuit's page."""

    name: str
    href: str
    place: str
    power: Quantity
    state: str


def asked_words(params: Mapping[str, str]) -> str:
    """What the list's URL searches for. NotUnderstood."""
    known_names(params, LIST_PARAMS)
    return short_text(params, "q", MAX_WORDS)


def row(circuit: Circuit, circuits: Circuits) -> CircuitRow:
    """With what it draws now."""
    draw = circuits.draws.of(circuit.id)
    watts = draw.known_w
    tone, shape, word = _level(watts, circuit)
    search = condition("circuit", circuit.name)
    return CircuitRow(
        circuit.id,
        circuit.name,
        circuit.href,
        power(watts),
        watts is not None and draw.unknown > 0,
        power(circuit.limit_w),
        "" if watts is None else str(percent(watts / circuit.limit_w)),
        tone,
        shape,
        word,
        None if watts is None else _bar(watts, circuit),
        draw.rigs,
        tuple(
            (KINDS[kind].counted(number), f"{KINDS[kind].path}?{urlencode({'q': search})}")
            for kind, number in circuits.draws.kinds.get(circuit.id, {}).items()
        ),
        draw.unknown,
        tuple(circuit.form.places),
    )


def _level(watts: float | None, circuit: Circuit) -> tuple[str, str, str]:
    if watts is None:
        return "calm", "ring", "unknown"
    if watts > circuit.limit_w:
        return "bad", "up", "over its limit"
    if watts > circuit.continuous_w:
        return "warn", "diamond", f"over {percent(circuit.form.continuous)}"
    return "", "dot", "fine"


def _bar(watts: float, circuit: Circuit) -> Bar:
    whole = 1.1 * circuit.limit_w
    return Bar(
        round(min(watts / whole, 1.0) * 100, 1), round(circuit.continuous_w / whole * 100, 1), round(100 / 1.1, 1)
    )


_TONES = ("bad", "warn", "", "calm")


def listing(circuits: Circuits, q: str = "", *, brief: bool = False) -> dict[str, Any]:
    """Context of the list: those that draw too much first, then those nearest to their limit. `brief`: only so many."""
    found = sorted(circuits.listed(q), key=lambda one: _urgency(one, circuits))
    rows = [row(one, circuits) for one in (found[:BRIEF] if brief else found)]
    return {"rows": rows, "all": len(found), "any": bool(circuits.circuits), "q": q}


def _urgency(circuit: Circuit, circuits: Circuits) -> tuple[int, int]:
    """What it is sorted by, before its name; in steps, so that rows change places seldom."""
    watts = circuits.draws.of(circuit.id).known_w
    tone, _, _ = _level(watts, circuit)
    return _TONES.index(tone), -int(10 * (watts or 0.0) / circuit.limit_w)


def circuit_page(circuits: Circuits, circuit_id: int) -> dict[str, Any]:
    """Context of a circuit's page. Absent."""
    circuit = circuits.get(circuit_id)
    rigs = [rig for rig in circuits.rigs.rigs.values() if circuits.draws.feeding(rig.id) is circuit]
    lines = sorted(_lines(circuits, rigs), key=lambda one: (one[0], one[1]))
    return {
        "circuit": circuit,
        "row": row(circuit, circuits),
        "continuous": power(circuit.continuous_w),
        "share": percent(circuit.form.continuous),
        "places": [_place(place, rigs, circuits, circuit) for place in circuit.form.places],
        "rigs": [line for *_, line in lines[:LISTED_RIGS]],
        "more": max(len(lines) - LISTED_RIGS, 0),
    }


def _lines(circuits: Circuits, rigs: Iterable[Rig]) -> Iterable[tuple[bool, tuple[str | int, ...], RigLine]]:
    """(whether its power is known, what it is sorted by, the rig)"""
    for rig in rigs:
        stats = circuits.stats.rigs.get(rig.id)
        if stats is not None:
            milliwatts = milliwatts_of(stats)
            drawn = power(None if milliwatts is None else milliwatts / 1000)
            line = RigLine(rig.name, rig.href, rig.place, drawn, stats.condition.word or stats.condition.state)
            yield milliwatts is not None, name_sort(rig.name), line


def _place(place: str, rigs: Iterable[Rig], circuits: Circuits, circuit: Circuit) -> tuple[str, int, list[str]]:
    """(place, rigs of the circuit there, other circuits that feed places within it)"""
    key = f"{place.casefold()}/"
    there = sum(f"{rig.place.casefold()}/".startswith(key) for rig in rigs)
    others = [
        other.name
        for other in circuits.listed()
        if other is not circuit and any(one.casefold().startswith(key) for one in other.form.places)
    ]
    return place, there, others
