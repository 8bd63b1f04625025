"""What an ASIC's row and page say of boards, chips, fans, pools and complaints; nonsense is unknown, never a record."""

from __future__ import annotations

from itertools import chain
from math import inf, nan
from typing import Any

import pytest
from msgspec.structs import replace

from rigfarm.commander.rigs.boards.alive import Alive, boards_of, chips_of
from rigfarm.commander.rigs.listing.sorting import SORT_KEYS
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.rigs.view import CoinUnits, detail_page, row
from rigfarm.commander.rigs.view.asic_row import AsicCells, asic_cells, fan_speeds
from rigfarm.commander.rigs.view.vitals import vitals
from rigfarm.commander.stats import RigStats
from rigfarm.commander.stats.condition import Condition
from rigfarm.commander.stats.contribution import contribution_of
from rigfarm.commander.stats.marks import hottest
from rigfarm.units import THIN, UNKNOWN
from rigfarm.wire.log import Device, Devices, OperationalLog, Pool, Workload
from support.asic_load import an_asic_log, asic_specs

SPECS = asic_specs(7)


def log(**changes: Any) -> OperationalLog:
    return replace(an_asic_log(7, 1_000_000), **changes)


def boards(**changes: Any) -> Devices:
    """Three boards, the second of them changed."""
    rows = list(an_asic_log(7, 1_000_000).devices)
    rows[1] = replace(rows[1], **changes)
    return Devices.from_rows(rows)


DEAD = boards(missing=True, chips=None, chips_expected=None, core_c=None, chip_c=None, hashrates=[None])


def cells(**changes: Any) -> AsicCells:
    return asic_cells(SPECS, log(**changes), live=True)


def test_it_works() -> None:
    found = cells()
    assert (found.model, found.firmware) == ("Antminer S19j Pro 104T", "LuxOS 2026.4.8")
    assert (found.boards, found.chips, found.boards_level, found.chips_level) == ("3 / 3", "228 / 228", "", "")
    assert (found.cost_unit, found.pool, found.pool_state, found.message) == ("J/TH", "pool.example:3333", "", "")


def test_a_dead_board_counts_with_all_of_its_chips() -> None:
    found = cells(devices=DEAD)
    assert (found.boards, found.boards_level) == ("2 / 3", "warn")
    assert (found.chips, found.chips_level) == ("152 / 228", "warn")


def test_chips_alone_can_be_missing() -> None:
    found = cells(devices=boards(chips=41))
    assert (found.boards_level, found.chips, found.chips_level) == ("", "193 / 228", "warn")


def test_a_board_that_is_not_even_reported_is_missed() -> None:
    rows = list(an_asic_log(7, 1).devices)[:2]
    assert boards_of(SPECS, log(devices=Devices.from_rows(rows))) == Alive(2, 3)
    assert boards_of(None, log(devices=Devices.from_rows(rows))) == Alive(2, 2)
    assert boards_of(SPECS, log(devices=Devices())) is None


@pytest.mark.parametrize("chips", [-5, 10**9])
def test_counts_of_chips_that_cannot_be_are_unknown(chips: int) -> None:
    specs = replace(SPECS, chips_expected=chips, hashboards_expected=chips)
    devices = boards(chips=chips, chips_expected=chips)
    assert chips_of(specs, log(devices=devices)) == Alive(152, 152)
    assert boards_of(specs, log(devices=devices)) == Alive(3, 3)


def test_the_hottest_chip_and_board_are_coloured_by_their_own_marks() -> None:
    found = cells(devices=boards(chip_c=97.0, core_c=78.0))
    assert (found.chip.text, found.chip.level) == ("97", "bad")
    assert (found.board.text, found.board.level) == ("78", "warn")


@pytest.mark.parametrize("nonsense", [nan, inf, -300.0, 1e308])
def test_nonsense_is_unknown_everywhere(nonsense: float) -> None:
    devices = Devices.from_rows(
        [Device(kind="hashboard", index=0, hashrates=[nonsense], core_c=nonsense, chip_c=nonsense)]
    )
    absurd = log(
        devices=devices,
        power_w=nonsense,
        uptime_s=nonsense,
        fans=[nonsense],
        workloads=[Workload(coin="BTC", hashrate=nonsense, expected_hashrate=nonsense)],
    )
    found = asic_cells(SPECS, absurd, live=True)
    assert {found.chip.text, found.board.text, found.fans, found.cost} == {UNKNOWN}
    shown = vitals(replace(SPECS, expected_hashrate=nonsense), absurd, live=True)
    assert {
        one.number for one in shown if one.label in ("Hashrate", "Hottest board", "Fans", "Power", "Efficiency")
    } == {UNKNOWN}
    stats = RigStats(7, "asic", log=absurd, contribution=contribution_of(absurd))
    for key in ("hottest", "devices", "fans", "uptime", "power", "efficiency", "hashrate"):
        assert SORT_KEYS[key][0](RIG, stats) is None, key


RIG = Rig(7, "asic-07", "asic", created_at=0, specs=SPECS)


@pytest.mark.parametrize(
    ("fans", "says"),
    [
        ([5_900.0, 6_000.0], (f"6{THIN}000", "")),
        ([0.0, 6_000.0, 0.0], (f"6{THIN}000", "2 stopped")),
        ([0.0, 0.0], ("0", "")),
        ([None, None], (UNKNOWN, "")),
        ([], (UNKNOWN, "")),
    ],
)
def test_a_fan_that_stands_still_beside_others_is_told(fans: list[float | None], says: tuple[str, str]) -> None:
    assert fan_speeds(fans) == says


@pytest.mark.parametrize(
    ("pools", "pool", "state"),
    [
        ([Pool("stratum+tcp://a:1", active=True, alive=True)], "a:1", ""),
        ([Pool("stratum+tcp://a:1", alive=False), Pool("stratum+tcp://b:2", active=True)], "b:2", "spare"),
        ([Pool("stratum+tcp://a:1", alive=False)], "a:1", "down"),
        ([], "", ""),
    ],
)
def test_the_pool_and_its_state(pools: list[Pool], pool: str, state: str) -> None:
    found = cells(pools=pools)
    assert (found.pool, found.pool_state) == (pool, state)


def test_an_asic_that_is_away_keeps_what_it_is_and_loses_its_numbers() -> None:
    found = asic_cells(SPECS, log(messages=["hot"]), live=False)
    assert (found.model, found.boards, found.chip.text, found.fans, found.pool, found.message) == (
        "Antminer S19j Pro 104T",
        *[UNKNOWN] * 3,
        "",
        "",
    )


def test_the_first_complaint_stands_in_the_row_and_more_are_counted() -> None:
    found = cells(messages=["x" * 300, "second", "third"])
    assert (len(found.message), found.more_messages) == (90, 2)


@pytest.mark.parametrize(
    ("column", "most"),
    [
        ([60.0, 70.0, 65.0], 70.0),
        ([nan, 70.0, 65.0], 70.0),
        ([60.0, nan, 65.0], 65.0),
        ([60.0, 511.0], 60.0),
        ([None, 60.0], 60.0),
        ([-300.0], None),
        ([nan], None),
        ([], None),
    ],
)
def test_the_hottest_is_the_hottest_that_can_be(column: list[float | None], most: float | None) -> None:
    assert hottest(column) == most


def test_a_row_of_each_kind_has_its_own_cells() -> None:
    stats = RigStats(7, "asic", log=log(), heard_ms=1, counted=True, condition=Condition("online"))
    assert row(RIG, stats, CoinUnits(), 1).asic is not None
    assert row(Rig(7, "rig-07", "cpu-gpu", 0), stats, CoinUnits(), 1).asic is None


def test_the_page_offers_only_what_the_device_supports() -> None:
    stats = RigStats(7, "asic", log=log(), counted=True)
    offered = detail_page(replace(RIG, specs=asic_specs(7, supports=["locate", "restart"])), stats, 1).actions
    assert [action.command for action in offered] == ["locate-on", "locate-off", "restart"]
    assert detail_page(replace(RIG, specs=None), stats, 1).actions == ()


def test_an_asic_at_a_glance() -> None:
    shown = {one.label: one for one in vitals(SPECS, log(), live=True)}
    assert shown["Hashrate"].sub.endswith("% of 104.0 TH/s")
    assert (shown["Boards alive"].number, shown["Chips alive"].number) == ("3 / 3", "228 / 228")
    slow = vitals(SPECS, log(workloads=[Workload(coin="BTC", hashrate=52e12, expected_hashrate=104e12)]), live=True)
    assert (slow[0].sub, slow[0].level) == ("50 % of 104.0 TH/s", "bad")
    assert vitals(SPECS, None, live=True) == ()
    assert {one.number for one in vitals(SPECS, log(), live=False)} == {UNKNOWN}


def test_every_sort_key_answers_for_an_asic_and_for_one_that_never_came() -> None:
    stats = RigStats(7, "asic", log=log(messages=["hot"]), heard_ms=1)
    stats.contribution = contribution_of(log())
    unknown = [name for name, keys in SORT_KEYS.items() for key in keys if key(RIG, stats) is None]
    assert unknown == []
    for key in chain.from_iterable(SORT_KEYS.values()):
        key(replace(RIG, specs=None), RigStats(7, "asic"))
