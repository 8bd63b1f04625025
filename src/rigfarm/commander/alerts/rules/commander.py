"""The Commander itself does not work as it should: its disk, its journal, its history, or another part."""

from __future__ import annotations

from collections.abc import Iterable

from rigfarm.commander.alerts.engine.rule import Farm, Found, Rule, RuleForm, part_name
from rigfarm.commander.stats import RigStats


class CommanderTrouble(Rule[RuleForm]):
    """About no rig."""

    title = "Commander in trouble"
    about = "A part of the Commander does not work (storing logs, history, …), or its disk is nearly full."
    form = RuleForm
    defaults = (RuleForm(name="The Commander itself", severity="critical", minutes=1.0),)
    when = "farm"

    def bad(self, rig: RigStats, form: RuleForm, farm: Farm) -> Iterable[Found]:
        """Each part by itself."""
        return [Found(f"{part}: {why}" if why else part, None, part) for part, why in farm.troubles()]

    def well(self, rig: RigStats, form: RuleForm, farm: Farm, part: str) -> bool:
        """It works."""
        return all(part_name(name) != part for name, _ in farm.troubles())


RULE = CommanderTrouble()
