"""A pool of an ASIC does not answer."""

from __future__ import annotations

from collections.abc import Iterable

from rigfarm.commander.alerts.engine.rule import Farm, Found, Rule, RuleForm, part_name
from rigfarm.commander.stats import RigStats


class Pools(Rule[RuleForm]):
    """As the device says of the pools it is set to."""

    title = "Pool does not answer"
    about = "An ASIC says that one of its pools is dead: the one it should mine at, or a spare one."
    form = RuleForm
    defaults = (RuleForm(name="Pools that do not answer", minutes=5.0),)
    kinds = ("asic",)

    def bad(self, rig: RigStats, form: RuleForm, farm: Farm) -> Iterable[Found]:
        """Each pool by itself."""
        log = rig.log
        if log is None:
            return ()
        return [
            Found(f"pool {at + 1}, {pool.url}, does not answer", None, pool.url)
            for at, pool in enumerate(log.pools)
            if pool.alive is False
        ]

    def well(self, rig: RigStats, form: RuleForm, farm: Farm, part: str) -> bool:
        """It answers, or is no longer one of the device's pools."""
        if rig.log is None or not rig.log.pools:
            return False
        mine = [pool for pool in rig.log.pools if part_name(pool.url) == part]
        return not mine or any(pool.alive for pool in mine)


RULE = Pools()
