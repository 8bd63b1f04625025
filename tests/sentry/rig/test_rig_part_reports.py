"""A rig reports its logs and specs, whatever its sensors and programs do."""

from __future__ import annotations

import asyncio

from rig_fakes import PCI, TOKEN, Rig, running

from rigfarm.sentry import miners
from rigfarm.sentry.readings import MinerReading, WorkloadSource
from rigfarm.sentry.rig.part import RigPart
from rigfarm.simulate.miners import FakeMiner, Model
from rigfarm.simulate.rigs import SimGpu, SimRig, SimulatedMachine, SimulatedSensors
from rigfarm.wire.log import Device
from support.until import until


async def test_it_works() -> None:
    async with running(Rig()) as rig:
        await until(lambda: len(rig.reporter.logs) >= 3)
        token, log = rig.reporter.logs[0]
        assert token == TOKEN
        assert (log.uptime_s, log.lan_ip, log.power_w) == (42.0, "10.0.0.5", 100.0)
        assert [(device.id, device.core_c) for device in log.devices] == [(PCI, 60.0)]
        times = [log.t for _, log in rig.reporter.logs]
        assert times == sorted(set(times))
        assert rig.part.last_log == rig.reporter.logs[-1][1]


async def test_specs_are_told_at_the_start_and_not_again() -> None:
    async with running(Rig(allow_power=True)) as rig:
        await until(lambda: len(rig.reporter.logs) >= 5)
        [(token, specs)] = rig.reporter.told_specs
        assert (token, specs.hostname, [gpu.id for gpu in specs.gpus]) == (TOKEN, "rig", [PCI])
        assert specs.supports == ["restart-miner", "reboot", "shut-down"]


async def test_a_new_card_changes_the_specs() -> None:
    async with running(Rig()) as rig:
        await until(lambda: rig.reporter.told_specs and rig.reporter.logs)
        rig.source.devices.append(Device(kind="gpu", index=0, id="0000:02:00.0"))
        await until(lambda: len(rig.reporter.told_specs) == 2)
        assert [gpu.id for gpu in rig.reporter.told_specs[1][1].gpus] == [PCI, "0000:02:00.0"]


async def test_a_card_that_falls_off_stays_in_the_specs() -> None:
    async with running(Rig()) as rig:
        await until(lambda: rig.reporter.told_specs)
        rig.source.devices.clear()
        await until(lambda: any(d.missing for _, log in rig.reporter.logs[-1:] for d in log.devices))
        rig.machine.hostname = "renamed"
        rig.part._look_at_specs.set()
        await until(lambda: len(rig.reporter.told_specs) == 2)
        assert [gpu.id for gpu in rig.reporter.told_specs[1][1].gpus] == [PCI]


async def test_a_reader_that_raises_costs_its_own_program_only() -> None:
    rig = Rig()
    rig.programs = [WorkloadSource("broken", 1, coins=["ETC", "KAS"]), WorkloadSource("fine", 2)]
    async with running(rig):
        await until(lambda: rig.reporter.logs)
        log = rig.reporter.logs[0][1]
        assert [(workload.coin, workload.state) for workload in log.workloads] == [
            ("ETC", "unreachable"),
            ("KAS", "unreachable"),
        ]
        assert "no such field" in log.messages[0]
        assert len(log.devices) == 1


async def test_a_machine_that_raises_costs_a_log_and_not_the_rig() -> None:
    rig = Rig()
    healthy = rig.machine.uptime_s
    rig.machine.uptime_s = lambda: 1 / 0
    async with running(rig):
        await asyncio.sleep(0.1)
        assert rig.reporter.logs == []
        rig.machine.uptime_s = healthy
        await until(lambda: rig.reporter.logs)


async def test_a_changed_interval_counts_at_once() -> None:
    rig = Rig()
    rig.reporter.interval_s = 3600.0
    async with running(rig):
        await until(lambda: rig.reporter.logs)
        await asyncio.sleep(0.05)
        assert len(rig.reporter.logs) == 1
        rig.reporter.interval_s = 0.02
        await until(lambda: len(rig.reporter.logs) > 3)


async def test_simulated_sensors_and_a_fake_program_tell_of_the_same_cards() -> None:
    sim = SimRig("rig-1", [SimGpu(f"0000:{bus:02x}:00.0", hashrate=60e6) for bus in (1, 2, 3)])
    async with FakeMiner("trex") as fake:
        fake.model = sim.mined_by(fake.model)
        adapters = miners.adapters()

        async def read(source: WorkloadSource) -> MinerReading:
            return await miners.read(source, adapters[source.adapter])

        sensors = SimulatedSensors(sim)
        source = WorkloadSource("trex", fake.port, coins=["ETC"])
        rig = Rig()
        rig.part = RigPart(TOKEN, rig.stored.append, sensors, lambda: [source], read, machine=SimulatedMachine(sim))
        async with running(rig):
            await until(lambda: rig.reporter.logs)
            log = rig.reporter.logs[0][1]
            assert [workload.state for workload in log.workloads] == ["mining"]
            gpus = [device for device in log.devices if device.kind == "gpu"]
            assert [gpu.id for gpu in gpus] == [card.pci for card in sim.gpus]
            assert all(55e6 < gpu.hashrates[0] < 65e6 for gpu in gpus)
            assert all(gpu.power_w and gpu.memory_c for gpu in gpus)
            sim.gpus[1].lost = True
            fake.model = sim.mined_by(fake.model)
            await until(lambda: any(device.missing for device in rig.reporter.logs[-1][1].devices))
            gone = next(device for device in rig.reporter.logs[-1][1].devices if device.missing)
            assert (gone.index, gone.id, gone.core_c, gone.hashrates) == (1, sim.gpus[1].pci, None, [0.0])
        sensors.close()
    assert isinstance(fake.model, Model)
