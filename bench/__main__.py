"""Run benchmarks: all of them, or those named. When all ran, docs/performance.md is written, and what was measured is
added to the file that RIGFARM_BENCH_REPORT names.

    RIGFARM_BENCH_REPORT=before.jsonl make bench
    make bench COMPARE=before.jsonl
"""

from __future__ import annotations

import argparse
import importlib
import os
import pkgutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import bench
from bench.report import Figure, figures_in
from bench.write import write


def main() -> None:
    """Names come from the command line, or from the folder. One that fails does not keep the others from running."""
    asked = argparse.ArgumentParser(prog="bench", description=__doc__.partition("\n\n")[0])
    asked.add_argument("names", nargs="*", metavar="name", help="of a file in bench/")
    asked.add_argument("--compare", type=Path, metavar="FILE", help="figures of an earlier run, to print beside these")
    options = asked.parse_args()
    before = figures_in(options.compare) if options.compare is not None else []
    chosen = options.names
    names = chosen or sorted(module.name for module in pkgutil.iter_modules(bench.__path__) if _measures(module.name))
    began, failed = time.monotonic(), []
    with tempfile.TemporaryDirectory() as folder:
        figures = Path(folder) / "figures.jsonl"
        kept = os.environ.get("RIGFARM_BENCH_REPORT")
        os.environ["RIGFARM_BENCH_REPORT"] = str(figures)
        for name in names:
            print(f"— {name}", flush=True)
            started = time.monotonic()
            if not _measured(name):
                failed.append(name)
            print(f"  ({time.monotonic() - started:.0f} s)", flush=True)
        found = figures_in(figures) if figures.exists() else []
        if kept is not None and found:
            with Path(kept).open("a") as file:
                file.write(figures.read_text())
        if not chosen and found:
            write(found, time.monotonic() - began, failed)
        if options.compare is not None:
            _compare(before, found)
    if failed:
        sys.exit(f"Could not be measured: {', '.join(failed)}.")


def _compare(before: Sequence[Figure], now: Sequence[Figure]) -> None:
    """Print each figure beside the one of before. Only shares of a ceiling can be compared between machines."""
    old = {figure.name: figure for figure in before}
    for figure in now:
        was = old.pop(figure.name, None)
        print(f"{figure.name}\n    before: {_said(was)}\n    now:    {_said(figure)}")
        if was is not None and was.ratio and figure.ratio is not None:
            print(f"    share of the ceiling: {figure.ratio / was.ratio:.0%} of what it was")
    for name in old:
        print(f"{name}\n    not measured this time")


def _said(figure: Figure | None) -> str:
    if figure is None:
        return "not measured"
    return figure.value if figure.ratio is None else f"{figure.value}, {figure.ratio:.0%} of the ceiling"


def _measured(name: str) -> bool:
    """Run it in a process of its own: its memory is not that of the others, nor of what they import."""
    code = f"import bench.{name} as one; one.main()"
    return subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def _measures(name: str) -> bool:
    """The others are what benchmarks share."""
    return name != "__main__" and hasattr(importlib.import_module(f"bench.{name}"), "main")


if __name__ == "__main__":
    main()
