"""A part in its place: supervised, with its mail brought to it, and its orders carried out beside."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from rigfarm.sentry.mailbox import Mailbox
from rigfarm.sentry.parts import Closes, Loads, Part, Reporter
from rigfarm.sentry.supervise import Supervised
from rigfarm.wire.frames import Verdict
from rigfarm.wire.orders import Order, OrderState
from rigfarm.wire.playbooks import PlaybookOrder

__all__ = ["PartHost"]

log = structlog.get_logger()

MAX_CONSOLES = 200
"""Requests to look at consoles that may wait for a part; more are not heard."""
MAX_ORDERS = 64
"""Carried out at the same time by one part; more are refused."""


class PartHost:
    """One part and all that the agent does for it."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.name = type(part).__name__
        self.supervised: Supervised | None = None
        # Apart from the rest, so that a removal never waits behind a playbook.
        self._verdicts = Mailbox(self.name)
        self._mail = Mailbox(self.name)
        self._orders: set[asyncio.Task[None]] = set()
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
            for order in self._orders:
                order.cancel()
            await asyncio.gather(*self._orders, return_exceptions=True)
            if isinstance(self.part, Closes):
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

    def playbooks(self, token: str, revision: int, playbooks: list[PlaybookOrder]) -> None:
        """Hand playbooks over."""
        self._mail.post(("playbooks", token), lambda: self.part.on_playbooks(token, revision, playbooks))

    def console_watch(self, token: str, playbook: int, on: bool) -> None:
        """Say that somebody looks at a console, or no longer."""
        if len(self._mail) >= MAX_CONSOLES:
            return
        self._mail.post(("console", token, playbook), lambda: self.part.on_console_watch(token, playbook, on))

    def order(self, token: str, order: Order, report: Callable[[OrderState, str], None]) -> None:
        """Have an order carried out."""
        if len(self._orders) >= MAX_ORDERS:
            report("refused", f"This Sentry is already carrying out {MAX_ORDERS} orders; try again when they are done.")
            return
        task = asyncio.create_task(self._carry_out(token, order, report))
        self._orders.add(task)
        task.add_done_callback(self._orders.discard)

    async def _carry_out(self, token: str, order: Order, report: Callable[[OrderState, str], None]) -> None:
        report("running", "")
        try:
            state, detail = await self.part.on_order(token, order)
        except Exception as error:
            log.exception("an order failed", order=type(order).__name__)
            state, detail = "failed", f"The Sentry could not do it ({type(error).__name__}: {error})."
        report(state, detail)
