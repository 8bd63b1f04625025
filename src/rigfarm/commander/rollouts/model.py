"""A staged roll-out: first one rig (or a few), watched for a while, then the rest; it stops by itself when the first do
worse than before. Each decision is stored before it is acted on, and every act may be done twice without harm."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field

from rigfarm.commander.assignments.model import Assignment
from rigfarm.commander.numbers import Number

__all__ = ["ENDED", "Before", "Progress", "Rollout", "RolloutForm", "RolloutPlan", "RolloutState", "Watched"]

RolloutState = Literal["applying", "starting", "watching", "spreading", "putting-back", "done", "stopped", "aborted"]
"""applying: the first rigs are about to be told · starting: until they mine · watching · spreading: the rest is about
to be told · putting-back: the first are about to get what they had · done
· stopped: by itself · aborted: by an operator."""
ENDED: frozenset[RolloutState] = frozenset(("done", "stopped", "aborted"))


class RolloutForm(Struct, frozen=True, forbid_unknown_fields=True):
    """What an operator decides about a roll-out."""

    first: list[Number] = []
    """The rigs to begin with; empty: one that is up is chosen."""
    watch_minutes: float = 10.0
    tolerance: float = 0.1
    """Share of its hashrate that a rig may lose."""
    max_rejects: float = 0.05
    """Share of rejected shares that is too much, on top of what it was."""
    put_back: bool = True
    """When they do worse, the first rigs get back what they had."""


class Before(Struct, frozen=True):
    """What a rig did with one coin before."""

    hashrate: float | None = None
    """H/s; absent: it did not mine this coin."""
    rejects: float | None = None
    """0..1; absent: too few shares to tell."""


class RolloutPlan(Struct, frozen=True):
    """What was decided at the beginning."""

    revision: int
    first: list[int]
    rest: list[int]
    watch_s: float
    tolerance: float
    max_rejects: float
    put_back: bool
    had: dict[int, list[Assignment]]
    """What the first rigs had."""
    before: dict[int, dict[str, Before]]
    """How the first rigs did: rig -> coin."""


class Watched(Struct):
    """What was seen of one coin on one rig since it mines the new revision."""

    seconds: float = 0.0
    hashes: float = 0.0
    accepted: int = 0
    rejected: int = 0
    last_accepted: int | None = None
    last_rejected: int | None = None

    @property
    def hashrate(self) -> float | None:
        """Mean, H/s."""
        return self.hashes / self.seconds if self.seconds else None

    @property
    def rejects(self) -> float | None:
        """0..1; absent while there are too few shares to tell."""
        decided = self.accepted + self.rejected
        return self.rejected / decided if decided >= MIN_SHARES else None


MIN_SHARES = 10


class Progress(Struct):
    """How far it is; kept now and then, so that a restart of the Commander goes on with it."""

    watched_s: float = 0.0
    away_s: float = 0.0
    """How long a first rig was not up while it was watched."""
    restarts: dict[int, int] = field(default_factory=dict)
    """Restarts of the program on each first rig when the watch began."""
    seen: dict[int, dict[str, Watched]] = field(default_factory=dict)
    ending: RolloutState = "stopped"
    """What `putting-back` becomes."""


class Rollout(Struct):
    """One roll-out. Times are UTC milliseconds."""

    id: int
    playbook_id: int
    state: RolloutState
    plan: RolloutPlan
    progress: Progress
    detail: str
    created_at: int
    finished_at: int | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in ENDED

    @property
    def fraction(self) -> float:
        """How much of the watch is over, 0..1."""
        return min(self.progress.watched_s / self.plan.watch_s, 1.0)
