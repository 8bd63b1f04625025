"""Tables as Parquet: what was written is read back, and without its packages the answer says how to get them."""

from __future__ import annotations

import importlib
import io
from datetime import UTC, datetime
from typing import Any

import pytest

from rigfarm.commander.web import parquet
from rigfarm.commander.web.csv_text import csv_text
from rigfarm.commander.web.parquet import NoParquet, has_parquet, parquet_bytes

MOMENT = datetime(2026, 11, 29, 3, 12, 5, tzinfo=UTC)
ROWS: list[tuple[object, ...]] = [
    ("time", "rate", "count", "name", "paid", "mixed", "nothing"),
    (MOMENT, 1.5, 7, "=cmd|' /C calc'!A0 é", True, 1, None),
    (None, None, None, None, None, None, None),
    (MOMENT, 2e30, -(2**53), "", False, 0.5, None),
]


def read(body: bytes) -> Any:
    found = importlib.import_module("arro3.io").read_parquet(io.BytesIO(body))
    return found.read_all() if hasattr(found, "read_all") else found


@pytest.mark.skipif(not has_parquet(), reason="the extra [export] is not installed")
def test_what_is_written_is_read_back() -> None:
    table = read(parquet_bytes(ROWS))
    assert table.column_names == list(ROWS[0])
    for n, name in enumerate(ROWS[0]):
        assert table.column(name).to_pylist() == [row[n] for row in ROWS[1:]], name
    kinds = {field.name: str(field.type) for field in (table.schema.field(str(name)) for name in ROWS[0])}
    assert "Timestamp" in kinds["time"]
    assert "Int64" in kinds["count"]
    assert "Boolean" in kinds["paid"]
    assert "Utf8" in kinds["name"]
    assert all("Float64" in kinds[name] for name in ("rate", "mixed", "nothing"))


@pytest.mark.skipif(not has_parquet(), reason="the extra [export] is not installed")
def test_a_table_without_rows() -> None:
    table = read(parquet_bytes([("a", "b")]))
    assert (table.column_names, table.num_rows) == (["a", "b"], 0)


def test_without_its_packages_it_says_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet.importlib.util, "find_spec", lambda name: None)
    assert not has_parquet()
    with pytest.raises(NoParquet, match="requirements/export") as refused:
        parquet_bytes(ROWS)
    assert refused.value.status == 501


def test_csv_has_times_in_utc_and_no_formulas() -> None:
    lines = csv_text(ROWS).splitlines()
    assert lines[1].startswith("2026-11-29T03:12:05Z,1.5,7,'=cmd")
    assert lines[2] == ",,,,,,"
