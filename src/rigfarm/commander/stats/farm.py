"""The stats of a farm as pages know it, of now or of another time."""

from __future__ import annotations

from rigfarm.commander.kinds import KINDS, KindName
from rigfarm.commander.stats.day import Day
from rigfarm.commander.stats.lately import Lately
from rigfarm.commander.stats.rig_stats import RigStats
from rigfarm.commander.stats.totals import Totals

__all__ = ["FarmStats"]


class FarmStats:
    """Each rig and the totals of each kind. Nothing happens to them by themselves."""

    def __init__(self, interval_s: float) -> None:
        self.rigs: dict[int, RigStats] = {}
        self.totals: dict[KindName, Totals] = {kind: Totals() for kind in KINDS}
        self.days: dict[KindName, Day] = {kind: Day() for kind in KINDS}
        """The last 24 hours, for the sparklines."""
        self.lately: dict[KindName, Lately] = {kind: Lately() for kind in KINDS}
        self.interval_s = interval_s

    @property
    def sick(self) -> dict[KindName, int]:
        """How many rigs of each kind need attention."""
        return {kind: totals.sick.total() for kind, totals in self.totals.items()}

    def follow(self) -> set[int]:
        """A set that the ids of rigs are put into whenever they change; its owner takes them out."""
        return set()

    def recall(self, rig: RigStats) -> None:
        """A rig as it was, in stats of another time."""
        self.rigs[rig.rig_id] = rig
        self.totals[rig.kind].change_state(None, rig.condition)
        if rig.counted:
            self.totals[rig.kind].add(rig.contribution, 1)
