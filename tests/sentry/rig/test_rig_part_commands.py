"""What a CPU/GPU rig does when told, and what it refuses, with a sentence."""

from __future__ import annotations

import sys

import pytest
from rig_fakes import TOKEN, Rig

from rigfarm.sentry.rig.power import run_command
from rigfarm.wire.commands import Locate, Pause, PowerLimit, Reboot, Restart, RestartMiner, Resume, SetPools, ShutDown
from rigfarm.wire.frames import Verdict


async def test_restart_miner() -> None:
    rig = Rig()
    assert await rig.part.on_command(TOKEN, RestartMiner()) == ("done", "2 mining programs are restarting.")
    rig.runner.running = 1
    assert await rig.part.on_command(TOKEN, RestartMiner(7)) == ("done", "1 mining program is restarting.")
    assert rig.runner.restarted == [None, 7]
    rig.runner.running = 0
    state, detail = await rig.part.on_command(TOKEN, RestartMiner(8))
    assert state == "refused"
    assert "no running playbook" in detail


async def test_restart_miner_without_a_runner() -> None:
    state, detail = await Rig(runner=None).part.on_command(TOKEN, RestartMiner())
    assert state == "refused"
    assert "not started by its Sentry" in detail


@pytest.mark.parametrize(
    ("order", "argv"), [(Reboot(), ["systemctl", "reboot"]), (ShutDown(), ["systemctl", "poweroff"])]
)
async def test_power(order: Reboot | ShutDown, argv: list[str]) -> None:
    rig = Rig(allow_power=True)
    state, detail = await rig.part.on_command(TOKEN, order)
    assert (state, rig.commands) == ("done", [argv])
    assert detail
    rig.command_outcome = ("failed", "systemctl said no")
    assert await rig.part.on_command(TOKEN, order) == ("failed", "systemctl said no")


@pytest.mark.parametrize("order", [Reboot(), ShutDown()])
async def test_power_that_is_not_allowed(order: Reboot | ShutDown) -> None:
    rig = Rig()
    state, detail = await rig.part.on_command(TOKEN, order)
    assert (state, rig.commands) == ("refused", [])
    assert "allow_power" in detail


@pytest.mark.parametrize(
    ("order", "name"),
    [
        (Restart(), "restart"),
        (Pause(), "pause"),
        (Resume(), "resume"),
        (Locate(on=True), "locate"),
        (PowerLimit(300.0), "power-limit"),
        (SetPools([]), "set-pools"),
    ],
)
async def test_orders_for_asics_are_refused(order: Pause, name: str) -> None:
    state, detail = await Rig(allow_power=True).part.on_command(TOKEN, order)
    assert state == "refused"
    assert f"`{name}`" in detail


async def test_a_rig_that_is_no_longer_ours_is_not_rebooted() -> None:
    rig = Rig(allow_power=True)
    assert (await rig.part.on_command("rf_other", Reboot()))[0] == "refused"
    await rig.part.on_verdict(TOKEN, Verdict("unknown"))
    assert (await rig.part.on_command(TOKEN, Reboot()))[0] == "refused"
    assert rig.commands == []


async def test_what_can_be_carried_out_is_in_the_specs() -> None:
    rig = Rig(runner=None)
    assert (await rig.part._read_specs()).supports == []


async def test_running_a_command() -> None:
    assert await run_command([sys.executable, "-c", "print('fine')"]) == ("done", "")
    state, detail = await run_command([sys.executable, "-c", "print('no bus'); raise SystemExit(3)"])
    assert state == "failed"
    assert detail.endswith("no bus")
    state, detail = await run_command(["/no/such/program", "$(reboot)"])
    assert state == "failed"
    assert "cannot be run" in detail
