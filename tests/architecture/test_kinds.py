"""What differs between the two kinds of rig stands in `kinds.py`, as data; nothing else asks for a kind's name."""

from __future__ import annotations

import re
from pathlib import Path

COMMANDER = Path(__file__).parents[2] / "src" / "rigfarm" / "commander"
ASKS = re.compile(r"""[!=]= ?["'](asic|cpu-gpu)["']|["'](asic|cpu-gpu)["'] [!=]=|["']/?asics["']""")

NAMES_A_FILE = "manual/model.py"
"""docs/asics.md"""


def _askers(folder: Path) -> list[str]:
    found = []
    for path in [*folder.rglob("*.py"), *folder.rglob("*.html")]:
        if path != folder / "kinds.py" and "migrations" not in path.parts and ASKS.search(path.read_text()):
            found.append(str(path.relative_to(folder)))
    return sorted(found)


def test_nothing_asks_for_the_name_of_a_kind() -> None:
    assert _askers(COMMANDER) == [NAMES_A_FILE]


def test_a_question_would_be_found(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text('path = "asics" if rig.kind == "asic" else "rigs"\n')
    (tmp_path / "two.html").write_text("{% if page.kind != 'cpu-gpu' %}")
    (tmp_path / "three.py").write_text('rigs = book.of_kind("asic")\n')
    assert _askers(tmp_path) == ["one.py", "two.html"]
