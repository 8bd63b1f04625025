"""Operational stats: the latest log of every rig and the running totals, in memory."""

from rigfarm.commander.stats.farm import FarmStats
from rigfarm.commander.stats.operational import OperationalStats
from rigfarm.commander.stats.rig_stats import RigStats
from rigfarm.commander.stats.totals import CoinTotals, Totals

__all__ = ["CoinTotals", "FarmStats", "OperationalStats", "RigStats", "Totals"]
