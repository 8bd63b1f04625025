"""What one commit tells a spool's file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from rigfarm.sentry.spool.record import Record

__all__ = ["Batch"]

Ranges = Sequence[tuple[int, int]]


class Batch(NamedTuple):
    """All of it becomes durable, or none."""

    records: Sequence[Record]
    """Logs to write."""
    next_seq: int
    """The next number that is free."""
    acked: Ranges = ()
    """Numbers whose logs the Commander has."""
    lost: Ranges = ()
    """Numbers given out whose logs were dropped before they were written."""
    void: Ranges = ()
    """Numbers given out whose logs are not wanted."""
    lost_of: Mapping[bytes, int] = MappingProxyType({})
    """How many of the lost ones each token had."""
    told: Mapping[bytes, int] = MappingProxyType({})
    """Totals of lost logs that the Commander knows."""
    released: Mapping[int, int] = MappingProxyType({})
    """Held logs that are among `records` now: number -> id."""
    unwritten_from: int = 0
    """The first of the numbers given out whose logs come with a later commit, or 0."""
    taken: int = 0
    """How many of the oldest unwritten logs this is about, those that are acknowledged already included."""

    @property
    def empty(self) -> bool:
        """Whether the file knows all of it."""
        return not (self.taken or self.records or self.lost or self.void or self.acked or self.told)
