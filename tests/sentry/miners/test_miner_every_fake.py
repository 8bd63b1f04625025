"""Every fake, over its real protocol, read by its adapter: the figures are the model's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rigfarm.sentry.miners import adapters, read
from rigfarm.sentry.readings import MinerReading, WorkloadSource
from rigfarm.simulate.miners import Algorithm, Cpu, FakeMiner, Model, gpus, programs

NAMES = sorted(adapters())
DUAL = sorted(name for name, program in programs().items() if program.dual)
CPU_ONLY = {name for name, program in programs().items() if not program.pci and not program.example.gpus}

STEADY = Model(
    algorithms=(Algorithm("etchash", "ETC"), Algorithm("kaspa", "KAS")),
    gpus=gpus(12, 60_000_000.0, 400_000_000.0),
    version="9.9.9",
    wander=0.0,
)


def single(name: str) -> Model:
    """One algorithm, on what this program mines with."""
    only = replace(STEADY, algorithms=STEADY.algorithms[:1], gpus=gpus(12, 60_000_000.0))
    return replace(only, gpus=(), cpu=Cpu(rates=(5_000.0,))) if name in CPU_ONLY else only


async def reading_of(name: str, model: Model, started_ago_s: float = 7200.0) -> MinerReading:
    async with FakeMiner(name, model, started_ago_s=started_ago_s) as fake:
        source = WorkloadSource(adapter=name, port=fake.port, coins=[a.coin for a in model.algorithms])
        return await read(source, adapters()[name])


def test_every_adapter_has_a_fake_and_every_fake_an_adapter():
    assert set(programs()) == set(NAMES)
    assert {name: program.software for name, program in programs().items()} == {
        name: adapter.software for name, adapter in adapters().items()
    }


@pytest.mark.parametrize("name", NAMES)
async def test_it_works(name):
    model = single(name)
    now = model.at(7200.0)
    reading = await reading_of(name, model)

    (workload,) = reading.workloads
    assert (workload.state, workload.coin) == ("mining", "ETC")
    assert workload.hashrate == pytest.approx(now.first.rate, rel=1e-3)
    assert workload.accepted == pytest.approx(now.first.accepted, abs=30)
    assert workload.rejected == pytest.approx(now.first.rejected, abs=3)
    assert workload.uptime_s == pytest.approx(7200.0, abs=60)
    assert len(reading.devices) == (1 if name in CPU_ONLY else 12)
    for device in reading.devices:
        assert device.hashrates == pytest.approx([now.first.rate / len(reading.devices)], rel=1e-3)
    if programs()[name].pci:
        assert [device.id for device in reading.devices] == [gpu.pci for gpu in now.gpus]  # bus 10 is 0a


@pytest.mark.parametrize("name", DUAL)
async def test_dual_mining(name):
    reading = await reading_of(name, STEADY)

    first, second = reading.workloads
    assert (first.coin, second.coin) == ("ETC", "KAS")
    assert first.hashrate == pytest.approx(12 * 60e6, rel=1e-3)
    assert second.hashrate == pytest.approx(12 * 400e6, rel=1e-3)
    for device in reading.devices:
        assert device.hashrates == pytest.approx([60e6, 400e6], rel=1e-3)


@pytest.mark.parametrize("name", NAMES)
async def test_just_started(name):
    reading = await reading_of(name, replace(single(name), warmup_s=60.0), started_ago_s=3.0)

    (workload,) = reading.workloads
    assert (workload.state, workload.hashrate) == ("starting", None)
    assert all(device.hashrates == [None] for device in reading.devices)


@pytest.mark.parametrize("name", sorted(set(NAMES) - CPU_ONLY))
async def test_a_dead_gpu(name):
    model = single(name)
    cards = tuple(replace(gpu, dead=n == 2) for n, gpu in enumerate(model.gpus))
    reading = await reading_of(name, replace(model, gpus=cards))

    assert reading.workloads[0].hashrate == pytest.approx(11 * 60e6, rel=1e-3)
    assert len(reading.devices) == 12
    assert not reading.devices[2].hashrates[0]
    assert reading.devices[3].hashrates == pytest.approx([60e6], rel=1e-3)


@pytest.mark.parametrize("name", NAMES)
async def test_a_program_that_stopped_hashing_is_idle(name):
    reading = await reading_of(name, replace(single(name), paused=True))

    (workload,) = reading.workloads
    assert workload.state == "idle"
    assert not workload.hashrate


async def test_srbminer_2_and_3_alike():
    newer = await reading_of("srbminer", replace(single("srbminer"), version="3.6.1"))
    older = await reading_of("srbminer", replace(single("srbminer"), version="2.8.7"))

    assert newer.workloads[0].hashrate == older.workloads[0].hashrate
    assert newer.workloads[0].uptime_s == older.workloads[0].uptime_s
    assert newer.devices == older.devices
