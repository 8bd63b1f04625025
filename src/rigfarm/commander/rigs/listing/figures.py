"""What searches and sorts read of the rigs of a kind, a value for each rig.

A log is dozens of small objects anywhere in memory, and to go through those of a large farm takes longer than all that
is then done with them. What was asked for lately is therefore kept, and read again of those rigs alone that changed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from rigfarm.commander.kinds import KindName
from rigfarm.commander.rigs.listing.steps import SLICE, Steps
from rigfarm.commander.rigs.model import Rig, RigBook
from rigfarm.commander.stats import FarmStats, RigStats

__all__ = ["Figures", "Read"]

KEPT_S = 900.0
"""What nothing has asked for in this time is kept no longer."""
MAX_FOLLOWED = 16
"""So many of those that were asked for last follow the rigs all the time, the others when they are asked for again."""
MAX_SAME = 4_096
"""Different texts of which rigs share one copy."""
Read: TypeAlias = Callable[[Rig, RigStats], object]


class _Figure:
    """One value of each rig."""

    def __init__(self, ids: Iterable[int]) -> None:
        self.values: dict[int, object] = {}
        self.stale = set(ids)
        """Rigs of which it is to be read again."""
        self.used = 0.0
        self._same: dict[object, object] = {}

    def read(self, read: Read, rigs: Mapping[int, Rig], all_stats: Mapping[int, RigStats]) -> Steps[None]:
        """Of all rigs that are stale. A slice that was begun is finished, so none is lost."""
        values, same, stale = self.values, self._same, self.stale
        while stale:
            for one in [stale.pop() for _ in range(min(len(stale), SLICE))]:
                if one in rigs and one in all_stats:
                    value = read(rigs[one], all_stats[one])
                    if type(value) is tuple:
                        value = same.setdefault(value, value) if len(same) < MAX_SAME else same.get(value, value)
                    values[one] = value
            yield


class Figures:
    """By what reads them."""

    def __init__(self, kind: KindName, book: RigBook, stats: FarmStats) -> None:
        self._kind = kind
        self._book = book
        self._stats = stats
        self._kept: dict[Read, _Figure] = {}
        self.changed = stats.follow()
        """Rigs that changed since."""

    def of(self, read: Read, ids: Iterable[int]) -> Steps[Mapping[int, object]]:
        """Those of rigs by id, which are all of the kind."""
        self._take_in()
        figure = self._kept.get(read)
        if figure is None:
            figure = self._kept[read] = _Figure(ids)
        figure.used = time.monotonic()
        yield from figure.read(read, self._book.rigs, self._stats.rigs)
        return figure.values

    def follow(self) -> Steps[None]:
        """Read of rigs that changed what was asked for lately."""
        since = time.monotonic() - KEPT_S
        for read in [read for read, figure in self._kept.items() if figure.used < since]:
            del self._kept[read]
        self._take_in()
        lately = sorted(self._kept.items(), key=lambda item: -item[1].used)
        for read, figure in lately[:MAX_FOLLOWED]:
            yield from figure.read(read, self._book.rigs, self._stats.rigs)

    def forget(self, rig_id: int) -> None:
        """The rig was removed."""
        for figure in self._kept.values():
            figure.values.pop(rig_id, None)

    def _take_in(self) -> None:
        if self._kept and self.changed:
            rigs, kind = self._book.rigs, self._kind
            changed = [one for one in self.changed if one in rigs and rigs[one].kind == kind]
            for figure in self._kept.values():
                figure.stale.update(changed)
        self.changed.clear()
