"""What a rig did in a time, as a few sums: what reports compare rigs by.

A day of each rig is stored as one row of `rig_days` and one for each coin, besides its hours: a report of a month reads
thirty small rows of a rig instead of thirty columns of hours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from rigfarm.commander.history.chunks.columns import Key
from rigfarm.commander.history.rollups.totals import contribution
from rigfarm.commander.history.store import Reader, Store

__all__ = ["CoinSums", "RigSums", "days_of", "forget_days", "prune_days", "put_day", "reported_on", "sums_of"]

_STATES = ("online", "degraded", "idle", "stopped")
_HASHES = ("work", "expected", "powered")


class CoinSums(Struct, gc=False):
    """Of one coin. `work` in hashes; `judged` are those for which `expected` is known: what the rig's own normal, or
    else its device's nameplate, would have made; `powered` are those whose energy `mj` (mJ) is known."""

    work: float = 0.0
    ms: int = 0
    judged: float = 0.0
    expected: float = 0.0
    powered: float = 0.0
    mj: int = 0
    accepted: int = 0
    rejected: int = 0
    stale: int = 0
    invalid: int = 0

    def add(self, more: CoinSums) -> None:
        """Both together."""
        for name in self.__struct_fields__:
            setattr(self, name, getattr(self, name) + getattr(more, name))


class RigSums(Struct, gc=False):
    """Of one rig, or of several. Times in ms, energy in mJ; `powered_ms` is for how long power was known."""

    online_ms: int = 0
    degraded_ms: int = 0
    idle_ms: int = 0
    stopped_ms: int = 0
    mj: int = 0
    powered_ms: int = 0
    hot_ms: int = 0
    """In which a part was so hot that its rig was sick."""
    program_starts: int = 0
    rig_starts: int = 0
    coins: dict[str, CoinSums] = {}

    @property
    def reported_ms(self) -> int:
        """What its logs account for."""
        return self.online_ms + self.degraded_ms + self.idle_ms + self.stopped_ms

    def add(self, more: RigSums) -> None:
        """Both together."""
        for name in _ROW:
            setattr(self, name, getattr(self, name) + getattr(more, name))
        for coin, sums in more.coins.items():
            self.coins.setdefault(coin, CoinSums()).add(sums)


_ROW = tuple(name for name in RigSums.__struct_fields__ if name != "coins")
_COIN = CoinSums.__struct_fields__
_TABLES = ("rig_days", "rig_day_coins")


def sums_of(columns: Mapping[Key, Sequence[int]], rows: slice) -> RigSums:
    """Of some hours of a rig: rows of its table of hours."""
    found = RigSums()
    made = contribution(columns, rows)
    for (scope, name, stat), column in made.items():
        total = sum(column)
        if scope == "state" and name in _STATES:
            setattr(found, f"{name}_ms", total)
        elif scope == "coin":
            coin = found.coins.setdefault(name, CoinSums())
            setattr(coin, stat, float(total) if stat in _HASHES else total)
            if stat == "expected":
                work = made.get(("coin", name, "work"), [])
                coin.judged = float(sum(one for one, other in zip(work, column, strict=False) if other))
        elif (scope, name) == ("why", "hot"):
            found.hot_ms = total
        elif scope == "starts":
            setattr(found, f"{name}_starts", total)
        elif scope == "" and stat in ("mj", "ms"):
            setattr(found, "mj" if stat == "mj" else "powered_ms", total)
    return found


# Stored, in the caller's transaction


def put_day(store: Store, day: int, rig: int, sums: RigSums) -> None:
    """A day of a rig (its number since 1970 UTC), instead of what was there."""
    row = [getattr(sums, name) for name in _ROW]
    store.db.execute(f"INSERT OR REPLACE INTO rig_days VALUES ({_marks(2 + len(_ROW))})", (day, rig, *row))  # noqa: S608
    store.db.execute("DELETE FROM rig_day_coins WHERE day = ? AND rig = ?", (day, rig))
    store.db.executemany(
        f"INSERT INTO rig_day_coins VALUES ({_marks(3 + len(_COIN))})",  # noqa: S608
        [(day, rig, coin, *(getattr(one, name) for name in _COIN)) for coin, one in sums.coins.items()],
    )


def forget_days(store: Store, rig: int, days: Iterable[int]) -> None:
    """A rig was removed."""
    wanted = [(day, rig) for day in days]
    for table in _TABLES:
        store.db.executemany(f"DELETE FROM {table} WHERE day = ? AND rig = ?", wanted)  # noqa: S608


def prune_days(store: Store, day: int) -> None:
    """Delete the days before one."""
    for table in _TABLES:
        store.db.execute(f"DELETE FROM {table} WHERE day < ?", (day,))  # noqa: S608


def days_of(reader: Reader, days: range) -> dict[int, RigSums]:
    """Whole days of all rigs together, by rig."""
    sums = ", ".join(f"sum({name})" for name in _ROW)
    found = {
        rig: RigSums(*row)
        for rig, *row in reader.db.execute(
            f"SELECT rig, {sums} FROM rig_days WHERE day >= ? AND day < ? GROUP BY rig",  # noqa: S608
            (days.start, days.stop),
        )
    }
    sums = ", ".join(f"sum({name})" for name in _COIN)
    for rig, coin, *row in reader.db.execute(
        f"SELECT rig, coin, {sums} FROM rig_day_coins WHERE day >= ? AND day < ? GROUP BY rig, coin",  # noqa: S608
        (days.start, days.stop),
    ):
        found.setdefault(rig, RigSums()).coins[coin] = CoinSums(*row)
    return found


def reported_on(reader: Reader, day: int) -> dict[int, int]:
    """For how many ms of a day the logs of each rig account."""
    states = " + ".join(f"{state}_ms" for state in _STATES)
    return dict(reader.db.execute(f"SELECT rig, {states} FROM rig_days WHERE day = ?", (day,)).fetchall())  # noqa: S608


def _marks(count: int) -> str:
    return ",".join("?" * count)
