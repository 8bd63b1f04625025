"""The maintenance of a rig, as its page shows it."""

from __future__ import annotations

from msgspec import Struct

from rigfarm.commander.rigs.model import Maintenance
from rigfarm.common.clock import iso
from rigfarm.units import duration

__all__ = ["MaintenanceView", "maintenance_view"]


class MaintenanceView(Struct, frozen=True):
    """Since when, by whom, why, and for how long still; what is not known is empty."""

    by: str
    reason: str
    since_iso: str
    since: str
    until_iso: str
    left: str


def maintenance_view(said: Maintenance | None, now_ms: int) -> MaintenanceView | None:
    """None for a rig that is not in maintenance."""
    if said is None:
        return None
    left = "" if said.until is None else duration(max(said.until - now_ms, 0) / 1000)
    return MaintenanceView(
        said.by, said.reason, iso(said.since), duration((now_ms - said.since) / 1000), iso(said.until), left
    )
