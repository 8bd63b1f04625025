"""lolMiner's figures, out of recorded answers of both schemas."""

from __future__ import annotations

import pytest

from rigfarm.wire.log import Device, Workload


def test_it_works(recorded):
    reading = recorded("lolminer", "healthy", coins=["ERG"])

    assert reading.workloads == [
        Workload(
            software="lolMiner",
            version="1.88",
            coin="ERG",
            algorithm="Autolykos V2",
            hashrate=332_750_000.0,  # 332.75 Mh/s
            accepted=512,
            rejected=3,
            stale=5,
            invalid=1,
            pool="erg.pool.example:3110",
            wallet="9ExampleErgoWallet",
            worker="loft",
            state="mining",
            uptime_s=6521.0,
        )
    ]
    assert reading.devices == [
        Device(
            kind="gpu",
            index=0,
            id="0000:03:00.0",
            name="AMD Radeon RX 6800",
            hashrates=[127_250_000.0],
            core_c=51.0,
            memory_c=76.0,
            chip_c=63.0,
            core_mhz=1370.0,
            memory_mhz=1075.0,
            fan_percent=41.0,
            power_w=152.3,
        ),
        Device(
            kind="gpu",
            index=1,
            id="0000:0b:00.0",  # "11:0" is decimal
            name="NVIDIA GeForce RTX 3080",
            hashrates=[205_500_000.0],
            core_c=55.0,
            memory_c=88.0,
            chip_c=66.0,
            core_mhz=1200.0,
            memory_mhz=9502.0,
            fan_percent=70.0,
            power_w=221.0,
        ),
    ]


def test_the_zero_before_its_first_measurement_is_unknown(recorded):
    reading = recorded("lolminer", "just-started")

    assert (reading.workloads[0].state, reading.workloads[0].hashrate) == ("starting", None)
    assert reading.devices[0].hashrates == [None]


def test_dual_mining_is_two_workloads_with_a_hashrate_per_device_each(recorded):
    reading = recorded("lolminer", "dual", coins=["ETC", "KAS"])

    first, second = reading.workloads
    assert (first.coin, first.algorithm, first.hashrate, first.worker) == ("ETC", "Etchash", 118_500_000.0, "loft")
    assert (second.coin, second.algorithm, second.hashrate) == ("KAS", "HeavyHash-Kaspa", 600_250_000.0)
    assert (second.accepted, second.rejected, second.stale, second.invalid) == (1900, 12, 4, 2)
    assert [(device.id, device.hashrates) for device in reading.devices] == [
        ("0000:01:00.0", [59_000_000.0, 300_000_000.0]),
        ("0000:10:00.0", [59_500_000.0, 300_250_000.0]),
    ]
    assert [device.memory_c for device in reading.devices] == [None, None]  # 0 is no sensor


def test_a_dead_gpu_keeps_its_place_and_loses_only_its_own_values(recorded):
    reading = recorded("lolminer", "dead-gpu")

    alive, dead, gone = reading.devices
    assert (alive.hashrates, alive.core_c) == ([29_750_000.0], 49.0)
    assert (dead.id, dead.hashrates, dead.core_c, dead.power_w) == ("0000:06:00.0", [0.0], None, None)
    assert (gone.index, gone.id, gone.hashrates) == (2, None, [None])


def test_without_a_factor_the_unit_counts(recorded):
    reading = recorded("lolminer", "equihash-unit")

    assert reading.workloads[0].hashrate == 71.5  # Sol/s
    assert reading.devices[0].hashrates == [71.5]


def test_version_1_20(recorded):
    reading = recorded("lolminer", "older-schema", coins=["ETH"])

    (workload,) = reading.workloads
    assert (workload.version, workload.coin, workload.algorithm) == ("1.20", "ETH", "Ethash")
    assert workload.hashrate == pytest.approx(61_250_000.0)
    assert (workload.accepted, workload.rejected, workload.invalid, workload.uptime_s) == (60, 2, 1, 4200.0)
    assert (workload.pool, workload.worker) == ("eth.pool.example:4444", "loft")
    assert [(device.id, device.hashrates, device.power_w, device.fan_percent) for device in reading.devices] == [
        ("0000:01:00.0", [30_500_000.0], 101.2, 44.0),
        ("0000:0a:00.0", [30_750_000.0], 109.2, 46.0),
    ]
