"""Rigel's figures, out of recorded answers."""

from __future__ import annotations

from rigfarm.wire.log import Device, Workload


def test_it_works(recorded):
    reading = recorded("rigel", "healthy", coins=["CFX"])

    assert reading.workloads == [
        Workload(
            software="Rigel",
            version="1.21.0",
            coin="CFX",
            algorithm="octopus",
            hashrate=128_000_001.0,
            accepted=311,
            rejected=4,
            invalid=2,
            pool="stratum+ssl://cfx.pool.example:3094",  # the pool in use, not the dead one before it
            wallet="cfx:exampleaddress",
            worker="mill",
            state="mining",
            uptime_s=6100.0,
        )
    ]
    assert reading.devices == [  # the third card is not selected
        Device(
            kind="gpu",
            index=0,
            id="0000:01:00.0",
            name="NVIDIA GeForce RTX 3070",
            hashrates=[48_500_000.5],
            core_c=55.0,
            memory_c=78.0,
            core_mhz=1500.0,
            memory_mhz=8100.0,
            fan_percent=60.0,
            power_w=130.0,
        ),
        Device(
            kind="gpu",
            index=1,
            id="0000:0a:00.0",
            name="NVIDIA GeForce RTX 3080",
            hashrates=[79_500_000.5],
            core_c=61.0,
            memory_c=92.0,
            core_mhz=1410.0,
            memory_mhz=9501.0,
            fan_percent=72.0,
            power_w=231.0,
        ),
    ]


def test_without_a_hashrate_yet_it_is_starting_and_unknown(recorded):
    reading = recorded("rigel", "just-started")

    assert (reading.workloads[0].state, reading.workloads[0].hashrate) == ("starting", None)
    assert (reading.devices[0].hashrates, reading.devices[0].memory_c) == ([None], None)


def test_each_algorithm_is_a_workload_with_a_hashrate_per_device(recorded):
    reading = recorded("rigel", "dual", coins=["ETC", "KLS", "ZIL"])

    assert [(w.coin, w.algorithm, w.hashrate, w.accepted, w.state) for w in reading.workloads] == [
        ("ETC", "etchash", 118_100_000.0, 130, "mining"),
        ("KLS", "karlsenhash", 821_000_000.0, 720, "mining"),
        ("ZIL", "zil", 0.0, 9, "idle"),  # between its rounds
    ]
    assert (reading.workloads[0].wallet, reading.workloads[0].worker) == (
        "0x00000000000000000000000000000000000000c4",
        "mill",
    )
    assert [device.hashrates for device in reading.devices] == [
        [59_000_000.0, 410_000_000.0, 0.0],
        [59_100_000.0, 411_000_000.0, 0.0],
    ]


def test_a_dead_gpu_keeps_its_place_and_loses_only_its_own_values(recorded):
    reading = recorded("rigel", "dead-gpu")

    dead = reading.devices[1]
    assert (dead.id, dead.hashrates, dead.core_c, dead.power_w) == ("0000:02:00.0", [None], None, None)
    assert reading.workloads[0].pool is None
