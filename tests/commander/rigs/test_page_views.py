"""What the pages of rigs show: the index with its filters and heads, one rig, the overview, charts, how to join."""

from __future__ import annotations

import re

import pytest
from msgspec.structs import replace

from rigfarm.commander.kinds import KindName
from rigfarm.commander.rigs import view
from rigfarm.commander.rigs.listing.query import IndexQuery, Selection
from rigfarm.commander.rigs.view.detail import shortened
from rigfarm.commander.rigs.view.devices import Cell
from rigfarm.commander.stats import Totals
from rigfarm.commander.web.spark import HEIGHT, spark
from rigfarm.units import UNKNOWN
from rigfarm.wire.log import Device, DeviceKind, Devices, OperationalLog, Pool, Workload
from support.gallery.made_up import NOW_MS, Farm, farm, hour
from support.gallery.pages import Gallery

FARM = farm()


def index(kind: KindName = "cpu-gpu", matches: int = 12, made: Farm = FARM, **url: str) -> view.IndexPage:
    query = IndexQuery.parse(kind, url)
    totals = made.totals[kind]
    selection = Selection([], matches, query.page, max(-(-matches // query.per_page), 1), totals.counts)
    waiting = [rig for rig, stats in made.of(kind) if stats.log is None]
    return view.index_page(
        query, selection, [], view.totals_view(totals, kind), waiting, ["KAS", "XMR"], ({}, {}), NOW_MS
    )


# The index


def test_a_head_sorts_and_turns_around() -> None:
    heads = {head.label: head for head in index(sort="-hashrate").heads}
    assert (heads["Hashrate"].href, heads["Hashrate"].direction) == ("/rigs?sort=hashrate", "descending")
    assert (heads["Power"].href, heads["Power"].direction) == ("/rigs?sort=-power", "")
    assert heads["Name"].href == "/rigs?sort=name"


@pytest.mark.parametrize("kind", ["cpu-gpu", "asic"])
def test_every_column_can_be_sorted_by(kind: KindName) -> None:
    for head in (*index(kind).heads, *index(kind).sorts):
        assert IndexQuery.parse(kind, {"sort": head.sort}).sort == head.sort


@pytest.mark.parametrize("page", ["rigs-12", "asics"])
def test_a_row_has_a_cell_under_each_head(page: str) -> None:
    html = Gallery().render(page)
    table = re.search(r'<table[^>]*class="[^"]*rigs[^"]*".*?</table>', html, re.DOTALL)
    assert table is not None
    head, *rows = re.findall(r"<tr.*?</tr>", table[0], re.DOTALL)
    row = next(one for one in rows if 'id="rig-' in one)
    assert len(re.findall(r"<t[hd][ >]", row)) == len(re.findall(r"<t[hd][ >]", head))


def test_filters_say_how_many_and_switch_off_again() -> None:
    page = index(state="offline", coin="KAS", q="rig")
    chips = {chip.label: chip for chip in page.chips}
    assert chips["offline"].active
    assert chips["offline"].href == "/rigs?q=rig&coin=KAS"
    assert chips["needs attention"].href == "/rigs?q=rig&state=attention&coin=KAS"
    assert chips["needs attention"].number == "5"
    assert page.clear_href == "/rigs"
    assert [coin.href for coin in page.coins] == ["/rigs?q=rig&state=offline", "/rigs?q=rig&state=offline&coin=XMR"]


def test_a_coin_that_nobody_mines_any_more_can_still_be_switched_off() -> None:
    assert [coin.label for coin in index(coin="ERG").coins if coin.active] == ["ERG"]


@pytest.mark.parametrize(
    ("matches", "url", "emptiness"),
    [(12, {}, ""), (0, {"q": "x"}, "match"), (0, {"state": "offline"}, "match"), (0, {}, "waiting")],
)
def test_an_empty_index_knows_why(matches: int, url: dict[str, str], emptiness: str) -> None:
    assert index(matches=matches, **url).emptiness == emptiness


def test_an_index_without_rigs_teaches() -> None:
    assert index(matches=0, made=farm(0, 0, 0)).emptiness == "rigs"


def test_the_pager_says_which_part_is_shown() -> None:
    pager = index(matches=120, page="2").pager
    assert (pager.first, pager.last, pager.matches, pager.before, pager.after) == (
        "51",
        "100",
        "120",
        "/rigs",
        "/rigs?page=3",
    )


def test_totals_per_coin_and_for_the_farm() -> None:
    totals = index().totals
    assert totals.farm.rigs == "12"
    assert totals.farm.alive == "11"
    assert [one.state for one in totals.farm.trouble] == ["degraded", "offline"]
    kas = next(coin for coin in totals.coins if coin.coin == "KAS")
    assert (kas.hashrate.unit, kas.efficiency.unit, kas.href) == ("GH/s", "MH/W", "/rigs?coin=KAS")


def test_asics_are_counted_in_joules() -> None:
    assert index("asic").totals.coins[0].efficiency.unit == "J/TH"


# One rig


def detail(rig_id: int, **changes: object) -> view.DetailPage:
    rig, stats = FARM.rigs[rig_id]
    if stats.log is not None:
        stats = replace(stats, log=replace(stats.log, **changes))
    return view.detail_page(rig, stats, NOW_MS)


def test_a_rig_shows_what_it_does() -> None:
    page = detail(4)
    assert (page.state.word, page.state.tone) == ("hot", "bad")
    assert page.workloads[0].coin == "ETC"
    table = page.devices[0]
    assert [table.title, *table.heads[:2]] == ["GPU", "Hashrate", "Core"]
    assert table.rows[2].cells[1] == Cell("91", "°C", "bad")


def test_a_missing_gpu_keeps_its_row_and_has_no_numbers() -> None:
    row = detail(11).devices[0].rows[1]
    assert row.missing
    assert {cell.text for cell in row.cells} == {UNKNOWN}


def test_a_column_nobody_measures_is_not_there() -> None:
    devices = Devices.from_rows([Device(kind="gpu", index=0, core_c=60.0)])
    assert detail(4, devices=devices, workloads=[]).devices[0].heads == ("Core",)


def test_dual_mining_has_a_column_per_coin() -> None:
    assert detail(2).devices[0].heads[:2] == ("ETC", "ALPH")


def test_pools_in_their_order_with_their_state() -> None:
    pools = [Pool("a", active=True, alive=True), Pool("b", alive=False), Pool("c", alive=True), Pool("d")]
    assert [pool.state for pool in detail(100_001, pools=pools).pools] == ["active", "dead", "alive", ""]


def test_a_rig_that_is_away_is_faded_and_one_that_never_came_waits() -> None:
    assert detail(9).faded
    assert detail(200_000).waiting
    assert not detail(200_000).faded


def test_wallets_are_shortened_in_the_middle() -> None:
    assert shortened("short") == "short"
    assert shortened("a" * 20 + "b" * 20) == "a" * 11 + "…" + "b" * 10


# The overview


def test_the_overview_has_the_worst_first() -> None:
    sick = [one for one in FARM.rigs.values() if one[1].condition.severity]
    page = view.overview_page(FARM.totals, sick, NOW_MS)
    assert [line.state.word for line in page.attention[:3]] == ["offline", "hot", "hot"]
    assert (page.alive, page.rigs, page.empty) == ("17", "18", False)
    assert [coin.coin for coin in page.coins] == ["ALPH", "BTC", "ETC", "KAS", "RVN", "XMR"]


def test_an_empty_farm_is_empty() -> None:
    page = view.overview_page({"cpu-gpu": Totals(), "asic": Totals()}, [], NOW_MS)
    assert page.empty
    assert page.power.number == UNKNOWN


# Charts


def test_each_coin_has_a_chart_and_unknown_is_a_gap() -> None:
    logs = [
        OperationalLog(t=1000, power_w=100.0, workloads=[Workload(coin="ETC", hashrate=1.0)]),
        OperationalLog(t=6000, workloads=[Workload(coin="ALPH", hashrate=2.0)]),
    ]
    data = view.chart_data(map(view.moment, logs), 5.0)
    assert data.t == [1000, 6000]
    assert [chart.title for chart in data.charts] == ["Hashrate ALPH", "Hashrate ETC", "Hottest", "Power"]
    assert [chart.series[0].values for chart in data.charts if chart.series] == [
        [None, 2.0],
        [1.0, None],
        [100.0, None],
    ]


def test_a_new_point_fits_what_is_shown_or_asks_for_all_data() -> None:
    rig_log = next(hour(FARM.rigs[2][1], NOW_MS))
    shown = view.chart_data([view.moment(rig_log)], 5.0)
    values = view.new_points(rig_log, shown)
    assert values is not None
    assert [len(one) for one in values] == [len(chart.series) for chart in shown.charts]
    other = replace(rig_log, workloads=[Workload(coin="NEW", hashrate=1.0)])
    assert view.new_points(other, shown) is None


def test_a_rig_with_parts_of_every_kind_does_not_ask_for_all_data_with_each_log() -> None:
    """An hour of logs would be read for each of its logs and each page that shows it."""
    kinds: tuple[DeviceKind, ...] = ("gpu", "hashboard", "cpu")
    rows = [Device(kind=kind, index=0, core_c=50.0, memory_c=60.0, chip_c=70.0) for kind in kinds]
    log = OperationalLog(t=1, devices=Devices.from_rows(rows))
    shown = view.chart_data([view.moment(log)], 5.0)
    assert view.new_points(log, shown) is not None


def test_nonsense_is_not_drawn() -> None:
    log = OperationalLog(
        t=1,
        power_w=1e308,
        workloads=[Workload(coin="X", hashrate=-1.0)],
        devices=Devices.from_rows([Device(kind="gpu", index=0, core_c=511.0)]),
    )
    assert [chart.series for chart in view.chart_data([view.moment(log)], 5.0).charts[:-1]] == [[]]
    assert view.chart_data([view.moment(log)], 5.0).charts[-1].series[0].values == [None]


# Sparklines


def test_a_spark_has_gaps_and_stays_in_its_box() -> None:
    drawn = spark([1.0, 2.0, None, 3.0, 1e308, 2.0])
    assert drawn.line.count("M") == 3
    heights = [float(point.split(" ")[1]) for part in drawn.line.split("M")[1:] for point in part.split("L")]
    assert all(0 <= height <= HEIGHT for height in heights)


def test_what_never_changes_does_not_look_like_zero() -> None:
    def heights(values: list[float | None]) -> list[float]:
        return [float(point.split(" ")[1]) for point in spark(values).line[1:].split("L")]

    assert heights([5.0, 5.0]) < heights([0.0, 0.0]) == heights([0.0, 0.0, 0.0])[:2]
    assert heights([5.0, 5.0]) == [heights([4.0, 5.0])[1]] * 2


@pytest.mark.parametrize("values", [[], [None, None], [1.0], [None, 1.0]])
def test_too_little_draws_nothing(values: list[float | None]) -> None:
    assert spark(values).line == ""
