"""A part in its place: supervised, with its mail brought to it, and its commands carried out beside."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from rigfarm.common.supervised import Supervised
from rigfarm.sentry.agent.mailbox import Mailbox
from rigfarm.sentry.agent.parts import Closes, HandsOver, Loads, Part, Reporter
from rigfarm.wire.commands import Command, CommandState
from rigfarm.wire.frames import Verdict
from rigfarm.wire.playbooks import AssignedPlaybook

__all__ = ["PartHost"]

log = structlog.get_logger()

MAX_CONSOLES = 200
"""Requests to look at consoles that may wait for a part; more are not heard."""
MAX_COMMANDS = 64
"""Carried out at the same time by one part; more are refused."""


class PartHost:
    """One part and all that the agent does for it."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.name = type(part).__name__
        self.supervised: Supervised | None = None
        self.hands_over = False
        """At its end: another Sentry takes our place."""
        # Apart from the rest, so that a removal never waits behind a playbook.
        self._verdicts = Mailbox(self.name)
        self._mail = Mailbox(self.name)
        self._commands: set[asyncio.Task[None]] = set()
        self._loaded = False

    @property
    def problem(self) -> str | None:
        """Why it is not running, if it is not."""
        return self.supervised.problem if self.supervised is not None else None

    async def run(self, reporter: Reporter) -> None:
        """Until cancelled."""
        self.supervised = Supervised(self.name, lambda: self._work(reporter))
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.supervised.run(), name=self.name)
                tasks.create_task(self._verdicts.run())
                tasks.create_task(self._mail.run())
        finally:
            for command in self._commands:
                command.cancel()
            await asyncio.gather(*self._commands, return_exceptions=True)
            if self.hands_over and isinstance(self.part, HandsOver):
                await self.part.hand_over()
            elif isinstance(self.part, Closes):
                await self.part.close()

    async def _work(self, reporter: Reporter) -> None:
        if isinstance(self.part, Loads) and not self._loaded:
            await self.part.load()
            self._loaded = True
            reporter.tokens_changed()
        await self.part.run(reporter)

    def judged(self, token: str, verdict: Verdict, afterwards: Callable[[], Awaitable[None]]) -> None:
        """Hand a verdict over; `afterwards` is awaited when the part has dealt with it."""

        async def handle() -> None:
            try:
                await self.part.on_verdict(token, verdict)
            finally:
                await afterwards()

        self._verdicts.post(("verdict", token), handle)

    def playbooks(self, token: str, revision: int, playbooks: list[AssignedPlaybook]) -> None:
        """Hand playbooks over."""
        self._mail.post(("playbooks", token), lambda: self.part.on_playbooks(token, revision, playbooks))

    def console_watch(self, token: str, playbook: int, on: bool) -> None:
        """Say that a page shows a console, or no longer."""
        if len(self._mail) >= MAX_CONSOLES:
            return
        self._mail.post(("console", token, playbook), lambda: self.part.on_console_watch(token, playbook, on))

    def command(self, token: str, command: Command, report: Callable[[CommandState, str], None]) -> None:
        """Have a command carried out."""
        if len(self._commands) >= MAX_COMMANDS:
            report(
                "refused", f"This Sentry is already carrying out {MAX_COMMANDS} commands; try again when they are done."
            )
            return
        task = asyncio.create_task(self._carry_out(token, command, report))
        self._commands.add(task)
        task.add_done_callback(self._commands.discard)

    async def _carry_out(self, token: str, command: Command, report: Callable[[CommandState, str], None]) -> None:
        report("running", "")
        try:
            state, detail = await self.part.on_command(token, command)
        except Exception as error:
            log.exception("a command failed", command=type(command).__name__)
            state, detail = "failed", f"The Sentry could not do it ({type(error).__name__}: {error})."
        report(state, detail)
