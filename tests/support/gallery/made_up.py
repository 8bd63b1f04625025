"""A farm that does not exist: rigs of both kinds in every state, from a seed, so that pictures can be compared."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from rigfarm.commander.kinds import KindName
from rigfarm.commander.rigs.model import Maintenance, Rig
from rigfarm.commander.stats import RigStats, Totals
from rigfarm.commander.stats.condition import condition
from rigfarm.commander.stats.contribution import contribution_of
from rigfarm.commander.stats.normal import Normal
from rigfarm.commander.stats.rig_stats import Happening
from rigfarm.wire.log import Device, Devices, OperationalLog, Pool, Workload
from rigfarm.wire.specs import GpuSpecs, Specs

__all__ = ["NOW_MS", "Farm", "farm", "hour"]

NOW_MS = 1_764_000_000_000
MIN = 60_000
HOUR = 60 * MIN


class Farm(Struct):
    """Rigs, how they are, and the totals of their kinds."""

    rigs: dict[int, tuple[Rig, RigStats]]
    totals: dict[KindName, Totals]
    now_ms: int

    def of(self, kind: KindName) -> list[tuple[Rig, RigStats]]:
        """Rigs of a kind, sick ones first."""
        found = [one for one in self.rigs.values() if one[0].kind == kind]
        return sorted(found, key=lambda one: (one[1].condition.attention_rank, one[0].name))


class _Recipe(Struct):
    coin: str
    algorithm: str
    software: str
    rate: float
    watts: float
    gpu: str = ""
    second: tuple[str, str, float] | None = None


_RECIPES = (
    _Recipe("XMR", "rx/0", "XMRig 6.22.2", 9.6e3, 142),
    _Recipe("XMR", "rx/0", "XMRig 6.22.2", 16.8e3, 231),
    _Recipe("KAS", "kheavyhash", "lolMiner 1.98a", 340e6, 107, "RTX 3080 10 GB"),
    _Recipe("ETC", "etchash", "TeamRedMiner 0.10.21", 46e6, 127, "RX 6800"),
    _Recipe("RVN", "kawpow", "T-Rex 0.26.8", 31.4e6, 218, "RTX 3090"),
    _Recipe("ETC", "etchash", "lolMiner 1.98a", 46e6, 130, "RX 6800", ("ALPH", "blake3", 350e6)),
)


def farm(rigs: int = 12, asics: int = 6, waiting: int = 1, *, now_ms: int = NOW_MS, well: bool = False) -> Farm:
    """So many rigs; unless all are to be well, a few are not."""
    chance = random.Random(7)
    made = Farm({}, {"cpu-gpu": Totals(), "asic": Totals()}, now_ms)
    for number in range(1, rigs + 1):
        _add(made, number, f"rig-{number:02d}", "cpu-gpu", _rig_log(number, chance, now_ms, well), well)
    for number in range(1, asics + 1):
        _add(made, 100_000 + number, f"asic-{number:02d}", "asic", _asic_log(number, chance, now_ms, well))
    for number in range(waiting):
        _add(made, 200_000 + number, f"rig-{rigs + number + 1:02d}", "cpu-gpu", None)
    return made


def _add(made: Farm, rig_id: int, name: str, kind: KindName, log: OperationalLog | None, well: bool = False) -> None:
    now = made.now_ms
    away = name == "rig-09" and len(made.rigs) < 60 and log is not None and not well
    maintained = name == "rig-03" and not well
    rig = Rig(
        rig_id,
        name,
        kind,
        created_at=now - (2 * MIN if log is None else 40 * 24 * HOUR),
        first_seen_at=None if log is None else now - 30 * 24 * HOUR,
        specs=None if log is None else _specs(kind, log),
        place=f"hall-{1 + rig_id // 8 % 3}/rack {1 + rig_id % 4}" if rig_id % 3 else "",
        tags=("noisy", "solar")[: rig_id % 3],
        maintenance=Maintenance(now - 2 * HOUR, "Firefox on Linux", "new fans", now + HOUR) if maintained else None,
    )
    stats = RigStats(rig_id, kind, log=log, link_up=not away)
    if log is not None:
        log.t = stats.heard_ms = now - (6 * MIN if away else 1000 + rig_id % 5 * 700)
        stats.contribution = contribution_of(log)
        stats.normal = {
            share.coin: Normal(value=share.millihashes / 1000 * (1.5 if name == "rig-23" else 1.01))
            for share in stats.contribution.coins
        }
    stats.condition = condition(
        log,
        link_up=not away,
        last_seen_age_s=None if stats.heard_ms is None else (now - stats.heard_ms) / 1000,
        interval_s=5.0,
        normal_hashrate=stats.expected,
    )
    if maintained:
        stats.condition = stats.condition.maintained()
    stats.since_ms = now - (4 * MIN + rig_id % 1000 * 37_000 if stats.condition.severity else 3 * 24 * HOUR)
    stats.counted = stats.condition.state in ("online", "degraded", "idle")
    if stats.condition.severity:
        stats.happenings.append(Happening(now - 3 * 24 * HOUR, "online", ""))
        stats.happenings.append(Happening(stats.since_ms, stats.condition.state, stats.condition.reason))
    made.rigs[rig_id] = (rig, stats)
    totals = made.totals[kind]
    totals.change_state(None, stats.condition)
    if stats.counted:
        totals.add(stats.contribution, 1)


def _rig_log(number: int, chance: random.Random, now_ms: int, well: bool) -> OperationalLog:
    recipe = _RECIPES[(number * 5 + 1) % len(_RECIPES)]
    gpus = 0 if not recipe.gpu else 6 + number % 3 + (8 if number == 10 else 0)
    mining = recipe.rate * max(gpus, 1) * chance.uniform(0.97, 1.03)
    rates = [recipe.rate] + ([recipe.second[2]] if recipe.second else [])
    devices = [Device(kind="cpu", index=0, core_c=48.0 if gpus else 68 + number % 9, power_w=None)]
    for index in range(gpus):
        devices.append(
            Device(
                kind="gpu",
                index=index,
                id=f"0000:{index * 3 + 1:02x}:00.0",
                name=recipe.gpu,
                hashrates=[rate * chance.uniform(0.98, 1.02) for rate in rates],
                core_c=57 + chance.random() * 11,
                memory_c=78 + chance.random() * 10 if "RTX 30" in recipe.gpu else None,
                core_mhz=1440,
                memory_mhz=7001,
                fan_percent=55 + chance.random() * 15,
                power_w=recipe.watts * chance.uniform(0.97, 1.03),
            )
        )
    workload = Workload(
        software=recipe.software.split()[0],
        version=recipe.software.split()[1],
        coin=recipe.coin,
        algorithm=recipe.algorithm,
        hashrate=mining,
        accepted=300 + number * 113,
        rejected=1 + number % 5,
        stale=number % 3,
        pool=f"{recipe.coin.lower()}.pool.example:5555",
        wallet="kaspa:qz4h0u8n2k6v9f3t5w7x1y0a2b4c6d8e0f2g4h6j8k0m7mw9",
        worker=f"rig-{number:02d}",
        state="mining",
        uptime_s=10_920.0 + number * 7_000,
    )
    workloads = [workload]
    if recipe.second:
        coin, algorithm, rate = recipe.second
        workloads.append(
            Workload(
                software=workload.software,
                version=workload.version,
                coin=coin,
                algorithm=algorithm,
                hashrate=rate * gpus * chance.uniform(0.97, 1.03),
                accepted=900 + number * 7,
                rejected=4,
                pool=f"{coin.lower()}.pool.example:20032",
                wallet="1DxTrDpXBPJNjVYz1fSr2XwNqkS6CCKMD8Y2tGpYhYb3",
                worker=f"rig-{number:02d}",
                state="mining",
                uptime_s=10_920.0,
            )
        )
    power = recipe.watts * max(gpus, 1) + (62 if gpus else 0)
    log = OperationalLog(
        t=now_ms,
        uptime_s=273_600.0 * (1 + number % 4) + number * 5_000,
        power_w=power * chance.uniform(0.98, 1.02),
        lan_ip=f"192.168.1.{50 + number % 200}",
        workloads=workloads,
    )
    if not well:
        _make_sick(number, log, devices)
    log.devices = Devices.from_rows(devices)
    return log


def _make_sick(number: int, log: OperationalLog, devices: list[Device]) -> None:
    gpus = [n for n, device in enumerate(devices) if device.kind == "gpu"]
    if number == 4 and gpus:
        devices[gpus[2]] = replace(devices[gpus[2]], core_c=91.0, fan_percent=100.0)
    if number == 6 and gpus:
        devices[gpus[-1]] = replace(devices[gpus[-1]], core_c=76.0)
    if number == 11 and gpus:
        lost = devices[gpus[1]]
        devices[gpus[1]] = Device(kind="gpu", index=lost.index, id=lost.id, name=lost.name, missing=True)
    if number == 8:
        log.workloads[0] = replace(log.workloads[0], hashrate=0.0, state="stopped")
    if number == 12:
        log.workloads[0] = replace(log.workloads[0], rejected=150)
    if number == 17:
        log.workloads[0] = replace(log.workloads[0], hashrate=None, state="unreachable")


def _asic_log(number: int, chance: random.Random, now_ms: int, well: bool) -> OperationalLog:
    expected = 104e12 if number % 2 else 200e12
    boards = [
        Device(
            kind="hashboard",
            index=index,
            id=f"SMTT{number:04d}{index}",
            name="BHB42603",
            hashrates=[expected / 3 * chance.uniform(0.97, 1.02)],
            core_c=58 + chance.random() * 9,
            chip_c=66 + chance.random() * 9,
            core_mhz=545,
            chips=76,
            chips_expected=76,
        )
        for index in range(3)
    ]
    if not well and number == 3:
        boards[1] = replace(boards[1], chips=41, hashrates=[expected / 6], core_c=79.0)
    if not well and number == 5:
        boards[0] = replace(boards[0], chip_c=97.0)
    return OperationalLog(
        t=now_ms,
        uptime_s=86_400.0 * number + 4_000,
        power_w=3_068.0 if number % 2 else 3_510.0,
        lan_ip=f"192.168.2.{10 + number % 200}",
        workloads=[
            Workload(
                coin="BTC",
                algorithm="sha256d",
                hashrate=sum(rate or 0.0 for board in boards for rate in board.hashrates),
                accepted=40_000 + number * 911,
                rejected=60 + number,
                state="mining",
                expected_hashrate=expected,
                pool="stratum.pool.example:3333",
                worker=f"farm.{number:02d}",
            )
        ],
        devices=Devices.from_rows(boards),
        fans=[5_880.0, 5_910.0, 5_940.0, 5_850.0],
        pools=[
            Pool("stratum+tcp://stratum.pool.example:3333", f"farm.{number:02d}", True, True, 40_000, 60),
            Pool("stratum+tcp://spare.pool.example:3333", f"farm.{number:02d}", number != 2, False, 0, 0),
        ],
        messages=["Fan 3 below its target speed"] if number == 4 else [],
    )


def _specs(kind: KindName, log: OperationalLog) -> Specs:
    if kind == "asic":
        return Specs(
            "0.1.0",
            make="Antminer",
            model="S19j Pro" if log.power_w and log.power_w < 3_200 else "S21",
            firmware="LuxOS",
            firmware_version="2026.4.8",
            mac="02:00:5e:10:00:01",
            serial="JYZZ0AABBC",
            chips_expected=228,
            expected_hashrate=log.workloads[0].expected_hashrate,
        )
    return Specs(
        "0.1.0",
        hostname=log.workloads[0].worker,
        os="Debian 12",
        kernel="6.1.0-28-amd64",
        cpu="AMD Ryzen 5 5600G",
        cpu_cores=6,
        cpu_threads=12,
        ram_bytes=16 << 30,
        board="ASUS B250 Mining Expert",
        gpus=[
            GpuSpecs(device.id or "", device.name, driver="550.144.03")
            for device in log.devices
            if device.kind == "gpu"
        ],
    )


def hour(stats: RigStats, now_ms: int, interval_ms: int = 5_000) -> Iterator[OperationalLog]:
    """The last hour of a rig, with a pause of four minutes in it."""
    assert stats.log is not None
    for age in range(3_600_000, -1, -interval_ms):
        if 1_200_000 < age < 1_440_000:
            continue
        wave = 1 + 0.012 * math.sin(age / 210_000) + 0.006 * math.sin(age / 37_000)
        rows = [
            replace(device, core_c=None if device.core_c is None else device.core_c * (2 - wave))
            for device in stats.log.devices
        ]
        yield OperationalLog(
            t=now_ms - age,
            power_w=None if stats.log.power_w is None else stats.log.power_w * wave,
            workloads=[
                replace(one, hashrate=None if one.hashrate is None else one.hashrate * wave)
                for one in stats.log.workloads
            ],
            devices=Devices.from_rows(rows),
        )
