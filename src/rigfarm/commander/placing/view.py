"""What is shown of rules that place rigs, and of a plan, as data."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from rigfarm.commander.kinds import KINDS
from rigfarm.commander.placing.actions import PlacingRules
from rigfarm.commander.placing.model import WHICH
from rigfarm.commander.placing.planning.plan import Plan, Trial
from rigfarm.units import count, counted

__all__ = ["RuleRow", "listing", "plan_page", "trial_lines"]

LISTED = 500
NAMED = 12
_KINDS: dict[str, str] = {"any": ""} | {name: f"{kind.full}s" for name, kind in KINDS.items()}


class RuleRow(Struct, frozen=True):
    """A line of the list."""

    id: int
    name: str
    which: tuple[tuple[str, str], ...]
    """(what it looks at, what that is like)"""
    place: str
    tags: tuple[str, ...]
    automatic: bool
    placed: int


def listing(rules: PlacingRules) -> dict[str, Any]:
    """Context of the list."""
    counts = rules.counts()
    rows = [
        RuleRow(
            rule.id,
            rule.name,
            tuple(
                (what, text)
                for what, text in (
                    ("", _KINDS[rule.form.kind]),
                    ("name", rule.form.pattern),
                    ("address", rule.form.address),
                )
                if text
            ),
            rule.form.place,
            rule.form.tags,
            rule.form.automatic,
            counts[rule.id],
        )
        for rule in rules.listed()
    ]
    return {"rules": rows}


def plan_page(plan: Plan) -> dict[str, Any]:
    """Context of a plan."""
    by_rule: dict[str, int] = {}
    for move in plan.moves:
        by_rule[move.rule] = by_rule.get(move.rule, 0) + 1
    return {
        "plan": plan,
        "digest": plan.digest,
        "choices": [(name, label, name == plan.which) for name, label in WHICH.items()],
        "moves": plan.moves[:LISTED],
        "more": max(len(plan.moves) - LISTED, 0),
        "what": counted(len(plan.moves), "rig"),
        "by_rule": by_rule,
        "skipped": [
            (
                skipped.why,
                len(skipped.rigs),
                [name for _, name in skipped.rigs[:NAMED]],
                max(len(skipped.rigs) - NAMED, 0),
            )
            for skipped in plan.skipped
        ],
    }


def trial_lines(trial: Trial) -> list[str]:
    """What to know besides which rigs match, in sentences."""
    lines = []
    if trial.placed:
        lines.append(
            f"{count(trial.placed)} of them {'has' if trial.placed == 1 else 'have'} a place already: "
            f"{'it stays' if trial.placed == 1 else 'they stay'} there unless you apply a plan that says otherwise."
        )
    if trial.earlier:
        lines.append(f"For {count(trial.earlier)} of them, an earlier rule decides.")
    if trial.without_address:
        lines.append(f"{counted(trial.without_address, 'rig')} reported no address yet.")
    return lines + trial.problems
