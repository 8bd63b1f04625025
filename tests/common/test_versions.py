"""Which version is older decides whether an update is a downgrade."""

from __future__ import annotations

import pytest

from rigfarm.common.versions import is_older

IN_ORDER = ("0.1.0.dev3", "0.1.0a1", "0.1.0rc1", "0.1.0", "0.1.1", "0.2", "0.10.0", "1.0", "9.0.0")


def test_they_are_in_order() -> None:
    for at, one in enumerate(IN_ORDER):
        assert [is_older(one, other) for other in IN_ORDER] == [at < other for other in range(len(IN_ORDER))], one


@pytest.mark.parametrize(("one", "other"), [("1.0", "1.0.0"), ("1.0", "1"), ("1.0+local", "1.0"), ("v1.0", "v1.0")])
def test_these_are_the_same(one: str, other: str) -> None:
    assert not is_older(one, other)
    assert not is_older(other, one)


def test_anything_can_be_compared() -> None:
    assert is_older("1", "9" * 5_000)
    assert not is_older("", "")
