"""Metrics for Prometheus: the farm, its rigs, and the Commander itself."""

from rigfarm.commander.metrics.actions import Metrics
from rigfarm.commander.metrics.api import api_routes
from rigfarm.commander.noun import Noun

__all__ = ["Metrics", "noun"]


def noun(metrics: Metrics) -> Noun:
    """Its door."""
    return Noun(routes=api_routes, parts={"metrics": metrics}, close=metrics.close)
