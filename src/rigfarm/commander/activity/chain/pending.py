"""Changes that could not be written to the database yet, in the data folder's `activity.pending`."""

from __future__ import annotations

import contextlib
from collections import Counter
from pathlib import Path

import msgspec
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection

from rigfarm.commander.activity import store
from rigfarm.commander.activity.model import Draft
from rigfarm.commander.identity.files import write_private

__all__ = ["Left", "read_pending", "without_written", "write_pending"]

PENDING_FILE = "activity.pending"
DAMAGED = "activity.pending.damaged"
_AT_ONCE = 1_000


class Left(Struct, frozen=True):
    """What waits at some moment."""

    after: int
    """The newest row then: some of these changes may be rows after it, if the process ended before the file did."""
    drafts: list[Draft]


_decoder = msgspec.json.Decoder(Left)


def read_pending(data_dir: Path) -> Left | None:
    """What an earlier run could not write. ValueError when it is damaged; OSError. Such a file is set aside: the next
    one must not overwrite it."""
    path = data_dir / PENDING_FILE
    try:
        return _decoder.decode(path.read_bytes()) if path.exists() else None
    except (OSError, ValueError):
        with contextlib.suppress(OSError):
            path.rename(data_dir / DAMAGED)
        raise


def write_pending(data_dir: Path, left: Left) -> None:
    """Keep what cannot be written to the database; nothing: the file goes. OSError; the file is as it was then."""
    path = data_dir / PENDING_FILE
    if left.drafts:
        write_private(path, msgspec.json.encode(left))
    else:
        path.unlink(missing_ok=True)


async def without_written(tx: AsyncConnection, left: Left) -> list[Draft]:
    """Those that are not rows yet."""
    waiting, after = Counter(left.drafts), left.after
    while waiting and (entries := await store.load_range(tx, after, None, _AT_ONCE)):
        waiting -= Counter(entry.draft for entry in entries)
        after = entries[-1].id
    drafts: list[Draft] = []
    for draft in reversed(left.drafts):  # rows are written from the first one on
        if waiting[draft]:
            waiting[draft] -= 1
            drafts.append(draft)
    return drafts[::-1]
