"""What is known right now about one rig."""

from __future__ import annotations

from collections import deque

from msgspec import Struct, field

from rigfarm.commander.kinds import KindName
from rigfarm.commander.stats.condition import WAITING, Condition
from rigfarm.commander.stats.contribution import NOTHING, Contribution
from rigfarm.commander.stats.normal import Normal
from rigfarm.wire.log import OperationalLog

__all__ = ["HAPPENINGS", "Happening", "RigStats"]

HAPPENINGS = 20


class Happening(Struct, frozen=True, array_like=True, gc=False):
    """A change of a rig's state, for the list of events on its page."""

    t_ms: int
    state: str
    reason: str


class RigStats(Struct, gc=False):
    """The latest log of a rig and what follows from it."""

    rig_id: int
    kind: KindName
    log: OperationalLog | None = None
    heard_ms: int | None = None
    """When the latest log arrived, by the Commander's clock (UTC ms)."""
    heard: float | None = None
    """The same by the monotonic clock: what timers go by."""
    link_up: bool = False
    sentry: str = ""
    """The Sentry that speaks for this rig and others, for people; empty where it speaks for this one only."""
    token_due: bool = False
    """Its token was replaced, and it has not connected with the new one yet."""
    maintenance: bool = False
    """A person works on it."""
    trouble: tuple[str, str] = ("", "")
    """Why its Sentry has nothing to report of it: kind and sentence, as its Sentry says."""
    paused: str = ""
    """Why it mines nothing because of a command."""
    paused_seen: bool = False
    """It has mined nothing since: if it mines again, the pause is over."""
    paused_since: float = 0.0
    """Monotonic: one that still mines a while after did not pause."""
    off: str = ""
    """Why it will be away because of a command."""
    off_since: float = 0.0
    """Monotonic: one that keeps reporting did not shut down."""
    circuit: str = ""
    """The name of the circuit that feeds it, as far as that is known."""
    mined_w: float | None = None
    """W: the most that it drew lately while it mined."""
    resting: str = ""
    """Why it mines nothing on purpose; empty when it should mine."""
    condition: Condition = WAITING
    since_ms: int | None = None
    """Since when the state word is what it is."""
    contribution: Contribution = NOTHING
    counted: bool = False
    """Whether the contribution is in the totals: it is while the rig is up."""
    normal: dict[str, Normal] = field(default_factory=dict)
    happenings: deque[Happening] = field(default_factory=lambda: deque(maxlen=HAPPENINGS))
    dropped_ms: int | None = None
    """When its Sentry last had to drop logs (UTC ms)."""
    untimely_ms: int | None = None
    """When a log with an impossible time last came (UTC ms)."""
    dropped: int = 0
    """Logs its Sentry had to drop because its spool was full, since this Commander started."""
    untimely: int = 0
    """Logs that were not kept because their time cannot be right, since this Commander started."""
    over_quota: int = 0
    """Logs that were not kept because the rig sends more than its share of the journal."""
    version: int = 0
    """Grows with every change; what a rendered row is cached by."""

    @property
    def rests(self) -> str:
        """Why it mines nothing on purpose, by whomever it was stopped; empty when it should mine."""
        return self.resting or self.paused

    def mines_in_rounds(self, coin: str) -> bool:
        """Whether this coin's pauses are as they should be, by what the rig has done."""
        normal = self.normal.get(coin)
        return normal is not None and normal.rounds.learned

    def expected(self, coin: str) -> float | None:
        """The rig's own normal for a coin, H/s."""
        normal = self.normal.get(coin)
        return normal.value if normal is not None else None
