"""Tables for spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import datetime

from rigfarm.commander.refusals import Invalid

__all__ = ["csv_text", "read_csv"]

MAX_CELLS = 1_000_000
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")
_MARKED = ("'=", "'+", "'-", "'@")


def csv_text(rows: Iterable[Sequence[object]]) -> str:
    """Rows as CSV. A text that a spreadsheet would take for a formula is kept from being one; times are
    ISO 8601 in UTC; None is an empty cell."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for row in rows:
        writer.writerow([_cell(one) for one in row])
    return out.getvalue()


def read_csv(text: str, most: int) -> list[list[str]]:
    """Rows of a CSV whose cells are separated by commas, semicolons or tabs; empty ones are left out. Without the marks
    that keep a spreadsheet from taking a text for a formula. Invalid, of the field `file`; for more than `most` rows
    before the others are read: each is a hundred times its two bytes."""
    text = text.removeprefix("\ufeff")
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    if text.count(delimiter) > MAX_CELLS:
        raise Invalid(f"At most {MAX_CELLS} cells in a file.", field="file")
    rows: list[list[str]] = []
    try:
        for row in csv.reader(io.StringIO(text), delimiter=delimiter):
            if any(cell.strip() for cell in row):
                rows.append(row)
            if len(rows) > most:
                raise Invalid(f"At most {most} rows in a file.", field="file")
    except csv.Error as error:
        raise Invalid(f"This is not a CSV file: {error}.", field="file") from None
    return [[_plain(cell.strip()) for cell in row] for row in rows]


def _plain(cell: str) -> str:
    return cell[1:] if cell.startswith(_MARKED) else cell


def _cell(one: object) -> object:
    if isinstance(one, datetime):
        return one.isoformat().replace("+00:00", "Z")
    return f"'{one}" if isinstance(one, str) and one.startswith(_FORMULAS) else one
