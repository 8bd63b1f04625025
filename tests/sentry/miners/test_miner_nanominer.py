"""nanominer's figures, out of recorded answers."""

from __future__ import annotations

import pytest

from rigfarm.wire.log import Device, Workload


def test_it_works(recorded):
    reading = recorded("nanominer", "healthy", coins=["FIRO"], version="3.9.2")

    assert reading.workloads == [
        Workload(
            software="nanominer",
            version="3.9.2",  # as the playbook says: the program does not
            coin="FIRO",
            algorithm="FiroPow",
            hashrate=45_750_000.0,  # "4.575000e+07"
            accepted=48,
            rejected=1,
            pool="firo.pool.example:3104",
            state="mining",
            uptime_s=9078.0,
        )
    ]
    assert reading.devices == [
        Device(
            kind="gpu",
            index=0,
            id="0000:01:00.0",
            name="GeForce RTX 3070",
            hashrates=[22_750_000.0],
            core_c=57.0,
            fan_percent=59.0,
            power_w=121.0,
        ),
        Device(
            kind="gpu",
            index=1,
            id="0000:0a:00.0",
            name="GeForce RTX 3070",
            hashrates=[23_000_000.0],
            core_c=60.0,
            fan_percent=61.0,
            power_w=124.0,
        ),
    ]


def test_the_zero_before_its_first_measurement_is_unknown(recorded):
    reading = recorded("nanominer", "just-started")

    assert (reading.workloads[0].state, reading.workloads[0].hashrate) == ("starting", None)
    assert reading.devices[0].hashrates == [None]


def test_each_algorithm_is_a_workload_with_a_hashrate_per_device(recorded):
    reading = recorded("nanominer", "dual", coins=["ERG", "KAS", "XMR"])

    assert [(w.coin, w.algorithm, w.accepted, w.rejected) for w in reading.workloads] == [
        ("ERG", "Autolykos", 22, 0),
        ("KAS", "Kaspa", 101, 1),
        ("XMR", "RandomX", 31, 2),
    ]
    assert [w.hashrate for w in reading.workloads] == pytest.approx([201e6, 701e6, 1850.5])
    assert [(device.kind, device.index, device.hashrates) for device in reading.devices] == [
        ("cpu", 0, [None, None, 1850.5]),
        ("gpu", 0, [100_000_000.0, 350_000_000.0, None]),
        ("gpu", 1, [101_000_000.0, 351_000_000.0, None]),
    ]


def test_a_dead_gpu_keeps_its_place_and_loses_only_its_own_values(recorded):
    reading = recorded("nanominer", "dead-gpu")

    dead = reading.devices[1]
    assert (dead.id, dead.hashrates, dead.core_c, dead.fan_percent) == ("0000:02:00.0", [None], None, None)
    assert reading.workloads[0].hashrate == 30_100_000.0


def test_without_its_list_of_devices_cards_go_by_their_number(recorded):
    reading = recorded("nanominer", "older-schema")

    assert [(device.index, device.id, device.hashrates) for device in reading.devices] == [
        (1, None, [201.0]),
        (3, None, [197.5]),
    ]
    assert reading.workloads[0].hashrate == 398.5
