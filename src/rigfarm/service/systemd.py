"""systemctl: the real one, and what stands in for it where the machine is an image that does not run."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from rigfarm.service.errors import InstallError

__all__ = ["FOLDER", "Systemctl", "need_root", "need_systemd", "offline", "systemctl", "systemctl_of"]

FOLDER = Path("etc/systemd/system")
_WANTS = FOLDER / "multi-user.target.wants"
_TIMEOUT_S = 90.0

Systemctl = Callable[[Sequence[str]], None]
"""Runs systemctl with these arguments. Raises InstallError."""


def systemctl(arguments: Sequence[str]) -> None:
    """The real one."""
    try:
        done = subprocess.run(
            ["systemctl", *arguments], capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InstallError(f"systemctl cannot be run: {error}.") from None
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip() or f"exit status {done.returncode}"
        raise InstallError(f"`systemctl {' '.join(arguments)}` failed: {said}")


def offline(root: Path) -> Systemctl:
    """For the file system of another machine at `root`: to enable is to make a link there, and nothing is started."""

    def run(arguments: Sequence[str]) -> None:
        link = root / _WANTS / arguments[-1]
        if arguments[0] in ("enable", "disable"):
            link.unlink(missing_ok=True)
        if arguments[0] == "enable":
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(Path("/") / FOLDER / arguments[-1])

    return run


def need_root(root: Path) -> None:
    """Raises InstallError when this user may not change the machine."""
    if root == Path("/") and os.geteuid() != 0:
        raise InstallError("Only root can do this: run the same command with sudo.")


def need_systemd(root: Path, start: str) -> None:
    """Raises InstallError when nothing would run a service; `start` is the command that it would run."""
    if root == Path("/") and not Path("/run/systemd/system").is_dir():
        raise InstallError(
            f"This machine was not started by systemd. Have its own init system run `{start}`; the same command with "
            "`install --print` in the place of its last words shows what the service would be."
        )


def systemctl_of(root: Path) -> Systemctl:
    """For the machine whose file system is at `root`."""
    return systemctl if root == Path("/") else offline(root)
