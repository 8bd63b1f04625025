"""What an operator told a rig had no effect on it, or did not last."""

from __future__ import annotations

from collections.abc import Iterable

from rigfarm.commander.alerts.engine.rule import Farm, Found, Rule, RuleForm
from rigfarm.commander.stats import RigStats


class Effects(Rule[RuleForm]):
    """As checks of telemetry show, 5 and 30 minutes after a command or a playbook."""

    title = "Command without effect"
    about = "A rig accepted a command or a playbook, and its telemetry shows no effect, or that it was reverted."
    form = RuleForm
    defaults = (RuleForm(name="Commands without effect, or reverted"),)
    when = "known"

    def bad(self, rig: RigStats, form: RuleForm, farm: Farm) -> Iterable[Found]:
        """Each by itself."""
        return [Found(text, None, what) for what, text in farm.not_in_effect(rig.rig_id)]

    def well(self, rig: RigStats, form: RuleForm, farm: Farm, part: str) -> bool:
        """A later check, or a newer command about the same, is fine."""
        return farm.in_effect(rig.rig_id, part) is True

    def outdated(self, rig: RigStats, form: RuleForm, farm: Farm, part: str) -> str:
        """It is not watched any more."""
        return "the command is a day old, or was replaced" if farm.in_effect(rig.rig_id, part) is None else ""


RULE = Effects()
