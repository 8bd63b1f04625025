"""The rigs of a kind in the order of their names."""

from __future__ import annotations

from bisect import insort
from collections.abc import Sequence

from rigfarm.commander.kinds import KindName
from rigfarm.commander.names import name_sort
from rigfarm.commander.rigs.listing.figures import Figures
from rigfarm.commander.rigs.model import Rig, RigBook
from rigfarm.commander.stats import FarmStats

__all__ = ["Rows"]

FEW = 500
"""Rigs that are new or renamed are put in one by one up to this number; beyond it, sorting all is quicker."""


class Rows:
    """Their ids, those that wait, and what is known of all of them."""

    def __init__(self, kind: KindName, book: RigBook, stats: FarmStats) -> None:
        self.figures = Figures(kind, book, stats)
        self._kind = kind
        self._book = book
        self._stats = stats
        self._of: tuple[int, int] = (-1, 0)
        """A revision of the book, and how many rigs had stats."""
        self._rigs: list[Rig] = []
        self._ids: list[int] = []
        self._waiting: list[Rig] = []

    @property
    def ids(self) -> Sequence[int]:
        """All of them, by name. Another list after a rig came, went or changed: who has this one may go on."""
        self._follow()
        return self._ids

    @property
    def waiting(self) -> Sequence[Rig]:
        """Those that never reported, newest first."""
        self._follow()
        return self._waiting

    @property
    def now_ms(self) -> int:
        """The time of which they are, UTC ms."""
        return self._rigs[0].now_ms if self._rigs else 0

    def _follow(self) -> None:
        of = (self._book.revision, len(self._stats.rigs))
        if self._of == of:
            return
        now, changed = self._book.rigs, self.figures.changed
        rigs: list[Rig] = []
        for old in self._rigs:
            new = now.get(old.id)
            if new is old:
                rigs.append(old)
            elif new is not None and new.name == old.name:
                rigs.append(new)
                changed.add(new.id)
        known = {rig.id for rig in rigs}
        came = [rig for rig in self._book.of_kind(self._kind) if rig.id not in known and rig.id in self._stats.rigs]
        changed.update(rig.id for rig in came)
        if len(came) > FEW:
            rigs = sorted([*rigs, *came], key=_by_name)
        else:
            for rig in came:
                insort(rigs, rig, key=_by_name)
        self._of, self._rigs, self._ids = of, rigs, [rig.id for rig in rigs]
        self._waiting = sorted((rig for rig in rigs if rig.first_seen_at is None), key=lambda rig: -rig.id)


def _by_name(rig: Rig) -> tuple[str | int, ...]:
    return name_sort(rig.name)
