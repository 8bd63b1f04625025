"""The index and the overview of 10,000 rigs: server time of every sort and filter. Must hold: p99 ≤ 60 ms.

Measured in the Commander's own code on a farm of 10,000 rigs that report, without the network: query, view model and
template, everything a request costs besides the gate (9 µs) and the socket.
"""

from __future__ import annotations

import time

import jinja2

from bench.report import Figure, percentile, report
from rigfarm.commander.app import _templates
from rigfarm.commander.live import Hub
from rigfarm.commander.logs import Journal, RecentRows
from rigfarm.commander.rigs.book import RigBook
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.rigs.query import IndexQuery, RigList
from rigfarm.commander.rigs.shown import Shown
from rigfarm.commander.rigs.sorting import SORT_KEYS
from rigfarm.commander.stats import OperationalStats
from rigfarm.commander.web.shell import Shell
from rigfarm.simulate.load import a_log

RIGS = 10_000
ROUNDS = 5


def _farm() -> tuple[Shown, RigList]:
    hub = Hub()
    stats = OperationalStats(hub, 10.0)
    book = RigBook(None, hub)  # type: ignore[arg-type]
    now = time.time_ns() // 1_000_000
    coins = ("KAS", "ETC", "RVN", "XMR", "ERG")
    for rig_id in range(1, RIGS + 1):
        book._put(Rig(rig_id, f"rig-{rig_id:05d}", "cpu-gpu", now, first_seen_at=now), rig_id.to_bytes(32, "big"))
        stats.add(rig_id, "cpu-gpu")
        stats.link_up(rig_id)
        stats.receive(rig_id, a_log(rig_id, now, coin=coins[rig_id % 5]))
    rig_list = RigList(book, stats)
    environment = _templates()
    environment.globals["shell"] = Shell
    recent = RecentRows(Journal.__new__(Journal))
    return Shown(environment, book, stats, rig_list, recent, lambda: "http://commander"), rig_list


def _page(templates: jinja2.Environment, name: str, page: object) -> int:
    context = {"page": page, "viewer": None, "csrf": "", "active": "rigs", "live": "/rigs"}
    return len(templates.get_template(name).render(**context))


def main() -> None:
    """Measure and report."""
    shown, rig_list = _farm()
    queries = [{"sort": sign + sort} for sort in SORT_KEYS for sign in ("", "-")]
    queries += [
        {"state": "attention"},
        {"state": "online"},
        {"coin": "KAS"},
        {"q": "rig-00"},
        {"q": "3080", "page": "40"},
    ]
    times: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        for params in queries:
            rig_list._orders.clear()
            started = time.perf_counter()
            page, _selection = shown.index(IndexQuery.parse("cpu-gpu", params))
            _page(shown.templates, "rigs_index.html", page)
            times.setdefault(str(params), []).append((time.perf_counter() - started) * 1000)
    everything = [one for some in times.values() for one in some]
    worst = max(times, key=lambda params: percentile(times[params], 0.5))
    overview = []
    for _ in range(50):
        started = time.perf_counter()
        _page(shown.templates, "overview.html", shown.overview())
        overview.append((time.perf_counter() - started) * 1000)
    report(
        Figure(
            "index of 10,000 rigs, every sort and filter, nothing cached",
            f"p50 {percentile(everything, 0.5):.0f} ms, p99 {percentile(everything, 0.99):.0f} ms",
            target="p99 ≤ 60 ms",
            notes=f"slowest: {worst} with p50 {percentile(times[worst], 0.5):.0f} ms; "
            f"overview p99 {percentile(overview, 0.99):.0f} ms",
        )
    )


if __name__ == "__main__":
    main()
