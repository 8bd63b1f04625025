"""What circuits would draw if rigs started to mine: as far as it is known what these drew when they last mined."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from rigfarm.commander.circuits.actions import Circuits
from rigfarm.commander.circuits.draw.sums import is_hashing, milliwatts_of
from rigfarm.commander.circuits.model import Circuit
from rigfarm.commander.names import name_sort
from rigfarm.commander.stats import RigStats
from rigfarm.units import counted, percent, power

__all__ = ["Forecast", "Level", "forecast", "warnings"]

Level = Literal["over-limit", "over-continuous", "unknown", "fine"]
_ORDER: tuple[Level, ...] = ("over-limit", "over-continuous", "unknown", "fine")
MOST_TOLD = 10
"""Circuits of which a dialog warns one by one."""


class Forecast(Struct, frozen=True):
    """One circuit, once these rigs mine."""

    circuit: Circuit
    now_w: float
    """W, at least."""
    then_w: float
    """W, at least."""
    unknown: int
    """Rigs of the circuit of which it is unknown what they will draw."""
    level: Level

    @property
    def words(self) -> str:
        """For people; empty when all is well."""
        if self.level == "fine":
            return ""
        form, unknown = self.circuit.form, counted(self.unknown, "rig")
        limit = f"its limit of {power(self.circuit.limit_w)}"
        now = f" ({power(self.now_w)} now)" if self.then_w > self.now_w else ""
        if self.level == "unknown":
            return (
                f"{self.circuit.name} would draw at least {power(self.then_w)}{now} of {limit}: it is unknown what "
                f"{unknown} will draw."
            )
        over = limit if self.level == "over-limit" else f"{percent(form.continuous)} of {limit}"
        least = "at least " if self.unknown else ""
        rest = f" The power of {unknown} is unknown." if self.unknown else ""
        return f"{self.circuit.name} would draw {least}{power(self.then_w)}{now}: more than {over}.{rest}"


class _Added:
    """What rigs add to one circuit."""

    def __init__(self, circuit: Circuit) -> None:
        self.circuit = circuit
        self.watts = 0.0
        self.unsure = 0
        """Rigs of which it is unknown what they will draw."""
        self.known = 0
        """Rigs whose power is unknown now and known then."""
        self.unknown = 0
        """Rigs whose power is known now and unknown then."""

    def add(self, rig: RigStats) -> None:
        if is_hashing(rig):
            return
        now, then = milliwatts_of(rig), rig.mined_w
        if then is None:
            self.unsure += 1
            self.unknown += now is not None
        else:
            self.known += now is None
            self.watts += max(then - (now or 0) / 1000, 0.0)


def forecast(circuits: Circuits, rig_ids: Iterable[int]) -> list[Forecast]:
    """Every circuit of these rigs, the worst first."""
    added: dict[int, _Added] = {}
    for rig_id in dict.fromkeys(rig_ids):
        circuit, rig = circuits.draws.feeding(rig_id), circuits.stats.rigs.get(rig_id)
        if circuit is not None and rig is not None:
            if (one := added.get(circuit.id)) is None:
                one = added[circuit.id] = _Added(circuit)
            one.add(rig)
    found = [_of(one, circuits) for one in added.values()]
    return sorted(found, key=lambda one: (_ORDER.index(one.level), name_sort(one.circuit.name)))


def _of(added: _Added, circuits: Circuits) -> Forecast:
    circuit, draw = added.circuit, circuits.draws.of(added.circuit.id)
    then_w, unknown = draw.watts + added.watts, max(draw.unknown - added.known, 0) + added.unknown
    level: Level = "unknown" if added.unsure else "fine"
    if then_w > circuit.limit_w:
        level = "over-limit"
    elif then_w > circuit.continuous_w:
        level = "over-continuous"
    return Forecast(circuit, draw.watts, then_w, unknown, level)


def warnings(circuits: Circuits, rig_ids: Iterable[int]) -> list[str]:
    """What to know before these rigs start to mine: a line for each circuit that would draw too much, or of which that
    is unknown; of many, the worst."""
    found = [one.words for one in forecast(circuits, rig_ids) if one.level != "fine"]
    more = len(found) - MOST_TOLD
    return [*found[:MOST_TOLD], f"And {counted(more, 'more circuit')}."] if more > 0 else found
