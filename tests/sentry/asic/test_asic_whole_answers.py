"""Whole answers, field by field, against the recorded bytes: what a make says twice, or not at all, shows here."""

from __future__ import annotations

import pytest

from rigfarm import __version__
from rigfarm.sentry.asic.interpret import AsicReading, interpret
from rigfarm.sentry.asic.model import Device
from rigfarm.sentry.asic.readers.base import Scope
from rigfarm.sentry.asic.recognise import Recogniser
from rigfarm.wire.log import Device as Board
from rigfarm.wire.log import Pool, Workload
from rigfarm.wire.specs import Specs
from support.asic_trial import farm_of

OURS = {"sentry_version": __version__}
SATS = {"coin": "BTC", "algorithm": "sha256", "state": "mining"}


def near(value: float) -> float:
    return pytest.approx(value)  # type: ignore[no-any-return]


async def read(make: str) -> AsicReading:
    async with farm_of(make) as farm:
        (ip,) = farm.devices
        reader = await Recogniser().recognise(ip, None)
        return interpret(await reader.read(Scope.WHOLE), reader.nature, Device(id=1, ip=ip))


WORKLOADS = {
    "antminer-stock": Workload(
        software="AntMiner Stock",
        version="FR-1.12(251009-S21)",
        hashrate=near(110_566.89e9),
        accepted=4057,
        rejected=11,
        pool="stratum+tcp://btc.global.luxor.tech:700",
        wallet="satokierepair",
        worker="H04YK",
        uptime_s=50_474.0,
        expected_hashrate=near(110_000e9),
        **SATS,
    ),
    "luxos": Workload(
        software="LuxOS",
        version="2025.4.8.220305",
        hashrate=near(59_756.06e9),
        accepted=724 + 759,  # two groups of pools, both in use
        rejected=1,
        pool="stratum+tcp://ca.stratum.braiins.com:3333",
        wallet="asic-rs",
        worker="user1",
        uptime_s=3453.0,
        expected_hashrate=near(61_954.2e9),
        **SATS,
    ),
    "whatsminer": Workload(
        software="WhatsMiner Stock",
        version="20230803.11.REL",
        hashrate=near(124.5e12),
        accepted=5412,
        rejected=0,
        pool="stratum+tcp://btc.example.pool:3333",
        wallet="asic-rs",
        worker="test",
        uptime_s=25_000.0,
        expected_hashrate=near(126e12),
        **SATS,
    ),
    "braiins": Workload(
        software="Braiins",
        version="2026-04-14-0-912d084c-26.04-plus",
        hashrate=near(248_186.677e9),
        accepted=848,
        rejected=0,
        pool="stratum+tcp://example.pool.com:3333",
        wallet="asic_rs",
        worker="test",
        uptime_s=7206.0,
        expected_hashrate=near(234e12),
        **SATS,
    ),
    "epic": Workload(
        software="UMC OS",
        version="PowerPlay-BMS v1.5.13",
        hashrate=near(99_365_848e6),
        accepted=1862,
        rejected=2,
        pool="stratum+tcp://mine.ocean.xyz:3334",
        wallet="randomuser",
        worker="randomworker-0x81x19",
        uptime_s=23_170.0,
        expected_hashrate=near(143e12),
        **SATS,
    ),
    "bitaxe": Workload(
        software="Bitaxe Stock",
        version="v2.4.5-3-gb5d1e36-dirty",
        hashrate=near(1000e9),
        accepted=0,
        rejected=0,
        pool="stratum+tcp://btc.example.pool:3333",
        wallet="asic-rs",
        worker="test",
        uptime_s=4.0,
        expected_hashrate=near(1276 * 490e6),
        **SATS,
    ),
    "iceriver": Workload(
        software="IceRiver Stock",
        version="20240302_ks5lminer",
        coin="KAS",
        algorithm="kheavyhash",
        hashrate=near(12_064.11e9),
        accepted=5321,
        rejected=17,
        pool="stratum+tcp://kas.pool.example:5555",
        wallet="kaspa:qz0000",
        worker="ks5l",
        state="mining",
        uptime_s=183_725.0,
        expected_hashrate=near(12_000e9),
    ),
}
LUXOR = ("stratum+tcp://btc.global.luxor.tech:700", "satokierepair.H04YK", True)
FIRST, SECOND = "stratum+tcp://ca.stratum.braiins.com:3333", "stratum+tcp://stratum.braiins.com:3333"
POOLS = {
    "antminer-stock": [Pool(*LUXOR, True, 4057, 11), Pool(*LUXOR, False, 0, 0), Pool(*LUXOR, False, 0, 0)],
    "luxos": [
        Pool(FIRST, "asic-rs.user1", True, True, 724, 0),
        Pool(SECOND, "asic-rs.user1", False, False, 0, 0),
        Pool(FIRST, "asic-rs.user2", True, True, 759, 1),
        Pool(SECOND, "asic-rs.user2", False, False, 0, 0),
    ],
    "whatsminer": [
        Pool("stratum+tcp://btc.example.pool:3333", "asic-rs.test", True, True, 5412, 0),
        Pool("stratum+tcp://btc2.example.pool:3333", "asic-rs.test", True, False, 0, 0),
        Pool("stratum+tcp://btc3.example.pool:3333", "asic-rs.test", True, False, 0, 0),
    ],
    "braiins": [
        Pool("stratum+tcp://example.pool.com:3333", "asic_rs.test", True, True, 848, 0),
        Pool("stratum+tcp://example.pool2.com:3333", "asic_rs.test", True, False, 0, 0),
    ],
    "epic": [Pool("stratum+tcp://mine.ocean.xyz:3334", "randomuser.randomworker-0x81x19", True, True, 1862, 2)],
    "bitaxe": [  # shares are the device's: which pool took them, it does not say
        Pool("stratum+tcp://btc.example.pool:3333", "asic-rs.test", None, True, None, None),
        Pool("stratum+tcp://btc2.example.pool:3333", "asic-rs.test", None, False, None, None),
    ],
    "iceriver": [
        Pool("stratum+tcp://kas.pool.example:5555", "kaspa:qz0000.ks5l", True, True, 5321, 17),
        Pool("stratum+tcp://kas2.pool.example:5555", "kaspa:qz0000.ks5l", False, False, 0, 0),
    ],
}
FULL = {"kind": "hashboard", "chips": 135, "chips_expected": 135, "core_mhz": 600.0}
RIVER = {"kind": "hashboard", "chips": 18, "core_mhz": 1950.0, "hashrates": [near(4021.37e9)]}
PRO = {"kind": "hashboard", "chips": 114, "chips_expected": 114, "core_mhz": 525.0}
LUX = {"kind": "hashboard", "chips": 77, "chips_expected": 77, "chip_c": 47.0, "core_mhz": 300.0}
BRAIINS = {"kind": "hashboard", "chips": 65, "chips_expected": 65}
EPIC = {"kind": "hashboard", "chips": 110, "chips_expected": 110, "core_mhz": 487.5}
BOARDS = {
    "whatsminer": [
        Board(index=0, id="BHM5CSD1302803K30001", hashrates=[near(41.5e12)], core_c=65.0, chip_c=80.0, **FULL),
        Board(index=1, id="BHM5CSD1302803K30002", hashrates=[near(41.8e12)], core_c=66.0, chip_c=81.0, **FULL),
        Board(index=2, id="BHM5CSD1302803K30003", hashrates=[near(41.7e12)], core_c=67.0, chip_c=81.0, **FULL),
    ],
    # Means of four sensors on the board (temp_pcb1…), and the hottest chip (temp_chip1…).
    "antminer-stock": [
        Board(index=0, hashrates=[near(37_603.30e9)], core_c=61.75, chip_c=78.0, **PRO),
        Board(index=1, hashrates=[near(35_536.22e9)], core_c=57.0, chip_c=71.0, **PRO),
        Board(index=2, hashrates=[near(37_427.38e9)], core_c=54.25, chip_c=69.0, **PRO),
    ],
    "luxos": [  # by "ID" of its devs, which come in another order
        Board(index=0, id="JYZZYRSBDJEBI06Z5", hashrates=[near(18_910.28e9)], core_c=40.5, **LUX),
        Board(index=1, id="JYZZYRSBDJEBI06ZM", hashrates=[near(18_939.95e9)], core_c=40.0, **LUX),
        Board(index=2, id="JYZZYRSBDJEBI06ZR", hashrates=[near(19_067.67e9)], core_c=40.5, **LUX),
    ],
    "braiins": [
        Board(
            index=0,
            id="THQGYSCBDJIAH11S3",
            hashrates=[near(83_168.4313e9)],
            core_c=50.38,
            chip_c=65.38,
            core_mhz=near(625.865384),
            **BRAIINS,
        ),
        Board(
            index=1,
            id="THQGYSCBDJIAH120Z",
            hashrates=[near(86_699.3255e9)],
            core_c=48.56,
            chip_c=63.56,
            core_mhz=near(635.384615),
            **BRAIINS,
        ),
        Board(
            index=2,
            id="THQGYSCBDJIAH12AD",
            hashrates=[near(84_138.2627e9)],
            core_c=48.5,
            chip_c=63.5,
            core_mhz=near(634.423076),
            **BRAIINS,
        ),
    ],
    "epic": [  # the first one is switched off: it is there, warm, and does not hash
        Board(kind="hashboard", index=0, missing=True, hashrates=[None], chip_c=42.88, chips=0, chips_expected=110),
        Board(index=1, id="YNAHYPDBCJEBC0D6S", hashrates=[near(49_440_724e6)], core_c=67.0, chip_c=67.0, **EPIC),
        Board(index=2, id="YNAHYPDBCJEBC0C6R", hashrates=[near(49_925_124e6)], core_c=64.31, chip_c=64.31, **EPIC),
    ],
    "bitaxe": [  # the regulator's 78 °C are the board's
        Board(
            kind="hashboard",
            index=0,
            hashrates=[near(1000e9)],
            core_c=78.0,
            chip_c=59.88,
            core_mhz=490.0,
            chips=1,
            chips_expected=1,
        ),
    ],
    "iceriver": [
        Board(index=0, core_c=46.0, chip_c=62.0, **RIVER),
        Board(index=1, core_c=47.0, chip_c=63.0, **RIVER),
        Board(index=2, core_c=48.0, chip_c=64.0, **RIVER),
    ],
}
ORDERS = ["locate", "pause", "restart", "resume", "set-pools"]
LIMITED = ["locate", "pause", "power-limit", "restart", "resume", "set-pools"]
SPECS = {
    "antminer-stock": Specs(
        hostname="Antminer", make="Antminer", model="S19Pro", firmware="AntMiner Stock",
        firmware_version="FR-1.12(251009-S21)", control_board="AMLogic", mac="02:55:97:22:3a:72",
        serial="THQING0BDJAB024NF", hashboards_expected=3, chips_expected=342, fans_expected=4,
        expected_hashrate=near(110_000e9), supports=ORDERS, **OURS,
    ),
    "luxos": Specs(
        hostname="UrlacherS19k", make="Antminer", model="S19KPro", firmware="LuxOS",
        firmware_version="2025.4.8.220305", control_board="CVITek", mac="62:f7:5e:b7:10:46",
        serial="JYZZB0UBDJABF06RB", hashboards_expected=3, chips_expected=231, fans_expected=4,
        expected_hashrate=near(61_954.2e9), supports=ORDERS, **OURS,
    ),
    "whatsminer": Specs(
        hostname="WhatsMiner", make="Whatsminer", model="M50S", variant="VH20", firmware="WhatsMiner Stock",
        firmware_version="20230803.11.REL", control_board="H616", mac="d4:01:02:03:04:05", hashboards_expected=3,
        chips_expected=405, fans_expected=2, expected_hashrate=near(126e12), supports=LIMITED, **OURS,
    ),
    "braiins": Specs(
        hostname="Antminer", make="Antminer", model="S21Pro", firmware="Braiins",
        firmware_version="2026-04-14-0-912d084c-26.04-plus", control_board="AMLogic", mac="02:8f:77:ec:e7:e0",
        serial="THQGFKUBDJIAH0E9G", hashboards_expected=3, chips_expected=195, fans_expected=4,
        expected_hashrate=near(234e12), power_limit_min_w=954.0, power_limit_max_w=4500.0, supports=LIMITED, **OURS,
    ),
    "epic": Specs(
        hostname="cminer32092035", make="Antminer", model="S19XP", firmware="UMC OS",
        firmware_version="PowerPlay-BMS v1.5.13", control_board="EPicUMC", mac="e6:d4:41:51:64:28",
        serial="002000353232510933363631", hashboards_expected=3, chips_expected=330, fans_expected=4,
        expected_hashrate=near(143e12), supports=ORDERS, **OURS,
    ),
    "bitaxe": Specs(
        hostname="bitaxe", make="Bitaxe", model="Supra", firmware="Bitaxe Stock",
        firmware_version="v2.4.5-3-gb5d1e36-dirty", control_board="B401", mac="aa:bb:cc:dd:ee:ff",
        hashboards_expected=1, chips_expected=1, fans_expected=1,
        expected_hashrate=near(1276 * 490e6),  # its cores, its clock
        **OURS,
    ),
    "iceriver": Specs(
        hostname="KS5L", make="IceRiver", model="KS5L", firmware="IceRiver Stock",
        firmware_version="20240302_ks5lminer", mac="70:b3:d5:4a:10:c2", hashboards_expected=3,
        expected_hashrate=near(12_000e9), supports=["locate"], **OURS,
    ),
}  # fmt: skip
MESSAGES = {
    "luxos": ["[MINER] Miner shutdown due to NOPIC protection.", "[BOARD 0] Board reboot due to it not hashing."]
}
REST = {  # fans, W, s
    "antminer-stock": ([6000.0, 5880.0, 5040.0, 5040.0], None, 50_474.0),
    "luxos": ([1920.0, 1920.0, 2340.0, 2340.0], 1051.0, 3453.0),
    "whatsminer": ([5400.0, 5280.0, 6000.0], 3200.0, 25_000.0),  # in, out, and that of the supply
    "braiins": ([5943.0, 5943.0, 5943.0, 5973.0], 3480.0, 7206.0),
    "epic": ([5971.0, 0.0, 5942.0, 5745.0], 2166.62, 23_170.0),
    "bitaxe": ([3517.0], 2.65, 4.0),
    "iceriver": ([3090.0, 3120.0, 3060.0, 3150.0], None, 183_725.0),
}


@pytest.mark.parametrize("make", sorted(WORKLOADS))
async def test_a_whole_answer(make: str) -> None:
    reading = await read(make)
    assert reading.workload == WORKLOADS[make]
    assert reading.pools == POOLS[make]
    assert reading.boards == BOARDS[make]
    assert reading.specs == SPECS[make]
    assert reading.messages == MESSAGES.get(make, [])
    assert (reading.fans, reading.power_w, reading.uptime_s) == REST[make]
    assert reading.details == [], "of these, the library reads no chip one by one"
