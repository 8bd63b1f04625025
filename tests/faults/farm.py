"""A farm for fault tests: a real Commander with a playbook, and rigs that are real Sentries with the real runner, which
mine by a program that mines nothing."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from rigfarm.sentry.agent.agent import Agent
from rigfarm.sentry.identity.settings import Settings
from rigfarm.sentry.identity.tokens import TokenStore
from rigfarm.sentry.link.connect import Timings
from rigfarm.sentry.processes.leftovers import folder_id, marked
from rigfarm.sentry.rig.this_machine import ThisMachine
from rigfarm.simulate.program.reach import let_programs_in
from support.program.rig import IMPATIENT

__all__ = ["QUICK", "MiningRig", "mining_rig"]

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


class MiningRig:
    """A rig that is this machine: the agent and the part that a real one is made of."""

    def __init__(self, folder: Path, url: str, token: str, timings: Timings = QUICK, **more: Any) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        let_programs_in(folder)
        TokenStore(folder).save(token)
        settings = Settings(data_dir=folder, commander=url, insecure_http=True, ui="off", **more)
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
