"""XMRig's figures, out of recorded answers."""

from __future__ import annotations

from rigfarm.wire.log import Device, Workload


def test_it_works(recorded):
    reading = recorded("xmrig", "healthy", coins=["XMR"], wallet="4Wallet", worker="shelf3", playbook=7)

    assert reading.workloads == [
        Workload(
            software="XMRig",
            version="6.22.2",
            coin="XMR",
            algorithm="rx/0",
            hashrate=2580.75,  # H/s over 10 s
            accepted=41,
            rejected=2,  # 43 submitted
            pool="xmr.pool.example:20064",
            wallet="4Wallet",
            worker="shelf3",
            state="mining",
            uptime_s=742.0,
            playbook=7,
        )
    ]
    assert reading.devices == [
        Device(kind="cpu", index=0, name="AMD Ryzen 7 3700X 8-Core Processor", hashrates=[1640.5]),
        Device(
            kind="gpu",
            index=0,
            id="0000:0a:00.0",
            name="NVIDIA GeForce RTX 2060",
            hashrates=[480.0],  # its two threads: 240.25 + 239.75
            core_c=63.0,
            core_mhz=1702.0,
            memory_mhz=6800.0,
            fan_percent=61.0,  # the faster of two fans
            power_w=131.0,
        ),
        Device(
            kind="gpu",
            index=1,
            id="0000:10:00.0",  # hexadecimal: bus 16
            name="NVIDIA GeForce RTX 2070",
            hashrates=[460.25],
            core_c=66.0,
            core_mhz=1725.0,
            memory_mhz=6800.0,
            fan_percent=70.0,
            power_w=148.0,
        ),
    ]


def test_without_a_hashrate_yet_it_is_starting_and_unknown(recorded):
    reading = recorded("xmrig", "just-started")

    assert (reading.workloads[0].state, reading.workloads[0].hashrate) == ("starting", None)
    assert [device.hashrates for device in reading.devices] == [[None]]


def test_null_after_a_hashrate_was_seen_is_idle(recorded):
    reading = recorded("xmrig", "stopped")

    assert (reading.workloads[0].state, reading.workloads[0].hashrate) == ("idle", None)


def test_a_dead_gpu_keeps_its_place_and_loses_only_its_own_values(recorded):
    reading = recorded("xmrig", "dead-gpu")

    alive, dead = reading.devices
    assert (alive.id, alive.hashrates, alive.core_c, alive.fan_rpm) == ("0000:03:00.0", [14_250_000.0], 61.0, 1985.0)
    assert (dead.id, dead.hashrates, dead.core_c, dead.power_w, dead.core_mhz) == (
        "0000:06:00.0",
        [None],
        None,
        None,
        None,
    )
    assert reading.workloads[0].state == "mining"


def test_the_page_of_version_2(recorded):
    reading = recorded("xmrig", "older-schema")

    workload = reading.workloads[0]
    assert (workload.version, workload.algorithm, workload.hashrate) == ("2.14.1", "cn/r", 201.3)
    assert (workload.accepted, workload.rejected, workload.uptime_s) == (77, 3, 3610.0)
    assert workload.pool == "xmr.pool.example:3333"


def test_the_host_name_it_gives_its_api_is_not_the_pools_worker(recorded):
    assert recorded("xmrig", "healthy").workloads[0].worker is None


def test_a_slow_card_fills_no_short_window(recorded):
    """Its 10 s figure is unknown for good; the minute's counts, and it is not called stopped."""
    reading = recorded("xmrig", "slow-card", coins=["XMR"])

    work = reading.workloads[0]
    assert (work.hashrate, work.state, work.accepted) == (83.25, "mining", 5)
    assert [device.hashrates for device in reading.devices] == [[83.25]]


def test_what_runs_on_two_sockets_is_unknown_on_each(recorded):
    reading = recorded("xmrig", "two-sockets", coins=["XMR"])

    assert reading.workloads[0].hashrate == 9410.5
    assert [(cpu.kind, cpu.index, cpu.hashrates) for cpu in reading.devices] == [("cpu", 0, [None]), ("cpu", 1, [None])]
