"""What a plan looks like, and what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from msgspec import Struct

from rigfarm import units
from rigfarm.commander.imports.model import Line, NewRig, Outcome, Plan, Result, What
from rigfarm.commander.kinds import KINDS
from rigfarm.commander.web.csv_text import csv_text

__all__ = ["Group", "Row", "Tokens", "groups", "outcome_of", "summary", "tokens"]

LISTED = 200
"""Lines of one group on a page; the API has all of them."""
_TITLES: dict[Outcome, str] = {
    "refuse": "Can't be imported",
    "create": "Will be created",
    "change": "Will change",
    "skip": "Nothing to do",
}
_NAMES: dict[What, tuple[str, str]] = {
    "wallet": ("wallet", "wallets"),
    "pool": ("pool", "pools"),
    "software": ("mining program", "mining programs"),
    "playbook": ("playbook", "playbooks"),
    "rig": ("rig", "rigs"),
}


class Row(Struct, frozen=True):
    """A line, and what became of it."""

    line: Line
    result: Result | None = None


class Group(Struct, frozen=True):
    """Lines of which the same becomes."""

    title: str
    outcome: str
    total: int
    rows: list[Row]

    @property
    def more(self) -> int:
        """Lines that are not shown."""
        return self.total - len(self.rows)


def groups(plan: Plan) -> list[Group]:
    """The lines of a plan: what is wrong comes first."""
    found = []
    for outcome, title in _TITLES.items():
        lines = [line for line in plan.lines if line.outcome == outcome]
        lines.sort(key=lambda line: not line.warnings)
        if lines:
            found.append(Group(title, outcome, len(lines), [Row(line) for line in lines[:LISTED]]))
    return found


def outcome_of(plan: Plan, results: Mapping[int, Result]) -> list[Group]:
    """What became of the lines that were done: failures first."""
    failed = [Row(plan.lines[number], one) for number, one in results.items() if one.error]
    done = [Row(plan.lines[number], one) for number, one in results.items() if not one.error]
    pairs = [("Not imported as planned", "refuse", failed), ("Imported", "create", done)]
    return [Group(title, outcome, len(rows), rows[:LISTED]) for title, outcome, rows in pairs if rows]


def summary(plan: Plan) -> str:
    """What accepting does, for its button: `Create 2 wallets and 1 playbook, change 3 rigs`."""
    said = []
    for outcome, verb in (("create", "create"), ("change", "change")):
        counts = Counter(line.what for line in plan.lines if line.outcome == outcome)
        parts = [units.counted(counts[what], *names) for what, names in _NAMES.items() if counts[what]]
        if parts:
            said.append(f"{verb} {' and '.join([', '.join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)}")
    text = ", ".join(said)
    return text[:1].upper() + text[1:]


class Tokens(Struct, frozen=True):
    """Tokens of new rigs, this once, as the CSV in which they go on."""

    asics: str
    """For *Add by CSV* of an ASIC Sentry: `ip,name,token`."""
    computers: str
    """`name,token`"""


def tokens(plan: Plan, results: Mapping[int, Result]) -> Tokens:
    """Those that were made; empty texts where there are none."""
    asics: list[tuple[str, str, str]] = []
    computers: list[tuple[str, str]] = []
    for number, step in plan.steps.items():
        token = results[number].token if number in results else ""
        if isinstance(step, NewRig) and token:
            if KINDS[step.kind].runs_programs:
                computers.append((step.name, token))
            else:
                asics.append((step.ip, step.name, token))
    return Tokens(
        csv_text([("ip", "name", "token"), *asics]).rstrip("\n") if asics else "",
        csv_text([("name", "token"), *computers]).rstrip("\n") if computers else "",
    )
