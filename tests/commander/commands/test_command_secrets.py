"""A pool's password is told to the rig that gets the command; the database and pages only say that there is one."""

from __future__ import annotations

from pathlib import Path

from rigfarm.commander.commands import Commands
from rigfarm.commander.commands.api import command_answer
from rigfarm.commander.events import Events
from rigfarm.commander.live import Hub
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.storage import Storage
from rigfarm.wire.commands import PoolLogin, SetPools
from rigfarm.wire.frames import RigCommand
from rigfarm.wire.specs import Specs
from support.effects import effects_for

SECRET = "canary-password"
COMMAND = SetPools([PoolLogin("stratum+tcp://pool.test:3333", "me", SECRET), PoolLogin("stratum+tcp://x:1", "me")])


async def _asic(rigs: Rigs) -> int:
    rig, _ = await rigs.create("asic-01", "asic")
    rigs.said.specs(rig.id, Specs("1", supports=["set-pools"]))
    await rigs.said.store()
    return rig.id


async def test_only_the_rig_is_told_it(commands: Commands, rigs: Rigs, tmp_path: Path) -> None:
    rig = await _asic(rigs)
    [given] = await commands.give(COMMAND, [rig])
    shown = command_answer(given).command
    assert isinstance(shown, SetPools)
    assert [pool.password for pool in shown.pools] == ["…", "x"]
    [frame] = await commands.waiting(rig, 0, connected=False)
    assert isinstance(frame, RigCommand)
    assert frame.command == COMMAND
    assert SECRET not in repr(await commands.listed(None, None, None, 100))
    for path in tmp_path.glob("rigfarm.db*"):
        assert SECRET.encode() not in path.read_bytes()


async def test_a_restart_forgets_it_and_says_so(
    commands: Commands, rigs: Rigs, storage: Storage, hub: Hub, events: Events
) -> None:
    rig = await _asic(rigs)
    await commands.give(COMMAND, [rig])
    await commands.close()
    again = Commands(storage, hub, events, rigs, effects_for(storage, hub, events, rigs))
    await again.load()
    assert await again.waiting(rig, 0, connected=True) == []
    [one] = await again.of_rig(rig)
    assert one.state == "failed"
    assert "give the command again" in one.detail
    await again.close()
