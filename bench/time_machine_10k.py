"""The time machine at 10,000 rigs: the index as it was, by logs and by minutes. Must hold: p99 ≤ 0.4 s of CPU.

A generator writes forty minutes of every rig, as logs and as minutes, with all that is true of each. No rig reports
meanwhile.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import httpx

from bench.history import GPUS, INTERVAL_S, _Rig
from bench.report import Figure, cpu_seconds, percentile, report
from bench.web import login
from rigfarm.commander.history.happened.facts import (
    Happened,
    LabelsWere,
    NameWas,
    NormalWas,
    RestWas,
    SpecsWas,
    StateWas,
)
from rigfarm.commander.history.happened.rows import added, runs, write
from rigfarm.commander.history.model import DAY_MS, HOUR_MS, SLOT_MS, Table
from rigfarm.commander.history.rollups.minutes import Pace
from rigfarm.commander.history.store import Store
from rigfarm.commander.history.writing.derived import make_derived
from rigfarm.commander.history.writing.merge import Merge
from rigfarm.common.clock import utc_ms
from rigfarm.simulate.commander import CommanderProcess
from rigfarm.wire.specs import GpuSpecs, Specs

RIGS = 10_000
UNLIKE = 20
"""Rigs whose logs are made; the others have logs like one of these."""
SLOTS = 4
ASKED = 12
FEW = 3
"""Moments of what takes seconds."""
CHANGES = 3
"""Of each rig's state, before and in that time."""


def main() -> None:
    """Write it, then ask."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "commander"
        with CommanderProcess(folder, settings={"history": "off"}) as one:
            rigs = [rig for rig, _ in one.add_rigs([f"rig-{number:05d}" for number in range(RIGS)])]
        hour = utc_ms() // HOUR_MS - 3
        began = time.monotonic()
        remember(folder / "history.db", rigs, hour)
        print(f"  (history written in {time.monotonic() - began:.0f} s)", flush=True)
        with (
            CommanderProcess(folder, port=one.port) as again,
            httpx.Client(
                base_url=again.url, headers={"Cookie": login(again.url, again.password)}, timeout=60
            ) as client,
        ):
            chance = random.Random(1)
            begin = hour * HOUR_MS + SLOT_MS
            anew = [begin + 1000 * chance.randrange((SLOTS - 1) * SLOT_MS // 1000) for _ in range(ASKED)]
            steps = [begin + 120_000 + 10_000 * n for n in range(ASKED)]
            _ask(client, again.pid, "at any time", anew)
            _ask(client, again.pid, "10 s after another one", steps)
            _ask(client, again.pid, "at any time, by hashrate", anew[::-1], "&sort=-hashrate")
            old = [t_ms - 5 * DAY_MS for t_ms in anew]
            _ask(client, again.pid, "at a time of which only minutes are kept", old)
            named = [t_ms + 1000 for t_ms in anew]
            _ask(client, again.pid, "at any time, those of a name", named, "&q=name:rig-00*")
            _ask(client, again.pid, "at any time, as a map", [t_ms + 2000 for t_ms in anew], path="/places")
            hot = [t_ms + 3000 for t_ms in anew[:FEW]]
            _ask(client, again.pid, "at any time, by temperature", hot, "&sort=-devices", target="")


def _ask(
    client: httpx.Client,
    pid: int,
    label: str,
    moments: Iterable[int],
    more: str = "",
    *,
    path: str = "/rigs",
    target: str = "≤ 0.4 s",
) -> None:
    took: list[float] = []
    walls: list[float] = []
    for t_ms in moments:
        at = datetime.fromtimestamp(t_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        cpu, began = cpu_seconds(pid), time.perf_counter()
        answer = client.get(f"{path}?at={at}{more}")
        walls.append(time.perf_counter() - began)
        took.append(cpu_seconds(pid) - cpu)
        assert answer.status_code == 200, answer.text[:300]
        assert path != "/rigs" or answer.text.count('<tr id="rig-') == 50, answer.text.count('id="rig-')
    report(
        Figure(
            f"index of {RIGS:,} rigs {label}",
            f"p50 {percentile(took, 0.5):.2f} s, longest {max(took):.2f} s of CPU",
            target=target,
            notes=f"over HTTP; {len(took)} moments; on the wall p50 {percentile(walls, 0.5):.2f} s, longest "
            f"{max(walls):.2f} s; {GPUS} GPUs a rig, logs every {INTERVAL_S} s",
        )
    )


def remember(path: Path, rigs: list[int], hour: int) -> None:
    """Forty minutes of every rig from an hour on, and minutes of the same hour five days before."""
    store, pace = Store(path), Pace(float(INTERVAL_S))
    begin, days_ago = hour * HOUR_MS, 24 * 5
    unlike = [_rows(store, number, begin, pace) for number in range(1, UNLIKE + 1)]
    with store.transaction():
        for table in ("raw", "minutes"):
            store.set_note(f"{table}_settled", 1 << 62)
            rows: list[tuple[int, bytes]] = []
            for rig in rigs:
                for row, body in unlike[rig % UNLIKE][table].items():
                    number = row >> 32
                    rows.append((number << 32 | rig, body))
                    if table == "minutes" and number == hour:
                        rows.append((number - days_ago << 32 | rig, body))
            store.put(table, rows)
    with store.transaction():
        first = begin - (days_ago + 1) * HOUR_MS
        for rig in rigs:
            added(store, rig, "cpu-gpu", first)
        write(store, [Happened(first, rig, one) for rig in rigs for one in _facts(rig)])
        chance = random.Random(2)
        for n in range(CHANGES):
            states = ("online", "degraded")
            write(
                store,
                sorted(
                    (
                        Happened(begin + 1000 * chance.randrange(3600 * n, 3600 * (n + 1)), rig, StateWas(
                            states[(rig + n) % 2], "GPU 0 at 95 °C" if (rig + n) % 2 else "", severity=(rig + n) % 2))
                        for rig in rigs if rig % 50 < 5
                    ),
                    key=lambda one: one.t_ms,
                ),
            )  # fmt: skip
        runs(store, first, utc_ms())
        store.set_note("until_ms", utc_ms())
        store.set_note("raw_floor_ms", begin - HOUR_MS)
    while make_derived(store, breathe=lambda _: None):
        pass
    store.close()


def _rows(store: Store, number: int, begin: int, pace: Pace) -> dict[Table, dict[int, bytes]]:
    """A rig's rows, made as those of a rig that reports."""
    merge = Merge(store, number, pace, {"raw": {}, "minutes": {}, "hours": {}})
    rig = _Rig(number)
    merge.add([rig.log(t + number * 37) for t in range(begin, begin + SLOTS * SLOT_MS, INTERVAL_S * 1000)])
    return merge.changed


def _facts(rig: int) -> list[NameWas | LabelsWere | SpecsWas | StateWas | NormalWas | RestWas]:
    gpus = [GpuSpecs(id=f"0000:{n + 1:02x}:00.0", name="NVIDIA GeForce RTX 3070") for n in range(GPUS)]
    specs = Specs(sentry_version="1.0.0", hostname=f"rig-{rig}", cpu="AMD Ryzen 5 3600", gpus=gpus)
    labels = LabelsWere(f"hall-{rig % 4}/rack-{rig % 100}", ("solar",) if rig % 3 else ())
    name, normal = NameWas(f"rig-{rig:05d}"), NormalWas({"ETC": 363e6})
    return [name, labels, SpecsWas(specs), StateWas("online"), normal, RestWas("")]


if __name__ == "__main__":
    main()
