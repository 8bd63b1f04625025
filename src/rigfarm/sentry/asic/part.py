"""The ASICs as a part of the Sentry: all their tokens over its one link."""

from __future__ import annotations

from rigfarm.sentry.asic.interpret import AsicReading
from rigfarm.sentry.asic.service import AsicService
from rigfarm.sentry.asic.unit import Unit
from rigfarm.sentry.parts import OrderOutcome, Reporter
from rigfarm.wire.frames import Verdict
from rigfarm.wire.orders import Order
from rigfarm.wire.playbooks import PlaybookOrder
from rigfarm.wire.specs import Specs

__all__ = ["AsicPart"]


class AsicPart:
    """Implements `rigfarm.sentry.parts.Part`. Its tokens are known once it was loaded, at the latest by `run`."""

    def __init__(self, service: AsicService) -> None:
        self.service = service
        self._reporter: Reporter | None = None
        self._loaded = False
        self._specs: dict[str, Specs] = {}

    async def load(self) -> None:
        """Read the list of devices."""
        if not self._loaded:
            await self.service.load()
            self._loaded = True

    def tokens(self) -> list[str]:
        return self.service.roster.tokens()

    async def run(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self.service.on_reading = self._report
        self.service.on_tokens_changed = reporter.tokens_changed
        self.service.poller.interval = lambda: reporter.interval_s
        if not self._loaded:
            await self.load()
            reporter.tokens_changed()
        await self.service.run()

    async def on_verdict(self, token: str, verdict: Verdict) -> None:
        before = self.tokens()
        await self.service.judge(token, verdict)
        if self._reporter is not None and self.tokens() != before:
            self._specs.pop(token, None)
            self._reporter.tokens_changed()

    async def on_playbooks(self, token: str, revision: int, playbooks: list[PlaybookOrder]) -> None:
        """An ASIC runs no playbooks."""

    async def on_order(self, token: str, order: Order) -> OrderOutcome:
        return await self.service.order(token, order)

    async def on_console_watch(self, token: str, playbook: int, on: bool) -> None:
        """An ASIC shows no console."""

    def _report(self, unit: Unit, reading: AsicReading) -> None:
        """One reading on its way to the Commander."""
        token, reporter = unit.device.token, self._reporter
        if token is None or reporter is None or unit.device.token_invalid:
            return
        if reading.specs is not None and self._specs.get(token) != reading.specs:
            self._specs[token] = reading.specs
            reporter.specs(token, reading.specs)
        reporter.log(token, reading.log(reporter.now_ms(token), unit.ip, unit.exposures))
        if reading.details:
            reporter.boards(token, reading.details)
