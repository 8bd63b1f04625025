"""Every make's figures, checked against the recorded bytes by hand: what the files say, in our units."""

from __future__ import annotations

import msgspec
import pytest

from rigfarm.sentry.asic.answer import BoardAnswer, DeviceAnswer, Nature, PoolAnswer
from rigfarm.sentry.asic.interpret import AsicReading, interpret
from rigfarm.sentry.asic.model import Device
from rigfarm.sentry.asic.readers.base import Scope
from rigfarm.sentry.asic.recognise import Recogniser
from rigfarm.wire.log import OperationalLog
from support.asic_trial import farm_of


async def read(make: str, scope: Scope = Scope.CHIPS) -> AsicReading:
    async with farm_of(make) as farm:
        (ip,) = farm.devices
        reader = await Recogniser().recognise(ip, None)
        return interpret(await reader.read(scope), reader.nature, Device(id=1, ip=ip))


def approx(*values: float) -> object:
    return pytest.approx(list(values))


async def test_antminer_stock() -> None:
    reading = await read("antminer-stock")
    work, specs = reading.workload, reading.specs
    assert specs is not None
    assert (specs.make, specs.model, specs.firmware) == ("Antminer", "S19Pro", "AntMiner Stock")
    assert (specs.firmware_version, specs.serial) == ("FR-1.12(251009-S21)", "THQING0BDJAB024NF")
    assert (specs.hashboards_expected, specs.chips_expected, specs.fans_expected) == (3, 342, 4)
    assert work.hashrate == pytest.approx(110566.89e9)  # summary: "GHS 5s": 110566.89
    assert work.expected_hashrate == pytest.approx(110000.0e9)  # stats: "total_rateideal": 110000.0
    assert (work.accepted, work.rejected) == (4057, 11)  # the sum of its pools
    assert (work.pool, work.wallet, work.worker) == (
        "stratum+tcp://btc.global.luxor.tech:700", "satokierepair", "H04YK",
    )  # fmt: skip
    assert (work.coin, work.algorithm, work.state) == ("BTC", "sha256", "mining")
    assert reading.uptime_s == 50474
    assert reading.power_w is None, "this firmware does not measure it"
    assert [b.hashrates[0] for b in reading.boards] == approx(37603.30e9, 35536.22e9, 37427.38e9)  # chain_rate1..3
    assert [b.core_c for b in reading.boards] == [61.75, 57.0, 54.25]  # means of temp_pcb1..3
    assert [(b.chips, b.chips_expected) for b in reading.boards] == [(114, 114)] * 3
    assert [b.core_mhz for b in reading.boards] == [525] * 3
    assert reading.fans == [6000, 5880, 5040, 5040]
    assert specs.supports == ["locate", "pause", "restart", "resume", "set-pools"]


async def test_luxos() -> None:
    reading = await read("luxos")
    work, specs = reading.workload, reading.specs
    assert specs is not None
    assert (specs.make, specs.model, specs.firmware) == ("Antminer", "S19KPro", "LuxOS")
    assert (specs.firmware_version, specs.mac) == ("2025.4.8.220305", "62:f7:5e:b7:10:46")
    assert (specs.serial, specs.hostname) == ("JYZZB0UBDJABF06RB", "UrlacherS19k")
    assert work.hashrate == pytest.approx(59756.06e9)  # "GHS 5s"
    assert work.expected_hashrate == pytest.approx(3 * 20651400.0e6)  # three times "Nominal MHS"
    assert reading.power_w == 1051  # "Watts"
    assert reading.uptime_s == 3453
    assert (work.accepted, work.rejected) == (724 + 759, 0 + 1)
    assert [b.hashrates[0] for b in reading.boards] == approx(18910.28e9, 18939.95e9, 19067.67e9)
    assert [b.core_c for b in reading.boards] == [40.5, 40.0, 40.5]  # (47 + 47 + 34 + 34) / 4, …
    assert [b.chip_c for b in reading.boards] == [47, 47, 47]
    assert [(b.chips, b.chips_expected) for b in reading.boards] == [(77, 77)] * 3
    assert [b.id for b in reading.boards] == ["JYZZYRSBDJEBI06Z5", "JYZZYRSBDJEBI06ZM", "JYZZYRSBDJEBI06ZR"]  # by "ID"
    assert reading.fans == [1920, 1920, 2340, 2340]
    assert "Miner shutdown due to NOPIC protection." in reading.messages[0]
    assert [len(d.chip_hashrates) for d in reading.details] == [77, 77, 77]
    assert reading.details[0].chip_hashrates[:2] == approx(266.84e9, 259.43e9)  # healthchipget_0: "GHS 1m"
    assert reading.details[0].voltage_v == 11.88


async def test_whatsminer() -> None:
    reading = await read("whatsminer")
    work, specs = reading.workload, reading.specs
    assert specs is not None
    assert (specs.make, specs.model, specs.variant) == ("Whatsminer", "M50S", "VH20")
    assert (specs.firmware_version, specs.mac) == ("20230803.11.REL", "d4:01:02:03:04:05")
    assert work.hashrate == pytest.approx(124500000.0e6)  # "HS RT", MH/s
    assert work.expected_hashrate == pytest.approx(126000e9)  # "Factory GHS"
    assert reading.power_w == 3200
    assert reading.uptime_s == 25000
    assert (work.accepted, work.rejected) == (5412, 0)
    assert [b.hashrates[0] for b in reading.boards] == approx(41500000.0e6, 41800000.0e6, 41700000.0e6)  # "MHS av"
    assert [b.core_c for b in reading.boards] == [65, 66, 67]  # "Temperature"
    assert [b.chip_c for b in reading.boards] == [80, 81, 81]  # "Chip Temp Max"
    assert [(b.chips, b.chips_expected) for b in reading.boards] == [(135, 135)] * 3
    assert reading.fans == [5400, 5280, 6000]  # in, out, and that of its power supply
    assert "power-limit" in specs.supports


async def test_braiins() -> None:
    reading = await read("braiins")
    work, specs = reading.workload, reading.specs
    assert specs is not None
    assert (specs.make, specs.model, specs.firmware) == ("Antminer", "S21Pro", "Braiins")
    assert (specs.mac, specs.serial) == ("02:8f:77:ec:e7:e0", "THQGFKUBDJIAH0E9G")
    assert (specs.power_limit_min_w, specs.power_limit_max_w) == (954, 4500)
    assert work.hashrate == pytest.approx(248186.67720002498e9)  # last_5s
    assert work.expected_hashrate == pytest.approx(234000.0e9)  # sticker_hashrate
    assert reading.power_w == 3480
    assert reading.uptime_s == 7206
    assert (work.accepted, work.rejected) == (848, 0)
    assert reading.boards[0].hashrates == approx(83168.43130521843e9)
    assert (reading.boards[0].core_c, reading.boards[0].chip_c) == (50.38, 65.38)
    assert reading.boards[0].core_mhz == pytest.approx(625.865384)
    assert reading.fans == [5943, 5943, 5943, 5973]


async def test_bitaxe() -> None:
    reading = await read("bitaxe")
    work, specs = reading.workload, reading.specs
    assert specs is not None
    assert (specs.make, specs.model, specs.mac) == ("Bitaxe", "Supra", "aa:bb:cc:dd:ee:ff")
    assert work.hashrate == pytest.approx(1000e9)  # "hashRate": 1000, GH/s
    assert work.expected_hashrate == pytest.approx(490e6 * 1276)  # frequency times small cores
    assert reading.power_w == 2.65
    assert (reading.boards[0].core_c, reading.boards[0].chip_c) == (78, 59.88)  # vrTemp, temp
    assert reading.fans == [3517]
    assert specs.supports == []


async def test_epic() -> None:
    reading = await read("epic")
    work, specs = reading.workload, reading.specs
    assert specs is not None
    assert (specs.model, specs.firmware, specs.mac) == ("S19XP", "UMC OS", "e6:d4:41:51:64:28")
    assert work.hashrate == pytest.approx((49440724.0 + 49925124.0) * 1e6)  # both boards, MH/s
    assert reading.power_w == 2166.62
    assert [b.missing for b in reading.boards] == [True, False, False]  # board 0 is switched off
    assert [b.core_c for b in reading.boards] == [None, 67.0, 64.31]
    assert [b.chips for b in reading.boards] == [0, 110, 110]
    assert reading.fans == [5971, 0, 5942, 5745], "a fan that stands is 0, not unknown"
    assert reading.details[-1].chip_hashrates[0] is not None


async def test_iceriver() -> None:
    reading = await read("iceriver")
    work, specs = reading.workload, reading.specs
    assert specs is not None
    assert (specs.make, specs.model, specs.mac) == ("IceRiver", "KS5L", "70:b3:d5:4a:10:c2")
    assert work.hashrate == pytest.approx(12064.11e9)  # "rtpow": "12064.11G"
    assert work.expected_hashrate == pytest.approx(12000e9)  # three times "idealpow": "4000.00G"
    assert (work.coin, work.algorithm) == ("KAS", "kheavyhash")
    assert reading.uptime_s == 2 * 86400 + 3 * 3600 + 2 * 60 + 5  # "02:03:02:05"
    assert [b.hashrates[0] for b in reading.boards] == approx(4021.37e9, 4021.37e9, 4021.37e9)
    assert [(b.core_c, b.chip_c) for b in reading.boards] == [(46, 62), (47, 63), (48, 64)]  # intmp, outtmp
    assert [b.chips for b in reading.boards] == [18, 18, 18]
    assert (work.accepted, work.rejected) == (5321, 17)
    assert reading.fans == [3090, 3120, 3060, 3150]
    assert specs.supports == ["locate"]


@pytest.mark.parametrize("make", ["antminer-stock", "luxos", "whatsminer", "braiins", "bitaxe", "epic", "iceriver"])
async def test_a_log_fits_the_wire(make: str) -> None:
    reading = await read(make, Scope.WHOLE)
    log = reading.log(1234, "127.0.2.1")
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(log), type=OperationalLog) == log


@pytest.mark.parametrize("make", ["antminer-stock", "luxos", "whatsminer", "braiins", "iceriver"])
async def test_a_dead_board_is_reported_missing(make: str) -> None:
    async with farm_of(make) as farm:
        (ip,) = farm.devices
        reader = await Recogniser().recognise(ip, None)
        farm[ip].dead_boards = {1}
        reading = interpret(await reader.read(Scope.WHOLE), reader.nature, Device(id=1, ip=ip))
    assert [board.missing for board in reading.boards] == [False, True, False]
    assert reading.workload.state == "mining"


@pytest.mark.parametrize("make", ["antminer-stock", "luxos", "whatsminer", "braiins", "epic", "iceriver"])
async def test_a_paused_device_is_stopped_or_idle_and_misses_no_board(make: str) -> None:
    async with farm_of(make) as farm:
        (ip,) = farm.devices
        reader = await Recogniser().recognise(ip, None)
        farm[ip].paused = True
        reading = interpret(await reader.read(Scope.WHOLE), reader.nature, Device(id=1, ip=ip))
    assert reading.workload.state in ("stopped", "idle")
    assert reading.workload.hashrate == 0
    assert not any(board.missing for board in reading.boards if make != "epic")


@pytest.mark.parametrize(
    ("watts", "limit", "believed"),
    [(3400.0, 3600.0, True), (5400.0, 3600.0, True), (5401.0, 3600.0, False), (34_000.0, 0.0, True)],
)
def test_a_power_beyond_what_the_device_takes_is_unknown_and_said(
    watts: float, limit: float, *, believed: bool
) -> None:
    answer = DeviceAnswer(uptime_s=1.0, power_w=watts, power_limit_max_w=limit)
    reading = interpret(answer, Nature(), Device(id=1, ip="192.0.2.1"))
    assert reading.power_w == (watts if believed else None)
    assert reading.messages == ([] if believed else ["It reports an impossible power; it counts as unknown."])


@pytest.mark.parametrize(
    ("celsius", "believed", "said"),
    [(61.0, True, False), (0.0, False, False), (-40.0, False, False), (255.0, False, False), (142.0, False, True)],
)
def test_temperatures_that_cannot_be(celsius: float, *, believed: bool, said: bool) -> None:
    answer = DeviceAnswer(uptime_s=1.0, boards=[BoardAnswer(index=2, board_c=celsius)])
    reading = interpret(answer, Nature(), Device(id=1, ip="192.0.2.1"))
    assert reading.boards[0].core_c == (celsius if believed else None)
    assert bool(reading.messages) is said


@pytest.mark.parametrize("url", ["", "stratum+tcp://:0", "stratum+tcp://", ":3333", "//", "stratum+tcp://none:0"])
def test_a_pool_that_nobody_entered_is_no_pool(url: str) -> None:
    real = PoolAnswer(url="stratum+tcp://pool.example:3333", accepted=5, rejected=1)
    answer = DeviceAnswer(uptime_s=1.0, pools=[real, PoolAnswer(url=url, accepted=7)])
    reading = interpret(answer, Nature(), Device(id=1, ip="192.0.2.1"))
    assert [pool.url for pool in reading.pools] == [real.url]
    assert (reading.workload.accepted, reading.workload.rejected) == (5, 1)
