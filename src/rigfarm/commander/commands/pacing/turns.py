"""Whose turn it is, among commands that are not sent to all rigs at once."""

from __future__ import annotations

import time
from itertools import islice

from rigfarm.commander.commands.model import GivenCommand, Pace

__all__ = ["Turns"]


class Turns:
    """All batches that are given at a pace and are not sent as a whole. A command of another batch need not wait."""

    def __init__(self) -> None:
        self._batches: dict[str, _Batch] = {}

    def add(self, command: GivenCommand, pace: Pace, *, begun: bool) -> int:
        """It waits for its turn, which comes in so many seconds. `begun`: some of its batch may just have been sent."""
        batch = self._batches.get(command.batch)
        if batch is None:
            batch = self._batches[command.batch] = _Batch(pace, begun=begun)
        turn_s = pace.turn_s(len(batch.unsent) + begun * pace.at_once)
        batch.unsent[command.id] = command.rig_id
        return turn_s

    def take(self, command: GivenCommand) -> bool:
        """Whether it may be sent now, to its rig that asks. If not, the rig is woken when the turn comes."""
        batch = self._batches.get(command.batch)
        return batch is None or batch.take(command.id)

    def is_awaited(self, command: GivenCommand) -> bool:
        """Whether its rig has asked for it and waits for its turn."""
        batch = self._batches.get(command.batch)
        return batch is not None and command.id in batch.asked

    def forget(self, command: GivenCommand) -> None:
        """It was sent, or will not be."""
        batch = self._batches.get(command.batch)
        if batch is None:
            return
        batch.unsent.pop(command.id, None)
        batch.asked.pop(command.id, None)
        if not batch.unsent:
            del self._batches[command.batch]

    def come(self, now: float) -> list[int]:
        """The rigs to wake, because their turn has come."""
        return [rig_id for batch in self._batches.values() for rig_id in batch.come(now)]


class _Batch:
    """Never more at once than may be, and then the pause, however late rigs come and whatever the Commander went
    through in between."""

    def __init__(self, pace: Pace, *, begun: bool) -> None:
        self.unsent: dict[str, int] = {}
        """Commands and their rigs, in turn."""
        self.asked: dict[str, None] = {}
        """Commands whose rigs asked for them before it was their turn."""
        self._pace = pace
        self._left = 0 if begun else pace.at_once
        self._opens = time.monotonic() + pace.pause_s

    def take(self, command_id: str) -> bool:
        if self._left == 0:
            self.asked[command_id] = None
            return False
        self._left -= 1
        self._opens = time.monotonic() + self._pace.pause_s
        return True

    def come(self, now: float) -> list[int]:
        if self._left == 0 and now >= self._opens:
            self._left = self._pace.at_once
        turn = list(islice(self.asked, self._left))
        for command_id in turn:
            del self.asked[command_id]
        return [self.unsent[command_id] for command_id in turn if command_id in self.unsent]
