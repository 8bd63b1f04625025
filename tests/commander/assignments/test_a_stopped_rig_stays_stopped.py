"""A rig that an operator stopped is shown so by a Commander that was killed and starts again: not as one in trouble."""

from __future__ import annotations

import asyncio

from rigfarm.common.clock import utc_ms
from rigfarm.simulate.commander import CommanderProcess
from rigfarm.wire.codec import encode
from rigfarm.wire.log import OperationalLog
from support.load import connect
from support.playbooks import apply, make_playbook


async def shown(commander: CommanderProcess, rig_id: int, token: str) -> tuple[object, object]:
    """State and reason of the rig, which reports that nothing is mined."""
    link = await connect(commander.url, [token])
    try:
        link.send_logs([encode(OperationalLog(t=utc_ms(), uptime_s=1.0))])
        async with asyncio.timeout(60):
            while True:
                rig = await asyncio.to_thread(commander.api, "GET", f"/api/rigs/{rig_id}")
                assert isinstance(rig, dict)
                if rig["state"] not in ("waiting", "offline"):
                    return rig["state"], rig.get("reason")
                await asyncio.sleep(0.05)
    finally:
        link.close()


async def test_also_after_a_restart(commander: CommanderProcess) -> None:
    def stop() -> int:
        playbook = make_playbook(commander)
        apply(commander, playbook, [rig_id])
        commander.api("POST", f"/api/playbooks/{playbook}/stop", {"rigs": [rig_id]})
        return playbook

    ((rig_id, token),) = await asyncio.to_thread(commander.add_rigs, ["rig"])
    assert (await shown(commander, rig_id, token))[0] == "idle"
    playbook = await asyncio.to_thread(stop)
    assert await shown(commander, rig_id, token) == ("stopped", "stopped by an operator")
    await asyncio.to_thread(commander.kill)
    await asyncio.to_thread(commander.start)
    assert await shown(commander, rig_id, token) == ("stopped", "stopped by an operator")
    await asyncio.to_thread(commander.api, "POST", f"/api/playbooks/{playbook}/start", {"rigs": [rig_id]})
    assert (await shown(commander, rig_id, token))[0] == "idle"
