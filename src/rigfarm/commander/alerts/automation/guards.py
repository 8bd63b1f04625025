"""When a rule leaves a rig alone although its alert fires: someone, or something else, is at work on it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from rigfarm.commander.alerts.automation.model import command_of
from rigfarm.commander.alerts.engine.rule import RuleForm
from rigfarm.commander.assignments import Assignments
from rigfarm.commander.commands import Commands
from rigfarm.commander.commands.model import out_of_range, why_not
from rigfarm.commander.events import AssignmentsChanged, CommandGiven, Events
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.rollouts import Rollouts
from rigfarm.commander.stats import OperationalStats
from rigfarm.commander.stats.condition import UP
from rigfarm.common.clock import utc_ms

__all__ = ["Guards"]

LEFT_ALONE_S = 600.0
"""After a rig was given a command or a playbook, by a person or by a rule, rules leave it alone for this long."""
PAGE = 1_000


class Guards:
    """Knows what rigs were told lately, and asks the rest of the Commander what is under way."""

    def __init__(
        self,
        events: Events,
        stats: OperationalStats,
        commands: Commands,
        assignments: Assignments,
        rollouts: Rollouts,
        muted_until: Callable[[Iterable[int]], int | None],
        *,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], int] = utc_ms,
    ) -> None:
        """`muted_until`: until when maintenance windows mute these rigs."""
        self._events = events
        self._stats = stats
        self._commands = commands
        self._assignments = assignments
        self._rollouts = rollouts
        self._muted_until = muted_until
        self._monotonic = monotonic
        self._wall = wall
        self._told: dict[int, float] = {}
        """By rig: when it was told something last, on the steady clock."""

    async def load(self) -> None:
        """What rigs were told before the Commander ended; once, after commands and assignments were read."""
        now, now_ms = self._monotonic(), self._wall()
        after: tuple[int, str] | None = None
        while True:
            found = await self._commands.listed(None, None, after, PAGE)
            for one in found:
                self._tell(one.rig_id, now - max(now_ms - one.created_at, 0) / 1000)
            if len(found) < PAGE or found[-1].created_at < now_ms - LEFT_ALONE_S * 1000:
                break
            after = found[-1].created_at, found[-1].id
        for rig_id, own in self._assignments.assigned.by_rig.items():
            for has in own.values():
                self._tell(rig_id, now - max(now_ms - has.assigned_at, 0) / 1000)
        self._events.listen(CommandGiven, lambda given: self._tell(given.rig_id, self._monotonic()))
        self._events.listen(AssignmentsChanged, lambda changed: self._tell(changed.rig_id, self._monotonic()))

    def _tell(self, rig_id: int, when: float) -> None:
        if self._monotonic() - when < LEFT_ALONE_S:
            self._told[rig_id] = max(when, self._told.get(rig_id, when))

    def why_not(self, form: RuleForm, rig: Rig) -> str:
        """Why this rig is left alone now, in words; empty when it need not be."""
        stats = self._stats.rigs.get(rig.id)
        if stats is None or stats.condition.state not in UP:
            return "the rig is not connected"
        if self.maintained(rig):
            return "the rig is in maintenance"
        if stats.rests:
            return f"the rig is {stats.rests}"
        if self._commands.open_of(rig.id):
            return "a command to the rig is under way"
        if self._rolled_out(form, rig.id):
            return "a roll-out is under way"
        told = self._told.get(rig.id)
        if told is not None and self._monotonic() - told < LEFT_ALONE_S:
            return "the rig was given a command or a playbook within the last 10 minutes"
        self._told.pop(rig.id, None)
        command = command_of(form, rig)
        return "" if command is None else why_not(command, rig) or out_of_range(command, rig)

    def maintained(self, rig: Rig) -> bool:
        """Whether a person works on it, or a maintenance window holds."""
        return rig.maintenance is not None or self._muted_until([rig.id]) is not None

    def _rolled_out(self, form: RuleForm, rig_id: int) -> bool:
        playbook = form.action_playbook if form.action == "playbook" else None
        return any(
            one.playbook_id == playbook or rig_id in one.plan.first or rig_id in one.plan.rest
            for one in self._rollouts.active.values()
        )
