"""The names of the eight channels, as the pages and the senders both use them."""

from __future__ import annotations

from typing import Literal

__all__ = ["INCIDENTS", "TOTALS", "Kind", "index", "operation_stats", "operation_stats_index", "rig"]

Kind = Literal["cpu-gpu", "asic"]

INCIDENTS = "incidents"
"""Inside the Commander only: a limit acted. The page of limits and the overview follow it."""
TOTALS = "totals"
"""The key under which an operation-stats index channel carries the totals; its other keys are rig ids."""


def index(kind: Kind) -> str:
    """Rigs of the kind come, change and go. Keys: rig ids."""
    return f"{kind}-mining-rig-index"


def operation_stats_index(kind: Kind) -> str:
    """Coalesced operational changes of the kind. Keys: rig ids and TOTALS."""
    return f"{kind}-mining-rig-index-operation-stats"


def rig(kind: Kind, rig_id: int) -> str:
    """One rig's data changes (name, specs, playbooks), or it goes."""
    return f"{kind}-mining-rig:{rig_id}"


def operation_stats(kind: Kind, rig_id: int) -> str:
    """One rig's operational changes."""
    return f"{kind}-mining-rig-operation-stats:{rig_id}"
