"""A farm that reconnects again and again must not fill the Commander's memory: TLS has a buffer per connection."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from rigfarm.simulate.commander import CommanderProcess
from support.load import connect
from support.until import until

pytestmark = pytest.mark.slow

OFTEN = "import rigfarm.commander.server.memory as memory\nmemory.EVERY_S = 0.5"
LINKS = 150
ALLOWED_KIB = 5 << 10
"""What six crowds leave when nothing is given back is twice that."""


def resident_kib(pid: int) -> int:
    return next(int(line.split()[1]) for line in Path(f"/proc/{pid}/status").open() if line.startswith("VmRSS"))


async def test_links_that_come_and_go_leave_no_memory_behind(tmp_path: Path) -> None:
    with CommanderProcess(tmp_path / "commander", tls=True, mutation=OFTEN) as commander:
        rigs = await asyncio.to_thread(commander.add_rigs, [f"rig-{n}" for n in range(LINKS)])

        async def comes_and_goes() -> int:
            tls = commander.context
            links = [await connect(commander.url, [token], tls=tls) for _, token in rigs]
            for link in links:
                link.close()
            await asyncio.sleep(1.5)
            return resident_kib(commander.pid)

        first = await comes_and_goes()
        for _ in range(5):
            await comes_and_goes()
        await until(lambda: resident_kib(commander.pid) - first < ALLOWED_KIB, "it gives it back")
