"""cpuminer-opt's figures, out of recorded answers."""

from __future__ import annotations

from rigfarm.wire.log import Device, Workload


def test_it_works(recorded):
    reading = recorded("cpuminer", "healthy", coins=["YTN"])

    assert reading.workloads == [
        Workload(
            software="cpuminer-opt",
            version="24.5",
            coin="YTN",
            algorithm="yespowerr16",
            hashrate=5123.45,  # HS, not the rounded 5.12 of KHS
            accepted=88,
            rejected=2,
            pool="ytn.pool.example:6239",
            state="mining",
            uptime_s=1700.0,
        )
    ]
    assert reading.devices == [Device(kind="cpu", index=0, hashrates=[5123.45], core_c=71.5, core_mhz=4200.124)]


def test_the_zero_before_its_first_measurement_is_unknown(recorded):
    reading = recorded("cpuminer", "just-started")

    assert (reading.workloads[0].state, reading.workloads[0].hashrate) == ("starting", None)
    assert reading.devices == [Device(kind="cpu", index=0, hashrates=[None])]


def test_a_relative_that_writes_kilohashes_only(recorded):
    reading = recorded("cpuminer", "older-schema")

    (workload,) = reading.workloads
    assert (workload.version, workload.hashrate, workload.pool) == ("1.3.6", 1_312_500.0, None)
    assert reading.devices[0].core_mhz == 3300.0
