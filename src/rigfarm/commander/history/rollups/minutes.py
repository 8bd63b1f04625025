"""Minutes of a rig from its logs.

A log is true from its time until the next one, but no longer than `hold_ms`: that much silence makes a rig offline.
So each log gives one or more pieces of time, cut at the minutes' ends, and a minute's figures are taken over its
pieces: means by time, the least and the most, milliseconds by state. Shares and starts are counted where the later log
is. Nothing here remembers anything: the same logs give the same minutes. Logs of one form are taken together, column
by column.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from operator import mul
from typing import NamedTuple, TypeAlias

from rigfarm.commander.history.chunks.chunk import Part
from rigfarm.commander.history.chunks.codes import UNKNOWN, coarse, codes
from rigfarm.commander.history.chunks.columns import Key
from rigfarm.commander.history.rollups.gauges import Gauges, gauges_of
from rigfarm.commander.history.rollups.shares import between_logs, pool_name, since_silence, within_part
from rigfarm.commander.history.rollups.states import STATES, Was, states_of

__all__ = ["MINUTE_MS", "Lasting", "Pace", "Rows", "minutes", "step_of"]

MINUTE_MS = 60_000

Rows = dict[Key, list[int]]
"""Columns of as many rows as the caller asked for; UNKNOWN where nothing is known."""
Lasting: TypeAlias = tuple[int, Part, int]
"""A log: its time, its part, its row there."""


class Pace(NamedTuple):
    """How often rigs report, and what follows from it."""

    interval_s: float

    @property
    def hold_ms(self) -> int:
        """How long a log is true without another one."""
        return round(self.interval_s * 3000)

    @property
    def reach_ms(self) -> int:
        """Shares are counted between logs that are at most so far apart."""
        return max(self.hold_ms, 600_000)


_EXACT = frozenset(("", "coin", "watts", "expected", "normal"))
_STATS = ("mean", "max", "min", "ms")
_TIMED = ("", "coin", "watts")
"""Scopes whose means say of how many milliseconds they are."""


def step_of(scope: str, what: str = "") -> int:
    """How finely a scope's figures are kept: those of the rig to 8 millionths, a device's hashrates to half a
    thousandth, its other figures to two thousandths (an eighth of a degree)."""
    if scope in _EXACT or what.startswith("chips"):
        return 1
    return 64 if scope.endswith(":rate") else 256


def bounds_of(scope: str, what: str) -> tuple[int, int]:
    """The steps in which the least and the most of a minute are kept; 0: not kept."""
    if scope in ("", "coin"):
        return 1, 1
    if scope in _EXACT or what in ("power_w", "chips_expected"):
        return 0, 0
    if what == "chips":
        return 1, 0
    return 256 if scope.endswith(":rate") else 0, 256


class _Piece(NamedTuple):
    """Logs of one part that follow on one another, and for how long each is true."""

    part: Part
    first: int
    """The row of the first of them."""
    lasts: list[int]


def minutes(
    logs: Sequence[Lasting],
    before: Lasting | None,
    start_ms: int,
    count: int,
    pace: Pace,
    step_ms: int = MINUTE_MS,
    wanted: Callable[[Key], bool] = lambda _: True,
) -> Rows:
    """`count` minutes, or other steps, from `start_ms` on. `logs` are those of this time, in order; `before` the last
    one before them, if it is within the pace's reach. Columns that aren't `wanted` may be left out."""
    rows: Rows = {}
    lasting = [before, *logs] if before is not None else list(logs)
    pieces = _pieces(lasting, start_ms, count, pace.hold_ms, step_ms)
    _measure(rows, pieces, count, wanted)
    _states(rows, pieces, count, pace.interval_s)
    _shares(rows, lasting, before, start_ms, count, pace.reach_ms, step_ms)
    return rows


def _pieces(lasting: Sequence[Lasting], start_ms: int, count: int, hold_ms: int, step_ms: int) -> list[list[_Piece]]:
    """The pieces of each minute."""
    found: list[list[_Piece]] = [[] for _ in range(count)]
    end_ms = start_ms + count * step_ms
    for n, (t, part, row) in enumerate(lasting):
        until = t + hold_ms
        if n + 1 < len(lasting):
            until = min(until, lasting[n + 1][0])
        for minute, lasts_ms in _cut(max(t, start_ms), min(until, end_ms), start_ms, step_ms):
            there = found[minute]
            if there and there[-1].part is part:
                there[-1].lasts.append(lasts_ms)
            else:
                there.append(_Piece(part, row, [lasts_ms]))
    return found


def _cut(begin: int, end: int, start_ms: int, step_ms: int) -> Iterator[tuple[int, int]]:
    """(minute, ms) of a piece of time."""
    while begin < end:
        minute = (begin - start_ms) // step_ms
        stop = min(end, start_ms + (minute + 1) * step_ms)
        yield minute, stop - begin
        begin = stop


def _measure(rows: Rows, pieces: Sequence[Sequence[_Piece]], count: int, wanted: Callable[[Key], bool]) -> None:
    parts = {id(piece.part): piece.part for of_minute in pieces for piece in of_minute}
    gauges = {at: gauges_of(part) for at, part in parts.items()}
    for scope, what in dict.fromkeys(name for columns in gauges.values() for name in columns):
        if not any(wanted((scope, what, stat)) for stat in _STATS):
            continue
        means: list[float | None] = [None] * count
        lows: list[float | None] = [None] * count
        highs: list[float | None] = [None] * count
        times = [UNKNOWN] * count
        for minute, of_minute in enumerate(pieces):
            known, lasts = _known(of_minute, gauges, (scope, what))
            if known:
                low, high, time = min(known), max(known), sum(lasts)
                lows[minute], highs[minute], times[minute] = low, high, time
                means[minute] = low if low == high else sum(map(mul, known, lasts)) / time
        if times.count(UNKNOWN) == count:
            continue
        rows[scope, what, "mean"] = _coded(means, step_of(scope, what))
        least, most = bounds_of(scope, what)
        if most:
            rows[scope, what, "max"] = _coded(highs, most)
        if least:
            rows[scope, what, "min"] = _coded(lows, least)
        if scope in _TIMED:
            rows[scope, what, "ms"] = times


def _known(
    pieces: Sequence[_Piece], gauges: dict[int, Gauges], name: tuple[str, str]
) -> tuple[Sequence[float], list[int]]:
    """What is known of a minute, and for how long each of it is true."""
    found: list[float] = []
    times: list[int] = []
    for piece in pieces:
        column = gauges[id(piece.part)].get(name)
        if column is None:
            continue
        some = column[piece.first : piece.first + len(piece.lasts)]
        if None in some:
            times += [lasts for one, lasts in zip(some, piece.lasts, strict=True) if one is not None]
            found += [one for one in some if one is not None]
        elif len(pieces) == 1:
            return some, piece.lasts  # type: ignore[return-value]
        else:
            times += piece.lasts
            found += some  # type: ignore[arg-type]
    return found, times


def _coded(column: Sequence[float | None], step: int) -> list[int]:
    found = codes(column)
    return found if step == 1 else [coarse(one, step) for one in found]


def _states(rows: Rows, pieces: Sequence[Sequence[_Piece]], count: int, interval_s: float) -> None:
    known: dict[int, list[Was]] = {}
    for minute, of_minute in enumerate(pieces):
        for state in STATES if of_minute else ():
            _more(rows, ("state", state, "ms"), minute, count, 0)
        for part, first, lasts in of_minute:
            _pools(rows, minute, count, part, sum(lasts))
            if id(part) not in known:
                known[id(part)] = states_of(part, interval_s)
            was = known[id(part)][first : first + len(lasts)]
            for (state, why), lasts_ms in zip(was, lasts, strict=True):
                _more(rows, ("state", state, "ms"), minute, count, lasts_ms)
                if why:
                    _more(rows, ("why", why, "ms"), minute, count, lasts_ms)


def _pools(rows: Rows, minute: int, count: int, part: Part, lasts_ms: int) -> None:
    for pool in {pool_name(one.pool) for one in part.form.workloads if one.pool}:
        _more(rows, ("pool", pool, "ms"), minute, count, lasts_ms)


def _shares(
    rows: Rows,
    lasting: Sequence[Lasting],
    before: Lasting | None,
    start_ms: int,
    count: int,
    reach_ms: int,
    step_ms: int,
) -> None:
    following: dict[int, tuple[Part, list[int]]] = {}
    """Of each part, the rows that follow on the row before them within reach."""
    if lasting and before is None:
        t, part, row = lasting[0]
        for key, new in since_silence(part.log(row), reach_ms).items():
            _more(rows, key, (t - start_ms) // step_ms, count, new)
    for (t0, part0, row0), (t, part, row) in pairwise(lasting):
        if part is part0 and t - t0 <= reach_ms:
            following.setdefault(id(part), (part, []))[1].append(row)
            continue
        after = part.log(row)
        new_ones = between_logs(part0.log(row0), after) if t - t0 <= reach_ms else since_silence(after, t - t0)
        for key, new in new_ones.items():
            _more(rows, key, (t - start_ms) // step_ms, count, new)
    for part, of_part in following.values():
        at = [(part.times[row] - start_ms) // step_ms for row in of_part]
        for key, column in within_part(part, of_part).items():
            for minute, new in zip(at, column, strict=True):
                if new:
                    _more(rows, key, minute, count, new)


def _more(rows: Rows, key: Key, minute: int, count: int, number: int) -> None:
    column = rows.get(key)
    if column is None:
        column = rows[key] = [UNKNOWN] * count
    column[minute] = number + max(column[minute], 0)
