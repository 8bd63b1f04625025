"""Rules that place rigs, and what can be done with them. All of them are in memory; a change is durable before it is
announced."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence

from rigfarm.commander.asked import OfRigs
from rigfarm.commander.changes import compare, describe
from rigfarm.commander.fields import checked, words_of
from rigfarm.commander.live import Hub
from rigfarm.commander.names import name_key
from rigfarm.commander.placing import broadcasts, store
from rigfarm.commander.placing.matching.addresses import Address, known_address
from rigfarm.commander.placing.matching.matcher import Matcher
from rigfarm.commander.placing.model import MAX_RULES, PlacingForm, PlacingRule, Which
from rigfarm.commander.placing.planning.plan import Decider, Move, Plan, Trial, plan_of, try_out
from rigfarm.commander.refusals import Absent, ChangedMeanwhile, Conflict, Invalid, expect_revision
from rigfarm.commander.rigs import Rig, Rigs
from rigfarm.commander.stats import OperationalStats
from rigfarm.commander.storage import Storage
from rigfarm.common.clock import utc_ms

__all__ = ["PlacingRules"]

EVERY = OfRigs()
SHOWN = 24
"""Moves of which an entry of the activity says from where to where."""


class PlacingRules:
    """All of them in their order: the first that matches decides."""

    def __init__(self, storage: Storage, hub: Hub, rigs: Rigs, stats: OperationalStats) -> None:
        self._storage = storage
        self._hub = hub
        self._rigs = rigs
        self._stats = stats
        self._rules: dict[int, PlacingRule] = {}
        """In their order."""
        self._matchers: dict[int, Matcher] = {}
        self._placed: dict[int, tuple[int, str]] = {}
        """(rule, place) of rigs that a rule placed. One that is elsewhere by now was moved by hand."""
        self._writing = asyncio.Lock()
        self._planning = asyncio.Lock()
        """One at a time: each looks at every rig."""

    async def load(self) -> None:
        """Read all of it; once, before serving."""
        async with self._storage.read() as tx:
            self._set({rule.id: rule for rule in await store.load_rules(tx)})
            self._placed = {rig_id: (rule_id, place) for rig_id, rule_id, place in await store.load_placed(tx)}

    # Looking up

    @property
    def automatic(self) -> set[int]:
        """Rules that act by themselves."""
        return {rule.id for rule in self._rules.values() if rule.form.automatic}

    def listed(self) -> list[PlacingRule]:
        """In their order."""
        return list(self._rules.values())

    def get(self, rule_id: int) -> PlacingRule:
        """The rule, or Absent."""
        rule = self._rules.get(rule_id)
        if rule is None:
            raise Absent(f"Placing rule {rule_id} does not exist.")
        return rule

    def placed_by(self, rig: Rig) -> int | None:
        """The rule that gave the rig the place that it has; None: a person did."""
        rule_id, place = self._placed.get(rig.id, (None, ""))
        return rule_id if rig.place and place == rig.place else None

    def counts(self) -> Counter[int]:
        """How many rigs are where each rule placed them."""
        rigs = self._rigs.rigs
        return Counter(
            rule_id
            for rig_id, (rule_id, place) in self._placed.items()
            if (rig := rigs.get(rig_id)) and rig.place == place
        )

    def address_of(self, rig_id: int) -> Address | None:
        """The address that a rig last reported."""
        stats = self._stats.rigs.get(rig_id)
        text = None if stats is None or stats.log is None else stats.log.lan_ip
        return known_address(text) if text else None

    def decider(self, which: Which = "without-place", before: int | None = None) -> Decider:
        """The rules as they are now; `before`: only those that come before this one."""
        rules: list[tuple[PlacingRule, Matcher]] = []
        for rule in self._rules.values():
            if rule.id == before:
                break
            rules.append((rule, self._matchers[rule.id]))
        return Decider(rules, self.address_of, self.placed_by, which)

    async def plan(self, which: Which, of_rigs: OfRigs = EVERY) -> Plan:
        """What applying the rules to all rigs, or some, would do."""
        async with self._planning:
            rigs = [rig for rig in self._rigs.rigs.values() if of_rigs.has(rig.id)]
            return await plan_of(rigs, self.decider(which), which)

    async def trial(self, form: PlacingForm, rule_id: int | None = None) -> Trial:
        """What a rule would match in the place of this one, or as the last one. Invalid."""
        form = checked(form)
        async with self._planning:
            return await try_out(form, self._rigs.rigs.values(), self.decider(before=rule_id))

    # What operators do

    async def create(self, form: PlacingForm) -> PlacingRule:
        """Add a rule, as the last one. No rig is moved by that."""
        describe("create placing rule")
        form = checked(form)
        async with self._writing:
            self._check_name(form.name)
            if len(self._rules) >= MAX_RULES:
                raise Conflict(f"There are {MAX_RULES} rules, and that is the maximum: remove one first.")
            async with self._storage.begin() as tx:
                rule = await store.insert_rule(tx, form, len(self._rules), utc_ms())
                await store.save_order(tx, [*self._rules, rule.id])
            self._set({**self._rules, rule.id: rule})
        describe(rule=rule.name)
        compare({}, words_of(form))
        return rule

    async def change(self, rule_id: int, form: PlacingForm, revision: int | None = None) -> PlacingRule:
        """Replace what a rule says. `revision`: what the operator saw; ChangedMeanwhile when it is no longer that."""
        describe("change placing rule")
        form = checked(form)
        async with self._writing:
            old = self.get(rule_id)
            describe(rule=old.name)
            expect_revision(revision, old.revision, old.name)
            if form == old.form:
                return old
            self._check_name(form.name, except_id=rule_id)
            async with self._storage.begin() as tx:
                rule = await store.save_rule(tx, old, form, max(utc_ms(), old.updated_at + 1))
            self._set({**self._rules, rule_id: rule})
        describe(rule=rule.name)
        compare(words_of(old.form), words_of(form))
        return rule

    async def remove(self, rule_id: int) -> PlacingRule:
        """Remove a rule. Rigs stay where they are."""
        describe("remove placing rule")
        async with self._writing:
            rule = self.get(rule_id)
            describe(rule=rule.name)
            expect_revision(None, rule.revision, rule.name)
            async with self._storage.begin() as tx:
                await store.delete_rule(tx, rule_id)
            self._set({one: kept for one, kept in self._rules.items() if one != rule_id})
        compare(words_of(rule.form), {})
        return rule

    async def reorder(self, rule_ids: Sequence[int]) -> list[PlacingRule]:
        """Another order of all rules. Invalid where it doesn't name each of them once."""
        describe("reorder placing rules")
        async with self._writing:
            if sorted(rule_ids) != sorted(self._rules):
                raise Invalid("Name every rule once, in the order in which they are to be tried.", field="rules")
            await self._reorder(rule_ids)
        return self.listed()

    async def step(self, rule_id: int, steps: int) -> None:
        """Try a rule earlier (negative) or later by so many others."""
        describe("reorder placing rules")
        async with self._writing:  # the order may be another one once it is our turn
            order = [one for one in self._rules if one != self.get(rule_id).id]
            order.insert(max(list(self._rules).index(rule_id) + steps, 0), rule_id)
            await self._reorder(order)

    async def _reorder(self, rule_ids: Sequence[int]) -> None:
        before = ", ".join(rule.name for rule in self._rules.values())
        if list(rule_ids) != list(self._rules):
            async with self._storage.begin() as tx:
                await store.save_order(tx, rule_ids)
            self._set({rule_id: self._rules[rule_id] for rule_id in rule_ids})
        compare({"order": before}, {"order": ", ".join(rule.name for rule in self._rules.values())})

    async def apply(self, which: Which, digest: str, of_rigs: OfRigs = EVERY) -> Plan:
        """Do what the plan with this digest says, all of it or nothing. ChangedMeanwhile when the plan is another one
        by now."""
        describe("apply placing rules")
        async with self._writing:
            plan = await self.plan(which, of_rigs)
            if plan.digest != digest:
                raise ChangedMeanwhile(
                    "Something changed since you saw this plan, so no rig was moved. Check the new plan."
                )
            await self.move(plan.moves)
        describe(
            "apply placing rules", moved=len(plan.moves), rules=", ".join({move.rule: None for move in plan.moves})
        )
        return plan

    # What rules do

    async def move(self, moves: Sequence[Move]) -> None:
        """Carry out what was decided, all of it or nothing. ChangedMeanwhile when one of the rigs is not as it was."""
        rigs = self._rigs.rigs
        try:
            wanted = [(move.before(self._rigs.get(move.rig_id)), move.name, move.relabel) for move in moves]
            await self._rigs.edit(wanted)
        except (Invalid, Absent) as error:
            raise ChangedMeanwhile(
                "A rig was changed in the meantime, so none was moved. Check the new plan."
            ) from error
        placed = [(move.rig_id, move.rule_id, move.to) for move in moves if move.rig_id in rigs]
        if placed:
            async with self._storage.begin() as tx:
                await store.save_placed(tx, placed)
        self._placed |= {rig_id: (rule_id, place) for rig_id, rule_id, place in placed}
        if len(moves) > 1:
            compare(*({move.name: place for move, place in shown} for shown in _before_and_after(moves[:SHOWN])))
        broadcasts.rules_changed(self._hub)

    def forget(self, rig_id: int) -> None:
        """The rig was removed."""
        self._placed.pop(rig_id, None)

    def _set(self, rules: dict[int, PlacingRule]) -> None:
        self._matchers = {
            rule.id: self._matchers[rule.id] if self._rules.get(rule.id) == rule else Matcher(rule.form)
            for rule in rules.values()
        }
        self._rules = rules
        broadcasts.rules_changed(self._hub)

    def _check_name(self, name: str, except_id: int | None = None) -> None:
        key = name_key(name)
        if any(name_key(rule.name) == key and rule.id != except_id for rule in self._rules.values()):
            raise store.taken(name)


def _before_and_after(moves: Iterable[Move]) -> tuple[list[tuple[Move, str]], list[tuple[Move, str]]]:
    every = list(moves)
    return [(move, move.place) for move in every], [(move, move.to) for move in every]
