"""Hears when rigs are renamed: their workers' names follow."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable

import structlog

from rigfarm.commander import channels
from rigfarm.commander.live import Event, Hub
from rigfarm.commander.playbooks.running import Running
from rigfarm.commander.playbooks.worker_name import worker_name
from rigfarm.commander.rigs.book import RigBook
from rigfarm.commander.rigs.model import Rig

__all__ = ["RenameListener"]

log = structlog.get_logger()


class RenameListener:
    """Listens where viewers of the index do. A change that leaves the worker's name as it was is none."""

    def __init__(self, hub: Hub, rigs: RigBook, running: Running) -> None:
        self._running = running
        self._workers = {rig.id: worker_name(rig.name) for rig in rigs.rigs.values()}
        self._tasks: set[asyncio.Task[None]] = set()
        hub.subscribe(self, channels.index("cpu-gpu"))

    def deliver(self, channel: str, key: Hashable, event: Event, payload: object) -> None:
        """A rig came, changed or went."""
        if not isinstance(payload, Rig):
            return
        if event == "deleted":
            self._workers.pop(payload.id, None)
            return
        before, now = self._workers.get(payload.id), worker_name(payload.name)
        self._workers[payload.id] = now
        if before is not None and before != now:
            task = asyncio.create_task(self._running.renamed(payload.id))
            self._tasks.add(task)
            task.add_done_callback(self._done)

    def channel_closed(self, channel: str) -> None:
        """The index is never closed."""

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a renamed rig could not be told its worker's new name", error=repr(error))
