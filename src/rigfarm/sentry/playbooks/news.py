"""Whether what a Commander says of the playbooks is news. One that was restored from a backup says what it once said,
and that stops no mining: the rig knows better, and goes on.

Revisions rise with every change (they are the Commander's UTC ms), so an older one is what a backup remembers. What its
operator changes from then on is later than that, and is done, although the rig may have known a later one still.
"""

from __future__ import annotations

from rigfarm.wire.tokens import hash_token

__all__ = ["News", "owner_of"]


def owner_of(token: str) -> str:
    """Names a token without telling it; revisions of another token's Commander are no measure. Empty: no token."""
    return hash_token(token).hex()[:16] if token else ""


class News:
    """Judges revisions."""

    def __init__(self) -> None:
        self._remembered = 0
        """The latest that a restored Commander said and that was not done."""

    def forget(self) -> None:
        """Another Commander, or another rig."""
        self._remembered = 0

    def is_old(self, revision: int, known: int) -> bool:
        """Whether the rig, which was told `known` before, should not do what it is told now."""
        if revision >= known or 0 < self._remembered < revision:
            self._remembered = 0
            return False
        self._remembered = revision
        return True
