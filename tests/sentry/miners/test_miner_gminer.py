"""GMiner's figures, out of recorded answers."""

from __future__ import annotations

from rigfarm.wire.log import Device, Workload


def test_it_works(recorded):
    reading = recorded("gminer", "healthy", coins=["FLUX"])

    assert reading.workloads == [
        Workload(
            software="GMiner",
            version="3.44",
            coin="FLUX",
            algorithm="equihash125_4",
            hashrate=132.75,  # Sol/s: 62.25 + 70.5, there is no total
            accepted=82,
            rejected=1,
            stale=2,
            invalid=3,
            pool="stratum://flux.pool.example:7011",
            wallet="t1ExampleFluxWallet",
            worker="cellar",
            state="mining",
            uptime_s=2588.0,
        )
    ]
    assert reading.devices == [
        Device(
            kind="gpu",
            index=0,
            id="0000:01:00.0",
            name="MSI GeForce RTX 3060 Ti 8GB",
            hashrates=[62.25],
            core_c=57.0,
            core_mhz=1500.0,
            memory_mhz=7000.0,
            fan_percent=55.0,
            power_w=121.0,
        ),
        Device(
            kind="gpu",
            index=1,
            id="0000:0b:00.0",
            name="ASUS GeForce RTX 3070 8GB",
            hashrates=[70.5],
            core_c=59.0,
            core_mhz=1440.0,
            memory_mhz=7000.0,
            fan_percent=58.0,
            power_w=128.0,
        ),
    ]


def test_the_zero_before_its_first_measurement_is_unknown(recorded):
    reading = recorded("gminer", "just-started")

    assert (reading.workloads[0].state, reading.workloads[0].hashrate) == ("starting", None)
    assert reading.devices[0].hashrates == [None]


def test_dual_mining_is_two_workloads_with_a_hashrate_per_device_each(recorded):
    reading = recorded("gminer", "dual", coins=["ETC", "KAS"])

    first, second = reading.workloads
    assert (first.coin, first.algorithm, first.hashrate, first.accepted) == ("ETC", "etchash", 118_300_000.0, 122)
    assert (second.coin, second.algorithm, second.hashrate) == ("KAS", "kheavyhash", 621_000_000.0)
    assert (second.accepted, second.rejected, second.stale, second.worker) == (605, 6, 7, "cellar2")
    assert (second.pool, second.wallet) == ("stratum://kas.pool.example:3112", "kaspa:exampleaddress")
    assert [device.hashrates for device in reading.devices] == [
        [59_100_000.0, 310_000_000.0],
        [59_200_000.0, 311_000_000.0],
    ]


def test_a_dead_gpu_keeps_its_place_and_loses_only_its_own_values(recorded):
    reading = recorded("gminer", "dead-gpu")

    assert reading.workloads[0].hashrate == 30_100_000.0
    assert [(device.id, device.hashrates, device.fan_percent, device.power_w) for device in reading.devices] == [
        ("0000:01:00.0", [30_100_000.0], 55.0, 130.0),
        ("0000:02:00.0", [None], None, None),
    ]


def test_version_1_tells_shares_per_device_only(recorded):
    reading = recorded("gminer", "older-schema")

    (workload,) = reading.workloads
    assert (workload.version, workload.algorithm, workload.hashrate) == (None, None, 38.5)
    assert (workload.accepted, workload.rejected, workload.stale) == (7, 1, None)
    assert [device.power_w for device in reading.devices] == [None, None]


def test_three_algorithms_are_three_workloads_and_the_shares_that_only_cards_tell_count(recorded):
    reading = recorded("gminer", "triple", coins=["ETC", "KAS", "ZIL"])

    assert [(w.coin, w.algorithm, w.hashrate, w.accepted, w.rejected, w.stale, w.pool) for w in reading.workloads] == [
        ("ETC", "etchash", 62_500_000.0, 210, 1, None, "stratum://etc.pool.example:1010"),
        ("KAS", "kheavyhash", 819_000_000.0, 81, 3, None, "stratum://kas.pool.example:1206"),
        ("ZIL", "zil", 0.0, 17, None, 1, "zmp://zil.pool.example:9486"),
    ]
    assert [card.hashrates for card in reading.devices] == [[31e6, 410e6, 0.0], [31.5e6, 409e6, 0.0]]
