"""Every hostile archive, unpacked by some function, with a look at what came of it. Standard library only.

`python trial.py SOURCES FOLDER MEMBERS BOMB_BYTES` tries Rigfarm's own on this Python, whatever is installed, and
prints JSON.
"""

from __future__ import annotations

import io
import json
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["Unpack", "by_rigfarm", "trial"]

Unpack = Callable[[bytes, str, Path], None]
"""(archive, format, folder to be made); raises for an archive that is refused."""


def trial(unpack: Unpack, folder: Path, members: int, bomb_bytes: int, only: str = "") -> dict[str, Any]:
    """Names of the tricks that wrote outside, left links, left something although refused, and were accepted.

    `only` limits it to tricks with this in their name."""
    from support.program.arena import Arena
    from support.program.hostile import hostile_archives

    outside = folder / "arena" / "outside"
    found: dict[str, Any] = {"python": platform.python_version(), "n": 0}
    found |= {"outside": [], "links": [], "leftover": [], "accepted": []}
    for name, format, archive in hostile_archives(outside, members=members, bomb_bytes=bomb_bytes):
        if only not in name:
            continue
        found["n"] += 1
        with Arena(folder / "arena") as arena:
            try:
                unpack(archive, format, arena.inside)
            except Exception as error:  # noqa: BLE001  whatever a tool says, what counts is what it did
                if arena.inside.exists():
                    found["leftover"].append(f"{name}: {error}")
            else:
                found["accepted"].append(name)
            if touched := arena.touched():
                found["outside"].append(f"{name}: {touched}")
            if arena.links():
                found["links"].append(name)
            if arena.bytes_inside() > bomb_bytes:
                found["leftover"].append(f"{name}: {arena.bytes_inside()} bytes")
    return found


def by_rigfarm(members: int, bomb_bytes: int) -> Unpack:
    """As a Sentry does; where archives with too much have less than a Sentry would take, that much less is allowed."""
    from rigfarm.common.archives import Limits, unpack
    from support.program.hostile import EXECUTABLE

    free = min(Limits.ratio_free_bytes, bomb_bytes // 4)
    limits = Limits(members=min(Limits.members, members - 1), ratio_free_bytes=free)

    def run(archive: bytes, format: str, into: Path) -> None:
        unpack(io.BytesIO(archive), format, EXECUTABLE, into, limits=limits)

    return run


def _without_dependencies(sources: Path) -> None:
    """Let `rigfarm.common.archives` be imported where nothing is installed, and `support` as by the tests."""
    sys.path[:0] = [str(sources), str(Path(__file__).parents[2])]


if __name__ == "__main__":
    _without_dependencies(Path(sys.argv[1]))
    much = (int(sys.argv[3]), int(sys.argv[4]))
    print(json.dumps(trial(by_rigfarm(*much), Path(sys.argv[2]), *much)))
