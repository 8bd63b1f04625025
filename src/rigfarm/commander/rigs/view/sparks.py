"""The sparklines of an index's rows: a rig's hashrate of its main coin over the last 24 hours, hour by hour.

They are read from history in the background, only of rows that someone looks at, and drawn once in ten minutes for all
viewers. A page waits a few milliseconds for them; what comes later is drawn with the row's next change.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from functools import partial
from itertools import islice

import jinja2
from markupsafe import Markup
from msgspec import Struct

from rigfarm.commander.history import HOUR_MS, History, HistoryUnavailable, hashrates_by_hour
from rigfarm.commander.stats import RigStats
from rigfarm.commander.web.spark import Spark, spark
from rigfarm.common.clock import utc_ms

__all__ = ["RowSparks"]

HOURS = 24
FOR_S = 600.0
"""How long a drawing is shown before it is made again."""
OLDEST_S = 3 * FOR_S
"""One that could not be made again is not shown any longer."""
KEPT = 2_000
"""Rigs; those that were drawn longest ago make room."""
AT_ONCE = 50
"""Rigs in one question to history."""


class _Drawn(Struct, frozen=True):
    at: float
    """When, on the steady clock."""
    html: Markup


class RowSparks:
    """Used from the event loop."""

    def __init__(self, history: History, templates: jinja2.Environment, at_ms: int | None = None) -> None:
        """`at_ms`: of another time (UTC ms), of which the hour that goes on is not shown: it has later logs."""
        self._history = history
        self._draw = templates.get_template("components.html").module.sparkline  # type: ignore[attr-defined]
        self._at_ms = at_ms
        self._drawn: OrderedDict[int, _Drawn] = OrderedDict()
        self._wanted: dict[int, str] = {}
        self._reading: asyncio.Task[None] | None = None

    @property
    def on(self) -> bool:
        """Whether there can be any."""
        return self._history.on

    def get(self, rig_id: int) -> Markup:
        """A rig's drawing; empty while it is unknown."""
        found = self._drawn.get(rig_id)
        return found.html if found is not None and time.monotonic() - found.at < OLDEST_S else Markup("")

    def forget(self, rig_id: int) -> None:
        """The rig was removed."""
        self._drawn.pop(rig_id, None)

    async def prepare(self, rigs: Iterable[RigStats], within_s: float) -> None:
        """Draw what is missing or old; it goes on in the background if it takes longer."""
        if not self.on:
            return
        now, some = time.monotonic(), False
        for rig in rigs:
            drawn = self._drawn.get(rig.rig_id)
            if rig.log is not None and rig.log.workloads and (drawn is None or now - drawn.at >= FOR_S):
                main = rig.log.workloads[0]
                self._wanted[rig.rig_id] = main.coin or main.algorithm or "?"
                some = True
        while len(self._wanted) > KEPT:
            del self._wanted[next(iter(self._wanted))]
        if not some:
            return
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read())
        done, _ = await asyncio.wait({self._reading}, timeout=within_s)
        for one in done:
            one.result()

    async def _read(self) -> None:
        hour = utc_ms() // HOUR_MS + 1 if self._at_ms is None else self._at_ms // HOUR_MS
        hours = range(hour - HOURS, hour)
        while self._wanted:
            some = dict(islice(self._wanted.items(), AT_ONCE))
            await self._read_some(some, hours)
            self._wanted = {rig_id: coin for rig_id, coin in self._wanted.items() if rig_id not in some}

    async def _read_some(self, coins: Mapping[int, str], hours: range) -> None:
        try:
            rates = await self._history.ask(partial(hashrates_by_hour, coins=coins, hours=hours))
        except HistoryUnavailable:
            return
        now = time.monotonic()
        for rig_id, coin in coins.items():
            drawn = Spark(spark(rates.get(rig_id, ())).line)
            self._drawn[rig_id] = _Drawn(now, Markup(self._draw(drawn, f"{coin}, last 24 hours")))  # noqa: S704 - a macro's
            self._drawn.move_to_end(rig_id)
        while len(self._drawn) > KEPT:
            self._drawn.popitem(last=False)
