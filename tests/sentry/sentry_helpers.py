"""What tests of the Sentry share: quick timings, waiting without sleeping, a part that does what a test says."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from rigfarm.sentry.agent.agent import Agent
from rigfarm.sentry.agent.parts import CommandOutcome, Reporter
from rigfarm.sentry.link.connect import Timings
from rigfarm.wire.commands import Command
from rigfarm.wire.frames import Verdict
from rigfarm.wire.log import OperationalLog, Workload
from rigfarm.wire.playbooks import AssignedPlaybook
from rigfarm.wire.tokens import new_token

QUICK = Timings(
    ping_every_s=0.5,
    ping_timeout_s=30.0,
    first_retry_s=0.05,
    retry_cap_s=0.2,
    stable_s=0.5,
    resend_s=1.0,
    careful_s=0.1,
)
"""For tests: what a Sentry does in minutes, in a second; but a busy machine has time to answer it."""


@contextlib.asynccontextmanager
async def running(agent: Agent) -> AsyncIterator[Agent]:
    """A Sentry that works until the block ends."""
    task = asyncio.create_task(agent.run())
    try:
        yield agent
    finally:
        agent.stop()
        await task


class FakePart:
    """One rig that says what a test lets it say. The number of a log is its `uptime_s`."""

    def __init__(self, token: str | None = None) -> None:
        self.token = new_token() if token is None else token
        self.speaks = True
        self.reporter: Reporter | None = None
        self.reports = 0
        self.verdicts: list[Verdict] = []
        self.playbooks: list[tuple[int, list[AssignedPlaybook]]] = []
        self.orders: list[Command] = []
        self.watched: list[tuple[int, bool]] = []
        self.outcome: CommandOutcome = ("done", "It restarts.")
        self.mining = True
        self.started = 0
        self.fail: Exception | None = None

    def tokens(self) -> list[str]:
        return [self.token] if self.token and self.speaks else []

    def set_token(self, token: str) -> None:
        self.token = token
        self.speaks = True
        if self.reporter is not None:
            self.reporter.tokens_changed()

    async def run(self, reporter: Reporter) -> None:
        self.started += 1
        self.reporter = reporter
        if self.fail is not None:
            raise self.fail
        await asyncio.Event().wait()

    def report(self, count: int = 1, *, padding: int = 0) -> list[float]:
        """Record logs; returns their numbers."""
        assert self.reporter is not None
        numbers = []
        for _ in range(count):
            self.reports += 1
            numbers.append(float(self.reports))
            self.reporter.log(
                self.token,
                OperationalLog(
                    t=self.reporter.now_ms(self.token),
                    uptime_s=float(self.reports),
                    workloads=[Workload(software="XMRig", coin="XMR", hashrate=9_500.0, state="mining")],
                    messages=["x" * padding] if padding else [],
                ),
            )
        return numbers

    async def on_verdict(self, token: str, verdict: Verdict) -> None:
        self.verdicts.append(verdict)
        if verdict.kind == "removed":
            self.mining = False
            self.token = ""
        self.speaks = verdict.kind == "ok"

    async def on_playbooks(self, token: str, revision: int, playbooks: list[AssignedPlaybook]) -> None:
        self.playbooks.append((revision, playbooks))

    async def on_command(self, token: str, order: Command) -> CommandOutcome:
        self.orders.append(order)
        return self.outcome

    async def on_console_watch(self, token: str, playbook: int, on: bool) -> None:
        self.watched.append((playbook, on))
