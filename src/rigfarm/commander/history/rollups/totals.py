"""What a rig's minutes add to the totals of its kind, as whole numbers: hashes, millijoules, milliseconds, shares.

A rig's old minutes are taken out and its new ones put in, so a total is always the sum of what is stored, exactly; and
a chart of the farm reads as much for ten thousand rigs as for ten.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rigfarm.commander.history.chunks.codes import UNKNOWN, values
from rigfarm.commander.history.chunks.columns import Key
from rigfarm.commander.history.rollups.shares import COUNTERS
from rigfarm.commander.stats.contribution import OTHER

__all__ = [
    "HIGH",
    "MAX_COINS",
    "Sums",
    "add",
    "contribution",
    "fold_totals",
    "folded_coins",
    "joined",
    "split",
    "whole",
]

Sums = dict[Key, list[int]]
"""Columns of sums; what is not there is 0."""
_SUMMED = ("state", "why", "pool", "starts")
_NAMED = ("coin", "pool", "why")
MAX_COINS = 200
"""Of one kind in one hour, and of pools; further ones are summed up under OTHER. Rigs name coins as they like."""
HIGH = 60
"""Hashes need more than 62 bits: what is above this many is kept in a column of its own, which is mostly empty."""
_LOW = (1 << HIGH) - 1


def contribution(columns: Mapping[Key, Sequence[int]], rows: slice) -> Sums:
    """What these rows of a rig's minutes add."""
    found: Sums = {}
    for key, column in columns.items():
        scope, name, stat = key
        part = column[rows]
        if scope in _SUMMED or (scope == "coin" and (stat in COUNTERS or stat == "ms")):
            found[key] = [0 if one == UNKNOWN else one for one in part]
        elif stat == "mean" and scope in ("coin", "watts", ""):
            times = columns[scope, name, "ms"][rows]
            if scope == "coin":
                found["coin", name, "work"] = _times(part, times, 1000)
                expected = _expected(columns, name, rows)
                if expected is not None:
                    found["coin", name, "expected"] = _times(expected, times, 1000)
                powered = columns.get(("watts", name, "ms"))
                if powered is not None:
                    found["coin", name, "powered"] = _times(part, powered[rows], 1000)
            elif scope == "watts":
                found["coin", name, "mj"] = _times(part, times, 1)
            else:
                found["", "power_w", "mj"] = _times(part, times, 1)
                found["", "power_w", "ms"] = [0 if one == UNKNOWN else one for one in times]
    return {key: column for key, column in found.items() if any(column)}


def _expected(columns: Mapping[Key, Sequence[int]], coin: str, rows: slice) -> Sequence[int] | None:
    """A rig's own normal for a coin, or else what the device says it should make."""
    normal, expected = columns.get(("normal", coin, "mean")), columns.get(("expected", coin, "mean"))
    if normal is None or expected is None:
        known = normal if normal is not None else expected
        return None if known is None else known[rows]
    return [two if one == UNKNOWN else one for one, two in zip(normal[rows], expected[rows], strict=True)]


def _times(coded: Sequence[int], times: Sequence[int], per: int) -> list[int]:
    """Mean x milliseconds, in whole units."""
    return [
        0 if rate is None or lasts == UNKNOWN else round(rate * lasts / per)
        for rate, lasts in zip(values(coded), times, strict=True)
    ]


def add(sums: Sums, parts: Iterable[tuple[Sums, int]], first: int, rows: int) -> None:
    """Add parts times a sign to `sums`, from row `first` on. A total has `rows` rows."""
    for part, sign in parts:
        for key, column in part.items():
            total = sums.get(key)
            if total is None:
                total = sums[key] = [0] * rows
            for n, number in enumerate(column, first):
                total[n] += sign * number


def folded_coins(stored: Sums, more: Sums) -> Sums:
    """`more`, with coins that find no room among the stored ones under OTHER."""
    known = {(scope, name) for scope, name, _ in stored}
    room = {scope: MAX_COINS - sum(one == scope for one, _ in known) for scope in _NAMED}
    found: Sums = {}
    for (scope, name, stat), column in sorted(more.items()):
        coin = name
        if scope in room and (scope, name) not in known:
            if room[scope] > 0:
                known.add((scope, name))
                room[scope] -= 1
            else:
                coin = OTHER
        add(found, [({(scope, coin, stat): column}, 1)], 0, len(column))
    return found


def split(sums: Sums) -> Sums:
    """Columns whose numbers fit in 62 bits."""
    found: Sums = {}
    for (scope, name, stat), column in sums.items():
        if not any(column):
            continue
        column = [max(one, 0) for one in column]
        found[scope, name, stat] = [one & _LOW for one in column]
        if max(column) > _LOW:
            found[scope, name, stat + "+"] = [one >> HIGH for one in column]
    return found


def joined(columns: Mapping[Key, list[int]]) -> Sums:
    """Inverse of `split`."""
    return {key: whole(columns, key) for key in columns if not key[2].endswith("+")}


def whole(columns: Mapping[Key, list[int]], key: Key) -> list[int]:
    """One column of a total with both of its parts."""
    scope, name, stat = key
    column, above = columns[key], columns.get((scope, name, stat + "+"))
    return column if above is None else [(high << HIGH) + low for high, low in zip(above, column, strict=True)]


def fold_totals(sums: Sums, rows: slice) -> dict[Key, int]:
    """An hour's sums from those of its minutes, with the least and the most of a minute."""
    found: dict[Key, int] = {}
    for key, column in sums.items():
        part = column[rows]
        found[key] = sum(part)
        if key[2] in ("work", "mj"):
            scope, name, stat = key
            known = [one for one in part if one]
            if known:
                found[scope, name, stat + "_min"] = min(known)
                found[scope, name, stat + "_max"] = max(known)
    return found
