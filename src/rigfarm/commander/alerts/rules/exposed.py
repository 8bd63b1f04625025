"""A device that anyone on its network could take over: its factory password, or a control port that is open."""

from __future__ import annotations

from collections.abc import Iterable

from rigfarm.commander.alerts.engine.rule import Farm, Found, Rule, RuleForm
from rigfarm.commander.stats import RigStats
from rigfarm.commander.stats.condition import UP
from rigfarm.common.exposures import FACTORY_PASSWORD, WRITE_OPEN

_SAID = {
    "password": (FACTORY_PASSWORD, "it still has its factory password"),
    "commands": (WRITE_OPEN, "anyone on its network can give it commands"),
}
"""By part: what its Sentry says, and what the alert says."""


class Exposed(Rule[RuleForm]):
    """Farms have lost their hashrate to both."""

    title = "Open to anyone"
    about = "A device has its factory password, or takes commands from anyone on its network."
    form = RuleForm
    defaults = (RuleForm(name="Devices open to anyone"),)
    kinds = ("asic",)

    def bad(self, rig: RigStats, form: RuleForm, farm: Farm) -> Iterable[Found]:
        """What its Sentry found when it last looked."""
        messages = rig.log.messages if rig.log is not None else ()
        return [Found(words, part=part) for part, (said, words) in _SAID.items() if said in messages]

    def well(self, rig: RigStats, form: RuleForm, farm: Farm, part: str) -> bool:
        """It reports, and its Sentry says so no more."""
        return rig.log is not None and rig.condition.state in UP and _SAID[part][0] not in rig.log.messages


RULE = Exposed()
