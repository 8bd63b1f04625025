"""What is known right now about one rig."""

from __future__ import annotations

from collections import deque

from msgspec import Struct, field

from rigfarm.commander.channels import Kind
from rigfarm.commander.stats.condition import WAITING, Condition
from rigfarm.commander.stats.contribution import NOTHING, Contribution
from rigfarm.commander.stats.normal import Normal
from rigfarm.wire.log import OperationalLog

__all__ = ["Happening", "RigStats"]

HAPPENINGS = 20


class Happening(Struct, frozen=True, gc=False):
    """A change of a rig's state, for the list of events on its page."""

    t_ms: int
    state: str
    reason: str


class RigStats(Struct):
    """The latest log of a rig and what follows from it."""

    rig_id: int
    kind: Kind
    log: OperationalLog | None = None
    heard_ms: int | None = None
    """When the latest log arrived, by the Commander's clock (UTC ms)."""
    heard: float | None = None
    """The same by the monotonic clock: what timers go by."""
    link_up: bool = False
    condition: Condition = WAITING
    since_ms: int | None = None
    """Since when the state word is what it is."""
    contribution: Contribution = NOTHING
    counted: bool = False
    """Whether the contribution is in the totals: it is while the rig is up."""
    normal: dict[str, Normal] = field(default_factory=dict)
    happenings: deque[Happening] = field(default_factory=lambda: deque(maxlen=HAPPENINGS))
    dropped: int = 0
    """Logs its Sentry had to drop because its spool was full, since this Commander started."""
    untimely: int = 0
    """Logs that were not kept because their time cannot be right, since this Commander started."""
    over_quota: int = 0
    """Logs that were not kept because the rig sends more than its share of the journal."""
    version: int = 0
    """Grows with every change; what a rendered row is cached by."""

    def expected(self, coin: str) -> float | None:
        """The rig's own normal for a coin, H/s."""
        normal = self.normal.get(coin)
        return normal.value if normal is not None else None
