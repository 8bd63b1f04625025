"""The farm as a spreadsheet: names, places and tags, edited elsewhere and read back.

What a sheet leaves out stays as it is; nothing is ever removed by it. A row whose rig was changed since the export is
refused, and then nothing of the sheet is done.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct

from rigfarm.commander.names import clean_name, name_key
from rigfarm.commander.numbers import number
from rigfarm.commander.refusals import Invalid
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.rigs.model import Relabel, Rig
from rigfarm.commander.web.csv_text import read_csv
from rigfarm.common.text import printable

__all__ = ["COLUMNS", "Change", "SheetPlan", "apply_sheet", "plan_sheet", "sheet_rows"]

COLUMNS = ("id", "name", "place", "tags", "revision")
MAX_ROWS = 20_000
MAX_PROBLEMS = 20


class Change(Struct, frozen=True):
    """What a row changes of a rig."""

    rig: Rig
    name: str
    relabel: Relabel
    differences: tuple[tuple[str, str, str], ...]
    """(what, before, after)"""


class SheetPlan(Struct, frozen=True):
    """What a sheet would do. With problems, nothing is done."""

    changes: list[Change]
    problems: list[str]
    rows: int


def sheet_rows(rigs: Iterable[Rig]) -> Iterator[Sequence[object]]:
    """The head, then a row for each rig."""
    yield COLUMNS
    for rig in rigs:
        yield (rig.id, rig.name, rig.place, " ".join(rig.tags), rig.revision)


def plan_sheet(text: str, book: Rigs) -> SheetPlan:
    """What a sheet changes. Invalid for one that cannot be read at all."""
    rows = read_csv(text, MAX_ROWS)
    head = [cell.casefold() for cell in rows[0]] if rows else []
    if "id" not in head or len(set(head)) < len(head):
        raise Invalid(f"The first row names the columns, each once: {', '.join(COLUMNS)}.", field="file")
    if unknown := [name for name in head if name not in COLUMNS]:
        shown = printable(unknown[0], "?", most=40)
        raise Invalid(f"Unknown column {shown}. Columns: {', '.join(COLUMNS)}.", field="file")
    changes: list[Change] = []
    problems: list[str] = []
    seen: set[int] = set()
    for line, cells in enumerate(rows[1:], 2):
        given = dict(zip(head, cells, strict=False))
        try:
            change = _change(given, book, seen)
        except Invalid as why:
            problems.append(f"Row {line}: {why}")
        else:
            changes += [change] if change.differences else []
    problems += _same_names(changes, book)
    return SheetPlan(changes, problems[:MAX_PROBLEMS], len(rows) - 1)


async def apply_sheet(plan: SheetPlan, book: Rigs) -> int:
    """Do all of it, or nothing; returns how many rigs changed. Invalid or Conflict where anything changed since it was
    planned."""
    await book.edit([(change.rig, change.name, change.relabel) for change in plan.changes])
    return len(plan.changes)


def _change(given: Mapping[str, str], book: Rigs, seen: set[int]) -> Change:
    rig_id = number(given.get("id", ""))
    rig = book.rigs.get(rig_id) if rig_id is not None else None
    if rig is None:
        raise Invalid(f"there is no rig {printable(given.get('id', ''), '?', most=20) or 'without an id'}.")
    if rig.id in seen:
        raise Invalid(f"{rig.name} is there twice.")
    seen.add(rig.id)
    if given.get("revision", "") not in ("", str(rig.revision)):
        raise Invalid(f"{rig.name} was changed since the export. Export again.")
    name = clean_name(given["name"], "A rig", rig.name) if "name" in given else rig.name
    relabel = Relabel(
        place=given.get("place"),
        add=tuple(given["tags"].replace(",", " ").split()) if "tags" in given else (),
        drop=("*",) if "tags" in given else (),
    ).checked()
    new = relabel.of(rig)
    before = {"name": rig.name, "place": rig.place, "tags": " ".join(rig.tags)}
    after = {"name": name, "place": new.place, "tags": " ".join(new.tags)}
    differences = tuple((what, before[what], after[what]) for what in before if before[what] != after[what])
    return Change(rig, name, relabel if (new.place, new.tags) != (rig.place, rig.tags) else Relabel(), differences)


def _same_names(changes: Iterable[Change], book: Rigs) -> list[str]:
    found: list[str] = []
    wanted: set[str] = set()
    for change in changes:
        if change.name == change.rig.name:
            continue
        key = name_key(change.name)
        if key in wanted or book.name_taken(change.name, except_id=change.rig.id):
            found.append(f"{change.rig.name} cannot be named {change.name}: another rig has this name.")
        wanted.add(key)
    return found
