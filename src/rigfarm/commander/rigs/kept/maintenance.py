"""Rigs that persons work on, from a beginning to an end: until then they need no attention."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import partial

import structlog
from msgspec.structs import replace

from rigfarm.commander.changes import describe, made_by
from rigfarm.commander.events import Events, MaintenanceChanged
from rigfarm.commander.names import clean_line
from rigfarm.commander.refusals import Invalid
from rigfarm.commander.rigs import store
from rigfarm.commander.rigs.kept.rigs import KeptRigs, describe_rigs
from rigfarm.commander.rigs.model import Maintenance, Rig
from rigfarm.commander.supervised import Part
from rigfarm.common.clock import utc_ms

__all__ = ["Maintaining"]

log = structlog.get_logger()

END_EVERY_S = 1.0
MAX_REASON = 200
MAX_LENGTH_MS = 366 * 86_400_000


class Maintaining:
    """Begins and ends it."""

    def __init__(self, kept: KeptRigs, events: Events) -> None:
        self._kept = kept
        self._events = events

    async def start(self, rig_ids: Iterable[int], reason: str = "", until_ms: int | None = None) -> list[Rig]:
        """A person works on these rigs: until it is ended, or until that time, they need no attention. One that is in
        maintenance keeps its beginning. Returns those that exist; Invalid for a reason or a time that cannot be."""
        describe("start maintenance")
        reason = clean_line(reason, "reason", "A reason", MAX_REASON)
        now_ms = utc_ms()
        if until_ms is not None and not now_ms < until_ms <= now_ms + MAX_LENGTH_MS:
            raise Invalid("The end must be in the future, within a year.", field="until")
        by = made_by()

        def begin(rig: Rig) -> Maintenance:
            since = now_ms if rig.maintenance is None else rig.maintenance.since
            return Maintenance(since, by, reason, until_ms)

        said = " · ".join(part for part in (f"by {by}" if by else "", reason) if part)
        rigs = await self._maintain(rig_ids, begin, said)
        describe_rigs(rigs)
        describe(reason=reason)
        return rigs

    async def end(self, rig_ids: Iterable[int]) -> list[Rig]:
        """They need attention again, if they are in trouble. Returns those that were in maintenance."""
        describe("end maintenance")
        inside = [one for one in rig_ids if one in self._kept.rigs and self._kept.rigs[one].maintenance is not None]
        by = made_by()
        rigs = await self._maintain(inside, lambda _: None, f"ended by {by}" if by else "ended")
        describe_rigs(rigs)
        return rigs

    async def _maintain(self, rig_ids: Iterable[int], of: Callable[[Rig], Maintenance | None], said: str) -> list[Rig]:
        async with self._kept.writing:
            old = self._kept.those(rig_ids)
            changed = [replace(rig, maintenance=of(rig), revision=rig.revision + 1) for rig in old]
            await self._kept.save(changed, store.save_maintenance)
            for rig in changed:
                self._events.publish(MaintenanceChanged(rig.id, rig.maintenance is not None, said))
        return changed

    async def end_planned(self, part: Part) -> None:
        """End each maintenance whose time has come; until cancelled."""
        while True:
            now_ms = utc_ms()
            due = [
                rig.id
                for rig in self._kept.rigs.values()
                if rig.maintenance is not None and not rig.maintenance.lasts_beyond(now_ms)
            ]
            if due:
                ended = await self._maintain(due, partial(_unless_over, now_ms), "ended as planned")
                log.info(
                    "maintenance ended as planned", rigs=len(ended), names=", ".join(rig.name for rig in ended[:5])
                )
            await asyncio.sleep(END_EVERY_S)
            part.beat()


def _unless_over(now_ms: int, rig: Rig) -> Maintenance | None:
    """It may have been prolonged meanwhile."""
    said = rig.maintenance
    return said if said is not None and said.lasts_beyond(now_ms) else None
