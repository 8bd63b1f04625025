"""Which rigs have to be looked at again although nothing about them changes, and when."""

from __future__ import annotations

import heapq
import math

__all__ = ["Agenda"]


class Agenda:
    """One entry for each rig, the earliest: looking at a rig then enters whatever comes later."""

    def __init__(self) -> None:
        self._times: dict[int, float] = {}
        self._heap: list[tuple[float, int]] = []

    def __len__(self) -> int:
        return len(self._heap)

    def enter(self, when: float, rig_id: int) -> None:
        """Look at this rig then, or earlier."""
        if when < self._times.get(rig_id, math.inf):
            self._times[rig_id] = when
            heapq.heappush(self._heap, (when, rig_id))

    def due(self, now: float) -> set[int]:
        """Rigs whose time has come; they have no entry afterwards."""
        found: set[int] = set()
        while self._heap and self._heap[0][0] <= now:
            when, rig_id = heapq.heappop(self._heap)
            if self._times.get(rig_id) == when:
                del self._times[rig_id]
                found.add(rig_id)
        return found
