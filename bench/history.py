"""History: what it takes to make it from the journal, how large it is, and how long charts wait for it.

The ceiling of the making is reading the same rows and decoding the same logs, and nothing else; that of a chart is
reading and decompressing the same rows.
"""

from __future__ import annotations

import math
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import msgspec

from bench.report import Figure, percentile, report
from rigfarm.commander.health import calm_garbage_collector
from rigfarm.commander.history.chunks.columns import Columns, pack
from rigfarm.commander.history.model import DAY_MS, DERIVED, HOUR_MS, TABLES, Table, row_id
from rigfarm.commander.history.reading.course import Buckets, Course
from rigfarm.commander.history.reading.of_farm import lines_of_farm
from rigfarm.commander.history.reading.of_rig import lines_of_rig
from rigfarm.commander.history.reading.ranges import Floors, TimeRange, resolution_of, time_range
from rigfarm.commander.history.rollups.minutes import Pace
from rigfarm.commander.history.store import Store
from rigfarm.commander.history.view import history_answer
from rigfarm.commander.history.writing.derived import make_derived
from rigfarm.commander.history.writing.step import Step
from rigfarm.commander.kinds import KindName
from rigfarm.commander.logs.rows import Row, pack_body, pack_rigs
from rigfarm.commander.logs.store import open_reader, open_writer
from rigfarm.wire.codec import encode
from rigfarm.wire.log import Device, Devices, OperationalLog, Workload

RIGS = 50
GPUS = 6
MINUTES = 60
INTERVAL_S = 5
START = 1_795_996_800_000 // DAY_MS * DAY_MS
DAYS = 30
REPEATS = 30


def main() -> None:
    """Make it, weigh it, ask it, under the garbage collector's settings of a Commander."""
    calm_garbage_collector()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        logs = _journal(folder / "journal.db")
        ceiling_us = _decoding(folder / "journal.db") / logs * 1e6
        store = Store(folder / "history.db")
        making_us = _making(folder / "journal.db", store) / logs * 1e6
        report(
            Figure(
                "history, CPU per log",
                f"{making_us:.0f} µs",
                ceiling_us / making_us,
                f"reading and decoding alone, {ceiling_us:.0f} µs",
                "≤ 100 µs: half a core at 5,000 logs/s",
                f"{RIGS} rigs of {GPUS} GPUs, {logs} logs of {MINUTES} minutes, all of them new",
            )
        )
        _sizes(store, logs)
        _charts(store)
        store.close()


class _Rig:
    """A rig whose figures wander as those of real ones do: slowly, and in the steps in which they are measured."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.chance = random.Random(number)
        self.cores = [self.chance.uniform(55, 66) for _ in range(GPUS)]
        self.fans = [self.chance.uniform(50, 70) for _ in range(GPUS)]

    def log(self, t: int) -> OperationalLog:
        """At a time."""
        chance, day = self.chance, math.sin(t / DAY_MS * 2 * math.pi)
        self.cores = [core + chance.gauss(0, 0.15) + (60 + 3 * day - core) * 0.02 for core in self.cores]
        rates = [60.5e6 * (1 + chance.gauss(0, 0.002)) for _ in range(GPUS)]
        powers = [round(118 + chance.gauss(0, 0.6), 1) for _ in range(GPUS)]
        devices = [
            Device(
                kind="gpu",
                index=n,
                id=f"0000:{n + 1:02x}:00.0",
                name="NVIDIA GeForce RTX 3070",
                hashrates=[rates[n]],
                core_c=round(self.cores[n]),
                memory_c=2 * round(self.cores[n] / 2 + 11),
                core_mhz=1440.0,
                memory_mhz=6800.0,
                fan_percent=round(self.fans[n] + (self.cores[n] - 60) / 2),
                power_w=powers[n],
            )
            for n in range(GPUS)
        ]
        return OperationalLog(
            t=t,
            uptime_s=(t - START) / 1000 + 90_000,
            power_w=round(sum(powers) + 60, 1),
            lan_ip=f"10.0.{self.number >> 8}.{self.number & 255}",
            workloads=[
                Workload(
                    software="T-Rex",
                    version="0.26.8",
                    coin="ETC",
                    algorithm="etchash",
                    hashrate=sum(rates),
                    accepted=(t - START) // 20_000 + 1_000,
                    rejected=(t - START) // 3_000_000,
                    pool="stratum+tcp://pool.example:5555",
                    wallet="wallet.example",
                    worker=f"rig-{self.number}",
                    state="mining",
                    uptime_s=(t - START) / 1000 + 80_000,
                )
            ],
            devices=Devices.from_rows(devices),
        )


def _journal(path: Path) -> int:
    """A journal of an hour; returns how many logs are in it."""
    journal, _ = open_writer(path, synchronous="OFF")
    rigs = [_Rig(number) for number in range(1, RIGS + 1)]
    count = 0
    journal.execute("BEGIN")
    for second in range(MINUTES * 60):
        now = [rig for rig in rigs if (second + rig.number) % INTERVAL_S == 0]
        at = START + second * 1000
        logs = [encode(rig.log(at + rig.chance.randrange(900))) for rig in now]
        journal.execute(
            "INSERT INTO journal (t_ms, rigs, body) VALUES (?, ?, ?)",
            (at + 1000, pack_rigs([rig.number for rig in now]), pack_body(logs, {})),
        )
        count += len(logs)
    journal.execute("COMMIT")
    journal.close()
    return count


def _decoding(path: Path) -> float:
    """s of CPU for reading and decoding every log."""
    reader = open_reader(path)
    began = time.process_time()
    for rigs, body in reader.execute("SELECT rigs, body FROM journal ORDER BY id"):
        for _ in Row(rigs, body).logs():
            pass
    took = time.process_time() - began
    reader.close()
    return took


def _making(path: Path, store: Store) -> float:
    """s of CPU for making all of the history."""
    kinds: dict[int, KindName] = dict.fromkeys(range(1, RIGS + 1), "cpu-gpu")
    reader = open_reader(path)
    step = Step(store, reader, Pace(float(INTERVAL_S)), breathe=lambda _: None)
    began = time.process_time()
    while step.take(kinds).more:
        pass
    took = time.process_time() - began
    reader.close()
    with store.transaction():
        for table in TABLES:
            store.settle(table, 1 << 62, 1 << 30)
    return took


def _bytes(store: Store, table: Table) -> int:
    """In its pages of the file. What is left free in the last one of these few does not count."""
    found: int = store.db.execute("SELECT sum(pgsize - unused) FROM dbstat WHERE name = ?", (table,)).fetchone()[0]
    return found


def _sizes(store: Store, logs: int) -> None:
    raw = _bytes(store, "raw") / logs
    minute = _bytes(store, "minutes") / (RIGS * MINUTES)
    report(Figure("history, a log", f"{raw:.0f} B", None, "", "≤ 40 B", f"{GPUS} GPUs; kept for 48 h"))
    report(Figure("history, a rig-minute", f"{minute:.0f} B", None, "", "≤ 60 B", f"{GPUS} GPUs; kept for 30 days"))
    hours = _day_of_hours(store) / 24
    year = 1000 * hours * 24 * 365
    kept = 1000 * (raw * 2 * DAY_MS / (INTERVAL_S * 1000) + minute * 30 * 1440)
    report(
        Figure(
            "history of 1,000 rigs on the disk",
            f"{kept / 2**30:.1f} GiB, and {year / 2**30:.2f} GiB more a year",
            notes=f"logs every {INTERVAL_S} s for 48 h and minutes for 30 days; hours, {hours:.0f} B a rig-hour, for "
            "two years",
        )
    )


def _day_of_hours(store: Store) -> int:
    """Bytes of a rig's day, when each of its hours is another one."""
    hours = [Columns(body).all() for _, body in store.some("hours", [row_id(START // DAY_MS, n) for n in range(1, 25)])]

    keys = hours[0].keys()
    return len(pack(24, {key: [hour[key][0] for hour in hours] for key in keys}))


def _charts(store: Store) -> None:
    """A month of one rig and of the farm, each hour like the one that there is."""
    first, day = START // HOUR_MS, START // DAY_MS
    with store.transaction():
        for table, span_ms in TABLES.items():
            if table == "raw" or table in DERIVED:
                continue
            number = day if span_ms == DAY_MS else first
            body = store.get(table, row_id(number, 1))
            assert body is not None
            count = DAYS * DAY_MS // span_ms
            rows = ((row_id(number - n, owner), body) for n in range(count) for owner in (1, 2))
            store.put(table, rows)
        store.set_note("until_ms", START + HOUR_MS)
        for table in ("briefs", "minute_briefs"):  # no chart reads them
            store.db.execute(f"DELETE FROM {table}_due")
    while make_derived(store, breathe=lambda _: None):
        pass
    now = START + HOUR_MS
    for begin in ("-24h", "-7d", "-30d"):
        span = time_range(begin, "now", now)
        _chart(f"chart of a rig, {begin[1:]}", store, span, partial(lines_of_rig, rig=1), "minutes", "≤ 150 ms")
    for begin, target in (("-24h", "≤ 10 ms"), ("-30d", "≤ 150 ms")):
        span = time_range(begin, "now", now)
        ask = partial(lines_of_farm, kinds=["cpu-gpu"])
        _chart(f"chart of the farm, {begin[1:]}", store, span, ask, "minute_totals", target)


def _chart(
    name: str,
    store: Store,
    span: TimeRange,
    lines: Callable[..., list],
    table: Table,
    target: str,  # type: ignore[type-arg]
) -> None:
    resolution = resolution_of(span, None, Floors())
    buckets = Buckets(span, resolution, span.to_ms)
    if buckets.of_tens() is not None and table == "minutes":
        table = "tens"
    elif buckets.row_ms == HOUR_MS:
        table = "hours" if table == "minutes" else "hour_totals"

    def answer() -> object:
        found = lines(store, buckets=buckets)
        return msgspec.json.encode(
            history_answer(
                Course(from_ms=span.from_ms, to_ms=span.to_ms, resolution_s=resolution, t=buckets.t, lines=found)
            )
        )

    numbers = (buckets.of_tens() or buckets).numbers if table == "tens" else buckets.numbers

    def read() -> object:
        return [Columns(body) for _, body in store.some(table, (row_id(number, 1) for number in numbers))]

    took, ceiling = percentile(list(_timed(answer)), 0.99), percentile(list(_timed(read)), 0.99)
    report(
        Figure(
            f"history, {name}: p99",
            f"{took * 1000:.1f} ms",
            ceiling / took,
            f"reading and decompressing alone, {ceiling * 1000:.1f} ms",
            target,
            f"{buckets.count} points, as JSON; CPU, without HTTP",
        )
    )


def _timed(work: Callable[[], object]) -> Iterator[float]:
    """s of CPU."""
    for _ in range(REPEATS):
        began = time.process_time()
        work()
        yield time.process_time() - began


if __name__ == "__main__":
    main()
