"""docs/settings.md says what the code says."""

from __future__ import annotations

from pathlib import Path

from rigfarm.commander.settings import Settings
from rigfarm.commander.settings_docs import settings_table, with_table

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def test_the_table_is_up_to_date() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text == with_table(text), "run: python -m rigfarm.commander.settings_docs docs/settings.md"


def test_every_setting_is_in_the_table() -> None:
    rows = settings_table().splitlines()[2:]
    assert [row.split("`")[1] for row in rows] == list(Settings.__struct_fields__)
    assert all(row.count("|") == 5 for row in rows)
