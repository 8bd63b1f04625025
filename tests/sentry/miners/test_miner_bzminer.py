"""BzMiner's figures, out of recorded answers."""

from __future__ import annotations

from rigfarm.wire.log import Device, Workload


def test_it_works_and_the_garbage_of_unused_pools_is_left_out(recorded):
    reading = recorded("bzminer", "healthy", coins=["KAS"])

    assert reading.workloads == [
        Workload(
            software="BzMiner",
            version="23.0.2",
            coin="KAS",
            algorithm="kaspa",
            hashrate=1_281_000_000.0,
            accepted=901,
            rejected=8,
            stale=3,
            invalid=1,
            pool="stratum+tcp://kas.pool.example:3112",
            wallet="kaspa:exampleaddress",
            worker="cave",
            state="mining",
            uptime_s=3711.0,
        )
    ]
    assert reading.devices == [
        Device(
            kind="gpu",
            index=0,
            id="0000:01:00.0",
            name="NVIDIA GeForce RTX 3070",
            hashrates=[640_250_000.0],
            core_c=55.0,
            core_mhz=1500.0,
            memory_mhz=810.0,
            fan_percent=60.0,
            power_w=118.0,
        ),
        Device(
            kind="gpu",
            index=1,
            id="0000:ab:00.0",  # bus 171
            name="NVIDIA GeForce RTX 3070",
            hashrates=[640_750_000.0],
            core_c=58.0,
            core_mhz=1500.0,
            memory_mhz=810.0,
            fan_percent=63.0,
            power_w=121.0,
        ),
    ]


def test_the_zero_before_its_first_measurement_is_unknown(recorded):
    reading = recorded("bzminer", "just-started")

    assert (reading.workloads[0].state, reading.workloads[0].hashrate) == ("starting", None)
    assert reading.devices[0].hashrates == [None]


def test_dual_mining_is_two_workloads_with_a_hashrate_per_device_each(recorded):
    reading = recorded("bzminer", "dual", coins=["ETC", "ZIL"])

    first, second = reading.workloads
    assert (first.coin, first.algorithm, first.hashrate, first.state) == ("ETC", "etchash", 120_300_000.0, "mining")
    # Between Zilliqa's rounds its hashrate is a real zero.
    assert (second.coin, second.algorithm, second.hashrate, second.state) == ("ZIL", "zil", 0.0, "idle")
    assert [(device.kind, device.index, device.hashrates) for device in reading.devices] == [
        ("gpu", 0, [60_100_000.0, 0.0]),
        ("gpu", 1, [60_200_000.0, 0.0]),
        ("cpu", 0, [None, None]),
    ]
    assert reading.devices[2].id is None


def test_a_dead_gpu_keeps_its_place_and_loses_only_its_own_values(recorded):
    reading = recorded("bzminer", "dead-gpu")

    dead = reading.devices[1]
    assert (dead.id, dead.hashrates, dead.core_c, dead.fan_percent, dead.power_w) == (
        "0000:02:00.0",
        [None],
        None,
        None,
        None,
    )
    assert reading.workloads[0].hashrate == 30_100_000.0


def test_a_version_without_pool_ids(recorded):
    reading = recorded("bzminer", "older-schema")

    (workload,) = reading.workloads
    assert (workload.version, workload.algorithm, workload.hashrate, workload.accepted) == (
        "4.2.1",
        "ethash",
        39.5e6,
        12,
    )
    assert reading.devices[0].id == "0000:09:00.0"
