"""System users of services: no home, no shell, no password."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from rigfarm.service.errors import InstallError

__all__ = ["make_user", "user_line"]


def user_line(name: str, description: str) -> str:
    """What sysusers.d(5) is told."""
    return f'u {name} - "{description}" - -'


def make_user(name: str, description: str, root: Path = Path("/"), groups: Sequence[str] = ()) -> None:
    """Make it on the machine whose file system is at `root`, if it is not there, in these groups besides its own.
    Raises InstallError."""
    lines = [user_line(name, description), *(f"m {name} {group}" for group in groups)]
    command = ["systemd-sysusers", f"--root={root}", "--inline", *lines]
    by_hand = f"Make it by hand: useradd --system --user-group --no-create-home --shell /usr/sbin/nologin {name}"
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InstallError(f"The user {name} cannot be made ({error}). {by_hand}") from None
    if done.returncode != 0:
        raise InstallError(f"The user {name} cannot be made ({done.stderr.strip()}). {by_hand}")
