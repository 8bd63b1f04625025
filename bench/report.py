"""How a benchmark says what it measured: a line for people, and a line of JSON for docs/performance.md."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

__all__ = ["Figure", "cpu_seconds", "figures_in", "percentile", "report", "resident_bytes"]


@dataclass
class Figure:
    """One published figure. `ratio` is to a ceiling measured in the same run: this is what can be compared."""

    name: str
    value: str
    ratio: float | None = None
    ceiling: str = ""
    target: str = ""
    notes: str = ""


def report(figure: Figure) -> None:
    """Print it; append it to the file named by RIGFARM_BENCH_REPORT."""
    ratio = "" if figure.ratio is None else f" = {figure.ratio:.0%} of the ceiling ({figure.ceiling})"
    target = f" [{figure.target}]" if figure.target else ""
    print(
        f"{figure.name}: {figure.value}{ratio}{target}" + (f"\n    {figure.notes}" if figure.notes else ""), flush=True
    )
    path = os.environ.get("RIGFARM_BENCH_REPORT")
    if path:
        with Path(path).open("a") as file:
            file.write(json.dumps(asdict(figure)) + "\n")


def figures_in(path: Path) -> list[Figure]:
    """Those that `report` appended to a file."""
    return [Figure(**json.loads(line)) for line in path.read_text().splitlines()]


def percentile(values: list[float], share: float) -> float:
    """The value that `share` of all stay under; NaN of nothing."""
    if not values:
        return float("nan")
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far, s."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_bytes(pid: int) -> int:
    """Resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
