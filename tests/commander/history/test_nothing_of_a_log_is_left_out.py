"""A chunk keeps logs field by field: one that it does not know yet would be lost without a word."""

from __future__ import annotations

from msgspec import to_builtins

from rigfarm.commander.history.chunks.chunk import Chunk, last_log
from support.whole_log import a_whole_log


def test_every_field_of_a_log_comes_back() -> None:
    log, _ = a_whole_log()
    chunk = Chunk()
    chunk.add([log])
    packed = chunk.pack()
    for found in (*Chunk.unpack(packed).logs(), last_log(packed, log.t)):
        assert found is not None
        assert to_builtins(found) == to_builtins(log)
