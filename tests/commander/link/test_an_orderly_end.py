"""When the Commander ends in good order, its links close: no rig is in trouble because of that."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from rigfarm.commander.app import build
from rigfarm.commander.link.link import Link
from rigfarm.commander.settings import Settings
from rigfarm.common.clock import utc_ms
from rigfarm.wire.frames import PROTOCOL, Hello
from rigfarm.wire.log import OperationalLog, Workload


@pytest.mark.parametrize(("ends", "state"), [(True, "online"), (False, "offline")])
async def test_it_changes_no_page(tmp_path: Path, ends: bool, state: str) -> None:
    async def ignore(*_: object) -> None:
        return None

    async with build(Settings(data_dir=tmp_path)) as commander:
        rig, token = await commander.book.create("rig-1", "cpu-gpu")
        link = Link(commander.links, "192.0.2.1", ignore, ignore)
        commander.links.greet(link, Hello(PROTOCOL, "1", bytes(16), [token]))
        commander.stats.receive(rig.id, OperationalLog(t=utc_ms(), workloads=[Workload(coin="XMR", hashrate=1.0)]))
        if ends:
            commander.links.close_quietly()
        commander.links.leave(link)
        commander.stats.tick(time.monotonic() + 5)
        assert commander.stats.rigs[rig.id].condition.state == state
