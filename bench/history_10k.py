"""History of 10,000 rigs: the data of any chart over HTTP, and the report of a month. Must hold: p99 ≤ 150 ms; ≤ 2 s.

A generator writes it: hours, days and totals of all rigs for 30 days; minutes for 30 days and logs for 48 hours of
those whose charts are asked for (all of them would take 25 GB). No rig reports meanwhile.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from bench.history import GPUS, INTERVAL_S, START, _journal, _making, _Rig
from bench.report import Figure, cpu_seconds, percentile, report
from bench.web import login
from rigfarm.commander.history.chunks.chunk import Chunk
from rigfarm.commander.history.chunks.columns import Columns, Key, pack
from rigfarm.commander.history.happened.facts import Happened, StateWas
from rigfarm.commander.history.happened.rows import added, runs, write
from rigfarm.commander.history.model import DAY_MS, HOUR_MS, SLOT_MS, place_of, row_id
from rigfarm.commander.history.rollups.days import put_day, sums_of
from rigfarm.commander.history.store import Store
from rigfarm.commander.history.writing.derived import make_derived
from rigfarm.common.clock import utc_ms
from rigfarm.simulate.commander import CommanderProcess

RIGS = 10_000
SEEN = 100
"""Rigs whose charts are asked for."""
DAYS = 30
ASKED = 100
"""How often each chart is asked for."""
REPORTS = 10
RANGES = {
    "10 min": "from=-10m&resolution=5",
    "1 h": "from=-1h",
    "24 h": "from=-24h",
    "7 d": "from=-7d",
    "30 d": "from=-30d",
    "24 h with devices": "from=-24h&detail=devices",
}


def main() -> None:
    """Write it, then ask."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "commander"
        with CommanderProcess(folder, settings={"history": "off"}) as one:
            rigs = [rig for rig, _ in one.add_rigs([f"rig-{number:05d}" for number in range(RIGS)])]
        began = time.monotonic()
        _remember(Path(name), folder / "history.db", rigs)
        print(f"  (history written in {time.monotonic() - began:.0f} s)", flush=True)
        with (
            CommanderProcess(folder, port=one.port) as again,
            httpx.Client(
                base_url=again.url, headers={"Cookie": login(again.url, again.password)}, timeout=60
            ) as client,
        ):
            _charts(client, again.pid, rigs)
            _reports(client, again.pid)


def _remember(scratch: Path, path: Path, rigs: list[int]) -> None:
    """The last 30 days, each hour of each rig like one that was made from logs."""
    made = Store(scratch / "made.db")
    _journal(scratch / "journal.db")
    _making(scratch / "journal.db", made)
    store, now = Store(path), utc_ms()
    first, day = START // HOUR_MS, START // DAY_MS
    hour_body, minute_totals = made.get("minutes", row_id(first, 1)), made.get("minute_totals", row_id(first, 1))
    assert hour_body is not None
    assert minute_totals is not None
    day_body = _whole_day(made, "hours", row_id(day, 1))
    totals_body = _whole_day(made, "hour_totals", row_id(day, 1))
    sums = sums_of(Columns(day_body).all(), slice(0, 24))
    days, hours = range(now // DAY_MS - DAYS, now // DAY_MS + 1), range(now // HOUR_MS - DAYS * 24, now // HOUR_MS + 1)
    place = place_of("cpu-gpu")
    with store.transaction():
        store.put("minute_totals", ((row_id(hour, place), minute_totals) for hour in hours))
        store.put("hour_totals", ((row_id(one, place), totals_body) for one in days))
        for one in days:
            store.put("hours", ((row_id(one, rig), day_body) for rig in rigs))
            for rig in rigs:
                put_day(store, one, rig, sums)
        for hour in hours:
            store.put("minutes", ((row_id(hour, rig), hour_body) for rig in rigs[:SEEN]))
        slots = range((now - 2 * DAY_MS) // SLOT_MS, now // SLOT_MS + 1)
        one_rig = _Rig(1)
        for slot in slots:
            chunk = Chunk()
            chunk.add(one_rig.log(slot * SLOT_MS + t) for t in range(0, SLOT_MS, INTERVAL_S * 1000))
            body = chunk.pack()
            store.put("raw", ((row_id(slot, rig), body) for rig in rigs[:SEEN]))
        for rig in rigs:
            added(store, rig, "cpu-gpu", days.start * DAY_MS)
        write(store, [Happened(days.start * DAY_MS, rig, StateWas("online")) for rig in rigs])
        runs(store, days.start * DAY_MS, now)
        store.set_note("until_ms", now)
        for table in ("briefs", "minute_briefs"):  # no chart reads them
            store.db.execute(f"DELETE FROM {table}_due")
    while make_derived(store, breathe=lambda _: None):
        pass
    for table in ("raw", "minutes", "tens", "hours", "minute_totals", "hour_totals"):
        with store.transaction():
            store.settle(table, 1 << 62, 1 << 30)
    store.close()
    made.close()


def _whole_day(store: Store, table: str, row: int) -> bytes:
    """A row of 24 hours, each like the first that was made."""
    body = store.get(table, row)  # type: ignore[arg-type]
    assert body is not None
    columns: dict[Key, list[int]] = Columns(body).all()
    return pack(24, {key: [column[0]] * 24 for key, column in columns.items()})


def _charts(client: httpx.Client, pid: int, rigs: list[int]) -> None:
    chance = random.Random(1)
    for label, query in RANGES.items():
        took = _timed(client, pid, lambda query=query: f"/api/history?rig={chance.choice(rigs[:SEEN])}&{query}")  # type: ignore[misc]
        _report(f"chart of one of {RIGS:,} rigs, {label}", took, "p99 ≤ 150 ms")
    for label, query in list(RANGES.items())[2:5]:
        took = _timed(client, pid, lambda query=query: f"/api/history?{query}")  # type: ignore[misc]
        _report(f"chart of {RIGS:,} rigs together, {label}", took, "p99 ≤ 150 ms")


def _reports(client: httpx.Client, pid: int) -> None:
    today = utc_ms() // DAY_MS
    first, last = (time.strftime("%Y-%m-%d", time.gmtime((today - n) * 86_400)) for n in (DAYS, 1))
    for label, path in (("page", "/reports"), ("API, every rig", "/api/reports"), ("CSV", "/api/reports.csv")):
        took = _timed(client, pid, lambda path=path: f"{path}?from={first}&to={last}", REPORTS)  # type: ignore[misc]
        _report(f"report of {DAYS} days of {RIGS:,} rigs, {label}", took, "≤ 2 s")


def _timed(client: httpx.Client, pid: int, path: Callable[[], str], times: int = ASKED) -> tuple[list[float], float]:
    """ms of each, and how many of CPU the Commander took for one."""
    found = []
    cpu = cpu_seconds(pid)
    for _ in range(times):
        asked = path()
        began = time.perf_counter()
        answer = client.get(asked)
        found.append((time.perf_counter() - began) * 1000)
        assert answer.status_code == 200, (asked, answer.text[:300])
    return found, (cpu_seconds(pid) - cpu) / times * 1000


def _report(name: str, timed: tuple[list[float], float], target: str) -> None:
    took, cpu_ms = timed
    report(
        Figure(
            name,
            f"p50 {percentile(took, 0.5):.0f} ms, p99 {percentile(took, 0.99):.0f} ms",
            target=target,
            notes=f"over HTTP, compressed; {len(took)} times; {cpu_ms:.0f} ms of CPU each; {GPUS} GPUs a rig, logs "
            f"every {INTERVAL_S} s",
        )
    )


if __name__ == "__main__":
    main()
