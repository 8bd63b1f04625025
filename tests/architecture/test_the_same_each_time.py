"""A test that passes once passes again: inputs that are thought of are the same in each run."""

from __future__ import annotations

from pathlib import Path

TESTS = Path(__file__).parents[1]


def test_one_place_says_how_inputs_are_thought_of() -> None:
    """A folder's own conftest.py said it for all that are collected after it, too: other inputs in each run."""
    say_so = [one for one in TESTS.rglob("*.py") if "load_profile(" in one.read_text() and one != Path(__file__)]
    assert say_so == [TESTS / "conftest.py"]
