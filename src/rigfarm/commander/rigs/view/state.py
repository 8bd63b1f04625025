"""A rig's state as it is drawn: colour, shape and word, from one place."""

from __future__ import annotations

from msgspec import Struct

from rigfarm.commander.stats.condition import Condition

__all__ = ["SHAPES", "StateView", "state_view", "word_of"]

SHAPES = {
    "waiting": "ring",
    "online": "dot",
    "degraded": "down",
    "hot": "up",
    "slow": "down",
    "rejecting": "diamond",
    "no answer": "bars",
    "idle": "bars",
    "stopped": "bars",
    "offline": "cross",
    "removed": "cross",
    "maintenance": "wrench",
}
"""The icon of a word: each word keeps its own, so that no one has to tell two colours apart."""
_TONES = ("calm", "warn", "bad")


class StateView(Struct, frozen=True, gc=False):
    """A state badge. `tone` is calm, warn or bad."""

    state: str
    word: str
    shape: str
    tone: str
    reason: str
    since_ms: int | None


def word_of(condition: Condition) -> str:
    """What the badge says: the state, or the more telling word for what is wrong."""
    return "maintenance" if condition.maintenance else condition.word or condition.state


def state_view(condition: Condition, since_ms: int | None) -> StateView:
    """How a condition is drawn. `since_ms` is UTC ms."""
    word, reason = word_of(condition), condition.reason
    if condition.maintenance:
        reason = " · ".join(part for part in (condition.word or condition.state, reason) if part)
    return StateView(condition.state, word, SHAPES.get(word, "down"), _TONES[condition.severity], reason, since_ms)
