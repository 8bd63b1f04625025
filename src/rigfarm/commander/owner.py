"""Whose files the Commander's data folder holds."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["act_as_owner"]


def act_as_owner(folder: Path) -> None:
    """Root that works in the folder of the Commander's own user becomes that user, for good: a file that it left there
    as root's would keep the service from starting."""
    if os.geteuid() != 0 or not folder.exists():
        return
    owner = folder.stat()
    if owner.st_uid != 0:
        os.setgroups([owner.st_gid])
        os.setresgid(owner.st_gid, owner.st_gid, owner.st_gid)
        os.setresuid(owner.st_uid, owner.st_uid, owner.st_uid)
