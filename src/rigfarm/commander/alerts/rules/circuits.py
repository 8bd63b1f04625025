"""A circuit draws more than it may."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from rigfarm.commander.alerts.engine.rule import Farm, Found, Rule, RuleForm
from rigfarm.commander.alerts.model import circuit_in
from rigfarm.commander.circuits import Circuit
from rigfarm.commander.fields import form_field
from rigfarm.commander.numbers import read_percent, within, write_percent
from rigfarm.commander.stats import RigStats
from rigfarm.units import counted, percent, power

SLACK = 0.02
"""Of the limit: so much less than the mark is well again."""


class CircuitsForm(RuleForm, frozen=True, kw_only=True):
    """One mark."""

    above: Annotated[
        float | None,
        form_field(
            "More than (% of the limit)",
            "Empty: what each circuit may carry continuously.",
            group="limits",
            check=within(0.1, 1.5, "%", 100.0, optional=True),
            read=read_percent,
            write=write_percent,
            max_length=8,
        ),
    ] = None


class CircuitsOverloaded(Rule[CircuitsForm]):
    """About circuits, each by itself. Rigs whose power is unknown draw something: they begin no alert and end none."""

    title = "Circuit near its limit"
    about = "The rigs on a circuit draw more than it may carry continuously, or more than a share of its limit."
    form = CircuitsForm
    defaults = (
        CircuitsForm(name="Circuits over their continuous share", minutes=10.0, well_minutes=5.0),
        CircuitsForm(name="Circuits over their limit", severity="critical", minutes=1.0, well_minutes=5.0, above=1.0),
    )
    when = "circuit"

    def bad(self, rig: RigStats, form: CircuitsForm, farm: Farm) -> Iterable[Found]:
        """By the power that is known."""
        known = farm.circuit(circuit_in(rig.rig_id))
        if known is None:
            return ()
        circuit, draw = known
        if draw.watts <= _mark(circuit, form) * circuit.limit_w:
            return ()
        least = "at least " if draw.unknown else ""
        rest = f"; the power of {counted(draw.unknown, 'rig')} is unknown" if draw.unknown else ""
        share = percent(draw.watts / circuit.limit_w)
        said = f"draws {least}{power(draw.watts)}, {share} of its limit of {power(circuit.limit_w)}{rest}"
        return (Found(said, draw.watts),)

    def well(self, rig: RigStats, form: CircuitsForm, farm: Farm, part: str) -> bool:
        """Below the mark by some slack, also if rigs that are offline still draw what they last reported."""
        known = farm.circuit(circuit_in(rig.rig_id))
        if known is None:
            return False
        circuit, draw = known
        return draw.watts + draw.last_w <= (_mark(circuit, form) - SLACK) * circuit.limit_w

    def outdated(self, rig: RigStats, form: CircuitsForm, farm: Farm, part: str) -> str:
        """It was removed."""
        return "the circuit was removed" if farm.circuit(circuit_in(rig.rig_id)) is None else ""


def _mark(circuit: Circuit, form: CircuitsForm) -> float:
    """Of the limit."""
    return form.above or circuit.form.continuous or 1.0


RULE = CircuitsOverloaded()
