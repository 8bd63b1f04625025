"""Tables as Parquet, for data frames and databases. It needs the extra [export]; without it, the answer says so."""

from __future__ import annotations

import importlib
import importlib.util
import io
from collections.abc import Iterable, Sequence
from datetime import datetime

from rigfarm.commander.refusals import Refusal

__all__ = ["PARQUET", "NoParquet", "has_parquet", "parquet_bytes"]

PARQUET = "application/vnd.apache.parquet"
_HOW = (
    "Parquet files need two packages that aren't installed on this Commander. Install them with "
    "pip install --require-hashes -r requirements/export.txt, and restart it (docs/running-a-commander.md). CSV works "
    "without them."
)


class NoParquet(Refusal):
    """The extra is not installed."""

    status = 501


def has_parquet() -> bool:
    """Whether the extra is installed."""
    return all(importlib.util.find_spec(name) is not None for name in ("arro3", "arro3.core", "arro3.io"))


def parquet_bytes(rows: Iterable[Sequence[object]]) -> bytes:
    """A table whose first row has the names of its columns. Times are timestamps in UTC, None is null. NoParquet.
    Blocking."""
    if not has_parquet():
        raise NoParquet(_HOW)
    core, files = importlib.import_module("arro3.core"), importlib.import_module("arro3.io")
    types = core.DataType
    heads, *lines = rows
    columns = list(zip(*lines, strict=True)) or [()] * len(heads)
    arrays = []
    for column in columns:
        known = [one for one in column if one is not None]
        if known and all(isinstance(one, datetime) for one in known):
            ms = [None if one is None else round(one.timestamp() * 1000) for one in column]
            arrays.append(core.Array(ms, types.int64()).cast(types.timestamp("ms", tz="UTC")))
        elif known and all(isinstance(one, bool) for one in known):
            arrays.append(core.Array(column, types.bool()))
        elif known and all(isinstance(one, int) for one in known):
            arrays.append(core.Array(column, types.int64()))
        elif all(isinstance(one, int | float) for one in known):
            floats = [None if one is None else float(one) for one in column]
            arrays.append(core.Array(floats, types.float64()))
        else:
            arrays.append(core.Array([None if one is None else str(one) for one in column], types.string()))
    out = io.BytesIO()
    names = [str(head) for head in heads]
    files.write_parquet(core.Table.from_arrays(arrays, names=names), out, compression="zstd(3)")
    return out.getvalue()
