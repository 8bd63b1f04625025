"""Migrations are a line, not a tree: two changes that were made side by side must not claim the same place."""

from __future__ import annotations

from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory

import rigfarm.commander.storage

FOLDER = Path(rigfarm.commander.storage.__file__).parent / "migrations"


def test_each_follows_the_one_before_and_its_file_says_which_it_is() -> None:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    found = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()][::-1]
    assert found == [f"{n:04}" for n in range(1, len(found) + 1)]
    assert sorted(path.name[:5] for path in (FOLDER / "versions").glob("m*.py")) == [f"m{one}" for one in found]
