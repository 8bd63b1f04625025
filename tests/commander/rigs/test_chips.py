"""Chip by chip: the latest of every rig, bounded, with nonsense left out; and the heat map that is made of it."""

from __future__ import annotations

from collections.abc import Hashable
from math import inf, nan

import pytest

from rigfarm.commander import channels
from rigfarm.commander.live import ALL, Hub
from rigfarm.commander.live.hub import Event
from rigfarm.commander.rigs.boards import chips
from rigfarm.commander.rigs.boards.chips import ChipReading, Chips
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.rigs.view import HeatMap, heat_map
from rigfarm.wire.specs import BoardDetail
from support.asic_load import CHIPS, asic_boards


class Ear:
    def __init__(self) -> None:
        self.heard: list[tuple[str, Hashable]] = []

    def deliver(self, channel: str, key: Hashable, event: Event, payload: object) -> None:
        self.heard.append((channel, key))

    def channel_closed(self, channel: str) -> None:
        pass


HUB = Hub()
RIGS = {n: Rig(n, f"asic-{n}", "asic", 0) for n in range(1, 200)}


def book(hub: Hub = HUB) -> Chips:
    return Chips(hub, RIGS)


def drawn(*boards: BoardDetail) -> HeatMap:
    made = book()
    made.receive(1, boards)
    found = heat_map(made.get(1), 10**15)
    assert found is not None
    return found


def test_it_works() -> None:
    hub, ear = Hub(), Ear()
    hub.subscribe(ear, channels.operation_stats("asic", 7), {ALL})
    made = book(hub)
    made.receive(7, asic_boards(7, 1))
    found = made.get(7)
    assert found is not None
    told = asic_boards(7, 1)[1]
    assert found.boards[1].chip_temperatures_c == told.chip_temperatures_c
    assert found.boards[1].chip_hashrates == pytest.approx(told.chip_hashrates, rel=1e-6)
    assert ear.heard == [(channels.operation_stats("asic", 7), "chips")]


def test_only_the_latest_is_kept_and_a_removed_rig_costs_nothing() -> None:
    made = book()
    for t in range(5):
        made.receive(7, asic_boards(7, t))
    assert len(made) == 1
    made.receive(9_999, asic_boards(1, 1))
    assert len(made) == 1, "a rig that is not there is not kept"
    made.forget(7)
    made.forget(7)
    assert (len(made), made.bytes, made.get(7)) == (0, 0, None)


def test_memory_is_bounded_and_who_was_heard_longest_ago_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chips, "MAX_BYTES", 20_000)
    made = book()
    for n in range(1, 100):
        made.receive(n, asic_boards(n, 1))
        made.receive(1, asic_boards(1, n))
    assert made.bytes <= 20_000
    assert made.get(1) is not None
    assert made.get(99) is not None
    assert made.get(2) is None


def test_what_a_sentry_says_beyond_all_reason_is_cut() -> None:
    made = book()
    made.receive(1, [BoardDetail(n, chip_temperatures_c=[60.0] * 5_000) for n in range(100)])
    found = made.get(1)
    assert found is not None
    assert len(found.boards) == chips.MAX_BOARDS
    assert {len(board.chip_temperatures_c) for board in found.boards} == {chips.MAX_CHIPS}


def test_nonsense_is_unknown() -> None:
    told = [nan, inf, -400.0, 1e308, 61.0, None]
    made = book()
    made.receive(
        1,
        [
            BoardDetail(
                -7,
                chip_temperatures_c=told,
                chip_hashrates=[nan, inf, -1.0, 1e308, 2e11, None],
                chips_dead=[-1, 10**9, 3],
                inlet_c=nan,
                voltage_v=-3.0,
                frequency_mhz=1e308,
            )
        ],
    )
    found = made.get(1)
    assert found is not None
    (board,) = found.boards
    assert board.chip_temperatures_c == [None, None, None, None, 61.0, None]
    assert board.chip_hashrates[:4] == [None] * 4
    assert board.chip_hashrates[4] == pytest.approx(2e11)
    assert (board.index, board.chips_dead) == (0, [3])
    assert (board.inlet_c, board.voltage_v, board.frequency_mhz) == (None, None, None)


# The heat map


@pytest.mark.parametrize(
    ("celsius", "style"), [(30.0, "heat-0"), (60.0, "heat-3"), (79.0, "heat-5"), (80.0, "warn"), (95.0, "bad")]
)
def test_a_chip_is_coloured_by_its_temperature(celsius: float, style: str) -> None:
    (board,) = drawn(BoardDetail(0, chip_temperatures_c=[celsius])).boards
    assert board.chips == f'<b class="{style}" title="chip 0 · {celsius:.0f} °C">{celsius:.0f}</b>'


def test_a_dead_chip_is_struck_out_and_counted() -> None:
    (board,) = drawn(BoardDetail(2, chip_temperatures_c=[60.0, 61.0], chips_dead=[1])).boards
    assert (board.label, board.dead) == ("Board 2", 1)
    assert board.chips.count("<b ") == 2
    assert board.chips.endswith('<b class="gone" title="chip 1 · 61 °C · dead"><s>–</s></b>')


def test_a_chip_that_hashes_too_little_is_marked_beside_its_neighbours() -> None:
    rates: list[float | None] = [100e9, 100e9, 100e9, 60e9, 20e9]
    (board,) = drawn(BoardDetail(0, chip_temperatures_c=[60.0] * 5, chip_hashrates=rates)).boards
    assert [part.partition('"')[0] for part in board.chips.split('class="')[1:]] == [
        *["heat-3"] * 3,
        "heat-3 lazy",
        "heat-3 lazy bad",
    ]


def test_without_temperatures_the_hashrates_are_drawn() -> None:
    heat = drawn(BoardDetail(0, chip_hashrates=[100e9, None, 90e9]))
    assert heat.by == "hashrate"
    assert [part.partition("<")[0] for part in heat.boards[0].chips.split('">')[1:]] == ["105", "–", "95"]


def test_a_board_is_described_by_what_is_known_of_it() -> None:
    (board,) = drawn(BoardDetail(0, [60.0], outlet_c=66.4, voltage_v=13.2, frequency_mhz=545.0)).boards
    assert board.facts == "air – → 66 °C · 13.2 V · 545 MHz"


def test_nothing_is_drawn_where_nothing_is_told() -> None:
    assert heat_map(None, 0) is None
    assert heat_map(ChipReading(0, [BoardDetail(0, inlet_c=40.0)]), 0) is None


def test_a_whole_asic_is_a_few_kilobytes() -> None:
    heat = drawn(*asic_boards(7, 1))
    assert sum(board.chips.count("<b ") for board in heat.boards) == 3 * CHIPS
    assert sum(len(board.chips) for board in heat.boards) < 100 * 3 * CHIPS
