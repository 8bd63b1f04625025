"""The Commander's own health: event-loop lag, garbage collection, and the probes of load balancers."""

from __future__ import annotations

import asyncio
import gc
import sqlite3
import time
from collections import deque
from collections.abc import Iterable
from typing import Any

import structlog
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromQuery
from litestar.response import Response
from msgspec import Struct

from rigfarm import __version__
from rigfarm.commander.link.registry import Links
from rigfarm.commander.logs import Journal
from rigfarm.commander.replicas import Replicas
from rigfarm.commander.supervised import Part, Parts, PartState
from rigfarm.common.clock import utc_ms

__all__ = ["Health", "calm_garbage_collector", "health_routes"]

log = structlog.get_logger()

SAMPLE_S = 0.05
KEPT_S = 60.0
KEPT = int(KEPT_S / SAMPLE_S)


class Health:
    """Samples the event loop: how late does a timer fire? And notes how long the garbage collector stopped it."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self._lags: deque[tuple[float, float]] = deque(maxlen=KEPT)
        """(monotonic s, s) of the last minute."""
        self._gc_pauses: deque[tuple[float, float]] = deque(maxlen=KEPT)
        self._gc_started = 0.0
        self.unexpected = 0
        """Errors since the start that were not caught."""

    async def run(self, part: Part) -> None:
        """Sample until cancelled."""
        loop = asyncio.get_running_loop()
        gc.callbacks.append(self._gc)
        try:
            while True:
                due = loop.time() + SAMPLE_S
                await asyncio.sleep(SAMPLE_S)
                part.beat()
                self._lags.append((time.monotonic(), max(loop.time() - due, 0.0)))
        finally:
            gc.callbacks.remove(self._gc)

    def unexpected_error(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """For the loop's exception handler: what was caught nowhere is logged and counted, and everything goes on."""
        self.unexpected += 1
        log.error("unexpected error", what=context.get("message"), exc_info=context.get("exception"))

    def _gc(self, phase: str, _: dict[str, int]) -> None:
        if phase == "start":
            self._gc_started = time.perf_counter()
        else:
            self._gc_pauses.append((time.monotonic(), time.perf_counter() - self._gc_started))

    def lag(self, share: float, seconds: float = KEPT_S) -> float | None:
        """s that `share` of the loop's lags of the last `seconds` stay under; None before the first sample."""
        ordered = sorted(_since(self._lags, seconds))
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else None

    def longest_gc_pause(self, seconds: float = KEPT_S) -> float:
        """s; 0 when there was no collection."""
        return max(_since(self._gc_pauses, seconds), default=0.0)


def _since(samples: Iterable[tuple[float, float]], seconds: float) -> list[float]:
    since = time.monotonic() - seconds
    return [value for at, value in samples if at >= since]


def calm_garbage_collector() -> None:
    """After start, in which it was off: what lives now lives long. Full collections of a large farm's state would stop
    the loop for hundreds of milliseconds; structs on the ingest path opt out of collection altogether. The middle
    generation looks at 250,000 objects at a time: 40 ms while ten thousand links come up at once (200 at a million)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(25_000, 10, 400)
    gc.enable()


class PartAnswer(Struct):
    """One background part: what it does at the moment, since when, and why it last failed."""

    name: str
    state: PartState
    state_s: float
    failures: int
    last_error: str | None


class StoredAnswer(Struct):
    """The journal's state, next to its figures."""

    duplicates: int
    """Logs that came again since the start and were not stored twice."""
    set_aside: int
    """Frames that could not be stored since the start and are in the folder `set-aside`."""
    set_aside_dropped: int
    """Older ones that were deleted to make room for them."""
    lost: int
    """Frames that could not be stored there either."""
    damaged: int
    """Rows, logs and snapshots that could not be read back at the start."""
    first_damage: str | None
    snapshot_problem: str | None


class ReplicaAnswer(Struct):
    """A replica that follows this one."""

    name: str
    version: str
    follows: bool
    """Whether it would take over; false also when it has said nothing for 20 s."""
    behind: int
    """Messages that it has not copied yet."""
    trouble: str
    """What keeps it from following; empty: nothing."""


class HealthAnswer(Struct):
    """How well the Commander is running."""

    status: str
    version: str
    sqlite: str
    uptime_s: float
    links: int
    logs_received: int
    logs_durable: int
    loop_lag_p99_ms: float | None
    longest_gc_pause_ms: float
    journal_commit_ms: float
    parts: list[PartAnswer]
    journal: StoredAnswer
    unexpected_errors: int
    """Since the start; the Commander's log has them."""
    problem: str | None = None
    replica: str | None = None
    """The name of this replica, which leads; null without replicas."""
    replicas: list[ReplicaAnswer] = []


@get("/healthz", opt={"open": True}, summary="Is the process alive?", sync_to_thread=False)
def healthz() -> dict[str, str]:
    """Says nothing that a stranger should not know."""
    return {"status": "ok"}


@get("/leads", opt={"open": True}, summary="Is this the replica that leads?", sync_to_thread=False)
def leads() -> dict[str, str]:
    """For balancers: a replica that follows answers 502, and the one that leads this, whatever else is wrong."""
    return {"status": "leads"}


@get(
    "/readyz",
    opt={"open": True},
    summary="Can logs be stored and acknowledged, and do all parts run?",
    sync_to_thread=False,
)
def readyz(journal: NamedDependency[Journal], parts: NamedDependency[Parts]) -> Response[dict[str, str]]:
    """503 while logs cannot be stored or a background part does not do its work."""
    troubled = parts.troubled
    if journal.part.troubled:
        return Response({"status": "the journal cannot be written"}, status_code=503)
    if troubled:
        names = ", ".join(part.name for part in troubled)
        return Response({"status": f"not running: {names}"}, status_code=503)
    return Response({"status": "ready"})


@get("/api/health", summary="How the Commander itself is doing", sync_to_thread=False)
def api_health(
    health: NamedDependency[Health],
    journal: NamedDependency[Journal],
    parts: NamedDependency[Parts],
    links: NamedDependency[Links],
    replicas: NamedDependency[Replicas],
    seconds: FromQuery[float] = KEPT_S,
) -> HealthAnswer:
    """Figures for the Commander's operator: lag and pauses of the last `seconds`, a minute at the most."""
    lag = health.lag(0.99, seconds)
    return HealthAnswer(
        status="journal failing" if journal.part.troubled else "part failing" if parts.troubled else "ok",
        version=__version__,
        sqlite=sqlite3.sqlite_version,
        uptime_s=time.monotonic() - health.started,
        links=len(links.links),
        logs_received=links.received,
        logs_durable=journal.committed,
        loop_lag_p99_ms=None if lag is None else lag * 1000,
        longest_gc_pause_ms=health.longest_gc_pause(seconds) * 1000,
        journal_commit_ms=journal.commit_s * 1000,
        parts=[_part_answer(part) for part in parts],
        journal=_stored_answer(journal),
        unexpected_errors=health.unexpected,
        problem=journal.failing or next((part.error for part in parts.troubled), None),
        replica=replicas.lead.name if replicas.lead is not None else None,
        replicas=[
            ReplicaAnswer(one.state.name, one.state.version, one.follows, one.behind, one.state.trouble)
            for one in replicas.seen
        ],
    )


def _part_answer(part: Part) -> PartAnswer:
    state_s = max(utc_ms() - part.since_ms, 0) / 1000
    return PartAnswer(part.name, part.state, state_s, part.failures, part.error)


def _stored_answer(journal: Journal) -> StoredAnswer:
    aside = journal.set_aside
    return StoredAnswer(
        duplicates=journal.duplicates,
        set_aside=aside.kept,
        set_aside_dropped=aside.dropped,
        lost=aside.lost,
        damaged=len(journal.damage),
        first_damage=journal.damage[0] if journal.damage else None,
        snapshot_problem=journal.snapshot_error,
    )


health_routes = [healthz, readyz, leads, api_health]
