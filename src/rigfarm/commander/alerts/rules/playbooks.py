"""A playbook failed on a rig, or its program is restarted again and again."""

from __future__ import annotations

from collections.abc import Iterable

from rigfarm.commander.alerts.engine.rule import Farm, Found, Rule, RuleForm, part_name
from rigfarm.commander.stats import RigStats

_BAD = {"failed": "failed", "backing-off": "keeps failing and waits before it is restarted"}
_UNKNOWN = ("queued", "offline")


class PlaybookTrouble(Rule[RuleForm]):
    """As the rig's Sentry says."""

    title = "Playbook failed"
    about = "A playbook failed on a rig, or its mining program ends again and again."
    form = RuleForm
    defaults = (RuleForm(name="Playbooks that fail", minutes=2.0, well_minutes=5.0),)
    kinds = ("cpu-gpu",)

    def bad(self, rig: RigStats, form: RuleForm, farm: Farm) -> Iterable[Found]:
        """Each playbook by itself."""
        return [
            Found(f"{name} {_BAD[state]}{f': {detail}' if detail else ''}", None, name)
            for name, state, detail in farm.playbook_states(rig.rig_id)
            if state in _BAD
        ]

    def well(self, rig: RigStats, form: RuleForm, farm: Farm, part: str) -> bool:
        """It mines, was stopped, or was removed from the rig."""
        states = {part_name(name): state for name, state, _ in farm.playbook_states(rig.rig_id)}
        return part not in states or states[part] in ("mining", "stopped")


RULE = PlaybookTrouble()
