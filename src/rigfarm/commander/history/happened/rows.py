"""What happened, in the file of history: tables `events`, `lives` (which rigs there were, and when) and `spans` (in
which times this Commander ran: outside of them it is unknown whether a silent rig was offline)."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TypeVar

import msgspec
from msgspec import Struct

from rigfarm.commander.history.happened.facts import (
    LASTING,
    SELDOM,
    Fact,
    Happened,
    NormalWas,
    StateWas,
    decode_fact,
    encode_fact,
    same,
    tag_of,
)
from rigfarm.commander.history.store import Reader, Store
from rigfarm.commander.kinds import KindName

__all__ = [
    "Kept",
    "Life",
    "added",
    "between",
    "census",
    "forget_happened",
    "keep",
    "kept",
    "lasting_at",
    "lasting_of",
    "lives",
    "prune",
    "removed",
    "running",
    "runs",
    "seldom_revision",
    "write",
]

_Fact = TypeVar("_Fact", bound=Struct)
MAX_LISTED = 10_000
MAX_LOOKED_UP = 200
_REVISION = "seldom_revision"
_LAST = "SELECT t_ms, body FROM events WHERE what = ? AND rig = ? AND t_ms <= ? ORDER BY t_ms DESC, id DESC LIMIT 1"

_LAST_OF = (
    "SELECT rig, t_ms, body FROM events WHERE id IN (SELECT (SELECT id FROM events AS own WHERE own.what = asked.what "
    "AND own.rig = asked.rig AND own.t_ms <= asked.t_ms ORDER BY own.t_ms DESC, own.id DESC LIMIT 1) "
    "FROM (SELECT value AS rig, ?2 AS what, ?3 AS t_ms FROM json_each(?1)) AS asked)"
)


class Life(Struct, frozen=True, gc=False):
    """When a rig was there, UTC ms."""

    rig: int
    kind: KindName
    added_ms: int
    first_ms: int | None
    """When it first was anything but waiting."""
    removed_ms: int | None

    def within(self, begin_ms: int, end_ms: int) -> int:
        """For how long between two times it should have reported."""
        if self.first_ms is None:
            return 0
        until_ms = end_ms if self.removed_ms is None else min(self.removed_ms, end_ms)
        return max(until_ms - max(self.first_ms, begin_ms), 0)


class Kept(Struct, frozen=True, gc=False):
    """A rig that was removed and whose history was kept on purpose."""

    rig: int
    kind: KindName
    name: str
    removed_ms: int


# Reading


def lasting_at(reader: Reader, what: str, rig: int, t_ms: int) -> Happened | None:
    """The lasting fact of a rig that was true at a time, with the time since which; None where none is known."""
    found = reader.db.execute(_LAST, (what, rig, t_ms)).fetchone()
    return _read(found[0], rig, found[1]) if found is not None else None


def lasting_of(reader: Reader, what: type[_Fact], t_ms: int, rigs: Iterable[int]) -> dict[int, tuple[int, _Fact]]:
    """(since when, the lasting fact of this type) that was true at a time, of many rigs."""
    tag = str(what.__struct_config__.tag)
    found: dict[int, tuple[int, _Fact]] = {}
    asked = msgspec.json.encode(list(rigs)).decode()
    for rig, since_ms, body in reader.db.execute(_LAST_OF, (asked, tag, t_ms)):
        try:
            fact = decode_fact(body)
        except msgspec.DecodeError:  # of a newer version, or damaged
            continue
        if isinstance(fact, what):
            found[rig] = (since_ms, fact)
    return found


def between(
    reader: Reader,
    from_ms: int,
    to_ms: int,
    *,
    rigs: Collection[int] | None = None,
    what: Sequence[str] = ("state", "moment"),
    most: int = 1_000,
    before: tuple[int, int] | None = None,
) -> list[Happened]:
    """What happened from a time until before another, oldest first; at most the newest `most`. `rigs`: only of
    these. `before`: only what comes before the one of this time and id."""
    most = min(most, MAX_LISTED)
    marks = ",".join("?" * len(what))
    values: list[str]
    if rigs is not None:
        # Of many rigs, it is faster to go through all that happened than to look up each.
        scan = "" if len(rigs) <= MAX_LOOKED_UP else "+"
        where = f"{scan}what IN ({marks}) AND {scan}rig IN (SELECT value FROM json_each(?))"  # noqa: S608
        values = [*what, msgspec.json.encode(list(rigs)).decode()]
    else:
        where, values = f"+what IN ({marks})", [*what]
    found: list[Happened] = []
    while len(found) < most:
        end_ms, end_id = min(before or (to_ms, 0), (to_ms, 0))
        rows = reader.db.execute(
            f"SELECT t_ms, rig, body, id FROM events WHERE {where} AND t_ms >= ? AND t_ms <= ? "  # noqa: S608
            "AND (t_ms, id) < (?, ?) ORDER BY t_ms DESC, id DESC LIMIT ?",
            (*values, from_ms, end_ms, end_ms, end_id, wanted := most - len(found)),
        ).fetchall()
        found += [one for row in rows if (one := _read(*row)) is not None]
        if len(rows) < wanted:
            break
        before = (rows[-1][0], rows[-1][3])
    return found[::-1]


def lives(reader: Reader, rigs: Iterable[int] | None = None) -> list[Life]:
    """Every rig that there was, as far as it is known; or some."""
    where, values = "", tuple[str, ...]()
    if rigs is not None:
        where, values = " WHERE rig IN (SELECT value FROM json_each(?))", (msgspec.json.encode(list(rigs)).decode(),)
    rows = reader.db.execute(f"SELECT rig, kind, added_ms, first_ms, removed_ms FROM lives{where}", values)  # noqa: S608
    return [Life(*row) for row in rows]


def kept(reader: Reader) -> list[Kept]:
    """Removed rigs whose history was kept."""
    return [Kept(*row) for row in reader.db.execute("SELECT rig, kind, name, removed_ms FROM kept ORDER BY rig")]


def census(reader: Reader) -> tuple[int, ...]:
    """Numbers that change when `lives` do."""
    found: tuple[int, ...] = reader.db.execute(
        "SELECT count(*), count(first_ms), count(removed_ms) FROM lives"
    ).fetchone()
    return found


def seldom_revision(reader: Reader) -> int | None:
    """A number that is another one whenever facts of SELDOM are, in whatever file; None in one that only versions wrote
    which know none."""
    return reader.note(_REVISION)


def running(reader: Reader, from_ms: int, to_ms: int) -> list[tuple[int, int]]:
    """The times in which the Commander ran, cut to a range and to what is kept, in order and apart."""
    from_ms = max(from_ms, reader.note("hours_floor_ms") or 0)
    rows = reader.db.execute(
        "SELECT began_ms, until_ms FROM spans WHERE until_ms > ? AND began_ms < ? ORDER BY began_ms", (from_ms, to_ms)
    )
    found: list[tuple[int, int]] = []
    for begin, until in rows:
        begin, until = max(begin, from_ms), min(until, to_ms)
        if found and begin <= found[-1][1]:  # the clock was set back
            begin, until = found[-1][0], max(found.pop()[1], until)
        found.append((begin, until))
    return found


def _read(t_ms: int, rig: int, body: bytes, row_id: int = 0) -> Happened | None:
    with contextlib.suppress(msgspec.DecodeError):  # of a newer version, or damaged
        return Happened(t_ms, rig, decode_fact(body), row_id)
    return None


# Writing, in the caller's transaction


def write(store: Store, happened: Iterable[Happened]) -> int:
    """Add what is new; a lasting fact that is true already is passed over. Returns how many were added."""
    rows = []
    now: dict[tuple[str, int], Fact] = {}
    for one in happened:
        what = tag_of(one.fact)
        fact = one.fact
        if what in LASTING:
            old = now.get((what, one.rig)) or _last(store, what, one)
            if isinstance(fact, NormalWas) and isinstance(old, NormalWas):
                fact = NormalWas(old.coins | fact.coins)
            if old is not None and same(old, fact):
                continue
            now[what, one.rig] = fact
            if isinstance(fact, StateWas) and fact.state != "waiting":
                store.db.execute(
                    "UPDATE lives SET first_ms = ? WHERE rig = ? AND first_ms IS NULL", (one.t_ms, one.rig)
                )
        body = encode_fact(fact)
        if body:
            rows.append((one.t_ms, one.rig, what, body))
    store.db.executemany("INSERT INTO events (t_ms, rig, what, body) VALUES (?, ?, ?, ?)", rows)
    if any(what in SELDOM for _, _, what, _ in rows) or seldom_revision(store) is None:
        _revise(store)
    return len(rows)


def _revise(store: Store) -> None:
    store.set_note(_REVISION, secrets.randbits(62))


def _last(store: Store, what: str, one: Happened) -> Fact | None:
    found = lasting_at(store, what, one.rig, one.t_ms)
    return found.fact if found is not None else None


def added(store: Store, rig: int, kind: KindName, t_ms: int) -> None:
    """A rig is there; one that is known already stays as it is."""
    store.db.execute("INSERT OR IGNORE INTO lives (rig, kind, added_ms) VALUES (?, ?, ?)", (rig, kind, t_ms))


def removed(store: Store, when: Mapping[int, int]) -> None:
    """Rigs are there no longer, each since a time."""
    store.db.executemany(
        "UPDATE lives SET removed_ms = ? WHERE rig = ? AND removed_ms IS NULL",
        [(t_ms, rig) for rig, t_ms in when.items()],
    )


def keep(store: Store, rigs: Iterable[Kept]) -> None:
    """Keep the history of rigs that are removed."""
    store.db.executemany(
        "INSERT OR REPLACE INTO kept (rig, kind, name, removed_ms) VALUES (?, ?, ?, ?)",
        [(one.rig, one.kind, one.name, one.removed_ms) for one in rigs],
    )


def runs(store: Store, began_ms: int, until_ms: int) -> None:
    """The Commander runs since a time, and still does at another."""
    store.db.execute(
        "INSERT INTO spans (began_ms, until_ms) VALUES (?, ?) "
        "ON CONFLICT (began_ms) DO UPDATE SET until_ms = max(until_ms, excluded.until_ms)",
        (began_ms, max(began_ms, until_ms)),
    )


def prune(store: Store, floor_ms: int, most: int) -> bool:
    """Delete up to `most` of what was over before a time; True when more is left. The last of lasting facts stays: it
    is still true."""
    marks = ",".join("?" * len(LASTING))
    gone = store.db.execute(
        "DELETE FROM events WHERE id IN (SELECT id FROM events AS old WHERE t_ms < ? AND "  # noqa: S608
        f"(what NOT IN ({marks}) OR EXISTS (SELECT 1 FROM events AS later WHERE later.what = old.what AND "
        "later.rig = old.rig AND (later.t_ms, later.id) > (old.t_ms, old.id) AND later.t_ms <= ?)) "
        "ORDER BY t_ms LIMIT ?)",
        (floor_ms, *LASTING, floor_ms, most),
    ).rowcount
    if gone:
        _revise(store)
    store.db.execute("DELETE FROM spans WHERE until_ms < ?", (floor_ms,))
    store.db.execute("DELETE FROM lives WHERE removed_ms < ?", (floor_ms,))
    return bool(gone == most)


def forget_happened(store: Store, rig: int) -> None:
    """Delete all that happened to a rig. That it was there stays: it counts in the farm's past."""
    store.db.execute("DELETE FROM kept WHERE rig = ?", (rig,))
    _revise(store)
    for what in (*LASTING, "moment"):
        store.db.execute("DELETE FROM events WHERE what = ? AND rig = ?", (what, rig))
