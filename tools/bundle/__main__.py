"""Build the self-contained Sentry: one file that needs neither Python nor a C library of the rig (`make bundle`).

It holds this environment's Python, the packages that requirements/ pin for a Sentry, and every shared library they need
with the C library and its loader among them. So it runs on any Linux of this machine's architecture, however old.
The file is a shell script with a compressed archive behind it; it unpacks itself once and runs from there.

    python tools/bundle [FOLDER]      FOLDER (dist/ unless told otherwise) gets rigfarm-sentry-<machine>
"""

from __future__ import annotations

import platform
import shutil
import sys
import tempfile
from pathlib import Path

import libraries
import packages
import program
import standard
from packing import pack

ROOT = Path(__file__).resolve().parent.parent.parent
LOCK = ROOT / "requirements" / "asic.txt"


def main(folder: Path) -> Path:
    """Build, and say what became of it."""
    with tempfile.TemporaryDirectory(prefix="rigfarm-bundle-") as temporary:
        tree = Path(temporary) / "tree"
        print("Python and its standard library …", flush=True)
        standard.copy(tree)
        print("The Sentry and what its lock names …", flush=True)
        packages.copy(LOCK, ROOT / "src" / "rigfarm", tree)
        standard.compile_all(tree)
        print("Shared libraries …", flush=True)
        libraries.copy(tree)
        program.write(tree)
        size = sum(path.stat().st_size for path in tree.rglob("*") if path.is_file())
        folder.mkdir(parents=True, exist_ok=True)
        made = pack(tree, packages.version(ROOT / "src" / "rigfarm"), Path(temporary) / "made")
        final = folder / f"rigfarm-sentry-{platform.machine()}"
        draft = shutil.move(made, final.with_name(f".{final.name}.new"))
        Path(draft).replace(final)
    print(f"{final}: {final.stat().st_size / 1e6:.1f} MB, {size / 1e6:.0f} MB unpacked")
    return final


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dist")
