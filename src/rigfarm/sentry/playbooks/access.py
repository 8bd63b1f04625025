"""A way for a playbook's own user to its program, through folders that are closed to everybody else."""

from __future__ import annotations

import os
import pwd
import stat
from pathlib import Path

__all__ = ["AccessError", "check_user", "open_way"]


class AccessError(Exception):
    """The user cannot run the program; the text says what to do."""


def check_user(user: str) -> pwd.struct_passwd:
    """Whether programs can be started as `user`. Raises AccessError."""
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        raise AccessError(f"this rig has no user {user!r}: create it, or change the playbook's user") from None
    if entry.pw_uid != os.geteuid() != 0:
        raise AccessError(f"only a Sentry that runs as root can start programs as {user!r}")
    return entry


def open_way(user: str, program: Path, ours: Path, home: Path) -> None:
    """Let `user` reach `program`: the folders from `ours` (the Sentry's own) on are opened to its group for passing
    through, not for looking. `home` becomes its own. Raises AccessError, OSError."""
    entry = check_user(user)
    if entry.pw_uid == os.geteuid():
        return
    groups = set(os.getgrouplist(user, entry.pw_gid))
    for folder in reversed(program.parents):
        if not _passable(folder, entry.pw_uid, groups):
            if folder != ours and ours not in folder.parents:
                raise AccessError(f"{user!r} cannot reach the program: chmod o+x {folder}")
            _open(folder, entry.pw_gid)
    os.chown(home, entry.pw_uid, entry.pw_gid)


def _passable(folder: Path, uid: int, groups: set[int]) -> bool:
    status = folder.stat()
    if status.st_uid == uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid in groups:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)


def _open(folder: Path, group: int) -> None:
    """For passing through: to this group, or, where another group has been let in already, to everybody."""
    status = folder.stat()
    taken = status.st_mode & stat.S_IXGRP and status.st_gid not in (0, group)
    if not taken:
        os.chown(folder, -1, group)
    os.chmod(folder, stat.S_IMODE(status.st_mode) | (stat.S_IXOTH if taken else stat.S_IXGRP))
