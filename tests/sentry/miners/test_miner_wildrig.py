"""WildRig Multi's figures, out of recorded answers."""

from __future__ import annotations

from rigfarm.wire.log import Device, Workload


def test_it_works(recorded):
    reading = recorded("wildrig", "healthy", coins=["EVR"])

    assert reading.workloads == [
        Workload(
            software="WildRig Multi",
            version="0.42.3",
            coin="EVR",
            algorithm="evrprogpow",
            hashrate=39_650_000.5,
            accepted=300,
            rejected=2,
            invalid=3,
            pool="evr.pool.example:1111",
            state="mining",
            uptime_s=3300.0,
        )
    ]
    assert reading.devices == [
        Device(
            kind="gpu",
            index=0,
            id="0000:03:00.0",
            hashrates=[19_800_000.25],
            core_c=61.0,
            core_mhz=1900.0,
            memory_mhz=2000.0,
            fan_percent=45.0,
            power_w=118.0,
        ),
        Device(
            kind="gpu",
            index=1,
            id="0000:0c:00.0",  # busID 12 is decimal
            hashrates=[19_850_000.25],
            core_c=63.0,
            core_mhz=1910.0,
            memory_mhz=2000.0,
            fan_percent=48.0,
            power_w=121.0,
        ),
    ]


def test_without_a_hashrate_yet_it_is_starting_and_unknown(recorded):
    reading = recorded("wildrig", "just-started")

    assert (reading.workloads[0].state, reading.workloads[0].hashrate) == ("starting", None)
    assert reading.devices[0].hashrates == [None]


def test_two_threads_of_a_card_are_one_device(recorded):
    reading = recorded("wildrig", "two-threads")

    assert [device.hashrates for device in reading.devices] == [[19_800_000.5], [19_850_000.5]]


def test_a_dead_gpu_keeps_its_place_and_loses_only_its_own_values(recorded):
    reading = recorded("wildrig", "dead-gpu")

    dead = reading.devices[1]
    assert (dead.id, dead.hashrates, dead.core_c, dead.fan_percent, dead.power_w) == (
        "0000:0c:00.0",
        [None],
        None,
        None,
        None,
    )
    assert reading.devices[0].hashrates == [19_800_000.0]


def test_without_sensors_cards_go_by_their_number(recorded):
    reading = recorded("wildrig", "older-schema")

    assert [(device.index, device.id, device.hashrates) for device in reading.devices] == [
        (0, None, [7_600_000.0]),
        (1, None, [7_600_000.0]),
    ]
    assert (reading.workloads[0].accepted, reading.workloads[0].rejected) == (20, 1)


def test_a_window_that_is_not_full_is_no_zero(recorded):
    reading = recorded("wildrig", "long-windows", coins=["RTM"])

    assert (reading.workloads[0].hashrate, reading.workloads[0].state) == (1210.5, "mining")
    assert [card.hashrates for card in reading.devices] == [[605.25], [605.25]]
