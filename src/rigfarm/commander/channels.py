"""The names of the eight channels, as the pages and the senders both use them."""

from __future__ import annotations

from rigfarm.commander.kinds import KindName

__all__ = ["ALERTS", "INCIDENTS", "TOTALS", "VIEWS", "index", "operation_stats", "operation_stats_index", "rig"]

ALERTS = "alerts"
"""Inside the Commander only: something fired, was acknowledged, was resolved. Pages of alerts and the overview."""
INCIDENTS = "incidents"
"""Inside the Commander only: a limit acted. The page of limits and the overview follow it."""
TOTALS = "totals"
"""The key under which an operation-stats index channel carries the totals; its other keys are rig ids."""

VIEWS = "saved-views"
"""Inside the Commander only: a view was saved, changed or removed. Open indexes follow it."""


def index(kind: KindName) -> str:
    """Rigs of the kind come, change and go. Keys: rig ids."""
    return f"{kind}-mining-rig-index"


def operation_stats_index(kind: KindName) -> str:
    """Coalesced operational changes of the kind. Keys: rig ids and TOTALS."""
    return f"{kind}-mining-rig-index-operation-stats"


def rig(kind: KindName, rig_id: int) -> str:
    """One rig's data changes (name, specs, playbooks), or it goes."""
    return f"{kind}-mining-rig:{rig_id}"


def operation_stats(kind: KindName, rig_id: int) -> str:
    """One rig's operational changes."""
    return f"{kind}-mining-rig-operation-stats:{rig_id}"
