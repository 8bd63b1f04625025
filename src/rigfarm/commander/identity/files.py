"""Files that only the Commander's user can read, whole or not there."""

from __future__ import annotations

import os
from pathlib import Path

from rigfarm.common import whole_file

__all__ = ["write_private"]


def write_private(path: Path, data: bytes) -> None:
    """Replace a file as a whole, durably, mode 600; its folder is made, mode 700. OSError.

    Written by root for a Commander that runs as another user, both are that user's."""
    if not path.parent.exists():
        path.parent.mkdir(mode=0o700, parents=True)
        _hand_over(path.parent, path.parent.parent)
    whole_file.write_private(path, data, lambda new: _hand_over(new, path.parent))


def _hand_over(path: Path, folder: Path) -> None:
    """Give it the owner of the folder that it is in."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.chown(path, owner.st_uid, owner.st_gid)
