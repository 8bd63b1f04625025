"""How something went over a range of time: lines of equidistant points, as charts, the API and exports show them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from copy import copy

from msgspec import Struct

from rigfarm.commander.history.chunks.codes import UNKNOWN
from rigfarm.commander.history.chunks.columns import Columns, DamagedError, Key
from rigfarm.commander.history.model import DAY_MS, HOUR_MS, SLOT_MS, Table, row_id
from rigfarm.commander.history.reading.ranges import TimeRange
from rigfarm.commander.history.store import Reader

__all__ = ["Buckets", "Course", "Line", "Values", "blobs", "columns_of"]

Values = list[float | None]
TEN_MS = 600_000


class Line(Struct, frozen=True, kw_only=True):
    """One line. `low` and `high` are the least and the most, where they are known, else empty."""

    group: str
    """Which lines belong together: hashrate, power, temperature, …"""
    name: str
    unit: str
    """H/s, W, °C, %, rpm, H/J, rigs, shares, or empty for a ratio."""
    values: Values
    low: Values = []
    high: Values = []


class Course(Struct, frozen=True, kw_only=True):
    """Lines over the same points. Each point stands for the `resolution_s` that begin with it."""

    from_ms: int
    to_ms: int
    resolution_s: int
    t: list[int]
    """UTC ms."""
    lines: list[Line]
    until_ms: int = 0
    """Up to when history was written; later it is not known yet."""


class Buckets:
    """The points of a range."""

    def __init__(self, span: TimeRange, resolution_s: int, until_ms: int) -> None:
        """`until_ms`: up to when everything is known; the minute in which that is has not ended yet."""
        self.step_ms = resolution_s * 1000
        border_ms = min(self.step_ms, 60_000)
        self.until_ms = until_ms // border_ms * border_ms
        self.first = span.from_ms // self.step_ms
        self.count = max(-(-min(span.to_ms, self.until_ms) // self.step_ms) - self.first, 0)
        self.fine = resolution_s < 60
        """Made from logs."""
        self.table_span_ms = SLOT_MS if self.fine else HOUR_MS if resolution_s < 3_600 else DAY_MS
        self.row_ms = self.step_ms if self.fine else 60_000 if resolution_s < 3_600 else HOUR_MS
        self.width = self.step_ms // self.row_ms
        """Rows of the table in one point."""

    @property
    def t(self) -> list[int]:
        """When the points begin, UTC ms."""
        return [(self.first + n) * self.step_ms for n in range(self.count)]

    @property
    def numbers(self) -> range:
        """Of the table's rows: hours or days since 1970."""
        if not self.count:
            return range(0)
        last_ms = (self.first + self.count) * self.step_ms - 1
        return range(self.first * self.step_ms // self.table_span_ms, last_ms // self.table_span_ms + 1)

    def of_tens(self) -> Buckets | None:
        """The same points, each of which is ten minutes, out of the table of these; None for other points."""
        if self.step_ms != TEN_MS:
            return None
        tens = copy(self)
        tens.table_span_ms, tens.row_ms, tens.width = DAY_MS, TEN_MS, 1
        return tens

    def empty(self) -> Values:
        """Points of nothing known."""
        return [None] * self.count

    def parts(self, number: int, count: int = 1) -> Iterator[tuple[int, slice]]:
        """(point, rows of the table) of one row id's number, or of several that follow one another."""
        start_ms = number * self.table_span_ms
        per = self.table_span_ms * count // self.step_ms
        point = start_ms // self.step_ms - self.first
        for n in range(per):
            if 0 <= point + n < self.count:
                yield point + n, slice(n * self.width, (n + 1) * self.width)

    def lasted_ms(self, point: int) -> int:
        """How much of a point has passed."""
        begin = (self.first + point) * self.step_ms
        return min(begin + self.step_ms, self.until_ms) - begin


def blobs(
    reader: Reader, table: Table, owner: int, numbers: Collection[int], wanted: Callable[[Key], bool]
) -> Iterator[tuple[int, Mapping[Key, list[int]]]]:
    """(number, columns) of one owner's rows."""
    for row, columns in columns_of(reader, table, (row_id(number, owner) for number in numbers), wanted):
        yield row >> 32, columns


def columns_of(
    reader: Reader, table: Table, rows: Iterable[int], wanted: Callable[[Key], bool]
) -> Iterator[tuple[int, Mapping[Key, list[int]]]]:
    """(id, columns) of the rows that are there. Damaged ones are passed over: they are begun again when written."""
    for row, body in reader.some(table, rows):
        try:
            columns = Columns(body)
            found = columns.some(filter(wanted, columns.keys))
        except DamagedError:
            continue
        yield row, found


def known(column: Sequence[int]) -> list[int]:
    """The numbers that are known."""
    return [one for one in column if one != UNKNOWN]
