"""Names, places and tags of every rig at any time. They change so seldom that all they ever were is kept in memory: a
moment of ten thousand rigs looks them up in a tenth of the time in which it would read them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from operator import itemgetter
from typing import TypeVar

import msgspec
from msgspec import Struct

from rigfarm.commander.history.happened.facts import decode_fact
from rigfarm.commander.history.happened.rows import lasting_of, seldom_revision
from rigfarm.commander.history.store import Reader

__all__ = ["Seldom"]

_Fact = TypeVar("_Fact", bound=Struct)
MOST = 60_000
"""Facts of one type. More are not kept here, and read each time."""
_EVERY = "SELECT rig, t_ms, body FROM events WHERE what = ? ORDER BY rig, t_ms DESC, id DESC LIMIT ?"
_Past = dict[int, list[tuple[int, Struct | None]]]
"""By rig: (since when, the fact), the newest first; None for one that cannot be read."""


class Seldom:
    """Used by several threads: what is kept is replaced as a whole, and holds for one revision of the file."""

    def __init__(self) -> None:
        self._kept: dict[type[Struct], tuple[int, _Past | None]] = {}

    def at(self, reader: Reader, what: type[_Fact], t_ms: int, rigs: Iterable[int]) -> dict[int, tuple[int, _Fact]]:
        """The same as `lasting_of`."""
        past = self._past(reader, what)
        if past is None:
            return lasting_of(reader, what, t_ms, rigs)
        found: dict[int, tuple[int, _Fact]] = {}
        for rig in rigs:
            for one in past.get(rig, ()):
                if one[0] <= t_ms:
                    if isinstance(one[1], what):
                        found[rig] = one  # type: ignore[assignment]
                    break
        return found

    def _past(self, reader: Reader, what: type[Struct]) -> _Past | None:
        revision = seldom_revision(reader)
        if revision is None:
            return None
        kept = self._kept.get(what)
        if kept is None or kept[0] != revision:
            kept = self._kept[what] = (revision, _read(reader, what))
        return kept[1]


def _read(reader: Reader, what: type[Struct]) -> _Past | None:
    rows = reader.db.execute(_EVERY, (str(what.__struct_config__.tag), MOST + 1)).fetchall()
    if len(rows) > MOST:
        return None
    return {rig: [(t_ms, _fact(body)) for _, t_ms, body in some] for rig, some in groupby(rows, key=itemgetter(0))}


def _fact(body: bytes) -> Struct | None:
    try:
        return decode_fact(body)
    except msgspec.DecodeError:  # of a newer version, or damaged
        return None
