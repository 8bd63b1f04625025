"""A simulated rig behaves like one, and the Sentry's own sensors read it, from the model or from a kernel's files."""

from __future__ import annotations

from pathlib import Path

import pytest

from rigfarm.cli import demo
from rigfarm.sentry.rig.specs import read_specs
from rigfarm.sentry.sensors import Sensors
from rigfarm.sentry.sensors.rapl import Rapl
from rigfarm.simulate.demo import RIGS
from rigfarm.simulate.farm import SimulatedFarm
from rigfarm.simulate.miners import programs
from rigfarm.simulate.rigs import SimCpu, SimGpu, SimRig, SimulatedMachine, SimulatedSensors, demo_rigs
from support.sysfs import SysfsTree


def rig(*gpus: SimGpu) -> SimRig:
    return SimRig("rig", list(gpus))


def settle(sim: SimRig, seconds: float = 600.0) -> None:
    for _ in range(int(seconds / 5)):
        sim.step(5.0)


def test_a_card_settles_where_cards_do() -> None:
    sim = rig(SimGpu("0000:01:00.0"))
    settle(sim)
    [gpu] = sim.gpus
    assert 45 < gpu.core_c < 70
    assert gpu.core_c < gpu.memory_c < 95
    assert 30 < gpu.fan_percent < 80
    assert gpu.drawn_w == pytest.approx(gpu.power_w, rel=0.03)
    assert gpu.rate == gpu.hashrate


def test_temperature_follows_the_load() -> None:
    sim = rig(SimGpu("0000:01:00.0"))
    settle(sim)
    busy = sim.gpus[0].core_c
    sim.gpus[0].load = sim.cpu.load = 0.0
    settle(sim)
    assert sim.gpus[0].core_c < busy - 10
    assert sim.gpus[0].rate == 0.0


def test_a_card_whose_fan_breaks_overheats_and_slows_down() -> None:
    sim = rig(SimGpu("0000:01:00.0"), SimGpu("0000:02:00.0"))
    sim.gpus[0].fan_broken = True
    settle(sim)
    assert sim.gpus[0].core_c > 92
    assert sim.gpus[0].rate < sim.gpus[0].hashrate
    assert sim.gpus[1].core_c < 70


def test_the_same_seed_lives_the_same_life() -> None:
    first, second = demo_rigs(3), demo_rigs(3)
    for sim in (*first, *second):
        settle(sim, 60)
    assert first == second
    assert first[0] != first[1]


def test_a_demo_farm_has_all_sorts() -> None:
    farm = demo_rigs(12)
    assert len({sim.name for sim in farm}) == len({sim.lan_ip for sim in farm}) == 12
    assert [len(sim.gpus) == 0 for sim in farm] == [False, False, False, True] * 3
    assert {gpu.vendor for sim in farm for gpu in sim.gpus} == {"NVIDIA", "AMD"}
    for sim in farm:
        assert len({gpu.pci for gpu in sim.gpus}) == len(sim.gpus)


def test_a_program_mines_with_the_rigs_cards() -> None:
    sim = rig(SimGpu("0000:03:00.0", hashrate=50e6), SimGpu("0000:04:00.0", lost=True))
    model = sim.mined_by(programs()["trex"].example)
    assert [gpu.pci for gpu in model.gpus] == ["0000:03:00.0", "0000:04:00.0"]
    assert model.gpus[0].rates[0] == 50e6
    assert [gpu.dead for gpu in model.gpus] == [False, True]
    xmrig = programs()["xmrig"].example
    assert sim.mined_by(xmrig) == xmrig


async def test_the_sensors_step_the_model_by_the_clock() -> None:
    now = [100.0]
    sim = rig(SimGpu("0000:01:00.0", core_c=30.0))
    sensors = SimulatedSensors(sim, clock=lambda: now[0])
    before = (await sensors.read()).devices[1].core_c
    now[0] += 300
    after = (await sensors.read()).devices[1].core_c
    assert after > before + 10
    assert [specs.id for specs in await sensors.gpu_specs()] == ["0000:01:00.0"]
    sensors.close()


async def test_a_card_that_falls_off_keeps_its_place(tmp_path: Path) -> None:
    sim = rig(*(SimGpu(f"0000:0{bus}:00.0") for bus in (1, 2, 3)))
    sensors = SimulatedSensors(sim, tmp_path / "gpus.json")
    await sensors.read()
    sim.gpus[1].lost = True
    gpus = (await sensors.read()).devices[1:]
    assert [(gpu.index, gpu.missing) for gpu in gpus] == [(0, False), (1, True), (2, False)]
    sensors.close()


def test_a_simulated_machine_has_specs() -> None:
    sim = demo_rigs(1)[0]
    machine = SimulatedMachine(sim, uptime_s=50.0)
    assert machine.specs([]).hostname == "rig-01"
    assert machine.uptime_s() >= 50.0
    assert machine.lan_ip() == sim.lan_ip


async def test_the_same_rig_as_a_kernel_shows_it(tmp_path: Path) -> None:
    sim = SimRig("rig", [SimGpu(f"0000:0{bus}:00.0", "AMD Radeon RX 5700 XT") for bus in (3, 4)], SimCpu(core_c=52.0))
    tree = SysfsTree(tmp_path)
    tree.show(sim)
    sensors = Sensors(tree.sys)
    cpu, *gpus = (await sensors.read()).devices
    assert cpu.core_c == 52.0
    assert [gpu.id for gpu in gpus] == ["0000:03:00.0", "0000:04:00.0"]
    sim.step(30.0)
    tree.show(sim, 30.0)
    assert (await sensors.read()).devices[1].core_c == pytest.approx(sim.gpus[0].core_c, abs=0.051)
    sim.gpus[0].lost = True
    tree.show(sim, 30.0)
    assert [gpu.missing for gpu in (await sensors.read()).devices[1:]] == [True, False]
    sim.gpus[0].lost = False
    tree.show(sim, 30.0)
    assert read_specs(tree.sys).hostname == "rig"
    sensors.close()


def test_energy_goes_on_by_the_power_drawn_and_wraps(tmp_path: Path) -> None:
    now = [0.0]
    sim, tree = rig(), SysfsTree(tmp_path)
    sim.cpu.drawn_w = 100.0
    tree.show(sim)
    rapl = Rapl(tree.sys, lambda: now[0])
    rapl.read()
    for _ in range(40):
        now[0] += 100.0
        tree.show(sim, 100.0)
        assert rapl.read().devices[0].power_w == pytest.approx(100.0, abs=0.01)
    assert now[0] * 100e6 > 262_143_328_850  # it wrapped on the way


def test_every_mining_program_runs_on_a_rig_of_the_demo(tmp_path: Path) -> None:
    asked_for = next(option for option in demo.params if option.name == "rigs")
    assert asked_for.default == RIGS, "the command makes as many rigs as that takes"
    farm = SimulatedFarm("http://127.0.0.1:1", [f"token {number}" for number in range(RIGS)], tmp_path)
    assert {name for rig in farm.rigs for name in rig.programs} == set(programs())
