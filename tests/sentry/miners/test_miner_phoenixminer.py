"""The figures of PhoenixMiner and of those who share its protocol, out of recorded answers."""

from __future__ import annotations

from rigfarm.wire.log import Device, Workload


def test_it_works(recorded):
    reading = recorded("phoenixminer", "healthy")

    assert reading.workloads == [
        Workload(
            software="PhoenixMiner",
            version="6.2c",
            coin="ETC",
            hashrate=181_500_000.0,  # 181500 kH/s
            accepted=51,
            rejected=2,
            invalid=3,
            pool="etc.pool.example:1010",
            state="mining",
            uptime_s=7500.0,  # 125 minutes
        )
    ]
    assert len(reading.devices) == 6
    assert reading.devices[0] == Device(
        kind="gpu", index=0, id="0000:01:00.0", hashrates=[30_250_000.0], core_c=52.0, fan_percent=60.0
    )
    assert reading.devices[5] == Device(
        kind="gpu", index=5, id="0000:0a:00.0", hashrates=[30_250_000.0], core_c=57.0, fan_percent=64.0
    )


def test_the_zero_before_its_first_measurement_is_unknown(recorded):
    reading = recorded("phoenixminer", "just-started")

    assert (reading.workloads[0].state, reading.workloads[0].hashrate) == ("starting", None)
    assert [device.hashrates for device in reading.devices] == [[None], [None]]
    assert [device.id for device in reading.devices] == [None, None]  # getstat2 was not answered


def test_dual_mining_is_two_workloads_with_a_hashrate_per_device_each(recorded):
    reading = recorded("phoenixminer", "dual", coins=["ETH", "SC"])

    first, second = reading.workloads
    assert (first.coin, first.hashrate, first.accepted, first.rejected) == ("ETH", 66_100_000.0, 45, 0)
    assert (second.coin, second.hashrate, second.accepted, second.rejected) == ("SC", 880_000_000.0, 27, 1)
    assert (first.pool, second.pool) == ("eth.pool.example:9999", "sia.pool.example:7777")
    assert (first.invalid, second.invalid) == (0, 4)
    assert [device.hashrates for device in reading.devices] == [
        [27_500_000.0, 410_000_000.0],
        [26_400_000.0, 405_000_000.0],
        [12_200_000.0, 65_000_000.0],
    ]


def test_a_dead_gpu_keeps_its_place_and_loses_only_its_own_values(recorded):
    reading = recorded("phoenixminer", "dead-gpu")

    assert [(device.hashrates, device.core_c) for device in reading.devices] == [
        ([30_250_000.0], 53.0),
        ([0.0], None),
        ([None], None),
    ]


def test_the_zec_edition_counts_solutions_not_thousands(recorded):
    reading = recorded("phoenixminer", "older-schema")

    assert (reading.workloads[0].coin, reading.workloads[0].hashrate) == ("ZEC", 2410.0)
    assert reading.devices[1].hashrates == [605.0]


def test_tt_miner_counts_hashes_not_thousands(recorded):
    reading = recorded("ttminer", "healthy", coins=["EPIC"])

    (workload,) = reading.workloads
    assert (workload.software, workload.version, workload.coin) == ("TT-Miner", "2024.1.6", "EPIC")
    assert (workload.hashrate, workload.accepted, workload.rejected) == (43_250_000.0, 90, 1)
    assert workload.uptime_s == 4620.0  # 77 minutes
    assert [(device.hashrates, device.core_c, device.fan_percent) for device in reading.devices] == [
        ([21_600_000.0], 55.0, 60.0),
        ([21_650_000.0], 58.0, 62.0),
    ]


def test_tt_miner_just_started_and_with_a_dead_gpu(recorded):
    assert recorded("ttminer", "just-started").workloads[0].state == "starting"
    dead = recorded("ttminer", "dead-gpu").devices[1]
    assert (dead.hashrates, dead.core_c, dead.fan_percent) == ([0.0], None, 0.0)  # 511 °C is no temperature
