"""The ASICs as a part of the Sentry: all their tokens over its one link."""

from __future__ import annotations

from collections.abc import Callable

from rigfarm.sentry.agent.parts import CommandOutcome, Reporter
from rigfarm.sentry.asic.interpret import AsicReading
from rigfarm.sentry.asic.listener import Listener
from rigfarm.sentry.asic.service import AsicService
from rigfarm.sentry.asic.unit import Unit
from rigfarm.wire.commands import Command
from rigfarm.wire.frames import Verdict
from rigfarm.wire.playbooks import AssignedPlaybook
from rigfarm.wire.specs import Specs

__all__ = ["AsicPart"]


class AsicPart:
    """Implements `rigfarm.sentry.agent.parts.Part`, and listens to its devices' service. Its tokens are known once
    it was loaded, at the latest by `run`."""

    def __init__(self, service: Callable[[Listener], AsicService]) -> None:
        """`service` makes the one that speaks to this part."""
        self.service = service(self)
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

    async def on_playbooks(self, token: str, revision: int, playbooks: list[AssignedPlaybook]) -> None:
        """An ASIC runs no playbooks."""

    async def on_command(self, token: str, command: Command) -> CommandOutcome:
        return await self.service.command(token, command)

    async def on_console_watch(self, token: str, playbook: int, on: bool) -> None:
        """An ASIC shows no console."""

    # What the service says

    @property
    def interval_s(self) -> float:
        return 0.0 if self._reporter is None else self._reporter.interval_s

    def on_tokens_changed(self) -> None:
        if self._reporter is not None:
            self._reporter.tokens_changed()

    def on_reading(self, unit: Unit, reading: AsicReading) -> None:
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

    def on_trouble(self, unit: Unit, kind: str, detail: str) -> None:
        """Why a device is not read, or (empty) that it is read again."""
        token = unit.device.token
        if token is not None and self._reporter is not None and not unit.device.token_invalid:
            self._reporter.trouble(token, kind, detail)
