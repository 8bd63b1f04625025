"""Row 32: a link or page that ends is freed at once, and leaves nothing to the garbage collector, which seldom comes to
old objects.

A real Commander whose collector is off counts what a collection finds after a crowd has left. The control keeps the
circle of a parser.
"""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

from browsers import LivePage, login
from promise import record
from sender import Sender

from rigfarm.simulate.commander import CommanderProcess
from support.until import until

COLLECTS = """
import asyncio, gc, pathlib
from rigfarm.commander.health import Health
from rigfarm.commander.server.http_protocol import HttpProtocol
ask, found, keeps = pathlib.Path({ask!r}), pathlib.Path({found!r}), pathlib.Path({keeps!r})
run, upgrade, parsers = Health.run, HttpProtocol.handle_websocket_upgrade, []
async def collect():
    gc.disable()
    while True:
        await asyncio.sleep(0.02)
        if ask.exists():
            ask.unlink()
            found.with_suffix(".new").write_text(str(gc.collect()))
            found.with_suffix(".new").rename(found)
async def collecting(self, *parts):
    task = asyncio.create_task(collect())
    await run(self, *parts)
def keeping(self):
    parser = self.parser
    upgrade(self)
    if keeps.exists():
        self.parser = parser
Health.run, HttpProtocol.handle_websocket_upgrade = collecting, keeping
"""
CROWD = 8
ALLOWED = 30
"""Objects: about what one connection left that kept its circles."""


class Crowd:
    """Links and pages, one after another."""

    def __init__(self, commander: CommanderProcess, sender: Sender, cookie: str, folder: Path) -> None:
        self._commander, self._sender, self._cookie = commander, sender, cookie
        self._ask, self._found = folder / "ask", folder / "found"

    async def comes_and_goes(self) -> None:
        for _ in range(CROWD):
            await self._sender.connect()
            self._sender.send(1)
            await until(lambda: self._sender.numbered in self._sender.acked)
            self._sender.forget_acked()
            self._sender.hang_up()
            async with LivePage(self._commander, self._cookie, "/rigs") as page:
                await until(lambda page=page: page.frames)  # type: ignore[misc]

    async def leaves(self) -> int:
        """What a collection finds now."""
        await asyncio.sleep(0.3)
        self._found.unlink(missing_ok=True)
        self._ask.touch()
        await until(self._found.exists)
        return int(self._found.read_text())


async def test_nothing_waits_for_the_garbage_collector(tmp_path: Path) -> None:
    names = {name: str(tmp_path / name) for name in ("ask", "found", "keeps")}
    with CommanderProcess(tmp_path / "commander", mutation=COLLECTS.format(**names)) as commander:
        (rig,) = await asyncio.to_thread(commander.add_rigs, ["rig"])
        cookie = await asyncio.to_thread(login, commander)
        crowd = Crowd(commander, Sender(commander.url, rig, random.Random(32)), cookie, tmp_path)
        await crowd.comes_and_goes()  # first times make what stays
        await crowd.leaves()
        await crowd.comes_and_goes()
        left = await crowd.leaves()
        (tmp_path / "keeps").touch()
        await crowd.comes_and_goes()
        control = await crowd.leaves()
        commander.kill()
    record(
        32,
        f"{2 * CROWD} links and pages that ended left the garbage collector {left} objects",
        n=2 * CROWD,
        bad=0 if left <= ALLOWED else 2 * CROWD,
        unit="links and pages",
        control="the circle of a parser is kept",
        control_bad=f"{control} objects",
    )
    assert left <= ALLOWED
    assert control > ALLOWED, "the control left little: this test shows nothing"
