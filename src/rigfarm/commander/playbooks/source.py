"""What playbooks have for a rig's Sentry: the link asks when the Sentry connects, and at each nudge."""

from __future__ import annotations

from rigfarm.commander.events import Events, RigRemoved
from rigfarm.commander.playbooks.book import PlaybookBook
from rigfarm.commander.playbooks.consoles import Consoles
from rigfarm.wire.frames import DownFrame, Playbooks

__all__ = ["PlaybookSource"]


class PlaybookSource:
    """Says all that a rig shall run, whole, and only when it is not what the Sentry was told last."""

    def __init__(self, events: Events, book: PlaybookBook, consoles: Consoles) -> None:
        self._book = book
        self._consoles = consoles
        self._told: dict[int, int] = {}
        """Rig -> stamp of what its Sentry was told."""
        events.listen(RigRemoved, self._rig_removed)

    async def waiting(self, rig_id: int, slot: int, *, connected: bool) -> list[DownFrame]:
        """Frames for the rig; a Sentry that has just connected is told everything."""
        frames: list[DownFrame] = []
        found = self._book.running.orders(rig_id)
        if found is not None and (connected or self._told.get(rig_id) != found[0]):
            stamp, orders = found
            self._told[rig_id] = stamp
            frames.append(Playbooks(slot, stamp, orders))
        frames += self._consoles.frames(rig_id, slot, connected=connected)
        return frames

    def _rig_removed(self, removed: RigRemoved) -> None:
        self._told.pop(removed.rig_id, None)
        self._consoles.forget(removed.rig_id)
