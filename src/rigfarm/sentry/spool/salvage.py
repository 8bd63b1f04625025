"""What is left of a spool that SQLite cannot read: every record that is still whole, wherever it lies in the file."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import structlog

from rigfarm.common.ranges import RangeSet
from rigfarm.sentry.spool.db import PAGE_BYTES
from rigfarm.sentry.spool.meta import GapBook, Meta, best_meta
from rigfarm.sentry.spool.record import DROPS, GAP, META, Record, scan

__all__ = ["Findings", "remove_journal", "set_aside"]

log = structlog.get_logger()

_BATCH = 500


def set_aside(path: Path) -> Path:
    """Rename a damaged file; the newest one is kept to be looked at, older ones are deleted."""
    for old in path.parent.glob(f"{path.name}.damaged-*"):
        old.unlink()
    aside = path.with_name(f"{path.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}")
    path.rename(aside)
    remove_journal(path)
    return aside


def remove_journal(path: Path) -> None:
    """Take away the rollback journal, which belongs to a file that is no longer there."""
    path.with_name(f"{path.name}-journal").unlink(missing_ok=True)


def _pages(path: Path) -> Iterator[bytes]:
    """The file page by page (records of usual size lie in one); a page the disk cannot read is left out."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        for at in range(0, os.fstat(fd).st_size, PAGE_BYTES):
            try:
                yield os.pread(fd, PAGE_BYTES, at)
            except OSError as error:
                log.warning("a page of the spool cannot be read", page=at // PAGE_BYTES, error=str(error))
    finally:
        os.close(fd)


class Findings:
    """What a search found besides logs, and what follows from it."""

    def __init__(self) -> None:
        self._metas: list[Record] = []
        self._gaps = GapBook()
        self._last = 0

    def logs(self, path: Path) -> Iterator[list[Record]]:
        """Logs and held logs in batches, in the file's order; one may come twice."""
        batch: list[Record] = []
        for page in _pages(path):
            for record in scan(page):
                if record.magic == META:
                    # Only the newest counts.
                    self._metas = [max([*self._metas, record], key=lambda one: one.seq)]
                elif record.magic in (GAP, DROPS):
                    self._gaps.remember(record)
                else:
                    self._last = max(self._last, record.seq)
                    batch.append(record)
            if len(batch) >= _BATCH:
                yield batch
                batch = []
        if batch:
            yield batch

    def conclude(self, saved: Meta, missing: Callable[[int], RangeSet]) -> tuple[Meta, GapBook]:
        """The new file's description: `saved` counts what was saved, `missing` tells the numbers below one that were
        not.

        All those are declared lost to the Commander, which knows the ones it has. Without a readable description the
        file gets a new identity, for it is unknown which of its numbers were sent.
        """
        meta = best_meta(self._metas)
        if meta is None:
            saved.next_seq = self._last + 1
            saved.damaged_files += 1
            return saved, GapBook()
        meta.next_seq = max(meta.next_seq, self._last + 1)
        meta.dropped_damaged += max(0, meta.logs - saved.logs) + max(0, meta.held - saved.held)
        meta.damaged_files += 1
        meta.unwritten_from = 0  # among the missing
        meta.logs, meta.held = saved.logs, saved.held
        gaps = GapBook()
        gaps.dropped = self._gaps.dropped
        gaps.lost = missing(meta.next_seq)
        for first, last in self._gaps.void:
            for start, end in gaps.lost.within(first, last):
                gaps.void.add(start, end)
            gaps.lost.discard(first, last)
        return meta, gaps
