"""Row 9: only an explicit removal stops mining. A Commander that is away, restored from an old backup, or new; a proxy
that answers in its place; a token that is refused: the same process mines on.

A real rig with the real runner, a real Commander, a wire between. The controls are a Sentry that ends when its token
is refused, and one that believes whatever a restored Commander says.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from promise import FULL, record, scaled
from relay import Relay, answer

from farm import MiningRig, mining_rig
from rigfarm.sentry.agent.agent import Agent
from rigfarm.sentry.link import LinkState
from rigfarm.sentry.playbooks.news import News
from rigfarm.simulate.commander import CommanderProcess
from rigfarm.wire.frames import Verdict
from support.playbooks import apply, make_playbook
from support.until import until

PROXIES = {
    "401": answer("401 Unauthorized"),
    "403": answer("403 Forbidden"),
    "404": answer("404 Not Found"),
    "407": answer("407 Proxy Authentication Required"),
    "410": answer("410 Gone"),
    "429": answer("429 Too Many Requests"),
    "502": answer("502 Bad Gateway"),
    "503": answer("503 Service Unavailable"),
    "an HTML page": answer("200 OK", "<html>Please log in to the guest network: your rig was removed</html>"),
    "a portal": answer("302 Found", Location="https://login.example/portal"),
    "nonsense": b"SSH-2.0-OpenSSH_9.2p1\r\n",
    "nothing": b"",
}
BACKUPS = ("where it is stopped", "where it has nothing", "where it never had a playbook", "older than the rig")
LATER_S = scaled(1, 30)
"""How long is looked on after each."""


class Watch:
    """Whether a rig's program ever was not the one it was at the start."""

    def __init__(self, rig: MiningRig) -> None:
        self.rig, self.pid = rig, rig.pid
        assert self.pid is not None
        self.stopped = False

    async def run(self) -> None:
        while True:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, 0)
                if self.rig.pid in (self.pid, None):
                    await asyncio.sleep(0.02)
                    continue
            self.stopped = True
            return


@contextlib.asynccontextmanager
async def watched(rig: MiningRig) -> AsyncIterator[Watch]:
    watch = Watch(rig)
    task = asyncio.create_task(watch.run())
    yield watch
    task.cancel()


class Farm:
    """A Commander with one rig, and what a careful operator has put aside of its data over time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.commander = CommanderProcess(folder / "commander", settings={"report_interval_s": "1"})
        self.token = ""
        self.rig_id = self.playbook = 0

    def begin(self) -> None:
        """What happens to a farm before the test: a backup after each step."""
        commander = self.commander
        commander.start()
        self.playbook = make_playbook(commander)
        self._put_aside("older than the rig")
        [(self.rig_id, self.token)] = commander.add_rigs(["rig-01"])
        self._put_aside("where it never had a playbook")
        apply(commander, self.playbook, [self.rig_id])
        self.say("take-off")
        self._put_aside("where it has nothing")
        apply(commander, self.playbook, [self.rig_id])
        self.say("stop")
        self._put_aside("where it is stopped")
        self.say("start")
        self._put_aside("newest")

    def say(self, what: str) -> None:
        """Stop, start or take off the rig's playbook."""
        self.commander.api("POST", f"/api/playbooks/{self.playbook}/{what}", {"rigs": [self.rig_id]})

    def _put_aside(self, name: str) -> None:
        passing = shutil.ignore_patterns("*.sock", "control*", "*.new")
        shutil.copytree(self.commander.folder, self.folder / name, ignore=passing)

    def restore(self, name: str) -> None:
        self.commander.kill()
        shutil.rmtree(self.commander.folder)
        shutil.copytree(self.folder / name, self.commander.folder)
        self.commander.start()


async def lose_its_commander(farm: Farm, folder: Path) -> list[str]:
    """What stopped the mining."""
    bad = []
    async with Relay(farm.commander.port) as relay, mining_rig(folder, relay.url, farm.token) as rig:
        await until(lambda: rig.pid, "it mines")
        for name, text in PROXIES.items():
            async with watched(rig) as watch:
                relay.become("answer", text)
                seen = relay.accepted
                await until(lambda seen=seen: relay.accepted > seen + 1)
            bad += [name] * watch.stopped
        relay.become("forward")
        await until(lambda: rig.agent.link.state is LinkState.ONLINE)
        for name in ("away", *(BACKUPS if FULL else (BACKUPS[0], BACKUPS[-1]))):
            async with watched(rig) as watch:
                await asyncio.to_thread(farm.commander.kill)
                await until(lambda: rig.agent.link.state is not LinkState.ONLINE)
                if name != "away":
                    await asyncio.to_thread(farm.restore, name)
                    await until(lambda: rig.agent.link.state in (LinkState.ONLINE, LinkState.IDLE))
                await asyncio.sleep(LATER_S)
            bad += [name] * watch.stopped
        assert rig.agent.needs_token, "the sending ends, and the rig's own page asks for a token"
    return bad


async def believe_everything(farm: Farm, folder: Path) -> list[str]:
    """The controls: what stopped the mining of a Sentry that is broken."""
    bad = []
    await asyncio.to_thread(farm.restore, "newest")
    async with mining_rig(folder, farm.commander.url, farm.token) as rig:
        await until(lambda: rig.pid, "it mines")
        async with watched(rig) as watch:
            await asyncio.to_thread(farm.restore, "where it is stopped")
            await until(lambda: watch.stopped)
        bad += ["a restored backup"] * watch.stopped
        await asyncio.to_thread(farm.say, "start")
        await until(lambda: rig.pid, "it mines again")
        async with watched(rig) as watch:
            await asyncio.to_thread(farm.commander.api, "POST", f"/api/rigs/{farm.rig_id}/token")
            await until(lambda: watch.stopped)
        bad += ["a refused token"] * watch.stopped
    return bad


@pytest.mark.timeout(900)
async def test_nothing_but_a_removal_stops_mining(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    farm = Farm(tmp_path)
    try:
        await asyncio.to_thread(farm.begin)
        bad = await lose_its_commander(farm, tmp_path / "rig")
        with monkeypatch.context() as patch:
            judge = Agent.on_verdict

            def stop_on_401(self: Agent, token: str, verdict: Verdict) -> None:
                judge(self, token, Verdict("removed") if verdict.kind == "unknown" else verdict)

            patch.setattr(Agent, "on_verdict", stop_on_401)
            patch.setattr(News, "is_old", lambda *_: False)
            control = await believe_everything(farm, tmp_path / "control")
    finally:
        farm.commander.kill()
    record(
        9,
        "mining is stopped by a Commander that is away, restored or new, or by whoever answers in its place",
        n=len(PROXIES) + 1 + (len(BACKUPS) if FULL else 2),
        bad=len(bad),
        unit="ways to lose a Commander",
        control="stop on 401; believe a restored Commander",
        control_bad=f"stopped by {' and '.join(control)}",
    )
    assert bad == []
    assert len(control) == 2
