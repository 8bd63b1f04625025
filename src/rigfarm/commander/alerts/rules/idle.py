"""A rig is up and mines nothing: no program runs, it failed, or its hashrate is zero."""

from __future__ import annotations

from collections.abc import Iterable

from rigfarm.commander.alerts.engine.rule import Farm, Found, Rule, RuleForm
from rigfarm.commander.stats import RigStats
from rigfarm.commander.stats.condition import in_rounds_by_workload, mines_nothing


class Idle(Rule[RuleForm]):
    """Also when the rig is too hot, which its state says first."""

    title = "Mining nothing"
    about = "The rig reports, but none of its programs has a hashrate."
    form = RuleForm
    defaults = (RuleForm(name="Rigs that mine nothing", severity="critical", minutes=3.0),)
    mining = True

    def bad(self, rig: RigStats, form: RuleForm, farm: Farm) -> Iterable[Found]:
        """Nothing hashes, and nothing is about to."""
        log = rig.log
        if log is None:
            return ()
        for workload in log.workloads:  # a rig that mines is the usual case: it ends here
            rate = workload.hashrate
            if rate is not None and rate > 0.0:
                return ()
        found = mines_nothing(log.workloads, in_rounds_by_workload(log.workloads, rig.mines_in_rounds))
        return () if found is None else (Found(found.reason, 0.0),)

    def well(self, rig: RigStats, form: RuleForm, farm: Farm, part: str) -> bool:
        """Something hashes."""
        return rig.log is not None and any((workload.hashrate or 0.0) > 0.0 for workload in rig.log.workloads)


RULE = Idle()
