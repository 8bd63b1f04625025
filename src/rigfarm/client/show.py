"""What is printed: tables for people, JSON for programs. Names come from anywhere: none reaches a terminal raw."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import click

from rigfarm import units
from rigfarm.client.connection import JsonValue
from rigfarm.common.text import escaped

__all__ = [
    "Column",
    "Row",
    "columns",
    "details",
    "hashrates",
    "line",
    "print_found",
    "print_json",
    "print_one",
    "print_table",
    "text",
    "when",
]

Row = Mapping[str, JsonValue]
MAX_CELL = 60


class Column(NamedTuple):
    """One column of a table."""

    title: str
    of: Callable[[Row], str]


def columns(**of: str | Callable[[Row], str]) -> tuple[Column, ...]:
    """By title (`_` is a space): the name of a field, or what makes the text."""
    return tuple(
        Column(title.replace("_", " "), partial(_field, how) if isinstance(how, str) else how)
        for title, how in of.items()
    )


def _field(name: str, row: Row) -> str:
    return text(row.get(name, ""))


def text(value: JsonValue) -> str:
    """A value on one line, with everything that is not visible written out."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(text(one) for one in value)
    if isinstance(value, dict):
        return escaped(json.dumps(value, ensure_ascii=False))
    return escaped(str(value))


def when(name: str) -> Callable[[Row], str]:
    """A time as the API says it, without fractions of a second."""

    def of(row: Row) -> str:
        said = text(row.get(name, ""))
        return said[:19].replace("T", " ") if len(said) >= 19 else said

    return of


def hashrates(row: Row) -> str:
    """Of a rig, by coin."""
    rates = row.get("hashrates") or {}
    return ", ".join(f"{text(coin)} {units.hashrate(rate)}" for coin, rate in rates.items())


def line(row: Row, shown: Sequence[Column]) -> str:
    """A row alone."""
    return "  ".join(cell for column in shown if (cell := _cell(column, row)))


def print_table(rows: Sequence[Row], shown: Sequence[Column]) -> None:
    """All rows under their titles; a column in which there is nothing is left out."""
    cells = [[_cell(column, row) for column in shown] for row in rows]
    used = [at for at in range(len(shown)) if any(one[at] for one in cells)]
    if not used:
        click.echo("Nothing found.", err=True)
        return
    lines = [[shown[at].title.upper() for at in used], *([one[at] for at in used] for one in cells)]
    widths = [max(len(one[at]) for one in lines) for at in range(len(used))]
    for one in lines:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(one, widths, strict=True)).rstrip())


def print_found(found: Sequence[Row], shown: Sequence[Column], *, as_json: bool) -> None:
    """A list, as a table or as the API answered it."""
    if as_json:
        print_json(found)
    else:
        print_table(found, shown)


def print_one(found: Row, *, as_json: bool) -> None:
    """One thing, likewise."""
    if as_json:
        print_json(found)
    else:
        details(found)


def details(row: Row, under: str = "") -> None:
    """One thing, field by field."""
    for name, value in row.items():
        if isinstance(value, dict) and value:
            click.echo(f"{under}{text(name)}:")
            details(value, f"{under}  ")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            click.echo(f"{under}{text(name)}:")
            for one in value:
                click.echo(f"{under}  - " + "  ".join(f"{text(key)}={text(what)}" for key, what in one.items()))
        else:
            click.echo(f"{under}{text(name)}: {text(value)}")


def print_json(value: JsonValue, *, lines: bool = False) -> None:
    """What the API answered. Everything but ASCII is escaped, as JSON allows, so that no terminal obeys it."""
    printed = json.dumps(value, indent=None if lines else 2)
    click.echo(printed.replace("\x7f", "\\u007f"))


def _cell(column: Column, row: Row) -> str:
    made = column.of(row)
    return made if len(made) <= MAX_CELL else made[: MAX_CELL - 1] + "…"
