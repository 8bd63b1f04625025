"""An error that nothing expected ends the connection whose frame caused it, and no other one."""

from __future__ import annotations

import asyncio
from pathlib import Path

from rigfarm.simulate.commander import CommanderProcess
from rigfarm.wire.codec import encode
from rigfarm.wire.log import OperationalLog
from support.load import LoadLink, connect

DEFECT = """
from rigfarm.commander.link import socket
receive = socket.receive
def fragile(links, link, data):
    if b"a defect" in data:
        raise RuntimeError("a defect")
    return receive(links, link, data)
socket.receive = fragile
"""


async def acknowledged(link: LoadLink) -> None:
    done = asyncio.Event()
    link.on_acks = lambda _first, _last: done.set()
    link.send_logs([encode(OperationalLog(t=1_700_000_000_000 + link.next_seq))])
    await asyncio.wait_for(done.wait(), 30)


async def test_the_others_go_on_and_it_may_come_back(tmp_path: Path) -> None:
    with CommanderProcess(tmp_path, mutation=DEFECT) as commander:
        made = await asyncio.to_thread(commander.add_rigs, ["one", "another"])
        (_, token), (_, other_token) = made
        other = await connect(commander.url, [other_token])
        for _ in range(3):
            link = await connect(commander.url, [token])
            link.send_logs([encode(OperationalLog(t=1, messages=["a defect"]))])
            await asyncio.wait_for(link.lost.wait(), 30)
            await acknowledged(other)
        link = await connect(commander.url, [token])
        await acknowledged(link)
        assert await asyncio.to_thread(commander.ready)
        for one in (link, other):
            one.close()
    assert commander.log.read_text().count("RuntimeError: a defect") <= 6, "logged once for each"
