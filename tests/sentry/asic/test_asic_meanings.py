"""What each field of a device's answer means, one at a time: answers, and what an operator is told of them."""

from __future__ import annotations

import math

import msgspec
import pytest

from rigfarm.sentry.asic.answer import BoardAnswer, ChipAnswer, DeviceAnswer, Nature, PoolAnswer
from rigfarm.sentry.asic.interpret import AsicReading, interpret
from rigfarm.sentry.asic.model import Device
from rigfarm.sentry.asic.readers.iceriver_panel import NotAPanel, parse_panel
from rigfarm.wire.log import Device as Board
from rigfarm.wire.log import Devices, OperationalLog


def read(answer: DeviceAnswer, nature: Nature | None = None) -> AsicReading:
    return interpret(answer, nature or Nature(), Device(id=1, ip="192.0.2.1"))


@pytest.mark.parametrize(
    ("said", "mining", "hashrate", "state"),
    [
        (None, None, None, None),
        (None, None, 5e12, "mining"),
        (None, None, 0.0, "idle"),
        (None, None, 1.0, "mining"),
        (None, True, 0.0, "idle"),
        (None, False, 0.0, "stopped"),
        (None, False, None, "stopped"),
        (None, False, 5e12, "mining"),  # it hashes, whatever its flag says
        ("Initializing", True, 5e12, "starting"),
        ("TUNING", None, None, "starting"),
        ("Paused", True, 5e12, "stopped"),
        ("suspended", None, 0.0, "stopped"),
        ("Mining", None, 5e12, "mining"),
    ],
)
def test_what_it_is_doing(said: str | None, mining: bool | None, hashrate: float | None, state: str | None) -> None:
    """A paused device that counts as idle calls people out at night; an idle one that counts as paused does not."""
    assert read(DeviceAnswer(state=said, mining=mining, hashrate=hashrate)).workload.state == state


@pytest.mark.parametrize(
    ("device", "pools", "accepted"),
    [
        (None, [100, 23], 123),
        (None, [100, None], 100),
        (None, [None, None], None),
        (None, [], None),
        (None, [0, 0], 0),
        (7.0, [100, 23], 7),
        (0.0, [100], 0),
        (math.nan, [100], None),  # what it says of itself and cannot be is not made up from elsewhere
    ],
)
def test_whose_shares_count(device: float | None, pools: list[int | None], accepted: int | None) -> None:
    answers = [PoolAnswer(url=f"pool-{at}.example:1", accepted=one, rejected=one) for at, one in enumerate(pools)]
    work = read(DeviceAnswer(accepted=device, rejected=device, pools=answers)).workload
    assert (work.accepted, work.rejected) == (accepted, accepted)


@pytest.mark.parametrize(
    ("user", "wallet", "worker"),
    [
        ("wallet.worker", "wallet", "worker"),
        ("wallet.worker.two", "wallet", "worker.two"),
        ("account", "account", None),
        ("account.", "account.", None),
        (f"{'w' * 100}.rig", "w" * 100, "rig"),  # some coins' addresses are long
        (None, None, None),
    ],
)
def test_who_mines_there(user: str | None, wallet: str | None, worker: str | None) -> None:
    work = read(DeviceAnswer(pools=[PoolAnswer(url="one.example:1", user=user, active=True)])).workload
    assert (work.wallet, work.worker) == (wallet, worker)


@pytest.mark.parametrize(
    ("said", "length", "kept"), [("url", 200, 200), ("url", 201, 200), ("user", 120, 120), ("user", 121, 120)]
)
def test_a_pool_is_told_whole_unless_no_pool_is_like_that(said: str, length: int, kept: int) -> None:
    """One that is cut short looks like another pool, or another wallet."""
    fields = {"url": "one.example:1", said: "x" * length}
    (pool,) = read(DeviceAnswer(pools=[PoolAnswer(**fields)])).pools  # type: ignore[arg-type]
    assert len(getattr(pool, said)) == kept


@pytest.mark.parametrize(
    ("said", "algorithm", "coin"),
    [("SHA256", "sha256", "BTC"), ("Unknown", None, None), (None, None, None), ("new", "new", None)],
)
def test_what_it_mines_is_known_by_its_algorithm(said: str | None, algorithm: str | None, coin: str | None) -> None:
    work = read(DeviceAnswer(), Nature(algorithm=said)).workload
    assert (work.algorithm, work.coin) == (algorithm, coin)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (DeviceAnswer(power_w=100_001.0), "It reports an impossible power"),
        (DeviceAnswer(hashrate=2e18), "It reports an impossible hashrate"),
        (DeviceAnswer(fans=[5_000.0, 40_000.0]), "It reports an impossible fan speed"),
        (DeviceAnswer(fans=[*[5_000.0] * 16, 40_000.0]), None),  # more fans than any device has are not looked at
        (DeviceAnswer(boards=[BoardAnswer(0, board_c=140.0)]), "Board 0 reports an impossible temperature"),
        (DeviceAnswer(boards=[BoardAnswer(0, inlet_c=140.0)]), "Board 0 reports an impossible temperature"),
        (DeviceAnswer(boards=[BoardAnswer(0, outlet_c=140.0)]), "Board 0 reports an impossible temperature"),
        (
            DeviceAnswer(boards=[BoardAnswer(7, hashrate=2e18)]),
            "Board 7 reports an impossible hashrate",
        ),
        (DeviceAnswer(boards=[BoardAnswer(1, frequency_mhz=40_000.0)]), "Board 1 reports an impossible frequency"),
        (DeviceAnswer(power_w=math.nan, hashrate=-1.0, fans=[65_535.0], boards=[BoardAnswer(0, board_c=255.0)]), None),
    ],
)
def test_a_figure_that_cannot_be_is_missed_with_a_reason(answer: DeviceAnswer, said: str | None) -> None:
    """An operator who misses a figure is told that the device is at fault."""
    assert read(answer).messages == ([f"{said}; it counts as unknown."] if said else [])


def test_a_device_that_says_the_same_without_end_is_not_listened_to_without_end() -> None:
    assert read(DeviceAnswer(messages=["fan 1 stands", " ", "fan 1 stands", "fan 2 stands"])).messages == [
        "fan 1 stands",
        "fan 2 stands",
    ]
    assert read(DeviceAnswer(messages=[f"{number}" for number in range(30)])).messages == [str(n) for n in range(20)]
    assert read(DeviceAnswer(messages=["x"] * 100 + ["y"])).messages == ["x"]
    assert read(DeviceAnswer(messages=["x" * 201])).messages == ["x" * 200]


@pytest.mark.parametrize(
    ("states", "used"),
    [  # of each pool: active, alive
        ([(True, True), (False, True)], 0),
        ([(False, True), (True, True)], 1),
        ([(False, False), (False, True)], 1),  # none is said to be in use: one that answers
        ([(False, False), (False, False)], None),
        ([(None, None), (None, None)], None),
    ],
)
def test_which_pool_is_in_use(states: list[tuple[bool | None, bool | None]], used: int | None) -> None:
    pools = [PoolAnswer(url=f"pool-{at}.example:1", active=one, alive=two) for at, (one, two) in enumerate(states)]
    assert read(DeviceAnswer(pools=pools)).workload.pool == (None if used is None else f"pool-{used}.example:1")


GOOD = {"hashrate": 40e12, "chips": 100}


@pytest.mark.parametrize(
    ("expected", "boards", "missing"),
    [  # boards expected; index and what it says; index and whether it is missed
        (3, {0: GOOD, 1: GOOD, 2: GOOD}, {0: False, 1: False, 2: False}),
        (3, {0: GOOD, 2: GOOD}, {0: False, 1: True, 2: False}),
        (3, {1: GOOD, 3: GOOD}, {1: False, 2: True, 3: False}),  # it counts from 1
        (3, {1: GOOD, 2: GOOD}, {0: True, 1: False, 2: False}),
        (3, {6: GOOD, 7: GOOD, 8: GOOD}, {6: False, 7: False, 8: False}),
        (None, {0: GOOD}, {0: False}),
        (None, {0: GOOD, 1: {"active": False}}, {0: False, 1: True}),
        (None, {0: GOOD, 1: {"hashrate": 0.0, "chips": 0}}, {0: False, 1: True}),
        (None, {0: GOOD, 1: {"hashrate": 0.0, "chips": 100}}, {0: False, 1: False}),  # it is there, and does nothing
        (None, {0: GOOD, 1: {"active": False, "hashrate": 1e12}}, {0: False, 1: False}),
        (None, {0: {"hashrate": 0.0, "chips": 0}}, {0: True}),
    ],
)
def test_which_boards_are_missed(
    expected: int | None, boards: dict[int, dict[str, float]], missing: dict[int, bool]
) -> None:
    answers = [BoardAnswer(index=index, **said) for index, said in boards.items()]  # type: ignore[arg-type]
    found = read(DeviceAnswer(hashrate=40e12, boards=answers), Nature(boards_expected=expected)).boards
    assert {board.index: board.missing for board in found} == missing


def test_a_device_that_does_not_hash_misses_no_board() -> None:
    found = read(DeviceAnswer(hashrate=0.0, boards=[BoardAnswer(index=0, active=False)])).boards
    assert [board.missing for board in found] == [False]


@pytest.mark.parametrize(
    ("inlet", "outlet", "chip", "one_by_one", "hottest"),
    [
        (35.0, 66.0, None, [], 66.0),
        (35.0, None, 78.0, [], 78.0),
        (None, 66.0, 64.0, [70.0, 91.0], 91.0),
        (None, None, 0.0, [], None),
        (None, None, 142.0, [60.0], 60.0),
        (None, None, None, [], None),
    ],
)
def test_the_hottest_chip_is_the_hottest_of_all_that_is_said(
    inlet: float | None, outlet: float | None, chip: float | None, one_by_one: list[float], hottest: float | None
) -> None:
    chips = [ChipAnswer(at, celsius) for at, celsius in enumerate(one_by_one)]
    board = BoardAnswer(0, inlet_c=inlet, outlet_c=outlet, chip_c=chip, chip_details=chips)
    reading = read(DeviceAnswer(boards=[board]))
    assert reading.boards[0].chip_c == hottest
    said = ["Board 0 reports an impossible temperature; it counts as unknown."] if chip == 142.0 else []
    assert reading.messages == said


def test_fans_of_the_supply_come_last() -> None:
    """A fan keeps its number: one that stops is the one with that number on the case."""
    assert read(DeviceAnswer(fans=[5400.0, None], supply_fans=[6000.0])).fans == [5400.0, None, 6000.0]
    assert read(DeviceAnswer(supply_fans=[0.0])).fans == [0.0]
    assert len(read(DeviceAnswer(fans=[1.0] * 16, supply_fans=[6000.0])).fans) == 16
    said = "It reports an impossible fan speed; it counts as unknown."
    assert read(DeviceAnswer(fans=[5400.0], supply_fans=[40_000.0])).messages == [said]


def test_every_field_of_a_board() -> None:
    said = BoardAnswer(
        index=2,
        serial="SN-2",
        active=True,
        hashrate=40e12,
        board_c=61.0,
        inlet_c=35.0,
        outlet_c=66.0,
        chips=99,
        chips_expected=100,
        voltage_v=12.5,
        frequency_mhz=525.0,
        chip_details=[
            ChipAnswer(index=1, temperature_c=80.0, hashrate=4e11, working=False),
            ChipAnswer(index=0, temperature_c=70.0, hashrate=5e11, working=True),
        ],
    )
    reading = read(DeviceAnswer(hashrate=40e12, boards=[said]))
    assert reading.boards == [
        Board(
            kind="hashboard",
            index=2,
            id="SN-2",
            hashrates=[40e12],
            core_c=61.0,
            chip_c=80.0,
            core_mhz=525.0,
            chips=99,
            chips_expected=100,
        )
    ]
    (detail,) = reading.details
    assert (detail.index, detail.inlet_c, detail.outlet_c) == (2, 35.0, 66.0)
    assert (detail.voltage_v, detail.frequency_mhz) == (12.5, 525.0)
    assert (detail.chip_temperatures_c, detail.chip_hashrates) == ([70.0, 80.0], [5e11, 4e11])
    assert detail.chips_dead == [1]


def test_every_field_of_an_iceriver_panel() -> None:
    panel = {
        "rtpow": "8.1T",
        "unit": "G",
        "mac": "70:b3:d5:4a:10:c2",
        "host": "ks5l",
        "softver1": "20240302_ks5lminer",
        "model": "none",
        "algo": "none",
        "runtime": "01:02:03:04",
        "powstate": 1,
        "locate": False,
        "netstate": True,
        "fanstate": False,
        "tempstate": 0,
        "fans": [3000, "3100"],
        "boards": [
            {
                "no": 2,
                "state": True,
                "rtpow": "4021.5",
                "idealpow": "4T",
                "intmp": 46,
                "outtmp": 62,
                "chipnum": 18,
                "freq": 1950,
            }
        ],
        "pools": [
            {"addr": "one.example:1", "user": "w.r", "state": 1, "connect": 0, "accepted": 5, "rejected": 2},
            {"addr": "", "user": "nobody"},
        ],
    }
    assert parse_panel(msgspec.json.encode({"data": panel})) == DeviceAnswer(
        identified=True,
        mac="70:b3:d5:4a:10:c2",
        hostname="ks5l",
        firmware_version="20240302_ks5lminer",
        hashrate=8.1e12,
        expected_hashrate=4e12,
        uptime_s=((24 + 2) * 60 + 3) * 60 + 4.0,
        mining=True,
        light=False,
        fans=[3000.0, 3100.0],
        boards=[
            BoardAnswer(
                index=1,
                active=True,
                hashrate=4021.5e9,
                expected_hashrate=4e12,
                board_c=46.0,
                outlet_c=62.0,
                chips=18,
                frequency_mhz=1950.0,
            )
        ],
        pools=[PoolAnswer(url="one.example:1", user="w.r", alive=True, active=False, accepted=5, rejected=2)],
        messages=["Its panel shows trouble with: fans", "Its panel shows trouble with: temperature"],
    )


@pytest.mark.parametrize("number", [0, -1, 65, "nan", None])
def test_a_board_without_a_number_that_can_be_is_left_out(number: object) -> None:
    panel = {"rtpow": "1G", "boards": [{"no": number, "rtpow": "1G"}, {"no": 64, "rtpow": "1G"}]}
    assert [one.index for one in parse_panel(msgspec.json.encode({"data": panel})).boards] == [63]


@pytest.mark.parametrize(
    ("ideal", "unit", "expected"),
    [(["4000", "4000"], "G", 8e12), (["4T", "4000"], "G", 8e12), (["4T", None], "G", None), ([4.5, 4.5], "T", 9e12)],
)
def test_what_its_boards_are_made_for_may_be_in_the_panels_unit(
    ideal: list[object], unit: str, expected: float | None
) -> None:
    """Against it a device is found to be slow."""
    boards = [{"no": at, "idealpow": one} for at, one in enumerate(ideal, 1)]
    panel = {"rtpow": "1G", "unit": unit, "boards": boards}
    assert parse_panel(msgspec.json.encode({"data": panel})).expected_hashrate == expected


def test_what_is_not_a_panel_is_said_with_its_reason() -> None:
    with pytest.raises(NotAPanel, match="Input data was truncated"):
        parse_panel(b'{"data": {')
    with pytest.raises(NotAPanel, match="no panel in it"):
        parse_panel(b'{"data": []}')


@pytest.mark.parametrize(("said", "model"), [(" KS5L ", "KS5L"), ("None", None), ("x" * 41, "x" * 40)])
def test_a_name_on_a_panel(said: str, model: str | None) -> None:
    assert parse_panel(msgspec.json.encode({"data": {"rtpow": "1G", "model": said}})).model == model


@pytest.mark.parametrize("said", ["1:24:00:00", "1:00:60:00", "1:00:00:60", "soon", 5, None])
def test_a_time_that_cannot_be_is_unknown(said: object) -> None:
    assert parse_panel(msgspec.json.encode({"data": {"rtpow": "1G", "runtime": said}})).uptime_s is None


def test_what_a_device_is_made_of_is_known_from_an_answer_that_says_who_it_is() -> None:
    """A reading of figures alone must not take the model off a rig's page."""
    assert read(DeviceAnswer(identified=False, hashrate=1e12)).specs is None
    assert read(DeviceAnswer(identified=True, hashrate=1e12)).specs is not None


def test_its_log_says_all_that_was_read() -> None:
    """What is left out here is missing on the rig's page, in its history and in the farm's totals."""
    answer = DeviceAnswer(
        hashrate=40e12, power_w=3_200.0, uptime_s=90.0, fans=[5_400.0], boards=[BoardAnswer(2, chips=100)],
        pools=[PoolAnswer(url="one.example:1")], messages=["its own"],
    )  # fmt: skip
    reading = read(answer)
    assert reading.log(1_800_000_000_000, "192.0.2.1", ["its Sentry's"]) == OperationalLog(
        t=1_800_000_000_000, uptime_s=90.0, power_w=3_200.0, lan_ip="192.0.2.1", workloads=[reading.workload],
        devices=Devices.from_rows(reading.boards), fans=[5_400.0], pools=reading.pools,
        messages=["its Sentry's", "its own"],
    )  # fmt: skip


@pytest.mark.parametrize(("chips", "told"), [(None, 1), (1, 1), (2, 0), (100, 0)])
def test_one_chip_of_several_is_the_whole_board_once_more(chips: int | None, told: int) -> None:
    board = BoardAnswer(0, chips=chips, chip_details=[ChipAnswer(index=0, temperature_c=70.0)])
    assert len(read(DeviceAnswer(boards=[board])).details) == told


def test_names_are_as_long_as_a_log_may_hold() -> None:
    answer = DeviceAnswer(identified=True, serial="s" * 65, boards=[BoardAnswer(index=0, serial="b" * 65)])
    reading = read(answer, Nature(algorithm="a" * 41))
    assert (reading.identity.serial, reading.boards[0].id) == ("s" * 64, "b" * 64)
    assert reading.workload.algorithm == "a" * 40
