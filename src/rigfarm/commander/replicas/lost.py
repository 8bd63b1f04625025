"""Messages that NATS lost, as after a power cut: made again from the journal of a replica that has them."""

from __future__ import annotations

import asyncio
from pathlib import Path

from rigfarm.commander.logs.store import open_reader, row_of_message
from rigfarm.commander.replicas.model import Message, NothingMessage, RowMessage

__all__ = ["message_again"]


async def message_again(journal: Path, number: int) -> Message:
    """A message by its number: rows are in the journal, others are not needed again."""
    return await asyncio.to_thread(_read, journal, number)


def _read(journal: Path, number: int) -> Message:
    db = open_reader(journal)
    try:
        row = row_of_message(db, number)
        found = db.execute("SELECT t_ms, rigs, body FROM journal WHERE id = ?", (row or 0,)).fetchone()
    finally:
        db.close()
    return RowMessage(*found) if found is not None else NothingMessage()
