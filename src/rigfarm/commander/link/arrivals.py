"""The newest log of each rig in one turn of the event loop.

A Sentry that drains its spool sends hundreds of logs at a time. All of them go into the journal, but no one would ever
see what the older ones did to the operational stats, and that is most of what a log costs.
"""

from __future__ import annotations

import asyncio

import structlog

from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.stats import OperationalStats
from rigfarm.wire.log import OperationalLog

__all__ = ["Arrivals"]

log = structlog.get_logger()


class Arrivals:
    """Hands the newest on to the operational stats when the turn is over."""

    def __init__(self, book: Rigs, stats: OperationalStats) -> None:
        self._book = book
        self._stats = stats
        self._newest: dict[int, OperationalLog] = {}

    def add(self, rig_id: int, arrived: OperationalLog) -> None:
        """A log arrived. Order of arrival is no order of time: a backlog is drained beside what is new."""
        newest = self._newest
        if not newest:
            asyncio.get_running_loop().call_soon(self.hand_on)
        known = newest.get(rig_id)
        if known is None or arrived.t > known.t:
            newest[rig_id] = arrived

    def hand_on(self) -> None:
        """Now: at the end of the turn, and before the stats are asked for what the journal holds."""
        newest, self._newest = self._newest, {}
        rigs = self._book.rigs
        for rig_id, newest_log in newest.items():
            try:
                self._stats.receive(rig_id, newest_log)
                rig = rigs.get(rig_id)
                if rig is not None and rig.first_seen_at is None:
                    self._book.said.reported(rig_id)
            except Exception as error:
                log.error("a log changed nothing in the operational stats", rig=rig_id, exc_info=error)
