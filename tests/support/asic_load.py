"""ASICs for load, tests and pictures: what an ASIC Sentry would report of one, without a device behind it."""

from __future__ import annotations

import random

from rigfarm import __version__
from rigfarm.wire.log import Device, Devices, OperationalLog, Pool, Workload
from rigfarm.wire.specs import BoardDetail, Specs

__all__ = ["CHIPS", "SUPPORTED", "an_asic_log", "asic_boards", "asic_specs"]

BOARDS = 3
CHIPS = 76
"""Of each board."""
EXPECTED = 104e12
SUPPORTED = ["locate", "pause", "power-limit", "restart", "resume", "set-pools"]


def an_asic_log(rig: int, t: int, *, coin: str = "BTC") -> OperationalLog:
    """A typical log of an ASIC with three boards whose figures wander with `t` (UTC ms)."""
    wander = random.Random(rig * 1_000_003 + t)
    boards = [
        Device(
            kind="hashboard",
            index=index,
            id=f"SN{rig:06d}{index}",
            hashrates=[EXPECTED / BOARDS * wander.uniform(0.97, 1.03)],
            core_c=round(wander.uniform(56, 66), 1),
            chip_c=round(wander.uniform(66, 76), 1),
            core_mhz=545.0,
            chips=CHIPS,
            chips_expected=CHIPS,
        )
        for index in range(BOARDS)
    ]
    user = f"farm.{rig:04d}"
    return OperationalLog(
        t=t,
        uptime_s=t / 1000 % 1_000_000,
        power_w=round(wander.uniform(3_020, 3_110)),
        lan_ip=f"10.{64 + (rig >> 16 & 63)}.{rig >> 8 & 255}.{rig & 255}",
        workloads=[
            Workload(
                software="LuxOS",
                version="2026.4.8",
                coin=coin,
                algorithm="sha256d",
                hashrate=sum(rate or 0.0 for board in boards for rate in board.hashrates),
                accepted=t // 10_000 % 100_000,
                rejected=t // 1_000_000 % 1_000,
                pool="stratum+tcp://pool.example:3333",
                worker=user,
                state="mining",
                expected_hashrate=EXPECTED,
            )
        ],
        devices=Devices.from_rows(boards),
        fans=[round(wander.uniform(5_700, 6_000)) for _ in range(4)],
        pools=[
            Pool("stratum+tcp://pool.example:3333", user, True, True, t // 10_000 % 100_000, 12),
            Pool("stratum+tcp://spare.example:3333", user, True, False, 0, 0),
        ],
    )


def asic_specs(rig: int, *, supports: list[str] | None = None) -> Specs:
    """Its specs; `supports` names the commands that it can carry out."""
    return Specs(
        sentry_version=__version__,
        make="Antminer",
        model="S19j Pro",
        variant="104T",
        firmware="LuxOS",
        firmware_version="2026.4.8",
        control_board="Xilinx",
        mac=f"02:00:5e:{rig >> 16 & 255:02x}:{rig >> 8 & 255:02x}:{rig & 255:02x}",
        serial=f"JYZZ{rig:06d}",
        hashboards_expected=BOARDS,
        chips_expected=BOARDS * CHIPS,
        fans_expected=4,
        expected_hashrate=EXPECTED,
        power_limit_min_w=1_000.0,
        power_limit_max_w=3_500.0,
        supports=SUPPORTED if supports is None else supports,
    )


def asic_boards(rig: int, t: int) -> list[BoardDetail]:
    """Its boards chip by chip."""
    wander = random.Random(rig * 7_919 + t)
    return [
        BoardDetail(
            index=index,
            chip_temperatures_c=[round(wander.uniform(58, 76), 1) for _ in range(CHIPS)],
            chip_hashrates=[EXPECTED / BOARDS / CHIPS * wander.uniform(0.9, 1.1) for _ in range(CHIPS)],
            inlet_c=round(wander.uniform(40, 48), 1),
            outlet_c=round(wander.uniform(60, 68), 1),
            voltage_v=13.2,
            frequency_mhz=545.0,
        )
        for index in range(BOARDS)
    ]
