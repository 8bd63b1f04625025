"""Build a Debian package of the release in dist/: `rigfarm_VERSION_ARCHITECTURE.deb`.

    /usr/lib/rigfarm                     a virtual environment of the system's Python, with the locked packages
    /usr/bin/rigfarm                     the command line
    /usr/lib/systemd/system              the unit of `rigfarm commander install`
    /usr/lib/sysusers.d                  its user
    /etc/rigfarm/commander.toml          its settings, which belong to the operator

Compiled code belongs to one minor version of Python: the package depends on that of the machine that builds it.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rigfarm import __version__
from rigfarm.commander.install import DATA_DIR, UNIT, USER, unit_text
from rigfarm.service import user_line

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = ROOT / "tools" / "debian"
PYTHON = Path("/usr/bin/python3")
HOME = Path("/usr/lib/rigfarm")
CONFIG = Path("/etc/rigfarm/commander.toml")
NOTE = f"Of the package rigfarm. Put your own changes in `systemctl edit {UNIT}`, and settings in {CONFIG}."
DEPENDS = (
    "python3 (>= 3.{minor}), python3 (<< 3.{next}), libc6 (>= 2.28), libgcc-s1, libstdc++6, init-system-helpers, "
    "passwd, systemd | systemd-standalone-sysusers"
)
COMPILE = """\
import compileall, sys
from py_compile import PycInvalidationMode
form = {"stripdir": sys.argv[2], "prependdir": "/", "invalidation_mode": PycInvalidationMode.UNCHECKED_HASH}
sys.exit(not compileall.compile_dir(sys.argv[1], quiet=1, **form))
"""
"""The service cannot write compiled code itself; what a package installs changes only with the package."""
CONTROL = """\
Package: rigfarm
Version: {version}
Architecture: {architecture}
Maintainer: Rigfarm
Section: net
Priority: optional
Installed-Size: {size}
Depends: {depends}
Recommends: ca-certificates, systemd
Description: monitors and controls a crypto-mining farm
 The Commander: a web service for CPU/GPU rigs and ASICs, and the command line that talks to it.
 Rigs get their agents from the Commander.
"""


def main(folder: Path) -> None:
    """Build it from the wheel in `folder`, and put it there."""
    wheel = folder / f"rigfarm-{__version__}-py3-none-any.whl"
    if not wheel.is_file():
        sys.exit(f"{wheel} is missing: make dist builds it.")
    architecture = _said("dpkg", "--print-architecture")
    package = folder / f"rigfarm_{_version()}_{architecture}.deb"
    with tempfile.TemporaryDirectory(prefix="rigfarm-deb-") as temporary:
        tree = Path(temporary) / "tree"
        minor = _environment(tree, wheel)
        _files(tree)
        _control(tree, architecture, minor)
        environment = {**os.environ, "SOURCE_DATE_EPOCH": _said("git", "-C", str(ROOT), "log", "-1", "--format=%ct")}
        build = ["dpkg-deb", "--root-owner-group", "-Zzstd", "--build", str(tree), str(package)]
        subprocess.run(build, check=True, env=environment, capture_output=True)
    sums = folder / "SHA256SUMS"
    lines = [line for line in sums.read_text().splitlines() if not line.endswith(package.name)]
    digest = hashlib.sha256(package.read_bytes()).hexdigest()
    sums.write_text("\n".join([*lines, f"{digest}  {package.name}", ""]))
    print(f"{package}: {package.stat().st_size / 1e6:.1f} MB")


def _environment(tree: Path, wheel: Path) -> int:
    """The virtual environment as it is on the machine that it is installed on. The minor version of its Python."""
    home = tree / HOME.relative_to("/")
    home.parent.mkdir(parents=True)
    subprocess.run([PYTHON, "-m", "venv", "--without-pip", str(home)], check=True)
    python = home / "bin" / "python3"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python), "install", "--quiet"]
    locked = ["--require-hashes", "--only-binary=:all:", "-r", str(ROOT / "requirements" / "commander.txt")]
    subprocess.run([*pip, "--no-compile", *locked], check=True)
    subprocess.run([*pip, "--no-compile", "--no-deps", str(wheel)], check=True)
    for file in (home / "bin").iterdir():
        if file.name not in ("python", "python3", "rigfarm") and not re.fullmatch(r"python3\.\d+", file.name):
            file.unlink()
    _elsewhere(home / "bin" / "rigfarm", str(home), str(HOME))
    settings = home / "pyvenv.cfg"
    kept = [line for line in settings.read_text().splitlines() if not line.startswith("command ")]
    settings.write_text("\n".join([*kept, ""]))
    for url in home.glob("lib/*/site-packages/rigfarm-*.dist-info/direct_url.json"):
        url.unlink()
    minor = int(_said(str(python), "-c", "import sys; print(sys.version_info.minor)"))
    subprocess.run([str(python), "-c", COMPILE, str(home / "lib"), str(tree)], check=True)
    return minor


def _elsewhere(file: Path, here: str, there: str) -> None:
    text = file.read_text().replace(here, there)
    assert text.startswith(f"#!{there}/bin/python"), "the path is too long for the first line of a script"
    file.write_text(text)


def _files(tree: Path) -> None:
    """What is outside of the environment."""
    program = str(HOME / "bin" / "rigfarm")
    put = {
        f"usr/lib/systemd/system/{UNIT}": unit_text([program, "commander", "--config", str(CONFIG)], note=NOTE),
        f"usr/lib/sysusers.d/{USER}.conf": f"{user_line(USER, 'Rigfarm Commander')}\n",
        str(CONFIG.relative_to("/")): (SCRIPTS / "commander.toml").read_text(),
        "usr/share/doc/rigfarm/copyright": (ROOT / "LICENSE").read_text(),
        "usr/share/doc/rigfarm/settings.md": (ROOT / "docs" / "settings.md").read_text(),
        "DEBIAN/conffiles": f"{CONFIG}\n",
    }
    for name, text in put.items():
        _put(tree / name, text.encode(), 0o644)
    changes = gzip.compress((ROOT / "CHANGELOG.md").read_bytes(), mtime=0)
    _put(tree / "usr/share/doc/rigfarm/changelog.gz", changes, 0o644)
    link = tree / "usr/bin/rigfarm"
    link.parent.mkdir(parents=True)
    link.symlink_to(os.path.relpath(program, "/usr/bin"))
    for name in ("postinst", "prerm", "postrm"):
        text = (SCRIPTS / name).read_text()
        for mark, value in {"@USER@": USER, "@UNIT@": UNIT, "@DATA@": str(DATA_DIR), "@CONFIG@": str(CONFIG)}.items():
            text = text.replace(mark, value)
        _put(tree / "DEBIAN" / name, text.encode(), 0o755)


def _control(tree: Path, architecture: str, minor: int) -> None:
    files = sorted(path for path in tree.rglob("*") if path.is_file() and not path.is_symlink())
    files = [path for path in files if "DEBIAN" not in path.relative_to(tree).parts[:1]]
    size = sum(-(-path.stat().st_size // 1024) for path in files)
    for path in tree.rglob("*"):  # whatever the umask of who builds it
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    control = CONTROL.format(
        version=_version(), architecture=architecture, size=size, depends=DEPENDS.format(minor=minor, next=minor + 1)
    )
    _put(tree / "DEBIAN" / "control", control.encode(), 0o644)
    sums = (f"{hashlib.md5(path.read_bytes()).hexdigest()}  {path.relative_to(tree)}\n" for path in files)  # noqa: S324 - dpkg's
    _put(tree / "DEBIAN" / "md5sums", "".join(sums).encode(), 0o644)


def _version() -> str:
    """As Debian compares versions: what comes before a release is older than it."""
    return re.sub(r"\.?(a|b|rc|dev)(\d+)$", r"~\1\2", __version__)


def _put(path: Path, content: bytes, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)


def _said(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Build a Debian package of a release.")
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "dist")
    main(parser.parse_args().folder.absolute())
