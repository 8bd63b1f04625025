"""Lock every dependency, direct and indirect, with the SHA-256 of each of its files (`make lock`).

Versions that are locked stay; what pyproject.toml asks for in addition is added. With --upgrade all become the newest.
The locks hold for Linux, macOS and Windows and for every Python since 3.11, and name no index: a farm's own mirror of
the public index works as well. Without an index of your own in UV_DEFAULT_INDEX, uv asks the public one.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = {
    "dev": ["pyproject.toml", "--extra=dev"],
    "commander": ["pyproject.toml", "--extra=commander", "--constraint=requirements/dev.txt"],
    "sentry": ["pyproject.toml", "--extra=sentry", "--constraint=requirements/dev.txt"],
    "asic": ["pyproject.toml", "--extra=asic", "--constraint=requirements/dev.txt"],
    "export": ["pyproject.toml", "--extra=export", "--constraint=requirements/dev.txt"],
    "asic-more": ["pyproject.toml", "--extra=asic-more", "--constraint=requirements/dev.txt"],
    "lock": ["--group=lock"],
    "node": ["--group=node"],
    "mutants": ["--group=mutants", "--constraint=requirements/dev.txt"],
}
"""File in requirements/ and what it locks, in this order: what runs is the version that the tests ran with."""
OPTIONS = [
    "--quiet", "--universal", "--python-version=3.11", "--generate-hashes", "--no-emit-package=rigfarm",
    "--no-emit-index-url", "--no-emit-find-links", "--no-annotate", "--no-header",
    "--only-binary=:all:",  # as `make install` does: a source would fetch tools that nothing locks to build itself
]  # fmt: skip


def main() -> None:
    """Write one file per extra and per group."""
    install = ["install", "--quiet", "--require-virtualenv", "--require-hashes", "--only-binary=:all:"]
    subprocess.run([sys.executable, "-m", "pip", *install, "-r", ROOT / "requirements" / "lock.txt"], check=True)
    for name, wanted in LOCKS.items():
        command = [sys.executable, "-m", "uv", "pip", "compile", *OPTIONS, *sys.argv[1:], *wanted]
        subprocess.run([*command, f"--output-file=requirements/{name}.txt"], cwd=ROOT, check=True)
        print(f"requirements/{name}.txt written")


if __name__ == "__main__":
    main()
