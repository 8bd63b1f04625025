"""A farm for fault tests: a real Commander with a playbook, and rigs that are real Sentries with the real runner, which
mine by a program that mines nothing."""

from __future__ import annotations

import asyncio
import contextlib
import json
import urllib.request
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from rigfarm.sentry.agent import Agent
from rigfarm.sentry.link.connect import Timings
from rigfarm.sentry.playbooks.leftovers import folder_id, marked
from rigfarm.sentry.settings import Settings
from rigfarm.sentry.this_machine import ThisMachine
from rigfarm.sentry.tokens import TokenStore
from rigfarm.simulate.commander import CommanderProcess
from rigfarm.simulate.program.pack import pack
from rigfarm.simulate.program.reach import let_programs_in
from rigfarm.simulate.program.rig import IMPATIENT

__all__ = ["QUICK", "MiningRig", "apply", "make_playbook", "mining_rig", "until"]

QUICK = Timings(
    open_s=5.0,
    welcome_s=5.0,
    ping_every_s=1.0,
    ping_timeout_s=1.0,
    first_retry_s=0.05,
    retry_cap_s=0.2,
    stable_s=0.5,
    resend_s=1.0,
    careful_s=0.1,
)


async def until(condition: Callable[[], object], what: str = "", within_s: float = 60.0) -> None:
    """Wait for something to become true; the deadline only keeps a failing test from hanging."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within_s
    while not condition():
        assert loop.time() < deadline, f"never came: {what or condition}"
        await asyncio.sleep(0.01)


def make_playbook(
    commander: CommanderProcess, name: str = "XMR", template: str = "-o $CPU_POOL", archive: bytes | None = None
) -> int:
    """Address book, mining software (the fake program, unless told otherwise) and a playbook, as an operator's script
    would; its id."""
    post: Callable[..., Any] = lambda path, body: commander.api("POST", path, body)  # noqa: E731
    pool = post("/api/addresses", {"name": f"pool {name}", "kind": "pool", "coin": "XMR", "urls": ["pool.test:3333"]})
    software = post(
        "/api/software",
        {
            "name": f"Fakeminer {name}",
            "version": "1.0",
            "executable": "fakeminer",
            "adapter": "xmrig",
            "api_arguments": "--http-host=127.0.0.1 --http-port=$API_PORT",
            "devices": "both",
        },
    )
    sha256 = _upload(commander, software["id"], archive or pack("tar.gz", salt=name))
    post(f"/api/software/{software['id']}/pin", {"sha256": sha256})
    form = {
        "name": name,
        "software_id": software["id"],
        "template": template,
        "workloads": [{"slot": "cpu", "coin": "XMR", "algorithm": "rx/0", "pool_id": pool["id"]}],
    }
    made: int = post("/api/playbooks", form)["id"]
    return made


def _upload(commander: CommanderProcess, software: int, content: bytes) -> str:
    request = urllib.request.Request(
        f"{commander.url}/api/software/{software}/archive",
        method="PUT",
        data=content,
        headers={"Authorization": f"Bearer {commander.key}"},
    )
    with urllib.request.urlopen(request, timeout=60, context=commander.context) as answer:
        sha256: str = json.load(answer)["file"]["sha256"]
    return sha256


def apply(commander: CommanderProcess, playbook: int, rigs: list[int]) -> None:
    """Have rigs run it."""
    commander.api("POST", f"/api/playbooks/{playbook}/apply", {"rigs": rigs})


class MiningRig:
    """A rig that is this machine: the agent and the part that a real one is made of."""

    def __init__(self, folder: Path, url: str, token: str, timings: Timings = QUICK) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        let_programs_in(folder)
        TokenStore(folder).save(token)
        settings = Settings(data_dir=folder, commander=url, insecure_http=True, ui="off")
        self.part = ThisMachine(settings)
        self.part._playbooks._settings = IMPATIENT
        self.agent = Agent(settings, [self.part], timings=timings)

    @property
    def runner(self) -> Any:
        """Of its playbooks."""
        return self.part._playbooks

    @property
    def pid(self) -> int | None:
        """Of its mining program, while that mines."""
        return next((status.pid for status in self.runner.statuses() if status.state == "mining"), None)

    def processes(self) -> list[int]:
        """Every process of its playbooks."""
        return marked(f"{folder_id(self.runner.folder)}:") if self.runner.folder.exists() else []


@contextlib.asynccontextmanager
async def mining_rig(folder: Path, url: str, token: str, timings: Timings = QUICK) -> AsyncIterator[MiningRig]:
    """It works until the block ends."""
    rig = MiningRig(folder, url, token, timings)
    task = asyncio.create_task(rig.agent.run())
    try:
        yield rig
    finally:
        rig.agent.stop()
        await task
