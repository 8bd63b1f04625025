"""Pin every dependency, direct and indirect, in requirements/*.txt (`make lock`).

No index address is written: a farm's own mirror works as well as the public index.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

EXTRAS = {"dev": ["dev"], "commander": ["commander"], "sentry": ["sentry"], "asic": ["asic"]}
ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Write one file per extra."""
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "pip-tools>=7.4"], check=True)
    for name, extras in EXTRAS.items():
        command = [
            sys.executable, "-m", "piptools", "compile", "--quiet", "--strip-extras", "--no-header",
            "--no-emit-index-url", "--no-emit-find-links", "--no-emit-trusted-host", "--no-annotate",
            "--output-file", f"requirements/{name}.txt",
        ]  # fmt: skip
        for extra in extras:
            command += ["--extra", extra]
        subprocess.run([*command, "pyproject.toml"], cwd=ROOT, check=True)
        _leave_ourselves_out(ROOT / "requirements" / f"{name}.txt")
        print(f"requirements/{name}.txt written")


def _leave_ourselves_out(path: Path) -> None:
    """An extra that includes another names Rigfarm itself, by a folder that only this machine has."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.startswith("rigfarm ")), encoding="utf-8")


if __name__ == "__main__":
    main()
