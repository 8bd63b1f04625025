"""Writes the table of docs/metrics.md: `python -m rigfarm.commander.metrics.exposition.table docs/metrics.md`."""

from __future__ import annotations

import sys
from pathlib import Path

from rigfarm.commander.metrics.model import DETAILS, METRICS, Detail

__all__ = ["with_table"]

BEGIN = "<!-- begin metrics -->"
END = "<!-- end metrics -->"
_TITLES: dict[Detail, str] = {"farm": "Always", "rigs": "Of each rig", "devices": "Of each device"}


def with_table(text: str) -> str:
    """The page with what is between its marks replaced."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n" + "\n".join(_table(detail) for detail in DETAILS) + f"{END}{after}"


def _table(detail: Detail) -> str:
    rows = [f"### {_TITLES[detail]}", "", "| metric | type | unit | labels | meaning |", "|---|---|---|---|---|"]
    for one in METRICS.values():
        if one.detail == detail:
            labels = ", ".join(f"`{label}`" for label in one.labels)
            rows.append(f"| `{one.name}` | {one.type} | {one.unit} | {labels} | {one.help} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    page = Path(sys.argv[1])
    page.write_text(with_table(page.read_text(encoding="utf-8")), encoding="utf-8")
