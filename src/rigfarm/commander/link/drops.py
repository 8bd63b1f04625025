"""How many logs of each rig its Sentry lost: totals become differences, so that what is told twice counts once."""

from __future__ import annotations

__all__ = ["Drops"]


class Drops:
    """The last total that each rig's spool told, as long as this Commander runs."""

    def __init__(self) -> None:
        self._totals: dict[int, tuple[bytes, int]] = {}

    def fresh(self, rig_id: int, spool: bytes, total: int, told: int) -> int:
        """A spool lost `total` logs of the rig, and knows that a Commander heard of `told`: how many are news here."""
        known_spool, known = self._totals.get(rig_id, (spool, told))
        if known_spool != spool or total < known:
            known = told  # another spool, or one that began again
        known = max(known, told)
        self._totals[rig_id] = (spool, max(total, known))
        return max(total - known, 0)

    def forget(self, rig_id: int) -> None:
        """The rig is no more."""
        self._totals.pop(rig_id, None)
