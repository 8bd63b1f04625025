"""Run benchmarks: all of them, or those named. When all ran, docs/performance.md is written."""

from __future__ import annotations

import importlib
import os
import pkgutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import bench
from bench.write import write


def main() -> None:
    """Names come from the command line, or from the folder. One that fails does not keep the others from running."""
    chosen = sys.argv[1:]
    names = chosen or sorted(module.name for module in pkgutil.iter_modules(bench.__path__) if _measures(module.name))
    began, failed = time.monotonic(), []
    with tempfile.TemporaryDirectory() as folder:
        figures = Path(folder) / "figures.jsonl"
        os.environ.setdefault("RIGFARM_BENCH_REPORT", str(figures))
        for name in names:
            print(f"— {name}", flush=True)
            started = time.monotonic()
            if not _measured(name):
                failed.append(name)
            print(f"  ({time.monotonic() - started:.0f} s)", flush=True)
        if not chosen and figures.exists():
            write(figures, time.monotonic() - began, failed)
    if failed:
        sys.exit(f"Could not be measured: {', '.join(failed)}.")


def _measured(name: str) -> bool:
    """Run it in a process of its own: its memory is not that of the others, nor of what they import."""
    code = f"import bench.{name} as one; one.main()"
    return subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def _measures(name: str) -> bool:
    """The others are what benchmarks share."""
    return name != "__main__" and hasattr(importlib.import_module(f"bench.{name}"), "main")


if __name__ == "__main__":
    main()
