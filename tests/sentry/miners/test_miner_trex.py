"""T-Rex's figures, out of recorded answers."""

from __future__ import annotations

import json

from rigfarm.sentry.miners import adapters, interpret
from rigfarm.sentry.readings import WorkloadSource
from rigfarm.wire.log import Device, Workload


def test_it_works(recorded):
    reading = recorded("trex", "healthy")

    assert reading.workloads == [
        Workload(
            software="T-Rex",
            version="0.26.8",
            coin="rvn",
            algorithm="kawpow",
            hashrate=56_000_000.0,
            accepted=318,
            rejected=3,
            invalid=4,
            pool="stratum+tcp://rvn.pool.example:6060",
            wallet="RExampleWalletAddress0001",
            worker="garage",
            state="mining",
            uptime_s=3301.0,
        )
    ]
    assert reading.devices == [
        Device(
            kind="gpu",
            index=0,
            id="0000:01:00.0",
            name="MSI RTX 3060 Ti",
            hashrates=[24_120_345.0],
            core_c=57.0,
            memory_c=78.0,
            core_mhz=1500.0,
            memory_mhz=6800.0,
            fan_percent=62.0,
            power_w=121.0,
        ),
        Device(
            kind="gpu",
            index=1,
            id="0000:0a:00.0",  # pci_bus 10 is decimal
            name="Gigabyte RTX 3080",
            hashrates=[31_879_655.0],
            core_c=64.0,
            memory_c=92.0,
            core_mhz=1695.0,
            memory_mhz=9501.0,
            fan_percent=71.0,
            power_w=229.0,
        ),
    ]


def test_the_zero_before_its_first_measurement_is_unknown(recorded):
    reading = recorded("trex", "just-started")

    assert (reading.workloads[0].state, reading.workloads[0].hashrate) == ("starting", None)
    assert reading.devices[0].hashrates == [None]
    assert reading.devices[0].fan_percent == 0.0  # a fan may well stand still


def test_dual_mining_is_two_workloads_with_a_hashrate_per_device_each(recorded):
    reading = recorded("trex", "dual", coins=["ERG", "ALPH"])

    first, second = reading.workloads
    assert (first.coin, first.algorithm, first.hashrate, first.accepted) == ("ERG", "autolykos2", 203_500_000.0, 90)
    assert (second.coin, second.algorithm, second.hashrate) == ("ALPH", "blake3", 800_000_000.0)
    assert (second.accepted, second.rejected, second.pool) == (700, 7, "stratum+tcp://alph.pool.example:3112")
    assert (second.wallet, second.worker) == ("1ExampleAlphWallet", "dualrig")
    assert (first.wallet, first.worker) == ("9ExampleErgoWallet", "garage")
    # The second algorithm lists the cards in another order.
    assert [device.hashrates for device in reading.devices] == [
        [101_000_000.0, 390_000_000.0],
        [102_500_000.0, 410_000_000.0],
    ]


def test_a_dead_gpu_keeps_its_place_and_loses_only_its_own_values(recorded):
    reading = recorded("trex", "dead-gpu")

    assert [device.id for device in reading.devices] == ["0000:01:00.0", "0000:02:00.0", "0000:03:00.0"]
    dead = reading.devices[1]
    assert (dead.hashrates, dead.core_c, dead.power_w, dead.fan_percent) == ([0.0], None, None, None)
    assert reading.devices[2].hashrates == [60_200_300.0]


def test_version_0_19_tells_no_pci_address(recorded):
    reading = recorded("trex", "older-schema")

    assert (reading.workloads[0].hashrate, reading.workloads[0].accepted) == (71_200_300.0, 12)
    device = reading.devices[0]
    assert (device.id, device.index, device.power_w, device.core_c) == (None, 0, 200.0, 56.0)


def test_two_cards_on_the_same_bus_of_two_domains_are_two():
    """A mainboard with several PCI domains: both cards would have one address, and each other's temperature."""
    gpus = [{"device_id": at, "hashrate": 5.0, "pci_bus": 1, "pci_id": 0, "pci_domain": at} for at in range(2)]
    answer = json.dumps({"algorithm": "kawpow", "hashrate": 10, "gpus": gpus}).encode()
    reading = interpret({"summary": answer}, WorkloadSource(adapter="trex", port=1), adapters()["trex"])
    assert [device.id for device in reading.devices] == ["0000:01:00.0", "0001:01:00.0"]
