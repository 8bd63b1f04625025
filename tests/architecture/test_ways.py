"""The ways of a log and of a command, as docs/architecture.md draws them: files that exist, and not too many."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "rigfarm"


def _drawing(title: str) -> str:
    text = (ROOT / "docs" / "architecture.md").read_text()
    return re.search(rf"\*\*{title}\*\*.*?\n\n((?:    [^\n]*\n)+)", text, re.DOTALL)[1]  # type: ignore[index]


def _files(title: str) -> list[str]:
    return re.findall(r"[\w/]+\.(?:py|html)", _drawing(title))


def test_a_log_goes_through_files_that_exist_and_few() -> None:
    files = _files("How a log travels")
    assert [one for one in files if not (SOURCE / one).is_file()] == []
    assert 20 <= len(set(files)) <= 28
    assert _drawing("How a log travels").count("↩") <= 3


def test_a_command_goes_through_files_that_exist_and_few() -> None:
    files = _files("How a command travels")
    assert [one for one in files if not (SOURCE / one).is_file()] == []
    assert 10 <= len(set(files)) <= 14
