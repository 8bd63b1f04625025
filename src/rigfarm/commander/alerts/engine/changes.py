"""What a step of the watch decided, and has to be stored."""

from __future__ import annotations

from msgspec import Struct, field

from rigfarm.commander.alerts.model import Alert, Member

__all__ = ["Changes"]


class Changes(Struct):
    """Members and alerts are compared by identity, so that none of these lists is ever searched."""

    pending: dict[Member, None] = field(default_factory=dict)
    """New ones that begin to last."""
    dropped: list[Member] = field(default_factory=list)
    """Pending ones that went away, and ended ones that a newer member stands for."""
    fired: list[Member] = field(default_factory=list)
    """They are members of an alert now: `alert_of` says which."""
    alerts: list[Alert] = field(default_factory=list)
    """New alerts; they get their ids when they are stored."""
    changed: dict[Alert, None] = field(default_factory=dict)
    """Alerts that have more members, or members less, than before, or other notes."""
    ended: list[Member] = field(default_factory=list)
    resolved: list[Alert] = field(default_factory=list)
    woken: list[Alert] = field(default_factory=list)
    """They were snoozed, and fire again."""
    escalated: list[Alert] = field(default_factory=list)
    """They weren't acknowledged in time."""

    def __bool__(self) -> bool:
        return any(getattr(self, name) for name in self.__struct_fields__)
