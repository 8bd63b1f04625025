"""The rules of this farm and its thresholds: in the database, and all of them in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from rigfarm.commander.alerts import store
from rigfarm.commander.alerts.engine.rule import ActiveRule, Rule, RuleForm
from rigfarm.commander.alerts.rules import rules
from rigfarm.commander.alerts.store import StoredRule
from rigfarm.commander.changes import compare, describe
from rigfarm.commander.events import AlertRulesChanged, Events
from rigfarm.commander.fields import checked, words_of
from rigfarm.commander.refusals import Absent, Conflict, Invalid, expect_revision
from rigfarm.commander.rigs.listing.language import parse_kept
from rigfarm.commander.rigs.listing.rig_list import RigList
from rigfarm.commander.stats import OperationalStats
from rigfarm.commander.stats.marks import MARKS, Thresholds
from rigfarm.commander.storage import Storage, get_meta, set_meta
from rigfarm.common.clock import utc_ms

__all__ = ["MAX_RULES", "RuleBook"]

MAX_RULES = 100
_SEEDED = "alert_rules_seeded"
_THRESHOLDS = "thresholds"


class RuleBook:
    """What operators decide about rules."""

    def __init__(
        self,
        storage: Storage,
        events: Events,
        stats: OperationalStats,
        rig_list: RigList,
        has_playbook: Callable[[int], bool],
    ) -> None:
        """`has_playbook`: whether a playbook of this number exists."""
        self.rules: dict[int, StoredRule] = {}
        self._storage = storage
        self._events = events
        self._stats = stats
        self._rig_list = rig_list
        self._has_playbook = has_playbook
        self._writing = asyncio.Lock()

    async def load(self) -> None:
        """Read them, and make those that this version has for the first time; once, before serving."""
        async with self._storage.begin() as tx:
            known = set((await get_meta(tx, _SEEDED) or "").split())
            new = [kind for kind in rules() if kind not in known]
            for kind in new:
                for form in rules()[kind].defaults:
                    await store.insert_rule(tx, kind, form, utc_ms())
            if new:
                await set_meta(tx, _SEEDED, " ".join(sorted(known | set(new))))
            self.rules = {one.id: one for one in await store.load_rules(tx)}
            stored = await get_meta(tx, _THRESHOLDS)
        MARKS.use(msgspec.json.decode(stored, type=Thresholds) if stored else Thresholds())

    # Looking up

    def get(self, rule_id: int) -> StoredRule:
        """One rule, or Absent."""
        found = self.rules.get(rule_id)
        if found is None:
            raise Absent(f"Alert rule {rule_id} does not exist.")
        return found

    def kind(self, name: str) -> Rule[RuleForm]:
        """A kind of rule, or Absent."""
        found = rules().get(name)
        if found is None:
            said = f"There is no kind of alert rule named {name[:32]}." if name else "Name a kind of alert rule."
            raise Absent(f"{said} Known kinds: {', '.join(sorted(rules()))}.")
        return found

    def active(self) -> list[ActiveRule]:
        """Those that are on."""
        return [
            ActiveRule(one.id, one.kind, rules()[one.kind], one.form, self._scope(one.form))
            for one in self.rules.values()
            if one.form.on
        ]

    def _scope(self, form: RuleForm) -> Callable[[int], bool] | None:
        rigs, wanted = frozenset(form.rigs), parse_kept(form.q)
        if not rigs and not wanted:
            return None
        matches = self._rig_list.matches

        def fits(rig_id: int) -> bool:
            return (not rigs or rig_id in rigs) and (not wanted or matches(rig_id, wanted))

        return fits

    # What operators do

    async def create(self, kind: str, form: RuleForm) -> StoredRule:
        """Add a rule."""
        describe("create alert rule")
        form = self._checked(self.kind(kind), form)
        if len(self.rules) >= MAX_RULES:
            raise Conflict(f"There are {MAX_RULES} alert rules, and that is the maximum: remove one first.")
        async with self._writing:
            async with self._storage.begin() as tx:
                rule = await store.insert_rule(tx, kind, form, utc_ms())
            self.rules[rule.id] = rule
        describe(alert_rule=form.name)
        compare({}, words_of(form))
        self._events.publish(AlertRulesChanged())
        return rule

    async def change(self, rule_id: int, form: RuleForm, revision: int | None = None) -> StoredRule:
        """Replace what a rule says. `revision`: what the operator saw."""
        describe("change alert rule")
        form = self._checked(self.kind(self.get(rule_id).kind), form)
        async with self._writing:
            old = self.get(rule_id)
            expect_revision(revision, old.revision, old.form.name)
            if form == old.form:
                return old
            async with self._storage.begin() as tx:
                rule = await store.save_rule(tx, old, form, utc_ms())
            self.rules[rule_id] = rule
        describe(alert_rule=form.name)
        compare(words_of(old.form), words_of(form))
        self._events.publish(AlertRulesChanged())
        return rule

    async def remove(self, rule_id: int) -> StoredRule:
        """Its alerts end."""
        describe("remove alert rule")
        async with self._writing:
            rule = self.get(rule_id)
            expect_revision(None, rule.revision, rule.form.name)
            async with self._storage.begin() as tx:
                await store.delete_rule(tx, rule_id)
            del self.rules[rule_id]
        describe(alert_rule=rule.form.name)
        compare(words_of(rule.form), {})
        self._events.publish(AlertRulesChanged())
        return rule

    async def set_thresholds(self, thresholds: Thresholds) -> Thresholds:
        """The farm's marks: colours of pages, states of rigs and rules follow them."""
        describe("change thresholds")
        thresholds = checked(thresholds)
        async with self._writing:
            before = MARKS.thresholds
            if thresholds == before:
                return before
            async with self._storage.begin() as tx:
                await set_meta(tx, _THRESHOLDS, msgspec.json.encode(thresholds).decode())
            MARKS.use(thresholds)
        compare(words_of(before), words_of(thresholds))
        self._stats.judge_all()
        self._events.publish(AlertRulesChanged())
        return thresholds

    def _checked(self, rule: Rule[RuleForm], form: RuleForm) -> RuleForm:
        if type(form) is not rule.form:
            raise Invalid("These settings belong to another kind of rule.")
        form = checked(form)
        if form.action and not rule.of_rigs:
            raise Invalid("This rule is not about rigs, so it can't do anything to one.", field="action")
        if form.action == "playbook" and not self._has_playbook(form.action_playbook or 0):
            raise Invalid("This playbook does not exist.", field="action_playbook")
        return form
