"""A rig is gone: its link was lost, or it has fallen silent."""

from __future__ import annotations

from collections.abc import Iterable

from rigfarm.commander.alerts.engine.rule import Farm, Found, Rule, RuleForm
from rigfarm.commander.stats import RigStats
from rigfarm.commander.stats.condition import UP


class Offline(Rule[RuleForm]):
    """Without logs, what is known of a rig is that it is away."""

    title = "Offline"
    about = "The rig's Sentry lost its link, or is connected and reports nothing."
    form = RuleForm
    defaults = (RuleForm(name="Rigs that go offline", severity="critical"),)
    when = "known"

    def bad(self, rig: RigStats, form: RuleForm, farm: Farm) -> Iterable[Found]:
        """The state says it."""
        condition = rig.condition
        return (Found(f"offline: {condition.reason}"),) if condition.state == "offline" else ()

    def well(self, rig: RigStats, form: RuleForm, farm: Farm, part: str) -> bool:
        """It reports."""
        return rig.condition.state in UP

    def excuse(self, rig: RigStats, farm: Farm) -> str:
        """It was shut down or rebooted by an operator."""
        return farm.expected_offline(rig)


RULE = Offline()
