"""All sensors of this machine, read side by side."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import structlog

from rigfarm.sentry.readings import SensorReading
from rigfarm.sentry.sensors.discover import discover
from rigfarm.sentry.sensors.known import Known, load, remember, save
from rigfarm.sentry.sensors.merge import merge
from rigfarm.sentry.sensors.source import Outcome, Problem, Source, SourceFailed
from rigfarm.sentry.sensors.worker import Hung, Worker
from rigfarm.wire.specs import GpuSpecs

__all__ = ["Sensors"]

_log = structlog.get_logger(__name__)
_T = TypeVar("_T")


class Sensors:
    """Every source in a thread of its own, none waiting for another; the GPUs in the places they first had.

    `sources` replaces those found for `sysfs_root`. With `known_path` the places outlive the process; they are given up
    when that file is taken away (`known.forget`).
    """

    def __init__(
        self,
        sysfs_root: Path = Path("/sys"),
        sources: Sequence[Source] | None = None,
        timeout_s: float = 2.0,
        known_path: Path | None = None,
    ) -> None:
        found = discover(sysfs_root) if sources is None else sources
        self._sources = [(source, Worker(source.name)) for source in found]
        self._timeout_s = timeout_s
        self._known_path = known_path
        self._known: Known = load(known_path) if known_path else ()
        self._on_disk = bool(self._known)
        self._specs: dict[str, GpuSpecs] = {}
        self._complaints: dict[str, str] = {}

    async def read(self) -> SensorReading:
        """One look at everything, without the sources that take longer than `timeout_s`. Never raises for a sensor."""
        outcomes = await self.examine()
        if self._on_disk and self._known_path and not self._known_path.exists():
            self._known, self._on_disk = (), False
            self._specs.clear()
        known = remember(self._known, outcomes)
        if known != self._known:
            self._known = known
            await self._keep()
        return merge(outcomes, self._known)

    async def examine(self) -> list[Outcome]:
        """The same look, source by source, with its time: for the doctor."""
        return list(await asyncio.gather(*(self._look(source, worker) for source, worker in self._sources)))

    async def gpu_specs(self) -> list[GpuSpecs]:
        """What the GPUs are made of, by index; of a card that is gone, what was known before."""
        answers = await asyncio.gather(*(self._ask(s, worker, s.gpu_specs) for s, worker in self._sources))
        for answer in answers:
            if not isinstance(answer, Problem):
                self._specs.update((specs.id, specs) for specs in answer)
        places = {gpu.id: place for place, gpu in enumerate(self._known)}
        specs = {gpu.id: GpuSpecs(id=gpu.id, name=gpu.name) for gpu in self._known} | self._specs
        return sorted(specs.values(), key=lambda gpu: (places.get(gpu.id, len(places)), gpu.id))

    def close(self) -> None:
        """Let the sources go. Does not wait for one that hangs."""
        for source, worker in self._sources:
            worker.close(source.close)

    async def _look(self, source: Source, worker: Worker) -> Outcome:
        begun = time.monotonic()
        answer = await self._ask(source, worker, source.read)
        seconds = time.monotonic() - begun
        if isinstance(answer, Problem):
            return Outcome(source.name, source.title, seconds, None, answer)
        self._complaints.pop(source.name, None)
        return Outcome(source.name, source.title, seconds, answer)

    async def _ask(self, source: Source, worker: Worker, question: Callable[[], _T]) -> _T | Problem:
        try:
            return await worker.call(question, self._timeout_s)
        except SourceFailed as failed:
            return self._complain(source, failed.problem)
        except Hung:
            return self._complain(source, _hangs(source))
        except Exception as error:  # noqa: BLE001 - whatever a source raises costs its own values only
            return self._complain(source, _broken(source, error), error)

    def _complain(self, source: Source, problem: Problem, error: Exception | None = None) -> Problem:
        """Into the log once per problem, not at every look."""
        if self._complaints.get(source.name) != problem.why:
            self._complaints[source.name] = problem.why
            _log.warning("sensor-unknown", source=source.name, problem=str(problem), exc_info=error)
        return problem

    async def _keep(self) -> None:
        if self._known_path is None:
            return
        try:
            await asyncio.to_thread(save, self._known_path, self._known)
        except OSError as error:
            _log.warning("known-gpus-not-saved", path=str(self._known_path), error=str(error))
        else:
            self._on_disk = True


def _hangs(source: Source) -> Problem:
    return Problem(source.title, "the driver hangs", "The values are unknown until it answers again or you reboot.")


def _broken(source: Source, error: Exception) -> Problem:
    return Problem(source.title, f"reading failed: {type(error).__name__}: {error}", "Please report this.")
