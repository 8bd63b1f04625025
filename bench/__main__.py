"""Run benchmarks: all of them, or those named. Writes docs/performance.md when all ran."""

from __future__ import annotations

import importlib
import pkgutil
import sys

import bench

NOT_A_BENCHMARK = {"__main__", "report", "echo", "write"}


def main() -> None:
    """Names come from the command line, or from the folder."""
    names = sys.argv[1:] or sorted(
        module.name for module in pkgutil.iter_modules(bench.__path__) if module.name not in NOT_A_BENCHMARK
    )
    for name in names:
        importlib.import_module(f"bench.{name}").main()


if __name__ == "__main__":
    main()
