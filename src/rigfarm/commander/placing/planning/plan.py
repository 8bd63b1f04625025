"""What rules would do to rigs, computed in slices between which others have their turn."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence

import msgspec
from msgspec import Struct

from rigfarm.commander.kinds import KindName
from rigfarm.commander.names import name_sort
from rigfarm.commander.placing.matching.addresses import Address
from rigfarm.commander.placing.matching.matcher import Matcher
from rigfarm.commander.placing.model import PlacingForm, PlacingRule, Which
from rigfarm.commander.refusals import Invalid
from rigfarm.commander.rigs.model import Relabel, Rig, clean_place

__all__ = ["Decider", "Move", "Plan", "Skipped", "Trial", "plan_of", "try_out"]

SLICE_S = 0.005
"""A slice, however many rules there are."""
SAMPLES = 8
BY_HAND = "has a place already, given by hand"
BY_RULE = "has a place already, given by a rule"
THERE = "is in its place already"
NO_RULE = "no rule matches"
NO_ADDRESS = "no rule matches; its address is not known"


class Move(Struct, frozen=True):
    """A rig as it is, where it belongs, and the rule that says so."""

    rig_id: int
    name: str
    kind: KindName
    place: str
    tags: tuple[str, ...]
    to: str
    add: tuple[str, ...]
    """Tags that it does not have yet."""
    rule_id: int
    rule: str

    @property
    def relabel(self) -> Relabel:
        """What changes."""
        return Relabel(place=self.to, add=self.add)

    def before(self, rig: Rig) -> Rig:
        """The rig as it was when this was decided."""
        return msgspec.structs.replace(rig, name=self.name, place=self.place, tags=self.tags)


class Skipped(Struct, frozen=True):
    """Rigs that are left as they are, and why; the reason goes with “rig-01 …”."""

    why: str
    rigs: list[tuple[int, str]]
    """(id, name)"""


class Plan(Struct, frozen=True):
    """What applying the rules would do: nothing else."""

    which: Which
    moves: list[Move]
    skipped: list[Skipped]

    @property
    def digest(self) -> str:
        """What an operator accepts: it is another once anything of it is."""
        return hashlib.sha256(msgspec.json.encode((self.which, self.moves))).hexdigest()


class Decider:
    """Rules in their order: the first that matches decides. `address_of` knows a rig's address, `placed_by` the rule
    that gave a rig the place that it has."""

    def __init__(
        self,
        rules: Iterable[tuple[PlacingRule, Matcher]],
        address_of: Callable[[int], Address | None],
        placed_by: Callable[[Rig], int | None] = lambda _: None,
        which: Which = "without-place",
    ) -> None:
        self._rules = list(rules)
        self.address_of = address_of
        self._placed_by = placed_by
        self._which = which
        self._needs_address = any(matcher.needs_address for _, matcher in self._rules)

    def decide(self, rig: Rig) -> Move | str:
        """Where a rig is moved, or why it is not."""
        if rig.place and self._which != "all":
            if self._placed_by(rig) is None:
                return BY_HAND
            if self._which != "placed-by-rules":
                return BY_RULE
        address = self.address_of(rig.id)
        found = self.first(rig, address)
        if found is None:
            return NO_ADDRESS if address is None and self._needs_address else NO_RULE
        rule, place = found
        try:
            to = clean_place(place)
            labelled = Relabel(place=to, add=rule.form.tags).of(rig)
        except Invalid as why:
            return f"cannot be placed by {rule.name}: {why}"
        if (labelled.place, labelled.tags) == (rig.place, rig.tags):
            return THERE
        add = tuple(tag for tag in labelled.tags if tag not in rig.tags)
        return Move(rig.id, rig.name, rig.kind, rig.place, rig.tags, to, add, rule.id, rule.name)

    def first(self, rig: Rig, address: Address | None) -> tuple[PlacingRule, str] | None:
        """The rule that decides, and the place it makes."""
        for rule, matcher in self._rules:
            place = matcher.place(rig, address)
            if place is not None:
                return rule, place
        return None


async def plan_of(rigs: Iterable[Rig], decider: Decider, which: Which) -> Plan:
    """Every rig once, by name."""
    moves: list[Move] = []
    skipped: dict[str, list[tuple[int, str]]] = {}
    async for rig in _in_slices(sorted(rigs, key=lambda rig: name_sort(rig.name))):
        found = decider.decide(rig)
        if isinstance(found, Move):
            moves.append(found)
        else:
            skipped.setdefault(found, []).append((rig.id, rig.name))
    ranked = sorted(skipped.items(), key=lambda one: (-len(one[1]), one[0]))
    return Plan(which, moves, [Skipped(why, some) for why, some in ranked])


class Trial(Struct, frozen=True):
    """What a rule that is being written matches."""

    matches: int
    samples: list[tuple[str, str]]
    """The first rigs by name, and where they belong."""
    placed: int
    """Those of them that have a place."""
    earlier: int
    """Those of them for which an earlier rule decides."""
    without_address: int
    """Rigs of which no address is known, where the rule asks for one."""
    problems: list[str]
    """What is wrong with places that come out, the first few."""


async def try_out(form: PlacingForm, rigs: Iterable[Rig], earlier: Decider) -> Trial:
    """A rule that was checked, behind the rules of `earlier`."""
    matcher = Matcher(form)
    samples: list[tuple[str, str]] = []
    problems: dict[str, None] = {}
    matches = placed = before = unknown = 0
    async for rig in _in_slices(sorted(rigs, key=lambda rig: name_sort(rig.name))):
        address = earlier.address_of(rig.id)
        unknown += address is None and matcher.needs_address and form.kind in ("any", rig.kind)
        place = matcher.place(rig, address)
        if place is None:
            continue
        matches += 1
        placed += bool(rig.place)
        before += earlier.first(rig, address) is not None
        try:
            to = clean_place(place)
        except Invalid as why:
            problems.setdefault(f"{rig.name}: {why}")
        else:
            samples += [(rig.name, to)] if len(samples) < SAMPLES else []
    return Trial(matches, samples, placed, before, unknown, list(problems)[:3])


async def _in_slices(rigs: Sequence[Rig]) -> AsyncIterator[Rig]:
    await asyncio.sleep(0)
    until = time.perf_counter() + SLICE_S
    for rig in rigs:
        if time.perf_counter() > until:
            await asyncio.sleep(0)
            until = time.perf_counter() + SLICE_S
        yield rig
