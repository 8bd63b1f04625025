"""When the Commander cannot read a frame: smaller ones, until the log that it cannot read stands alone."""

from __future__ import annotations

import asyncio

import structlog

from rigfarm.sentry.link.lanes import FRAME_LOGS, Lanes
from rigfarm.sentry.spool import Spool

__all__ = ["Care"]

log = structlog.get_logger()

SAME_LOG_REFUSED = 3
GIVEN_UP_QUICKLY = 10
GIVE_UP_EVERY_S = 600.0
"""Logs in a row that are given up while the Commander takes none at all, and how often one more after that."""


class Care:
    """From one connection to the next."""

    def __init__(self, spool: Spool) -> None:
        self.one_frame_of: int | None = None
        """So many logs in one frame at a time; None: all is well."""
        self._spool = spool
        self._suspect: tuple[int, int] = (0, 0)
        """Number of a log that the Commander may be unable to read, and how often it closed the link at it."""
        self._given_up = 0
        self._gave_up_at = 0.0

    async def refused(self, lanes: Lanes) -> None:
        """The Commander could not read a frame. Send smaller ones, one at a time, until the log it cannot read stands
        alone; a log refused so a few times is given up, for else it would hold up all others for ever."""
        air = lanes.in_the_air
        if not air:
            return
        first, last = air[0]
        if lanes.one_frame_of is None:
            self.one_frame_of = FRAME_LOGS // 4
        elif first < last or len(air) > 1:
            self.one_frame_of = max(1, lanes.one_frame_of // 4)
        else:
            times = self._suspect[1] + 1 if self._suspect[0] == first else 1
            self._suspect = (first, times)
            if times >= SAME_LOG_REFUSED and self._may_give_up(lanes):
                log.error("the Commander cannot read a log; it is dropped", number=first)
                await self._spool.refuse(first, first)

    def _may_give_up(self, lanes: Lanes) -> bool:
        """Not one log after the other, when the Commander takes none at all: then it is not the log's fault."""
        now = asyncio.get_running_loop().time()
        if lanes.acknowledged:
            self._given_up = 0
        elif self._given_up >= GIVEN_UP_QUICKLY and now < self._gave_up_at + GIVE_UP_EVERY_S:
            return False
        self._given_up += 1
        self._gave_up_at = now
        return True
