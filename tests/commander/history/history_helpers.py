"""A journal with the rows that a test wants, and what a history holds."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rigfarm.commander.history.chunks.codes import UNKNOWN, value
from rigfarm.commander.history.chunks.columns import Columns, Key
from rigfarm.commander.history.model import TABLES, row_id
from rigfarm.commander.history.rollups.minutes import Pace
from rigfarm.commander.history.store import Store
from rigfarm.commander.history.writing.step import Done, Step
from rigfarm.commander.kinds import KindName
from rigfarm.commander.logs.rows import pack_body, pack_rigs
from rigfarm.commander.logs.store import open_reader, open_writer
from rigfarm.wire.codec import encode
from rigfarm.wire.log import Device, Devices, OperationalLog, Workload

START = 1_795_996_800_000 // 86_400_000 * 86_400_000
"""A midnight."""
INTERVAL_S = 5.0
Arrival = tuple[int, OperationalLog]
"""(rig, log)"""


class PowerCut(Exception):
    """The process ends here."""


class Dying:
    """A connection that fails at its n-th statement, and at all later ones."""

    def __init__(self, db: sqlite3.Connection, statements: int) -> None:
        self._db = db
        self.left = statements

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)

    def _count(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise PowerCut

    def execute(self, *args: Any) -> sqlite3.Cursor:
        self._count()
        return self._db.execute(*args)

    def executemany(self, *args: Any) -> sqlite3.Cursor:
        self._count()
        return self._db.executemany(*args)


class Farm:
    """A journal and its history in a folder."""

    def __init__(self, folder: Path, rigs: dict[int, KindName] | None = None) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.interval_s = INTERVAL_S
        self.rigs: dict[int, KindName] = rigs or {7: "cpu-gpu", 8: "cpu-gpu", 9: "asic"}
        self.journal, _ = open_writer(folder / "journal.db", synchronous="OFF")
        self.store = Store(folder / "history.db")

    def arrive(self, *rows: Sequence[Arrival], at_ms: int = START + 7 * 86_400_000) -> None:
        """Rows of the journal."""
        for row in rows:
            self.journal.execute(
                "INSERT INTO journal (t_ms, rigs, body) VALUES (?, ?, ?)",
                (at_ms, pack_rigs([rig for rig, _ in row]), pack_body([encode(log) for _, log in row], {})),
            )

    def step(self) -> Done:
        """One step."""
        reader = open_reader(self.folder / "journal.db")
        try:
            return Step(self.store, reader, Pace(self.interval_s), breathe=lambda _: None).take(self.rigs)
        finally:
            reader.close()

    def catch_up(self) -> None:
        """All steps."""
        while self.step().more:
            pass

    def content(self) -> dict[str, list[tuple[int, bytes]]]:
        """Everything that the history holds."""
        return content(self.folder / "history.db")

    def minutes(self, rig: int, hour_ms: int = START) -> dict[Key, list[float | None]]:
        """The sixty minutes of an hour; measurements in their units."""
        body = self.store.get("minutes", row_id(hour_ms // 3_600_000, rig))
        return {} if body is None else _read(body)

    def close(self) -> None:
        self.store.close()
        self.journal.close()


def _read(body: bytes) -> dict[Key, list[float | None]]:
    return {key: [known(key, number) for number in column] for key, column in Columns(body).all().items()}


def known(key: Key, number: int) -> float | None:
    """A number of a column."""
    return None if number == UNKNOWN else value(number) if key[2] in ("mean", "min", "max") else number


def content(path: Path) -> dict[str, list[tuple[int, bytes]]]:
    db = sqlite3.connect(path)
    try:
        every = "SELECT id, body FROM {0} UNION ALL SELECT id, body FROM {0}_open ORDER BY id"
        return {table: db.execute(every.format(table)).fetchall() for table in TABLES}
    finally:
        db.close()


def a_log(
    t: int,
    rate: float | None = 1e6,
    *,
    coin: str = "KAS",
    power: float | None = 100.0,
    accepted: int | None = None,
    rejected: int | None = None,
    core: Iterable[float | None] = (),
    uptime_s: float | None = None,
) -> OperationalLog:
    """A small log."""
    return OperationalLog(
        t=t,
        power_w=power,
        workloads=[
            Workload(
                software="miner",
                coin=coin,
                hashrate=rate,
                accepted=accepted,
                rejected=rejected,
                state="mining",
                uptime_s=uptime_s,
            )
        ],
        devices=Devices.from_rows([Device(kind="gpu", index=n, core_c=one) for n, one in enumerate(core)]),
    )
