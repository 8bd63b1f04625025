"""A noun's folder holds the files that docs/architecture.md lists and no others: who knows one noun knows them all."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMANDER = ROOT / "src" / "rigfarm" / "commander"
NOT_NOUNS = {"auth"}
"""Has a door like a noun's, but is a layer below all nouns: logins, sessions and keys."""


def _listed() -> set[str]:
    """Names of files, and `noun/folder`."""
    text = (ROOT / "docs" / "architecture.md").read_text()
    table = text[text.index("**One noun, one shape.**") :]
    rows = re.findall(r"^\| `([^`]+)` \|", table[: table.index("\n\n**")], re.MULTILINE)
    return {row.rstrip("/") for row in rows}


def _nouns() -> list[Path]:
    doors = (path for path in COMMANDER.glob("*/__init__.py") if re.search(r"^def noun\(", path.read_text(), re.M))
    return sorted(door.parent for door in doors if door.parent.name not in NOT_NOUNS)


def _strangers(noun: Path, listed: set[str]) -> list[str]:
    """Files and folders that the tables don't list."""
    names = [path.name for path in noun.iterdir() if path.name != "__pycache__"]
    return sorted(name for name in names if name not in listed and f"{noun.name}/{name}" not in listed)


def test_the_table_is_read() -> None:
    assert {"__init__.py", "model.py", "store.py", "actions.py", "broadcasts.py", "templates"} <= _listed()
    assert {"rigs", "playbooks", "assignments", "rollouts", "commands", "addresses"} <= {one.name for one in _nouns()}


@pytest.mark.parametrize("noun", _nouns(), ids=lambda noun: noun.name)
def test_a_noun_holds_the_files_of_the_table_and_no_others(noun: Path) -> None:
    assert _strangers(noun, _listed()) == []


def test_no_folder_is_listed_that_is_not_there() -> None:
    assert [name for name in _listed() if "/" in name and not (COMMANDER / name).is_dir()] == []


def test_a_loose_file_would_be_found(tmp_path: Path) -> None:
    noun = tmp_path / "rigs"
    for name in ("boards", "wallets"):
        (noun / name).mkdir(parents=True)
    for name in ("model.py", "helpers.py"):
        (noun / name).touch()
    assert _strangers(noun, _listed()) == ["helpers.py", "wallets"]


@pytest.mark.parametrize("noun", _nouns(), ids=lambda noun: noun.name)
def test_every_noun_is_one_line_of_app(noun: Path) -> None:
    app = (COMMANDER / "app.py").read_text()
    assert len(re.findall(rf"\b{noun.name}\.noun\(", app)) == 1


def test_the_frame_of_pages_takes_no_name_from_them() -> None:
    """What the layout sets would stand in the place of what a page was given, in all of its blocks."""
    assert "{% set" not in (COMMANDER / "web" / "templates" / "layout.html").read_text()


def test_no_two_files_of_tests_have_the_same_name() -> None:
    """pytest would collect one of them only."""
    tests = Path(__file__).parents[1]
    names = Counter(path.name for path in tests.rglob("test_*.py"))
    assert [name for name, count in names.items() if count > 1] == []
