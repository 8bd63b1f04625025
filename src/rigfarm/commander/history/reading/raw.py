"""A rig's figures in steps of seconds, made from its logs as minutes are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from rigfarm.commander.history.chunks.chunk import Chunk
from rigfarm.commander.history.chunks.columns import DamagedError, Key
from rigfarm.commander.history.model import SLOT_MS, row_id
from rigfarm.commander.history.reading.course import Buckets
from rigfarm.commander.history.rollups.minutes import Lasting, Pace, minutes
from rigfarm.commander.history.store import Reader

__all__ = ["fine"]


def fine(
    reader: Reader, rig: int, buckets: Buckets, wanted: Callable[[Key], bool], pace: Pace
) -> Iterator[tuple[int, Mapping[Key, list[int]]]]:
    """(slot, columns) as `blobs` yields them from minutes and hours."""
    before: Lasting | None = None
    numbers = buckets.numbers
    for slot in range(numbers.start - 1, numbers.stop):
        body = reader.get("raw", row_id(slot, rig))
        try:
            logs = Chunk.unpack(body).order() if body is not None else []
        except DamagedError:
            logs = []
        if slot in numbers:
            start_ms = slot * SLOT_MS
            if before is not None and before[0] < start_ms - pace.reach_ms:
                before = None
            made = minutes(logs, before, start_ms, SLOT_MS // buckets.step_ms, pace, buckets.step_ms, wanted)
            yield slot, {key: column for key, column in made.items() if wanted(key)}
        if logs:
            t, part, row = logs[-1]
            before = (t, part.only(row), 0)
