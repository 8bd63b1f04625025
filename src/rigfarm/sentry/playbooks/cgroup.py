"""A cgroup (version 2) per playbook, where this machine grants one: its members cannot leave it, and end at once."""

from __future__ import annotations

import os
import time
from pathlib import Path

__all__ = ["end_all", "make", "remove"]

_PREFIX = "rigfarm-"


def make(name: str, proc: Path = Path("/proc/self")) -> str | None:
    """The path of a new or left-over cgroup below our own; None where there is none to be had."""
    above = _own(proc)
    if above is None:
        return None
    path = above / f"{_PREFIX}{name}"
    try:
        path.mkdir(exist_ok=True)
    except OSError:
        return None
    if os.access(path / "cgroup.kill", os.W_OK) and os.access(path / "cgroup.procs", os.W_OK):
        return str(path)
    remove(str(path))
    return None


def end_all(pattern: str, proc: Path = Path("/proc/self")) -> None:
    """End the members of every cgroup of ours whose name matches, and remove it. Blocks, for up to 2 s each."""
    above = _own(proc)
    for path in above.glob(f"{_PREFIX}{pattern}") if above else ():
        try:
            (path / "cgroup.kill").write_text("1")
        except OSError:
            continue  # an old kernel: the sweep by mark finds them
        _remove_soon(path)


def remove(path: str) -> bool:
    """Remove an empty cgroup; whether it is gone."""
    try:
        os.rmdir(path)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _remove_soon(path: Path) -> None:
    """The kernel empties a killed cgroup a moment later."""
    deadline = time.monotonic() + 2
    while not remove(str(path)) and time.monotonic() < deadline:
        time.sleep(0.01)


def _own(proc: Path) -> Path | None:
    """Where in the file system our own cgroup is: mount point and path within it."""
    try:
        membership = (proc / "cgroup").read_text()
        mounts = (proc / "mountinfo").read_text()
    except OSError:
        return None
    within = next((line[3:] for line in membership.splitlines() if line.startswith("0::")), None)
    for line in mounts.splitlines():
        fields, _, kind = line.partition(" - ")
        if kind.startswith("cgroup2 ") and within is not None:
            root, mount = fields.split()[3:5]
            below = within.removeprefix(root).lstrip("/") if root != "/" else within.lstrip("/")
            return Path(mount) / below
    return None
