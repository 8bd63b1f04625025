"""A rig's spool is full: its Sentry has to drop logs."""

from __future__ import annotations

from collections.abc import Iterable

from rigfarm.commander.alerts.engine.rule import Farm, Found, Rule, RuleForm
from rigfarm.commander.stats import RigStats
from rigfarm.units import counted

RECENT_MS = 600_000


class Spool(Rule[RuleForm]):
    """Known when the rig is connected again, and says what it lost."""

    title = "Logs dropped"
    about = "The rig's spool was full while it was cut off, or its disk is, and its Sentry had to drop logs."
    form = RuleForm
    defaults = (RuleForm(name="Spools that overflow"),)

    def bad(self, rig: RigStats, form: RuleForm, farm: Farm) -> Iterable[Found]:
        """Within the last ten minutes."""
        at = rig.dropped_ms
        if at is None or farm.now_ms - at >= RECENT_MS:
            return ()
        return (Found(f"its spool was full: {counted(rig.dropped, 'log')} lost", float(rig.dropped)),)

    def well(self, rig: RigStats, form: RuleForm, farm: Farm, part: str) -> bool:
        """Nothing was dropped for ten minutes."""
        return rig.dropped_ms is None or farm.now_ms - rig.dropped_ms >= RECENT_MS


RULE = Spool()
