"""docs/security.md states limits as numbers: they are the code's."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parent.parent / "docs" / "security.md"
ROW = re.compile(r"^\| (?P<limit>[^|]+) \| (?P<value>[^|]+) \| `(?P<name>[\w.]+)` \|$", re.MULTILINE)
ROWS = [match.groups() for match in ROW.finditer(PAGE.read_text(encoding="utf-8"))]


def number(text: str) -> float:
    """The first number of a cell, with its unit of bytes: `64 KiB` is 65,536."""
    found = re.match(r"([\d,.]+)(?: (KiB|MiB))?", text)
    assert found is not None, text
    return float(found[1].replace(",", "")) * {None: 1, "KiB": 1 << 10, "MiB": 1 << 20}[found[2]]


def test_there_are_limits() -> None:
    assert len(ROWS) > 30
    assert len({name for _, _, name in ROWS}) == len(ROWS)


@pytest.mark.parametrize(("limit", "value", "name"), ROWS, ids=[name for _, _, name in ROWS])
def test_a_limit_is_what_the_page_says(limit: str, value: str, name: str) -> None:
    module, _, constant = name.rpartition(".")
    assert getattr(importlib.import_module(f"rigfarm.{module}"), constant) == number(value), limit


def test_settings_named_on_the_page_have_these_defaults() -> None:
    from rigfarm.commander.settings import Settings

    settings = Settings()
    assert (settings.login_attempts_per_address, settings.login_attempts) == (10, 100)
    assert settings.journal_mib_per_rig == 512
