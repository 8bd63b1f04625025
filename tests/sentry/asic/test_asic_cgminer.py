"""What an Antminer says of its chips and boards on cgminer's port, and to which board it belongs."""

from __future__ import annotations

import msgspec
import pytest

from rigfarm.sentry.asic.answer import BoardAnswer
from rigfarm.sentry.asic.readers.base import Scope
from rigfarm.sentry.asic.readers.cgminer import Chain, chains, complete, serials
from rigfarm.sentry.asic.recognise import Recogniser
from rigfarm.simulate.asic import FakeAsic
from rigfarm.simulate.asic.makes import luxos, whatsminer
from rigfarm.simulate.asic.recorded import Json
from support.asic_trial import farm_of

S21 = {"temp_chip1": "78-50-69-70", "temp_chip2": "0-0-0-0", "chain_acn1": 114, "chain_acn2": 0, "freq1": 525}
S9 = {"temp6": 55, "temp2_6": 71, "temp2_7": 70, "temp2_8": 0, "chain_acn6": 63, "chain_acn7": 63, "freq_avg6": 650.5}
S11 = {"temp2_1": 60, "temp3_1": 81, "chain_acn1": 84}


@pytest.mark.parametrize(
    ("stats", "found"),
    [
        (S21, {1: Chain(114, 78.0, 525.0), 2: Chain(0)}),
        (S9, {6: Chain(63, 71.0, 650.5), 7: Chain(63, 70.0), 8: Chain(0)}),
        (S11, {1: Chain(84, 81.0)}),
        ({"chain_acn1": 3, "temp_chip1": "-5--3-"}, {1: Chain(3, -3.0)}),  # a cold morning
        ({"chain_acn1": True, "temp_chip1": None, "freq1": "nan", "temp2_1": 1e300}, {1: Chain(0)}),
        ({"chain_acn0": 3, "chain_acn33": 3, "chain_acn100": 3, "temp_chip": 80, "frequency": 525}, {}),
    ],
)
def test_chips_of_each_board(stats: dict[str, object], found: dict[int, Chain]) -> None:
    """A board's own sensor is some twenty degrees colder than its hottest chip: nobody would see that it burns."""
    body = msgspec.json.encode({"STATUS": [{}], "STATS": [{"Type": "Antminer"}, stats]})
    assert chains(body) == found


def test_an_s9_leaves_out_a_comma() -> None:
    assert chains(b'{"STATS":[{"Type":"Antminer S9"}{"chain_acn6":63,"temp2_6":71}],"id":1}') == {6: Chain(63, 71.0)}


@pytest.mark.parametrize("body", [b"", b"no", b"[]", b'{"STATS":5}', b"\xff", b"[" * 9999, b'{"DEVS":[{"ID":"0"}]}'])
def test_an_answer_that_makes_no_sense_says_nothing(body: bytes) -> None:
    assert (chains(body), serials(body)) == ({}, {})


@pytest.mark.parametrize(
    ("numbers", "boards", "hottest"),
    [
        ([1, 2, 3], 3, [1.0, 2.0, 3.0]),
        ([1, 3], 3, [1.0, None, 3.0]),  # the second is dead, and the third is still the third
        ([6, 7, 8], 3, [6.0, 7.0, 8.0]),
        ([6, 8], 3, [None, None, None]),  # which of three is missing, it does not say
        ([2, 3], 2, [2.0, 3.0]),
        ([], 3, [None, None, None]),
        ([1, 2, 3, 4], 3, [None, None, None]),
    ],
)
def test_which_chain_is_which_board(numbers: list[int], boards: int, hottest: list[float | None]) -> None:
    answers = [BoardAnswer(index, chips=63) for index in range(boards)]
    complete(answers, {number: Chain(63, float(number), 500.0 + number) for number in numbers} | {9: Chain(0, 99.0)})
    assert [board.chip_c for board in answers] == hottest
    assert [board.frequency_mhz for board in answers] == [None if one is None else 500.0 + one for one in hottest]


def test_what_the_library_knows_of_a_clock_stays() -> None:
    board, dead = BoardAnswer(0, hashrate=1e12, frequency_mhz=490.0), BoardAnswer(1, hashrate=0.0, chips=0)
    complete([board, dead], {1: Chain(63, 70.0, 525.0), 2: Chain(63, 71.0, 525.0)})
    assert (board.chip_c, board.frequency_mhz) == (70.0, 490.0)
    assert (dead.chip_c, dead.frequency_mhz) == (None, None), "what it was before it died"


async def test_luxos_without_its_list_of_boards_has_no_serial_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrong ones send people to the wrong board with a screwdriver."""

    def nameless(_: object, answer: Json) -> None:
        assert isinstance(answer, dict)
        answer["DEVS"] = []

    async with farm_of("luxos") as farm:
        (ip,) = farm.devices
        reader = await Recogniser().recognise(ip, None)
        named = [board.serial for board in (await reader.read(Scope.WHOLE)).boards]
        assert None not in named
        assert [board.serial for board in (await reader.read(Scope.PULSE)).boards] == named
        monkeypatch.setitem(luxos._SAYS, "devs", nameless)
        assert [board.serial for board in (await reader.read(Scope.WHOLE)).boards] == [None, None, None]


async def test_the_fan_of_a_supply_counts_once_it_has_turned(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that stops ends the device soon; a supply without a fan says 0 all its life."""
    said = {"fan_speed": "0"}
    recorded = whatsminer.recorded

    def with_fan(folder: str, name: str) -> Json:
        answer = recorded(folder, name)
        if name == "get_psu":
            assert isinstance(answer, dict)
            answer["Msg"] = dict(said)
        return answer

    monkeypatch.setattr(whatsminer, "recorded", with_fan)
    async with farm_of("whatsminer") as farm:
        (ip,) = farm.devices
        reader = await Recogniser().recognise(ip, None)
        assert (await reader.read(Scope.WHOLE)).supply_fans == []
        said["fan_speed"] = "6000"
        assert (await reader.read(Scope.ROUND)).supply_fans == [6000.0]
        said["fan_speed"] = "0"
        assert (await reader.read(Scope.PULSE)).supply_fans == [6000.0], "not asked"
        assert (await reader.read(Scope.ROUND)).supply_fans == [0.0]


async def test_chips_are_asked_about_in_each_round_and_remembered_in_between(monkeypatch: pytest.MonkeyPatch) -> None:
    async with farm_of("antminer-stock") as farm:
        (ip,) = farm.devices
        reader = await Recogniser().recognise(ip, None)
        assert [board.chip_c for board in (await reader.read(Scope.WHOLE)).boards] == [78.0, 71.0, 69.0]
        monkeypatch.setattr(FakeAsic, "warmer_c", 5.0)
        assert [board.chip_c for board in (await reader.read(Scope.PULSE)).boards] == [78.0, 71.0, 69.0]
        assert [board.chip_c for board in (await reader.read(Scope.ROUND)).boards] == [83.0, 76.0, 74.0]
        farm[ip].dead_boards = {0}
        assert [board.chip_c for board in (await reader.read(Scope.PULSE)).boards] == [None, 76.0, 74.0]
