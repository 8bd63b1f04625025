"""An hour of a rig from its minutes: means of means, sums of sums."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import mul

from rigfarm.commander.history.chunks.codes import UNKNOWN, coarse, codes, values
from rigfarm.commander.history.chunks.columns import Key
from rigfarm.commander.history.rollups.minutes import step_of

__all__ = ["fold", "folded"]


def fold(columns: Mapping[Key, Sequence[int]], rows: slice) -> dict[Key, int]:
    """One row from many, for example an hour from its minutes; what is unknown in all of them is left out."""
    return {key: column[0] for key, column in folded(columns, [rows]).items() if column[0] != UNKNOWN}


def folded(columns: Mapping[Key, Sequence[int]], parts: Sequence[slice]) -> dict[Key, list[int]]:
    """A row from the rows of each part.

    A mean counts by the milliseconds that it is of, where these are kept (hashrates, power), else each row alike.
    """
    found: dict[Key, list[int]] = {}
    for key, column in columns.items():
        scope, name, stat = key
        if stat == "mean":
            found[key] = _means(column, columns.get((scope, name, "ms")), parts, step_of(scope, name))
        else:
            pick = max if stat == "max" else min if stat == "min" else sum
            if UNKNOWN in column:
                found[key] = [_of_known(pick, column[rows]) for rows in parts]
            else:
                found[key] = [pick(column[rows]) for rows in parts]
    return found


def _of_known(pick: Callable[[Iterable[int]], int], part: Sequence[int]) -> int:
    known = [one for one in part if one != UNKNOWN]
    return pick(known) if known else UNKNOWN


def _means(column: Sequence[int], times: Sequence[int] | None, parts: Sequence[slice], step: int) -> list[int]:
    if column.count(column[0]) == len(column):
        return [coarse(column[0], step)] * len(parts)
    measured = values(column)
    if None in measured:
        means = [_mean_of_known(measured[rows], None if times is None else times[rows]) for rows in parts]
    elif times is None:
        means = [sum(part) / len(part) for part in (measured[rows] for rows in parts)]  # type: ignore[arg-type] # no None
    else:
        weighed = list(map(mul, measured, times))
        means = [sum(weighed[rows]) / sum(times[rows]) for rows in parts]
    return [coarse(one, step) for one in codes(means)]


def _mean_of_known(measured: Sequence[float | None], times: Sequence[int] | None) -> float | None:
    known = [(one, 1 if times is None else times[n]) for n, one in enumerate(measured) if one is not None]
    return sum(one * lasts for one, lasts in known) / sum(lasts for _, lasts in known) if known else None
