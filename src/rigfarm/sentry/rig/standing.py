"""How a rig's token stands with its Commander."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import Enum

from rigfarm.wire.frames import VerdictKind

__all__ = ["Standing", "TokenState"]

OFFER_AGAIN_S = 600.0


class TokenState(Enum):
    """What is known of the token. Mining goes on in every state but `REMOVED`."""

    NONE = "none"
    """There is no token: an operator has to enter one."""
    UNJUDGED = "unjudged"
    """No Commander has said anything yet: logs are kept for it."""
    GOOD = "good"
    REFUSED = "refused"
    """The Commander does not know it: nothing is reported. It is offered again now and then, for a Commander restored
    from an old backup may come to know it again."""
    OFFERED = "offered"
    """Refused before, offered again, not answered yet: nothing is reported."""
    REMOVED = "removed"
    """The rig was removed: mining is being ended."""


class Standing:
    """The token and its state."""

    def __init__(self, token: str | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._refused_at = 0.0
        self.token = token
        self.state = TokenState.UNJUDGED if token else TokenState.NONE

    @property
    def reports(self) -> bool:
        """Whether logs are written."""
        return self.state in (TokenState.UNJUDGED, TokenState.GOOD)

    @property
    def speaks(self) -> bool:
        """Whether the token is said to the Commander."""
        return self.reports or self.state is TokenState.OFFERED

    def replace(self, token: str | None) -> None:
        """Another token, or none any more."""
        self.token = token
        self.state = TokenState.UNJUDGED if token else TokenState.NONE

    def judged(self, verdict: VerdictKind) -> None:
        """What the Commander says."""
        if self.state in (TokenState.NONE, TokenState.REMOVED):
            return
        if verdict == "unknown":
            self._refused_at = self._clock()
        states = {"ok": TokenState.GOOD, "unknown": TokenState.REFUSED, "removed": TokenState.REMOVED}
        self.state = states[verdict]

    def offer_again(self) -> bool:
        """Whether it is time to say a refused token once more; then it counts as offered."""
        due = self.state is TokenState.REFUSED and self._clock() - self._refused_at >= OFFER_AGAIN_S
        if due:
            self.state = TokenState.OFFERED
        return due
