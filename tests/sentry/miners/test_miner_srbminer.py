"""SRBMiner-MULTI's figures, out of recorded answers of 3.x, 2.x and 0.4."""

from __future__ import annotations

from rigfarm.wire.log import Device, Workload


def test_it_works(recorded):
    reading = recorded("srbminer", "healthy", coins=["XEL"])

    assert reading.workloads == [
        Workload(
            software="SRBMiner-MULTI",
            version="3.6.1",
            coin="XEL",
            algorithm="xelishashv3",
            hashrate=52_001.0,  # 48900.5 on the cards, 3100.5 on the processor
            accepted=120,
            rejected=2,
            pool="xel.pool.example:3390",
            state="mining",
            uptime_s=5411.0,
        )
    ]
    assert reading.devices == [
        Device(
            kind="gpu",
            index=0,
            id="0000:03:00.0",
            name="Radeon RX 7900 XTX",
            hashrates=[24_500.25],
            core_c=61.0,
            core_mhz=2400.0,
            memory_mhz=1250.0,
            fan_rpm=1650.0,
            power_w=240.0,
        ),
        Device(
            kind="gpu",
            index=1,
            id="0000:0c:00.0",  # bus_id 12 is decimal
            name="Radeon RX 7900 XTX",
            hashrates=[24_400.25],
            core_c=63.0,
            core_mhz=2390.0,
            memory_mhz=1250.0,
            fan_rpm=1700.0,
            power_w=238.0,
        ),
        Device(kind="cpu", index=0, hashrates=[3100.5]),
    ]


def test_the_zero_before_its_first_measurement_is_unknown(recorded):
    reading = recorded("srbminer", "just-started")

    assert (reading.workloads[0].state, reading.workloads[0].hashrate) == ("starting", None)
    assert reading.devices[0].hashrates == [None]


def test_dual_mining_is_two_workloads_with_a_hashrate_per_device_each(recorded):
    reading = recorded("srbminer", "dual", coins=["ERG", "KAS"])

    first, second = reading.workloads
    assert (first.coin, first.hashrate, first.accepted, first.uptime_s) == ("ERG", 251_500_000.0, 210, 7777.0)
    assert (second.coin, second.hashrate, second.accepted, second.rejected) == ("KAS", 700_500_000.0, 800, 9)
    assert [device.hashrates for device in reading.devices] == [
        [125_500_000.0, 350_000_000.0],
        [126_000_000.0, 350_500_000.0],
    ]


def test_a_dead_gpu_keeps_its_place_and_loses_only_its_own_values(recorded):
    reading = recorded("srbminer", "dead-gpu")

    alive, dead = reading.devices
    assert (alive.hashrates, alive.power_w) == ([30_500_000.0], 150.0)
    assert (dead.id, dead.hashrates, dead.core_c, dead.power_w, dead.fan_rpm) == (
        "0000:06:00.0",
        [0.0],
        None,
        None,
        0.0,
    )


def test_a_processor_alone(recorded):
    reading = recorded("srbminer", "cpu-only")

    assert reading.workloads[0].hashrate == 1810.5
    assert reading.devices == [Device(kind="cpu", index=0, hashrates=[1810.5])]


def test_version_0_4(recorded):
    reading = recorded("srbminer", "older-schema")

    (workload,) = reading.workloads
    assert (workload.version, workload.algorithm, workload.hashrate) == ("0.4.6", "cryptonight_turtle", 9120.5)
    assert (workload.accepted, workload.rejected, workload.pool) == (40, 1, "trtl.pool.example:1160")
    assert [(device.id, device.hashrates, device.core_c) for device in reading.devices] == [
        ("0000:03:00.0", [9120.5], 62.0)
    ]
