"""A rig mines at another pool, to another wallet or under another name than its playbooks say."""

from __future__ import annotations

from collections.abc import Iterable

from rigfarm.commander.alerts.engine.rule import Farm, Found, Rule, RuleForm
from rigfarm.commander.stats import RigStats


class Assigned(Rule[RuleForm]):
    """Only where both are known: what a playbook assigns, and what its program reports."""

    title = "Not what was assigned"
    about = "A program mines at another pool, to another wallet or under another worker's name than its playbook says."
    form = RuleForm
    defaults = (RuleForm(name="Wallet, pool or worker is another one", severity="critical", minutes=10.0),)
    kinds = ("cpu-gpu",)

    def bad(self, rig: RigStats, form: RuleForm, farm: Farm) -> Iterable[Found]:
        """Each by itself."""
        return [Found(text, None, what) for what, text in farm.not_as_assigned(rig)]

    def well(self, rig: RigStats, form: RuleForm, farm: Farm, part: str) -> bool:
        """It is as assigned, or nothing is assigned."""
        return farm.as_assigned(rig, part)


RULE = Assigned()
