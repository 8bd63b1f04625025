"""docs/performance.md, from what was measured and from bench/findings.md."""

from __future__ import annotations

import os
import platform
import sqlite3
import subprocess
import time
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

from bench.report import Figure

__all__ = ["write"]

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "docs" / "performance.md"
FINDINGS = HERE / "findings.md"
PARTS = ("litestar", "uvicorn", "uvloop", "websockets", "msgspec", "zstandard")


def write(rows: Sequence[Figure], took_s: float, failed: Sequence[str] = ()) -> None:
    """Write the page."""
    PAGE.write_text("\n".join(_lines(rows, took_s, failed)) + "\n")
    print(f"{PAGE.name} written")


def _lines(rows: Sequence[Figure], took_s: float, failed: Sequence[str]) -> Iterator[str]:
    yield "# Performance"
    yield ""
    yield "Written by `make bench`. Absolute figures belong to the machine they were measured on. What can be compared"
    yield "is the share of a *ceiling* that was measured in the same run: the same work by something that does less."
    yield ""
    yield from _machine(took_s)
    if failed:
        yield f"\nCould not be measured this time: {', '.join(failed)}."
    yield ""
    yield "| what | figure | must hold | of the ceiling |"
    yield "|---|---|---|---|"
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.0%}"
        yield f"| {row.name} | **{row.value}** | {row.target} | {ratio} |"
    yield "\n## What each figure says\n"
    for row in rows:
        said = [row.value]
        if row.ratio is not None:
            said.append(f"{row.ratio:.0%} of the ceiling ({row.ceiling})")
        yield f"- **{row.name}**: {'; '.join([*said, row.notes] if row.notes else said)}."
    yield ""
    yield FINDINGS.read_text().rstrip()


def _machine(took_s: float) -> Iterator[str]:
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    yield f"- {time.strftime('%Y-%m-%d')}, commit {commit.stdout.strip()}, {took_s / 60:.0f} minutes in all"
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    yield (
        f"- {os.cpu_count()} cores ({_processor()}), {memory:.0f} GiB, {platform.system()} {platform.release()}; load "
        f"average at the end {os.getloadavg()[0]:.1f}. Who makes the load and who takes it share these cores"
    )
    parts = ", ".join(f"{name} {version(name)}" for name in PARTS)
    yield f"- Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {parts}"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
