"""A table's row is what its columns have there, whatever they hold: the two are read in different ways."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rigfarm.commander.history.chunks.codes import UNKNOWN, code, codes, value, values
from rigfarm.commander.history.chunks.columns import Columns, pack

BITS = st.sampled_from((1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 60))
NUMBERS = BITS.flatmap(lambda bits: st.integers(-(1 << bits), 1 << bits)) | st.just(UNKNOWN)


@given(st.data())
def test_rows_are_those_of_the_columns(data: st.DataObject) -> None:
    rows = data.draw(st.integers(1, 30))
    columns = data.draw(st.lists(st.lists(NUMBERS, min_size=rows, max_size=rows), min_size=1, max_size=5))
    named = {("", "", f"{n}"): column for n, column in enumerate(columns)}
    table = Columns(pack(rows, named))
    assert table.all() == named
    for row in range(rows):
        assert table.row(row) == {key: column[row] for key, column in named.items()}


@given(st.lists(st.none() | st.floats(width=32)))
def test_values_one_by_one_and_all_at_once(measured: list[float | None]) -> None:
    coded = codes(measured)
    assert coded == [code(one) for one in measured]
    assert values(coded) == [value(one) for one in coded]
