"""What must hold, whatever happened. Each check looks at the farm from outside: the file of the journal, the diaries of
rigs, the API, and the processes of this machine."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import sqlite3
import time
import urllib.error
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from browsers import resident_bytes
from machines import BrokenError, Farm, RigProcess, until

from rigfarm.commander.logs.rows import Row
from rigfarm.commander.logs.store import open_reader
from rigfarm.commander.stats.condition import UP
from rigfarm.commander.stats.contribution import Contribution, contribution_of
from rigfarm.common.ranges import RangeSet
from rigfarm.wire.codec import decode_log

__all__ = ["Oracle", "no_program_without_its_sentry"]

GONE_WITHIN_S = 5.0
STEADY_S = 2.5
"""After the last backlog: what arrives last is what was said last."""
TRIES = 60
RECENT = 500
"""Logs of a rig whose figures are remembered."""
COMMANDER_BYTES, COMMANDER_FILES = 700 << 20, 400
SENTRY_BYTES, SENTRY_FILES = 250 << 20, 150


class Oracle:
    """It remembers what it has read of the journal, so that a day of logs is read once."""

    def __init__(self, farm: Farm) -> None:
        self._farm = farm
        self._row = 0
        self._stored: dict[int, set[bytes]] = defaultdict(set)
        """Rig -> digests of its logs in the journal."""
        self._doubled: Counter[int] = Counter()
        """Rig -> logs that are there again."""
        self._recent: dict[int, list[tuple[int, Contribution]]] = defaultdict(list)
        """Rig -> (time, figures) of its last logs, in the order of arrival."""
        self._read: dict[Path, int] = defaultdict(int)
        self._acked: dict[int, dict[str, RangeSet]] = defaultdict(lambda: defaultdict(RangeSet))
        """Rig -> spool -> numbers that were acknowledged."""
        self.checked = self.logs = self.most_bytes = self.most_files = 0
        """Times, and logs that were compared; the largest of any process."""

    async def check(self) -> None:
        """BrokenError for the first that does not hold."""
        farm = self._farm
        await no_program_without_its_sentry(farm)
        for rig in farm.rigs:
            await _comes_back(rig)
            await _mines_as_wanted(rig)
        await self._removed_rigs_stay_removed()
        await asyncio.sleep(STEADY_S)
        await asyncio.to_thread(self._no_log_is_lost_or_doubled)
        await self._stats_equal_the_journal()
        self._nothing_grows()
        self.checked += 1

    # Rigs

    async def _removed_rigs_stay_removed(self) -> None:
        farm = self._farm
        listed = {rig["id"]: rig["name"] for rig in await farm.api("GET", "/api/rigs?fields=id,name")}
        wanted = {rig.id: rig.name for rig in farm.rigs}
        if listed != wanted:
            raise BrokenError("rigs are those that were made and not removed", f"{listed} instead of {wanted}")
        for rig in farm.removed:
            if rig.alive:
                await _gives_up(rig)
                await farm.retire(rig)
                for known in (self._stored, self._recent, self._acked):
                    known.pop(rig.id, None)
            if rig.programs():
                raise BrokenError("a removed rig stops mining", f"{rig.name}: {rig.programs()}")
        for rig in farm.removed[-3:]:
            with contextlib.suppress(urllib.error.HTTPError):
                raise BrokenError("a removed rig stays removed", str(await farm.api("GET", f"/api/rigs/{rig.id}")))

    # Logs

    def _no_log_is_lost_or_doubled(self) -> None:
        said_of = {rig.id: rig.status for rig in self._farm.rigs}
        acked_of = {rig.id: list(self._newly_acked(rig)) for rig in self._farm.rigs}
        self._read_journal()  # after the diaries: what was acknowledged before is in it
        for rig in self._farm.rigs:
            for place, digests in acked_of[rig.id]:
                times = sum(digest in self._stored[rig.id] for digest in digests)
                if times != 1:
                    raise BrokenError(
                        "an acknowledged log is stored exactly once", f"{rig.name}, {place}: {times} times"
                    )
            said = said_of[rig.id]
            acked = self._acked[rig.id][said["spool"]].size
            if said["numbered"] > acked + said["dropped"] and said["waiting"] == 0:
                raise BrokenError("every log is acknowledged, or counted as dropped", f"{rig.name}: {acked}, {said}")
        if self._doubled:
            raise BrokenError("no log is stored twice", f"rig -> logs: {dict(self._doubled)}")

    def _read_journal(self) -> None:
        with contextlib.closing(open_reader(self._farm.commander.folder / "journal.db")) as db:
            for row_id, rigs, body in _rows_after(db, self._row):
                for rig_id, raw in Row(rigs, body).raw_logs():
                    digest = hashlib.sha256(raw).digest()[:12]
                    self._doubled.update([rig_id] * (digest in self._stored[rig_id]))
                    self._stored[rig_id].add(digest)
                    log = decode_log(raw)
                    self._recent[rig_id] = [*self._recent[rig_id][1 - RECENT :], (log.t, contribution_of(log))]
                self._row = row_id

    def _newly_acked(self, rig: RigProcess) -> Iterator[tuple[str, list[bytes]]]:
        path = rig.folder / "diary"
        with path.open("rb") as file:
            file.seek(self._read[path])
            for line in file:
                if not line.endswith(b"\n"):
                    break  # it is being written
                self._read[path] += len(line)
                spool, number, *digests = line.decode().split()
                acked, here = self._acked[rig.id][spool], int(number)
                if not acked.overlaps(here, here):
                    acked.add(here, here)
                    self.logs += 1
                    yield f"{spool} {number}", [bytes.fromhex(digest) for digest in digests]

    # Stats

    async def _stats_equal_the_journal(self) -> None:
        """Of one moment: between two logs, nothing changes."""
        why = ""
        for _ in range(TRIES):
            await asyncio.to_thread(self._read_journal)
            before = {rig.id: len(self._recent[rig.id]) and self._recent[rig.id][-1][0] for rig in self._farm.rigs}
            rows = await self._rows()
            totals = await self._farm.api("GET", "/api/stats")
            if rows != await self._rows():
                continue
            await asyncio.sleep(0.6)  # what the stats know is committed by now
            await asyncio.to_thread(self._read_journal)
            why = self._difference(rows, before) or _wrong_totals(rows, totals["cpu-gpu"])
            if not why:
                return
        raise BrokenError("stats equal the journal", why or "they were never at rest")

    async def _rows(self) -> list[dict[str, Any]]:
        return [await self._farm.api("GET", f"/api/rigs/{rig.id}") for rig in self._farm.rigs]

    def _difference(self, rows: list[dict[str, Any]], before: Mapping[int, int]) -> str:
        for row in rows:
            seen_ms = round(datetime.fromisoformat(row["log"]["t"]).timestamp() * 1000)
            arrived = [t for t, _ in self._recent[row["id"]]]
            if seen_ms not in arrived:
                return f"{row['name']}: a log of {seen_ms} is not in the journal"
            if before[row["id"]] in arrived and arrived.index(seen_ms) < arrived.index(before[row["id"]]):
                return f"{row['name']}: {seen_ms} is not the newest log"
            figures = next(found for t, found in reversed(self._recent[row["id"]]) if t == seen_ms)
            rates = {share.coin: share.millihashes / 1000 for share in figures.coins}
            power = None if figures.milliwatts is None else figures.milliwatts / 1000
            if (row.get("hashrates", {}), row.get("power_w")) != (rates, power):
                return f"{row['name']}: {row}, and the journal has {rates}, {power} W"
        return ""

    # Bounds

    def _nothing_grows(self) -> None:
        farm = self._farm
        processes = {"the Commander": (farm.commander.pid, COMMANDER_BYTES, COMMANDER_FILES)}
        processes |= {rig.name: (rig.pid, SENTRY_BYTES, SENTRY_FILES) for rig in farm.rigs}
        for name, (pid, most_bytes, most_files) in processes.items():
            used, files = resident_bytes(pid), len(os.listdir(f"/proc/{pid}/fd"))
            if used > most_bytes or files > most_files:
                raise BrokenError("memory and files are bounded", f"{name}: {used >> 20} MiB, {files} files")
            self.most_bytes, self.most_files = max(self.most_bytes, used), max(self.most_files, files)


async def _comes_back(rig: RigProcess) -> None:
    holds = "a rig comes back, and its logs arrive"
    await until(lambda: rig.alive and rig.drained, holds, lambda: f"{rig.name}: {rig.status}")


async def _mines_as_wanted(rig: RigProcess) -> None:
    holds, wanted = "a rig mines if and only if it should", "mines" if rig.wanted else "doesn't mine"
    await until(
        lambda: bool(rig.programs()) == bool(rig.status.get("mining")) == rig.wanted,
        holds,
        lambda: f"{rig.name} should be one that {wanted}: processes {rig.programs()}, {rig.status}",
    )


async def _gives_up(rig: RigProcess) -> None:
    await until(
        lambda: not rig.programs() and bool(rig.status.get("needs_token")),
        "a removed rig stops mining",
        lambda: f"{rig.name}: processes {rig.programs()}, {rig.status}",
    )


async def no_program_without_its_sentry(farm: Farm) -> None:
    """A program may outlive its Sentry by a moment."""
    orphaned = [rig for rig in (*farm.rigs, *farm.removed) if not rig.alive]
    deadline = time.monotonic() + GONE_WITHIN_S
    while left := {rig.name: found for rig in orphaned if (found := await asyncio.to_thread(rig.programs))}:
        if time.monotonic() > deadline:
            raise BrokenError("no mining program without its Sentry", str(left))
        await asyncio.sleep(0.05)


def _rows_after(db: sqlite3.Connection, row_id: int) -> Iterator[tuple[int, bytes, bytes]]:
    yield from db.execute("SELECT id, rigs, body FROM journal WHERE id > ? ORDER BY id", (row_id,)).fetchall()


def _wrong_totals(rows: list[dict[str, Any]], totals: dict[str, Any]) -> str:
    rates: Counter[str] = Counter()
    watts = 0
    for row in rows:
        if row["state"] in UP:
            rates.update({coin: round(rate * 1000) for coin, rate in row.get("hashrates", {}).items()})
            watts += round(row.get("power_w", 0.0) * 1000)
    said = {one["coin"]: round(one["hashrate"] * 1000) for one in totals["coins"]}
    wanted = {coin: rate for coin, rate in rates.items() if coin in said or rate}
    if said != wanted or round(totals.get("power_w", 0.0) * 1000) != watts:
        return f"totals: {said}, {totals.get('power_w')} W, and the rigs together {wanted}, {watts / 1000} W"
    return ""
