"""Rules applied by themselves: to rigs without a place that were added, renamed, or got an address."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog
from sqlalchemy.exc import SQLAlchemyError

from rigfarm.commander.auth.changes import ChangeLog
from rigfarm.commander.changes import Actor, Change, describe
from rigfarm.commander.events import Events, LanAddressChanged, RigAdded, RigRemoved, RigRenamed
from rigfarm.commander.placing.actions import SHOWN, PlacingRules
from rigfarm.commander.placing.planning.plan import Move
from rigfarm.commander.refusals import Refusal
from rigfarm.commander.rigs import Rigs
from rigfarm.commander.supervised import Part

__all__ = ["Placer"]

TOGETHER_S = 0.5
"""What happens within this is done together: a farm that joins at once is a few entries of the activity."""
RETRY_S = 2.0
SLICE = 100
"""Rigs at a time, between which others have their turn."""

log = structlog.get_logger()


class Placer:
    """Hears of rigs, and places them. Used from the event loop only."""

    def __init__(self, rules: PlacingRules, rigs: Rigs, events: Events, change_log: ChangeLog) -> None:
        self._rules = rules
        self._rigs = rigs
        self._change_log = change_log
        self._due: set[int] = set()
        """Rigs to look at: at most those that exist."""
        self._woken = asyncio.Event()
        events.listen(RigAdded, self._heard)
        events.listen(RigRenamed, self._heard)
        events.listen(LanAddressChanged, self._heard)
        events.listen(RigRemoved, self._removed)

    def _heard(self, event: RigAdded | RigRenamed | LanAddressChanged) -> None:
        rig = self._rigs.rigs.get(event.rig_id)
        if rig is not None and not rig.place and self._rules.automatic:
            self._due.add(rig.id)
            self._woken.set()

    def _removed(self, removed: RigRemoved) -> None:
        self._due.discard(removed.rig_id)
        self._rules.forget(removed.rig_id)

    async def run(self, part: Part) -> None:
        """Place rigs until cancelled."""
        while True:
            part.idle()
            await self._woken.wait()
            part.beat()
            await asyncio.sleep(TOGETHER_S)
            self._woken.clear()
            try:
                await self._place(part)
                part.trouble = None
            except (SQLAlchemyError, OSError) as error:
                part.trouble = "places that rules give cannot be stored"
                log.error("rigs could not be placed; trying again", error=str(error))
                await asyncio.sleep(RETRY_S)
                self._woken.set()

    async def _place(self, part: Part) -> None:
        """Each rig stays due until it is placed, or no rule places it. Once a rule is changed or removed, nothing more
        is done of what was decided before: all are looked at again."""
        rules = self._rules.listed()
        for rule_id, moves in (await self._decided()).items():
            for start in range(0, len(moves), SHOWN):
                part.beat()
                if self._rules.listed() != rules:
                    self._woken.set()
                    return
                await self._carry_out(rule_id, moves[start : start + SHOWN])

    async def _decided(self) -> dict[int, list[Move]]:
        """What is to be done, by rule."""
        decider, automatic = self._rules.decider(), self._rules.automatic
        found: dict[int, list[Move]] = {}
        for number, rig_id in enumerate(sorted(self._due)):
            if number % SLICE == SLICE - 1:
                await asyncio.sleep(0)
            rig = self._rigs.rigs.get(rig_id)
            move = None if rig is None or rig.place else decider.decide(rig)
            if isinstance(move, Move) and move.rule_id in automatic:
                found.setdefault(move.rule_id, []).append(move)
            else:
                self._due.discard(rig_id)
        return found

    async def _carry_out(self, rule_id: int, moves: Sequence[Move]) -> None:
        """With an entry of its own in the activity, by the rule."""
        name = moves[0].rule
        change = Change("placing rule", "this machine", Actor("rule", name, str(rule_id)))
        async with self._change_log.of(change):
            try:
                await self._rules.move(moves)
                describe("place rigs", rule=name)
                change.outcome, change.result = "changed", "placed"
            except Refusal as refusal:
                # Someone was quicker with one of them: all are looked at again.
                change.who = None
                log.info("rigs that a rule wanted to place were changed meanwhile", rule=name, why=str(refusal))
                self._woken.set()
                return
        self._due.difference_update(move.rig_id for move in moves)
