"""A Sentry that speaks for many rigs, as one beside the ASICs of a LAN does; it reports what a test has it report."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

from farm import QUICK
from rigfarm.sentry.agent.agent import Agent
from rigfarm.sentry.agent.parts import CommandOutcome, Reporter
from rigfarm.sentry.identity.settings import Settings
from rigfarm.sentry.spool.clock import Clock
from rigfarm.wire.commands import Command
from rigfarm.wire.frames import Verdict
from rigfarm.wire.log import OperationalLog
from rigfarm.wire.playbooks import AssignedPlaybook
from support.until import until

__all__ = ["ManyRigs", "sentry", "written"]


class ManyRigs:
    """The part. The number of a rig's log is its `uptime_s`, from 1."""

    def __init__(self, tokens: list[str]) -> None:
        self.reported: Counter[str] = Counter()
        self.reporter: Reporter | None = None
        self._tokens = tokens

    def tokens(self) -> list[str]:
        return self._tokens

    async def run(self, reporter: Reporter) -> None:
        self.reporter = reporter
        await asyncio.Event().wait()

    def report(self, token: str, *, padding: int = 0) -> int:
        """One log; its number."""
        assert self.reporter is not None
        self.reported[token] += 1
        number = self.reported[token]
        messages = ["x" * padding] if padding else []
        self.reporter.log(token, OperationalLog(self.reporter.now_ms(token), float(number), messages=messages))
        return number

    async def on_verdict(self, token: str, verdict: Verdict) -> None:
        """All are good here."""

    async def on_playbooks(self, token: str, revision: int, playbooks: list[AssignedPlaybook]) -> None:
        """They run none."""

    async def on_command(self, token: str, order: Command) -> CommandOutcome:
        return "refused", "These rigs take no commands."

    async def on_console_watch(self, token: str, playbook: int, on: bool) -> None:
        """They have no console."""


@contextlib.asynccontextmanager
async def sentry(
    folder: Path, url: str, part: ManyRigs, *, spool_mib: int = 1_024, clock: Clock | None = None
) -> AsyncIterator[Agent]:
    """It works until the block ends."""
    settings = Settings(data_dir=folder, commander=url, insecure_http=True, ui="off", spool_mib=spool_mib)
    agent = Agent(settings, [part], timings=QUICK, clock=clock)
    task = asyncio.create_task(agent.run())
    try:
        await until(lambda: part.reporter is not None and agent.spool._writer is not None)
        yield agent
    finally:
        agent.stop()
        await task


async def written(agent: Agent) -> None:
    """Wait until all logs are in the file of its spool."""
    await until(lambda: not agent.spool._pending.logs, "the spool is written", 120)
