"""Cgroups (version 2), whose members cannot leave them and end at once: one per playbook, where this machine grants
one, or that of the unit in which systemd started its program."""

from __future__ import annotations

import os
import time
from pathlib import Path

__all__ = ["end_all", "left_in", "make", "remove", "unit_of", "units"]

_PREFIX = "rigfarm-"
_UNITS = "system-rigfarm*programs*.slice/rigfarm-programs*.service"
_SIGKILL_PENDING = 1 << 8


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


def unit_of(pid: int) -> Path | None:
    """The cgroup of the unit in which systemd has started this program; None: it is gone, this machine has no
    version 2, or it is not such a program."""
    path = _own(Path("/proc/self"), Path(f"/proc/{pid}"))
    return path if path is not None and path.match(_UNITS) else None


def units() -> list[Path]:
    """The cgroups of all units in which systemd has started programs."""
    ours = _own(Path("/proc/self"))
    return list(ours.parent.glob(_UNITS)) if ours is not None else []


def left_in(path: Path, limit_s: float) -> tuple[list[int], bool]:
    """Who is still in there after `limit_s`, normally none, and whether they live on, not merely stuck in a driver
    on their way out. Blocks."""
    deadline = time.monotonic() + limit_s
    while (pids := _members(path)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return pids, any(not _ends(pid) for pid in pids)


def _members(path: Path) -> list[int]:
    try:
        return [int(pid) for procs in path.rglob("cgroup.procs") for pid in procs.read_text().split()]
    except OSError:
        return []  # it has just been removed


def _ends(pid: int) -> bool:
    """Whether it is gone, or is told to be by a signal that nothing survives."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(errors="replace")
    except OSError:
        return True
    pending = [int(line.split()[1], 16) for line in status.splitlines() if line.startswith(("SigPnd:", "ShdPnd:"))]
    return "\nState:\tZ" in status or any(one & _SIGKILL_PENDING for one in pending)


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


def _own(proc: Path, process: Path | None = None) -> Path | None:
    """Where in the file system our own cgroup is, or another process's: mount point and path within it."""
    try:
        membership = ((process or proc) / "cgroup").read_text()
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
