"""OneZeroMiner's figures, out of recorded answers."""

from __future__ import annotations

from rigfarm.wire.log import Device, Workload


def test_it_works(recorded):
    reading = recorded("onezerominer", "healthy", coins=["QTC"])

    assert reading.workloads == [
        Workload(
            software="OneZeroMiner",
            version="1.8.0",
            coin="QTC",
            algorithm="qhash",
            hashrate=1_961_000_001.0,
            accepted=512,
            rejected=3,
            invalid=2,
            pool="stratum+tcp://qtc.pool.example:8010",
            state="mining",
            uptime_s=4400.0,
        )
    ]
    assert reading.devices == [
        Device(
            kind="gpu",
            index=0,
            id="0000:01:00.0",
            name="NVIDIA GeForce RTX 4070",
            hashrates=[980_000_000.5],
            core_c=52.0,
            core_mhz=2500.0,
            memory_mhz=5001.0,
            fan_percent=50.0,
            power_w=115.0,
        ),
        Device(
            kind="gpu",
            index=1,
            id="0000:0a:00.0",  # bus_id 10 is decimal
            name="NVIDIA GeForce RTX 4070",
            hashrates=[981_000_000.5],
            core_c=55.0,
            memory_c=66.0,
            core_mhz=2505.0,
            memory_mhz=5001.0,
            fan_percent=52.0,
            power_w=117.0,
        ),
    ]


def test_the_zero_before_its_first_measurement_is_unknown(recorded):
    reading = recorded("onezerominer", "just-started")

    assert (reading.workloads[0].state, reading.workloads[0].hashrate) == ("starting", None)
    assert reading.devices[0].hashrates == [None]


def test_dual_mining_is_two_workloads_with_a_hashrate_per_device_each(recorded):
    reading = recorded("onezerominer", "dual", coins=["XEL", "ZIL"])

    first, second = reading.workloads
    assert (first.coin, first.hashrate, first.accepted, first.rejected) == ("XEL", 41_000.5, 60, 1)
    assert (second.coin, second.algorithm, second.hashrate, second.state) == ("ZIL", "zilliqa", 0.0, "idle")
    assert reading.devices[0].hashrates == [41_000.5, 0.0]


def test_a_dead_gpu_keeps_its_place_and_loses_only_its_own_values(recorded):
    reading = recorded("onezerominer", "dead-gpu")

    dead = reading.devices[1]
    assert (dead.id, dead.hashrates, dead.core_c, dead.power_w) == ("0000:02:00.0", [None], None, None)
    assert reading.devices[0].hashrates == [980_000_000.0]


def test_version_1_7_does_not_tell_invalid_shares(recorded):
    reading = recorded("onezerominer", "older-schema")

    (workload,) = reading.workloads
    assert (workload.version, workload.hashrate, workload.accepted, workload.rejected) == ("1.7.8", 0.125, 4, 1)
    assert workload.invalid is None
