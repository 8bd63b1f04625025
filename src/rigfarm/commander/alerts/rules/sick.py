"""Something is wrong with a rig, and no other rule says anything of it."""

from __future__ import annotations

from collections.abc import Iterable

from rigfarm.commander.alerts.engine.rule import Farm, Found, Rule, RuleForm
from rigfarm.commander.stats import RigStats


class Sick(Rule[RuleForm]):
    """So that a rule that is switched off, or was never made, hides nothing."""

    title = "Needs attention, and no rule"
    about = "A rig needs attention, and no other rule has found anything on it."
    form = RuleForm
    defaults = (RuleForm(name="Sick without any rule", minutes=15.0),)
    when = "known"
    last = True

    def bad(self, rig: RigStats, form: RuleForm, farm: Farm) -> Iterable[Found]:
        """Its state needs attention."""
        condition = rig.condition
        return (Found(condition.reason or condition.state),) if condition.severity else ()

    def well(self, rig: RigStats, form: RuleForm, farm: Farm, part: str) -> bool:
        """Its state is fine."""
        return not rig.condition.severity

    def excuse(self, rig: RigStats, farm: Farm) -> str:
        """It is away on purpose."""
        return farm.expected_offline(rig)


RULE = Sick()
