"""The data folder: there, ours, private, and with room."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

from rigfarm.sentry.doctor.finding import Finding

__all__ = ["check_folder"]

_ROOM = 512 << 20
"""Bytes free below which a download of mining software, or a day without the Commander, may fill the disk."""


def check_folder(folder: Path) -> list[Finding]:
    """Its permissions and the space on its disk."""
    if not folder.is_dir():
        fix = "Run `rigfarm sentry join URL TOKEN`, with the address and token that the Commander shows for this rig."
        return [
            Finding("problem", "Data folder", f"{folder} does not exist: this Sentry has not joined a Commander", fix)
        ]
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        fix = "Run this command as the user the Sentry runs as (with sudo, for the service)."
        return [Finding("problem", "Data folder", f"this user may not use {folder}", fix)]
    return [_privacy(folder), _room(folder)]


def _privacy(folder: Path) -> Finding:
    # Passing through may be open: a playbook's own user reaches its program that way.
    private = (path for path in folder.iterdir() if path.is_file())
    open_files = [path.name for path in private if stat.S_IMODE(path.stat().st_mode) & 0o077]
    if open_files or stat.S_IMODE(folder.stat().st_mode) & 0o066:
        detail = f"other users can read {folder}" + (f" ({', '.join(sorted(open_files)[:5])})" if open_files else "")
        return Finding("problem", "Data folder", detail, f"Run `chmod -R go-rw {folder}`: the rig's token is in there.")
    return Finding("ok", "Data folder", f"{folder}, closed to other users")


def _room(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    if free < _ROOM:
        fix = "Free some space; until then there is less room for waiting logs, and mining software may not unpack."
        return Finding("problem", "Disk", f"only {free >> 20} MiB are free", fix)
    return Finding("ok", "Disk", f"{free / (1 << 30):.1f} GiB free")
