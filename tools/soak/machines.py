"""The processes of a soak: a Commander, rigs, the wire between each rig and the Commander, and browsers."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from browsers import LivePage, login, slow_page
from paths import HERE
from relay import Relay

from rigfarm.sentry.processes.leftovers import folder_id, marked
from rigfarm.simulate.commander import CommanderProcess
from rigfarm.simulate.program.pack import pack
from support.playbooks import add_playbook, apply, upload

__all__ = ["BrokenError", "Farm", "RigProcess", "until"]

KEPT_FOLDERS = 20
SETTINGS = {"report_interval_s": "1", "journal_mib_per_rig": "100000"}
TURNED = "import sys; sys.path.insert(0, {here!r}); import pathlib, wall; wall.turned_by(pathlib.Path({clock!r}))\n"
"""What a Commander runs before it starts: its clock can be turned."""


class BrokenError(AssertionError):
    """An invariant that does not hold."""

    def __init__(self, invariant: str, detail: str) -> None:
        super().__init__(f"{invariant}: {detail}")
        self.invariant = invariant
        self.detail = detail


async def until(holds: Callable[[], bool], invariant: str, detail: Callable[[], str], within_s: float = 120.0) -> None:
    """BrokenError when it does not come to hold."""
    deadline = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > deadline:
            raise BrokenError(invariant, f"not within {within_s:.0f} s: {detail()}")
        await asyncio.sleep(0.1)


class RigProcess:
    """A rig, which has the same folder and the same wire in all its lives."""

    def __init__(self, folder: Path, relay: Relay, rig_id: int, name: str, token: str) -> None:
        self.folder, self.relay, self.id, self.name, self.token = folder, relay, rig_id, name, token
        self.wanted = True
        """Whether it should mine."""
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True)

    @property
    def alive(self) -> bool:
        """Whether its Sentry runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Of its Sentry."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Its next life."""
        with (self.folder / "log").open("ab") as log:
            command = [sys.executable, str(HERE / "rig_process.py"), str(self.folder), self.relay.url, self.token]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def end(self, how: int = signal.SIGKILL) -> None:
        """Of this life."""
        if self._process is not None:
            self._process.send_signal(how)
            if how == signal.SIGTERM:
                self._process.send_signal(signal.SIGCONT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(20)
            self._process.kill()
            self._process.wait()

    def signal(self, number: int) -> None:
        """To its Sentry."""
        assert self._process is not None
        self._process.send_signal(number)

    @property
    def status(self) -> dict[str, Any]:
        """What its Sentry said last in this life; empty: nothing yet."""
        try:
            said: dict[str, Any] = json.loads((self.folder / "status.json").read_text())
        except (OSError, ValueError):
            return {}
        return said if self._process is not None and said["process"] == self._process.pid else {}

    @property
    def drained(self) -> bool:
        """Whether the Commander knows everything that this rig has reported."""
        said = self.status
        return said.get("link") == "online" and said.get("waiting") == 0 and said.get("gaps") == 0

    def programs(self) -> list[int]:
        """Every process of its playbooks."""
        folder = self.folder / "sentry" / "playbooks"
        return marked(f"{folder_id(folder)}:") if folder.exists() else []


class Farm:
    """`async with Farm(folder, rigs) as farm:`"""

    def __init__(self, folder: Path, rigs: int, mutation: str = "") -> None:
        self.folder = folder
        self.clock = folder / "commander-clock"
        turned = TURNED.format(here=str(HERE), clock=str(self.clock))
        commander = folder / "commander"
        self.commander = CommanderProcess(commander, settings=SETTINGS, mutation=turned + mutation, fresh=True)
        self.rigs: list[RigProcess] = []
        self.removed: list[RigProcess] = []
        self.playbook = 0
        self.browsers = contextlib.AsyncExitStack()
        """Those that are open until the farm is healed."""
        self._wires = contextlib.AsyncExitStack()
        self._count, self._made = rigs, 0

    async def __aenter__(self) -> Farm:
        await asyncio.to_thread(self.commander.start)
        software = await asyncio.to_thread(upload, self.commander, pack("tar.gz"))
        self.playbook = await asyncio.to_thread(add_playbook, self.commander, software, "-o $CPU_POOL")
        for _ in range(self._count):
            await self.add_rig()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.browsers.aclose()
        for rig in (*self.rigs, *self.removed):
            await asyncio.to_thread(rig.end, signal.SIGTERM)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.commander.pid, signal.SIGCONT)
        await asyncio.to_thread(self.commander.stop)
        await self._wires.aclose()

    async def api(self, method: str, path: str, body: object = None) -> Any:
        """The Commander's, past all wires."""
        return await asyncio.to_thread(self.commander.api, method, path, body)

    async def add_rig(self) -> RigProcess:
        """One that mines."""
        self._made += 1
        name = f"rig-{self._made:03}"
        [(rig_id, token)] = await asyncio.to_thread(self.commander.add_rigs, [name])
        relay = await self._wires.enter_async_context(Relay(self.commander.port))
        rig = RigProcess(self.folder / name, relay, rig_id, name, token)
        self.rigs.append(rig)
        rig.start()
        await until(lambda: "link" in rig.status, "a Sentry starts", lambda: name)
        await asyncio.to_thread(apply, self.commander, self.playbook, [rig_id])
        return rig

    async def retire(self, rig: RigProcess) -> None:
        """It was removed, and has nothing left to do. The folders of the last ones stay."""
        await asyncio.to_thread(rig.end, signal.SIGTERM)
        await rig.relay.__aexit__(None, None, None)
        if len(self.removed) > KEPT_FOLDERS:
            shutil.rmtree(self.removed.pop(0).folder)

    async def open_browsers(self, slow: int) -> None:
        """Some that read a byte a second, and one that reads what comes."""
        cookie = await asyncio.to_thread(login, self.commander)
        for _ in range(slow):
            await self.browsers.enter_async_context(slow_page(self.commander, cookie, "/rigs"))
        await self.browsers.enter_async_context(LivePage(self.commander, cookie, "/rigs"))

    async def heal(self) -> None:
        """What was done to the farm's machines and wires is over; what happens next is up to the product."""
        with contextlib.suppress(OSError):
            await self.browsers.aclose()
        self.browsers = contextlib.AsyncExitStack()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.commander.pid, signal.SIGCONT)
        for rig in self.rigs:
            rig.relay.become("forward")
            rig.signal(signal.SIGCONT)
