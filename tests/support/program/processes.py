"""Which processes of a fake program are still there, however well they hide."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from pathlib import Path

__all__ = ["alive", "all_gone", "said"]


def said(path: Path) -> set[int]:
    """The pids that the program and its children wrote down (`--pids`)."""
    return {int(pid) for pid in path.read_text().split()} if path.exists() else set()


def alive(pids: Iterable[int]) -> set[int]:
    """Those of them that run; a zombie does not."""
    return {pid for pid in pids if _runs(pid)}


async def all_gone(pids: Iterable[int], within_s: float) -> set[int]:
    """Wait for their end; those that are still there after so long."""
    deadline = time.monotonic() + within_s
    while (left := alive(pids)) and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
    return left


def _runs(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in ("Z", "X")
