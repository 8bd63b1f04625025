"""Specs that no machine has are not kept; the link, and what else the rig says, goes on."""

from __future__ import annotations

import asyncio

from rigfarm.common.clock import utc_ms
from rigfarm.simulate.commander import CommanderProcess
from rigfarm.wire.codec import encode
from rigfarm.wire.frames import RigSpecs
from rigfarm.wire.specs import Specs
from support.load import a_log, connect


async def test_only_specs_of_a_size_are_kept(commander: CommanderProcess) -> None:
    [(rig, token)] = await asyncio.to_thread(commander.add_rigs, ["rig-01"])

    async def hostname() -> object:
        answer = await asyncio.to_thread(commander.api, "GET", f"/api/rigs/{rig}")
        assert isinstance(answer, dict)
        return (answer.get("specs") or {}).get("hostname")

    link = await connect(commander.url, [token])
    link.send(encode(RigSpecs(0, Specs("1", hostname="x" * 100_000))))
    link.send_logs([encode(a_log(rig, utc_ms()))])
    async with asyncio.timeout(60):
        while not link.acked:
            await asyncio.sleep(0.05)
        assert await hostname() is None
        link.send(encode(RigSpecs(0, Specs("1", hostname="real"))))
        while await hostname() != "real":
            await asyncio.sleep(0.1)
    assert not link.lost.is_set()
    link.close()
