"""Run benchmarks: all of them, or those named. When all ran, docs/performance.md is written."""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
import tempfile
from pathlib import Path

import bench
from bench.write import write

NOT_A_BENCHMARK = {"__main__", "report", "echo", "write", "playbook"}


def main() -> None:
    """Names come from the command line, or from the folder."""
    chosen = sys.argv[1:]
    names = chosen or sorted(
        module.name for module in pkgutil.iter_modules(bench.__path__) if module.name not in NOT_A_BENCHMARK
    )
    with tempfile.TemporaryDirectory() as folder:
        figures = Path(folder) / "figures.jsonl"
        os.environ.setdefault("RIGFARM_BENCH_REPORT", str(figures))
        for name in names:
            module = importlib.import_module(f"bench.{name}")
            print(f"— {name}", flush=True)
            module.main()
        if not chosen:
            write(figures)


if __name__ == "__main__":
    main()
