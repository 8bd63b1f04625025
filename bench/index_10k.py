"""The index and the overview of 10,000 rigs, every sort and filter. Must hold: server time p99 ≤ 60 ms.

Twice: in the Commander's own code (query, view model, template), with the settings of its garbage collector and no
order remembered, without sparklines and with those of the rows in view; and as a browser has it from a Commander to
which 10,000 rigs report every 10 s.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from urllib.parse import urlencode

import jinja2

from bench.farm import linked
from bench.report import Figure, cpu_seconds, percentile, report
from bench.web import PageLoader, login
from rigfarm.commander.events import Events
from rigfarm.commander.frame import page_templates
from rigfarm.commander.health import calm_garbage_collector
from rigfarm.commander.history import History, Keep
from rigfarm.commander.history.chunks.codes import codes
from rigfarm.commander.history.chunks.columns import pack
from rigfarm.commander.history.model import DAY_MS, row_id
from rigfarm.commander.history.store import Store
from rigfarm.commander.join_address import JoinAddress
from rigfarm.commander.kinds import KindName
from rigfarm.commander.live import Hub
from rigfarm.commander.logs import RecentRows
from rigfarm.commander.logs.store import open_reader
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.rigs.boards.chips import Chips
from rigfarm.commander.rigs.listing.query import IndexQuery
from rigfarm.commander.rigs.listing.rig_list import RigList
from rigfarm.commander.rigs.listing.sorting import SORT_KEYS
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.rigs.view.shown import Shown
from rigfarm.commander.stats import OperationalStats
from rigfarm.commander.web.shell import Shell
from rigfarm.common.clock import utc_ms
from rigfarm.simulate.commander import CommanderProcess
from support.asic_load import an_asic_log, asic_specs
from support.load import a_log

RIGS = 10_000
EVERY_S = 10.0
ROUNDS = 3
OVERVIEWS = 50
COINS = ("KAS", "ETC", "RVN", "XMR", "ERG")


def _history(folder: Path) -> History:
    """The last two days of every rig, hour by hour, as wide as those of a rig with six GPUs."""
    path = folder / "history.db"
    if not path.exists():
        store, today = Store(path), utc_ms() // DAY_MS
        for n, coin in enumerate(COINS):
            keys = [("coin", coin, stat) for stat in ("mean", "min", "max", "ms", "accepted", "rejected")]
            keys += [("", "power_w", stat) for stat in ("mean", "min", "max", "ms")]
            keys += [
                (f"gpu{gpu}", what, stat)
                for gpu in range(6)
                for what in ("core_c", "memory_c", "fan_percent", "power_w", "rate")
                for stat in ("mean", "max")
            ]
            body = pack(24, {key: codes([1e6 + 1e4 * (hour % 7) for hour in range(24)]) for key in keys})
            with store.transaction():
                for day in (today - 1, today):
                    store.put("hours", [(row_id(day, rig), body) for rig in range(n or 5, RIGS + 1, 5)])
        store.close()
    return History(path, lambda: open_reader(folder / "journal.db"), dict, interval_s=10.0, keep=Keep())


def _farm(kind: KindName, history: History) -> tuple[Shown, RigList]:
    hub, events = Hub(), Events()
    stats = OperationalStats(hub, events, 10.0)
    book = Rigs(None, hub, events)  # type: ignore[arg-type]
    now = utc_ms()
    log = an_asic_log if kind == "asic" else a_log
    for rig_id in range(1, RIGS + 1):
        specs = asic_specs(rig_id) if kind == "asic" else None
        rig = Rig(rig_id, f"rig-{rig_id:05d}", kind, now, first_seen_at=now, specs=specs)
        book.put(rig, rig_id.to_bytes(32, "big"))
        stats.add(rig_id, kind)
        stats.link_up(rig_id)
        stats.receive(rig_id, log(rig_id, now, coin=COINS[rig_id % 5]))
    rig_list = RigList(book, stats)
    environment = page_templates()
    environment.globals["shell"] = Shell
    environment.globals["acting_limits"] = lambda: (None, 0)
    environment.globals["firing_alerts"] = lambda: ([], 0)
    recent = RecentRows(Path("journal.db"))
    address = JoinAddress("http://commander", "")
    shown = Shown(environment, book, stats, rig_list, recent, history, lambda: address, Chips(hub, book.rigs))
    return shown, rig_list


def _page(templates: jinja2.Environment, name: str, page: object) -> int:
    context = {"page": page, "viewer": None, "csrf": "", "active": "rigs", "live": "/rigs", "charts": None}
    return len(templates.get_template(name).render(**context))


def _queries() -> list[dict[str, str]]:
    queries = [{"sort": sign + sort} for sort in SORT_KEYS for sign in ("", "-")]
    queries += [{"state": "attention"}, {"state": "online"}, {"coin": "KAS"}, {"q": "rig-00"}]
    return [*queries, {"q": "3080", "page": "40"}]


class _Times:
    """ms by query."""

    def __init__(self) -> None:
        self.index: dict[str, list[float]] = {}
        self.overview: list[float] = []
        self.sparks: list[float] = []
        """ms of CPU for all sparklines of a page that was not looked at for ten minutes."""

    @property
    def everything(self) -> list[float]:
        return [one for some in self.index.values() for one in some]

    def told(self) -> str:
        return f"p50 {percentile(self.everything, 0.5):.0f} ms, p99 {percentile(self.everything, 0.99):.0f} ms"

    def notes(self) -> str:
        worst = max(self.index, key=lambda query: percentile(self.index[query], 0.5))
        return (
            f"slowest: {worst} with p50 {percentile(self.index[worst], 0.5):.0f} ms; "
            f"longest {max(self.everything):.0f} ms; overview p99 {percentile(self.overview, 0.99):.0f} ms"
        )


def _in_own_code(kind: KindName, history: History) -> _Times:
    shown, rig_list = _farm(kind, history)
    _page(shown.templates, "rigs_index.html", shown.index(IndexQuery.parse(kind, {}))[0])
    calm_garbage_collector()
    times = _Times()
    for _ in range(ROUNDS):
        for query in _queries():
            if history.on:
                times.sparks.append(_sparks(shown, IndexQuery.parse(kind, query)))
            rig_list._sorted.clear()
            rig_list._found.clear()
            started = time.perf_counter()
            page, _selection = shown.index(IndexQuery.parse(kind, query))
            _page(shown.templates, "rigs_index.html", page)
            times.index.setdefault(urlencode(query), []).append((time.perf_counter() - started) * 1000)
    for _ in range(OVERVIEWS):
        started = time.perf_counter()
        _page(shown.templates, "overview.html", shown.overview())
        times.overview.append((time.perf_counter() - started) * 1000)
    return times


def _sparks(shown: Shown, query: IndexQuery) -> float:
    shown._sparks._drawn.clear()
    shown.rig_list.select(query)
    began = time.process_time()
    asyncio.run(shown.prepare_sparks(query, 30.0))
    return (time.process_time() - began) * 1000


def _as_a_browser() -> tuple[_Times, float]:
    """Times, and the Commander's share of a core before any page was asked for."""
    times = _Times()
    with (
        tempfile.TemporaryDirectory() as folder,
        CommanderProcess(Path(folder), settings={"report_interval_s": str(EVERY_S)}) as commander,
    ):
        tokens = [token for _, token in commander.add_rigs([f"rig-{i:05d}" for i in range(RIGS)])]
        with linked(commander, tokens) as farm:
            farm.report(EVERY_S)
            cpu = cpu_seconds(commander.pid)
            time.sleep(5)
            share = (cpu_seconds(commander.pid) - cpu) / 5
            pages = PageLoader(commander.url, login(commander.url, commander.password))
            pages.load("/rigs")
            for _ in range(ROUNDS):
                for query in _queries():
                    times.index.setdefault(urlencode(query), []).append(pages.load(f"/rigs?{urlencode(query)}"))
            times.overview += [pages.load("/") for _ in range(OVERVIEWS)]
    return times, share


def main() -> None:
    """Measure and report."""
    with tempfile.TemporaryDirectory() as folder:
        history = _history(Path(folder))
        asics, own = _in_own_code("asic", history), _in_own_code("cpu-gpu", history)
        history.on = False
        plain = _in_own_code("cpu-gpu", history)
    browser, share = _as_a_browser()
    report(
        Figure(
            "sparklines of an index's 50 rows, none of them drawn in the last ten minutes",
            f"p50 {percentile(own.sparks, 0.5):.1f} ms of CPU",
            notes=f"in a thread of its own; {RIGS:,} rigs; afterwards they are cached",
        )
    )
    for nouns, times in (("ASICs", asics), ("rigs", own), ("rigs without history", plain)):
        report(
            Figure(
                f"index of {RIGS:,} {nouns}, every sort and filter, in the Commander's code",
                times.told(),
                target="p99 ≤ 60 ms",
                notes=times.notes(),
            )
        )
    report(
        Figure(
            f"index of {RIGS:,} rigs that report every {EVERY_S:.0f} s, over HTTP, compressed",
            browser.told(),
            ratio=percentile(own.everything, 0.5) / percentile(browser.everything, 0.5),
            ceiling="its code alone, p50",
            target="p99 ≤ 60 ms",
            notes=f"{browser.notes()}; the reports alone take {share:.0%} of a core",
        )
    )


if __name__ == "__main__":
    main()
