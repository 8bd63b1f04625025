"""What an operator reads of placeholders is what there is."""

from __future__ import annotations

import re
from pathlib import Path

from rigfarm.commander.playbooks.content.placeholders import DESCRIPTIONS, known_placeholders

PAGE = Path(__file__).parents[3] / "docs" / "playbooks.md"


def test_every_placeholder_is_documented_and_no_other() -> None:
    table = PAGE.read_text().partition("## Placeholders")[2].partition("\n\nA template")[0]
    names = set(re.findall(r"\$([A-Z_0-9]+)", table))
    endings = {"", *re.findall(r"`(_[A-Z_]+)`", table)}
    assert names <= known_placeholders()
    told = {f"{name}{backup}{ending}" for name in names for backup in ("", "_BACKUP") for ending in endings}
    assert known_placeholders() <= told


def test_the_form_explains_placeholders_that_exist() -> None:
    assert DESCRIPTIONS.keys() <= known_placeholders()
