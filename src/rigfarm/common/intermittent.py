"""Coins that are mined now and then by design.

Zilliqa's proof of work runs for a minute or two about every two hours; mining programs add it to another coin, which
they pause meanwhile. Between its rounds such a coin has no hashrate, in a round its partners have none, and both are
as it should be. Zilliqa is known by its names; any other coin is learned to be one by what it does.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

__all__ = ["Rounds", "intermittent"]

_NAMES = frozenset({"zil", "zilliqa", "zilpow", "zil-pow"})
_RETURNS = 3
_SHORTEST_PAUSE_S = 60.0
_MINED_AT_MOST = 0.2
"""Of the time. A coin whose pool fails now and then is mined nearly always."""
_LONGEST_LOOK_S = 60.0
_SCHEMES = ("zmp://", "zmp+tcp://", "zmp+ssl://", "zmp+tls://")


@lru_cache(1024)
def intermittent(coin: str | None, algorithm: str | None = None, pool: str | None = None) -> bool:
    """Whether this is a coin that is mined in rounds: by its name, its algorithm's, or its pool's protocol."""
    if any(name is not None and name.strip().lower() in _NAMES for name in (coin, algorithm)):
        return True
    return pool is not None and pool.strip().lower().startswith(_SCHEMES)


@dataclass
class Rounds:
    """What one coin does beside others. It comes in rounds once it has returned by itself a few times, and has been
    mined for a small part of the time only."""

    mined_s: float = 0.0
    paused_s: float = 0.0
    returns: int = 0
    pause_s: float = 0.0
    """Of the pause that goes on."""

    def see(self, seconds: float, *, hashing: bool, others_hash: bool) -> None:
        """One more look, `seconds` after the one before. A rig that stands still says nothing of a coin."""
        seconds = min(max(seconds, 0.0), _LONGEST_LOOK_S)
        if hashing:
            self.returns += self.pause_s >= _SHORTEST_PAUSE_S
            self.pause_s = 0.0
            self.mined_s += seconds
        elif others_hash:
            self.pause_s += seconds
            self.paused_s += seconds

    @property
    def learned(self) -> bool:
        """Whether its pauses are as they should be."""
        return self.returns >= _RETURNS and self.mined_s <= _MINED_AT_MOST * (self.mined_s + self.paused_s)
