"""docs/performance.md, from what was measured."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import subprocess
import time
from pathlib import Path

from bench.report import Figure

__all__ = ["write"]

PAGE = Path(__file__).resolve().parent.parent / "docs" / "performance.md"
NOTES = PAGE.with_name("performance-notes.md")


def write(figures: Path) -> None:
    """Write the page from the lines that `report` appended."""
    rows = [Figure(**json.loads(line)) for line in figures.read_text().splitlines()]
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    lines = [
        "# Performance",
        "",
        "Written by `make bench`. Absolute figures belong to the machine they were measured on; compare the ratios,",
        "which are to a ceiling measured in the same run.",
        "",
        f"{time.strftime('%Y-%m-%d')} · {os.cpu_count()} cores · {platform.system()} {platform.release()} · Python "
        f"{platform.python_version()} · SQLite {sqlite3.sqlite_version} · commit {commit.stdout.strip()} · load "
        f"average at the end {os.getloadavg()[0]:.1f}",
        "",
        "| what | figure | of the ceiling | must hold | notes |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.0%} of {row.ceiling}"
        lines.append(f"| {row.name} | {row.value} | {ratio} | {row.target} | {row.notes} |")
    if NOTES.exists():
        lines += ["", NOTES.read_text().rstrip()]
    PAGE.write_text("\n".join(lines) + "\n")
    print(f"{PAGE.name} written")
