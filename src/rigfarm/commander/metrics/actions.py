"""Collects the metrics: a snapshot on the event loop, the text in a thread, kept for a second for all who ask.

One rendering at a time, however many Prometheus servers there are and however often they ask.
"""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from rigfarm.commander.alerts import Alerts
from rigfarm.commander.circuits import Circuits
from rigfarm.commander.health import Health
from rigfarm.commander.history import History
from rigfarm.commander.logs import Journal
from rigfarm.commander.metrics.exposition.coins import Coins
from rigfarm.commander.metrics.exposition.farm import add_alerts, add_circuits, add_commander, add_process, add_stats
from rigfarm.commander.metrics.exposition.rigs import add_coins, add_rigs
from rigfarm.commander.metrics.exposition.text import Families, Labels, Pieces, text_of
from rigfarm.commander.metrics.model import Asked, detail_of
from rigfarm.commander.metrics.view import CoinNow, LinkFigures, RigNow, coins_now, rigs_now
from rigfarm.commander.rigs import Rigs
from rigfarm.commander.stats import OperationalStats
from rigfarm.commander.supervised import Parts

__all__ = ["Metrics"]

KEPT_S = 1.0
PACKED_LEVEL = 1
"""Of gzip: a tenth of the size for the least time."""
_GZIP = 31
"""zlib's name for gzip with the largest window."""

_T = TypeVar("_T")


class Metrics:
    """All methods are called on the event loop unless they say otherwise."""

    def __init__(
        self,
        book: Rigs,
        stats: OperationalStats,
        alerts: Alerts,
        *,
        journal: Journal,
        history: History,
        health: Health,
        parts: Parts,
        circuits: Circuits,
        detail: Asked,
    ) -> None:
        self._book = book
        self._stats = stats
        self._alerts = alerts
        self._circuits = circuits
        self._commander = partial(add_commander, health=health, journal=journal, history=history, parts=parts)
        self._detail = detail
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="metrics")
        self._collected: asyncio.Task[Pieces] | None = None
        self._texts: dict[tuple[bool, bool], asyncio.Task[bytes]] = {}

    async def text(self, links: LinkFigures, *, open_metrics: bool = False, packed: bool = False) -> bytes:
        """The exposition, at most a second old; `packed`: with gzip."""
        if self._collected is None:
            self._collected = asyncio.create_task(self._collect(links))
            self._collected.add_done_callback(self._keep)
        asked = open_metrics, packed
        text = self._texts.get(asked)
        if text is None:
            text = self._texts[asked] = asyncio.create_task(self._write(self._collected, *asked))
        return await asyncio.shield(text)  # it belongs to all who wait for it

    async def close(self) -> None:
        """Nothing is rendered any longer."""
        for task in (self._collected, *self._texts.values()):
            if task is not None:
                task.cancel()
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _collect(self, links: LinkFigures) -> Pieces:
        rigs = await rigs_now(self._book, self._stats)
        families = Families(detail_of(self._detail, len(rigs)))
        add_stats(families, self._stats)
        add_alerts(families, self._alerts)
        add_circuits(families, self._circuits)
        self._commander(families, links=links)
        return await self._in_thread(partial(_rendered, families, coins_now(self._stats), rigs))

    async def _write(self, collected: asyncio.Task[Pieces], open_metrics: bool, packed: bool) -> bytes:
        pieces = await asyncio.shield(collected)
        return await self._in_thread(partial(_written, pieces, open_metrics=open_metrics, packed=packed))

    def _keep(self, _: asyncio.Task[Pieces]) -> None:
        asyncio.get_running_loop().call_later(KEPT_S, self._forget)

    def _forget(self) -> None:
        """Ten thousand rigs' are some twenty megabytes: they stay no longer than they are of use."""
        self._collected = None
        self._texts = {}

    def _in_thread(self, work: Callable[[], _T]) -> asyncio.Future[_T]:
        return asyncio.get_running_loop().run_in_executor(self._thread, work)


def _rendered(families: Families, totals: list[CoinNow], rigs: list[RigNow]) -> Pieces:
    """In the thread."""
    began = time.perf_counter()
    labels = Labels()
    coins = Coins(labels, totals, rigs)
    add_coins(families, coins, totals)
    add_rigs(families, labels, coins, rigs)
    add_process(families)
    families["rigfarm_metrics_labels_changed"].add(labels.changed)
    families["rigfarm_metrics_render_seconds"].add(time.perf_counter() - began)
    return families.pieces()


def _written(pieces: Pieces, *, open_metrics: bool, packed: bool) -> bytes:
    """In the thread; others run while it is packed."""
    text = text_of(pieces, open_metrics=open_metrics)
    if not packed:
        return text
    packer = zlib.compressobj(PACKED_LEVEL, wbits=_GZIP)
    return packer.compress(text) + packer.flush()
