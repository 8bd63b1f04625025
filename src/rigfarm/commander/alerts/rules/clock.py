"""A rig's clock is wrong: its logs have times that cannot be."""

from __future__ import annotations

from collections.abc import Iterable

from rigfarm.commander.alerts.engine.rule import Farm, Found, Rule, RuleForm
from rigfarm.commander.stats import RigStats
from rigfarm.units import counted

RECENT_MS = 600_000


class Clock(Rule[RuleForm]):
    """Sentries stamp logs with the Commander's time: one that does not is broken, or stood still for long."""

    title = "Clock wrong"
    about = "The rig sends logs whose time cannot be right; they are not stored."
    form = RuleForm
    defaults = (RuleForm(name="Clocks that are wrong", minutes=1.0),)

    def bad(self, rig: RigStats, form: RuleForm, farm: Farm) -> Iterable[Found]:
        """Within the last ten minutes."""
        at = rig.untimely_ms
        if at is None or farm.now_ms - at >= RECENT_MS:
            return ()
        return (Found(f"its clock is wrong: {counted(rig.untimely, 'log')} not stored", float(rig.untimely)),)

    def well(self, rig: RigStats, form: RuleForm, farm: Farm, part: str) -> bool:
        """All times were right for ten minutes."""
        return rig.untimely_ms is None or farm.now_ms - rig.untimely_ms >= RECENT_MS


RULE = Clock()
