"""Folders that may be there already, or no longer."""

from __future__ import annotations

import shutil
from pathlib import Path

__all__ = ["make_folder", "remove_tree"]


def make_folder(path: Path, mode: int = 0o700) -> None:
    """With its parents, if it is not there."""
    path.mkdir(mode=mode, parents=True, exist_ok=True)


def remove_tree(path: Path) -> None:
    """A folder and all below it, if it is there. Raises OSError."""
    if path.is_symlink():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)
