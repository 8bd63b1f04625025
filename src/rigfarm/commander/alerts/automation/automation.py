"""What rules do by themselves when their alerts fire.

Each act is a row before it is done, and there is one row for an alert and a rig. If the Commander ends in between, the
act is not repeated: a rig that is rebooted twice is worse than one that waits for a person.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import structlog
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from rigfarm.commander.alerts import broadcasts
from rigfarm.commander.alerts.actions import Alerts
from rigfarm.commander.alerts.automation import rows
from rigfarm.commander.alerts.automation.budget import DAY_S, Budget
from rigfarm.commander.alerts.automation.guards import Guards
from rigfarm.commander.alerts.automation.model import Act, command_of, sentence, title
from rigfarm.commander.alerts.engine.rule import RuleForm
from rigfarm.commander.alerts.model import Alert, Member
from rigfarm.commander.assignments import Assignments
from rigfarm.commander.auth.changes import ChangeLog
from rigfarm.commander.changes import Actor, Change, describe
from rigfarm.commander.commands import Commands
from rigfarm.commander.events import CommandEnded, Events
from rigfarm.commander.live import Hub
from rigfarm.commander.refusals import Refusal
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.storage import Storage
from rigfarm.commander.supervised import Part
from rigfarm.common.clock import utc_ms
from rigfarm.units import counted

__all__ = ["START_S", "Automation", "too_many"]

TICK_S = 1.0
START_S = 300.0
"""For this long after a start nothing is done: rigs are still returning, and what is known of them is old."""
LISTED = 500
LOST = "The Commander ended while this was done. It is not repeated: see the rig's page."

log = structlog.get_logger()


class Automation:
    """Does what rules say, rig by rig. Used from the event loop only."""

    def __init__(
        self,
        storage: Storage,
        hub: Hub,
        events: Events,
        rigs: Rigs,
        alerts: Alerts,
        commands: Commands,
        assignments: Assignments,
        guards: Guards,
        change_log: ChangeLog,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], int] = utc_ms,
        start_s: float = START_S,
    ) -> None:
        self.waiting: dict[tuple[int, int], str] = {}
        """By alert and rig: why nothing was done yet."""
        self._storage = storage
        self._hub = hub
        self._rigs = rigs
        self._alerts = alerts
        self._commands = commands
        self._assignments = assignments
        self._guards = guards
        self._change_log = change_log
        self._monotonic = monotonic
        self._wall = wall
        self._quiet_until = monotonic() + start_s
        self._budget = Budget()
        self._acted: set[tuple[int, int]] = set()
        self._since: dict[tuple[int, int], float] = {}
        """By alert and rig: since when it has fired, on the steady clock."""
        self._by_command: dict[str, Act] = {}
        self._unsaved: dict[int, Act] = {}
        events.listen(CommandEnded, self._command_ended)

    async def load(self) -> None:
        """What was done before, and what became of it meanwhile; once, after alerts and commands were read."""
        await self._guards.load()
        now, now_ms = self._monotonic(), self._wall()
        async with self._storage.read() as tx:
            self._acted = await rows.load_acted(tx)
            lately = await rows.load_since(tx, now_ms - int(DAY_S * 1000))
            unended = await rows.load_unended(tx)
        for act in lately:
            self._budget.spend(act.rule_id, act.rig_id, now - max(now_ms - act.at_ms, 0) / 1000)
        for act in unended:
            await self._find_again(act)

    async def _find_again(self, act: Act) -> None:
        """The Commander ended before the result was known, or even before it was known that it was given."""
        given = await self._commands.of_rig(act.rig_id)
        command = next((one for one in given if one.id == act.command_id), None)
        if command is None:
            act.state, act.detail = "failed", LOST
        else:
            act.state, act.detail = command.state, command.words
            if not command.ended:
                self._by_command[command.id] = act
                return
        self._unsaved[act.id] = act

    # Looking up

    def says(self, form: RuleForm) -> str:
        """What a rule will do, in a sentence; empty where it does nothing."""
        return sentence(form, self._playbook(form))

    def playbooks(self) -> list[tuple[int, str]]:
        """Those that a rule can apply."""
        return [(one.id, one.name) for one in self._assignments.playbooks.listed()]

    async def of_alert(self, alert_id: int) -> list[Act]:
        """What was done because of it, newest first."""
        async with self._storage.read() as tx:
            return await rows.load_acts(tx, alert_id, LISTED)

    def waits(self, alert_id: int) -> list[tuple[str, str]]:
        """(rig, why) of those to which nothing was done yet."""
        found = [(rig_id, why) for (of, rig_id), why in self.waiting.items() if of == alert_id]
        return [(self._rigs.rigs[rig_id].name, why) for rig_id, why in found if rig_id in self._rigs.rigs]

    # Time passes

    async def run(self, part: Part) -> None:
        """Do what is due, until cancelled."""
        while True:
            try:
                await self.step()
                part.trouble = None
            except SQLAlchemyError as error:
                part.trouble = "what alert rules do cannot be stored, so they do nothing"
                log.error("what alert rules do could not be stored; trying again", error=str(error))
            await asyncio.sleep(TICK_S)
            part.beat()

    async def step(self) -> None:
        """One look at all alerts whose rules do something."""
        await self._take_back()
        await self._save_results()
        waited, self.waiting = self.waiting, {}
        try:
            for alert, rig in self._due():
                await self._act(alert, rig)
        finally:
            if self.waiting != waited:
                broadcasts.alerts_changed(self._hub)

    def _due(self) -> list[tuple[Alert, Rig]]:
        """Rigs for which an alert has fired for long enough, and to which its rule has done nothing yet."""
        now, since, due = self._monotonic(), self._since, []
        self._since = {}
        for alert in self._alerts.watch.alerts.values():
            form = self._acting(alert)
            if form is None:
                continue
            for rig_id, member in self._alerts.watch.failing_in(alert).items():
                key, rig = (alert.id, rig_id), self._rigs.rigs.get(rig_id)
                if rig is None or key in self._acted:
                    continue
                self._since[key] = since.get(key, now - self._fired_s(alert, member))
                if now >= self._since[key] + form.action_minutes * 60.0:
                    due.append((alert, rig))
        return due

    def _acting(self, alert: Alert) -> RuleForm | None:
        """The settings of the alert's rule; None when it does nothing about the alert as it is now."""
        active = self._alerts.watch.rules.get(alert.rule_id)
        if active is None or not active.form.action or alert.state != "firing" or too_many(alert, active.form):
            return None
        return active.form

    async def _take_back(self) -> None:
        """Commands to rigs that left before they were told, and on which someone works by now."""
        for command_id, act in list(self._by_command.items()):
            rig = self._rigs.rigs.get(act.rig_id)
            if rig is None or not self._guards.maintained(rig):
                continue
            if any(one.id == command_id and one.sent_at is None for one in self._commands.open_of(rig.id)):
                await self._commands.cancel(command_id)

    def _fired_s(self, alert: Alert, member: Member) -> float:
        """For how long, as far as the wall clock knows; if that was set back, from now on. After a snooze it begins
        again; in a maintenance window, at its end."""
        return max(self._wall() - max(member.fired_ms or 0, alert.urgent_since_ms), 0) / 1000

    async def _act(self, alert: Alert, rig: Rig) -> None:
        form, now = self._acting(alert), self._rigs.rigs.get(rig.id)
        if form is None or now is None or rig.id not in self._alerts.watch.failing_in(alert):
            return  # it changed meanwhile
        rig = now
        if why := self._why_not(alert.rule_id, form, rig):
            self.waiting[alert.id, rig.id] = why
            return
        what = title(form, self._playbook(form))
        act = Act(0, alert.id, alert.rule_id, rig.id, rig.name, what, "giving", "", self._wall())
        try:
            async with self._storage.begin() as tx:
                act.id = await rows.insert_act(tx, act)
        except IntegrityError:
            self._acted.add(act.key)  # it was stored although the database could not say so
            return
        self._acted.add(act.key)
        self._budget.spend(alert.rule_id, rig.id, self._monotonic())
        await self._give(act, form, alert, rig)
        log.warning("an alert rule did something", rule=alert.rule, alert=alert.id, rig=rig.name, what=what)
        self._unsaved[act.id] = act
        await self._save_results()

    def _why_not(self, rule_id: int, form: RuleForm, rig: Rig) -> str:
        if self._monotonic() < self._quiet_until:
            return "the Commander has just started"
        if form.action == "playbook" and form.action_playbook not in self._assignments.playbooks.playbooks:
            return "the playbook was removed"
        why = self._guards.why_not(form, rig)
        return why or self._budget.why_not(rule_id, form, rig.id, self._monotonic())

    async def _give(self, act: Act, form: RuleForm, alert: Alert, rig: Rig) -> None:
        """As an operator would, with an entry of its own in the activity."""
        change = Change("alert rule", "this machine", Actor("rule", form.name, str(act.rule_id)))
        async with self._change_log.of(change):
            describe(alert=alert.id, alert_rule=form.name)
            try:
                command = command_of(form, rig)
                if command is None:
                    await self._apply(act, form.action_playbook or 0, rig)
                else:
                    (given,) = await self._commands.give(command, [rig.id])
                    act.command_id, act.state, act.detail = given.id, given.state, given.detail
                    if not given.ended:
                        self._by_command[given.id] = act
                change.outcome, change.result = "refused" if act.state == "refused" else "changed", act.state
            except (Refusal, SQLAlchemyError) as error:
                act.state, act.detail = "failed", str(error) if isinstance(error, Refusal) else LOST
                change.outcome, change.result = "failed", act.detail

    async def _apply(self, act: Act, playbook_id: int, rig: Rig) -> None:
        (step,) = (await self._assignments.apply(playbook_id, [rig.id])).steps
        act.state, act.detail = ("refused" if step.action == "refused" else "done"), step.detail

    def _command_ended(self, ended: CommandEnded) -> None:
        act = self._by_command.pop(ended.command_id, None)
        if act is not None:
            act.state, act.detail = ended.state, ended.detail
            self._unsaved[act.id] = act

    async def _save_results(self) -> None:
        if not self._unsaved:
            return
        acts = list(self._unsaved.values())
        async with self._storage.begin() as tx:
            for act in acts:
                await rows.save_act(tx, act)
        for act in acts:
            self._unsaved.pop(act.id, None)
        broadcasts.alerts_changed(self._hub)

    def _playbook(self, form: RuleForm) -> str:
        found = self._assignments.playbooks.playbooks.get(form.action_playbook or 0)
        return "" if found is None else found.name


def too_many(alert: Alert, form: RuleForm) -> str:
    """Why a rule does nothing about an alert, whatever becomes of it; empty when it may."""
    if not form.action or alert.rigs <= form.action_rigs:
        return ""
    most = counted(int(form.action_rigs), "rig")
    return f"It does nothing: the alert is about {counted(alert.rigs, 'rig')}, and the rule acts on {most} at most."
