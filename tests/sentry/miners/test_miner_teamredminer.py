"""TeamRedMiner's figures, out of recorded answers."""

from __future__ import annotations

from rigfarm.wire.log import Device, Workload


def test_it_works(recorded):
    reading = recorded("teamredminer", "healthy", coins=["ETC"])

    assert reading.workloads == [
        Workload(
            software="TeamRedMiner",
            version="0.10.14",
            coin="ETC",
            hashrate=121_984_500.0,  # 121984.5 kH/s
            accepted=211,
            rejected=2,
            stale=3,
            invalid=1,
            pool="stratum+tcp://etc.pool.example:1010",
            wallet="0x00000000000000000000000000000000000000cc",
            worker="attic",
            state="mining",
            uptime_s=5423.0,
        )
    ]
    assert reading.devices == [
        Device(
            kind="gpu",
            index=0,
            hashrates=[60_972_250.0],
            core_c=54.0,
            core_mhz=1250.0,
            memory_mhz=2140.0,
            fan_percent=48.0,
            fan_rpm=1650.0,
        ),
        Device(
            kind="gpu",
            index=1,
            hashrates=[61_012_250.0],
            core_c=57.0,
            core_mhz=1255.0,
            memory_mhz=2140.0,
            fan_percent=52.0,
            fan_rpm=1790.0,
        ),
    ]


def test_the_zero_before_its_first_measurement_is_unknown(recorded):
    reading = recorded("teamredminer", "just-started")

    assert (reading.workloads[0].state, reading.workloads[0].hashrate) == ("starting", None)
    assert reading.devices[0].hashrates == [None]


def test_dual_mining_is_two_workloads_with_a_hashrate_per_device_each(recorded):
    reading = recorded("teamredminer", "dual", coins=["ETHW", "TON"])

    first, second = reading.workloads
    assert (first.coin, first.hashrate, first.accepted) == ("ETHW", 91_500_000.0, 300)
    assert (second.coin, second.hashrate, second.accepted, second.rejected) == ("TON", 2_810_000_000.0, 950, 11)
    assert second.pool == "stratum+tcp://ton.pool.example:4001"  # not the dead one before it
    assert [device.hashrates for device in reading.devices] == [
        [45_700_000.0, 1_400_000_000.0],
        [45_800_000.0, 1_410_000_000.0],
    ]


def test_a_dead_gpu_whose_figures_are_nan_as_c_prints_it(recorded):
    reading = recorded("teamredminer", "dead-gpu")

    alive, dead = reading.devices
    assert alive.hashrates == [60_972_250.0]
    assert (dead.index, dead.hashrates, dead.core_c, dead.fan_percent, dead.fan_rpm) == (1, [None], None, None, None)
    assert reading.workloads[0].hashrate == 60_972_250.0


def test_sections_in_lists_and_megahashes_as_sgminer_writes_them(recorded):
    reading = recorded("teamredminer", "older-schema")

    workload = reading.workloads[0]
    assert (workload.hashrate, workload.version, workload.algorithm) == (712_500.0, "5.6.1", "lyra2rev2")
    assert reading.devices[0].hashrates == [712_500.0]
    assert len(reading.workloads) == 1
