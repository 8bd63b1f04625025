"""A rig draws more, or less, than it should."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Annotated

from rigfarm.commander.alerts.engine.rule import Farm, Found, Rule, RuleForm, number_field
from rigfarm.commander.stats import RigStats

MOST_W = 1e6
SLACK = 0.02
"""Of a limit, or a quarter of what is between both limits."""


class PowerForm(RuleForm, frozen=True, kw_only=True):
    """Both limits are the operator's to set."""

    above: Annotated[float | None, number_field("More than (W)", 1, MOST_W, "W", optional=True)] = None
    below: Annotated[float | None, number_field("Less than (W)", 1, MOST_W, "W", optional=True)] = None


class Power(Rule[PowerForm]):
    """Of the whole rig."""

    title = "Power"
    about = "The rig draws more power than it may, or less than it should."
    form = PowerForm
    defaults = (PowerForm(name="Power out of its range", on=False, minutes=5.0),)

    def bad(self, rig: RigStats, form: PowerForm, farm: Farm) -> Iterable[Found]:
        """As the log says it."""
        watts = _watts(rig)
        if watts is None:
            return ()
        if form.above is not None and watts > form.above:
            return (Found(f"draws {watts:,.0f} W, more than {form.above:,.0f} W", watts),)
        if form.below is not None and watts < form.below:
            return (Found(f"draws {watts:,.0f} W, less than {form.below:,.0f} W", watts),)
        return ()

    def well(self, rig: RigStats, form: PowerForm, farm: Farm, part: str) -> bool:
        """Within both limits by some slack."""
        watts = _watts(rig)
        if watts is None:
            return False
        room = math.inf if form.above is None or form.below is None else (form.above - form.below) / 4
        high = form.above is None or watts <= form.above - min(SLACK * form.above, room)
        return high and (form.below is None or watts >= form.below + min(SLACK * form.below, room))


def _watts(rig: RigStats) -> float | None:
    watts = None if rig.log is None else rig.log.power_w
    return watts if watts is not None and 0.0 <= watts < MOST_W else None


RULE = Power()
