"""The index and the overview of 10,000 rigs, every sort and filter. Must hold: server time p99 ≤ 60 ms.

Twice: in the Commander's own code (query, view model, template), with the settings of its garbage collector and no
order remembered; and as a browser has it from a Commander to which 10,000 rigs report every 10 s.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from urllib.parse import urlencode

import jinja2

from bench.farm import linked
from bench.report import Figure, cpu_seconds, percentile, report
from bench.web import PageLoader, login
from rigfarm.commander.address import Address
from rigfarm.commander.app import _templates
from rigfarm.commander.channels import Kind
from rigfarm.commander.events import Events
from rigfarm.commander.health import calm_garbage_collector
from rigfarm.commander.live import Hub
from rigfarm.commander.logs import RecentRows
from rigfarm.commander.rigs.book import RigBook
from rigfarm.commander.rigs.chips import ChipBook
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.rigs.query import IndexQuery, RigList
from rigfarm.commander.rigs.shown import Shown
from rigfarm.commander.rigs.sorting import SORT_KEYS
from rigfarm.commander.stats import OperationalStats
from rigfarm.commander.web.shell import Shell
from rigfarm.common.clock import utc_ms
from rigfarm.simulate.asic_load import an_asic_log, asic_specs
from rigfarm.simulate.commander import CommanderProcess
from rigfarm.simulate.load import a_log

RIGS = 10_000
EVERY_S = 10.0
ROUNDS = 3
OVERVIEWS = 50


def _farm(kind: Kind) -> tuple[Shown, RigList]:
    hub, events = Hub(), Events()
    stats = OperationalStats(hub, events, 10.0)
    book = RigBook(None, hub, events)  # type: ignore[arg-type]
    now = utc_ms()
    coins = ("KAS", "ETC", "RVN", "XMR", "ERG")
    log = an_asic_log if kind == "asic" else a_log
    for rig_id in range(1, RIGS + 1):
        specs = asic_specs(rig_id) if kind == "asic" else None
        rig = Rig(rig_id, f"rig-{rig_id:05d}", kind, now, first_seen_at=now, specs=specs)
        book._put(rig, rig_id.to_bytes(32, "big"))
        stats.add(rig_id, kind)
        stats.link_up(rig_id)
        stats.receive(rig_id, log(rig_id, now, coin=coins[rig_id % 5]))
    rig_list = RigList(book, stats)
    environment = _templates()
    environment.globals["shell"] = Shell
    recent = RecentRows(Path("journal.db"))
    return Shown(
        environment, book, stats, rig_list, recent, lambda: Address("http://commander", ""), ChipBook(hub, book.rigs)
    ), rig_list


def _page(templates: jinja2.Environment, name: str, page: object) -> int:
    context = {"page": page, "viewer": None, "csrf": "", "active": "rigs", "live": "/rigs"}
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


def _in_own_code(kind: Kind) -> _Times:
    shown, rig_list = _farm(kind)
    _page(shown.templates, "rigs_index.html", shown.index(IndexQuery.parse(kind, {}))[0])
    calm_garbage_collector()
    times = _Times()
    for _ in range(ROUNDS):
        for query in _queries():
            rig_list._orders.clear()
            started = time.perf_counter()
            page, _selection = shown.index(IndexQuery.parse(kind, query))
            _page(shown.templates, "rigs_index.html", page)
            times.index.setdefault(urlencode(query), []).append((time.perf_counter() - started) * 1000)
    for _ in range(OVERVIEWS):
        started = time.perf_counter()
        _page(shown.templates, "overview.html", shown.overview())
        times.overview.append((time.perf_counter() - started) * 1000)
    return times


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
    asics = _in_own_code("asic")
    own, (browser, share) = _in_own_code("cpu-gpu"), _as_a_browser()
    for nouns, times in (("ASICs", asics), ("rigs", own)):
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
