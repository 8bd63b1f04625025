"""This machine as a rig: the part of a Sentry that reports it and carries out what its Commander says."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import structlog

from rigfarm.sentry.agent.parts import CommandOutcome, Reporter
from rigfarm.sentry.readings import WorkloadSource
from rigfarm.sentry.rig.beat import beat
from rigfarm.sentry.rig.collect import join
from rigfarm.sentry.rig.commands import carry_out, supported
from rigfarm.sentry.rig.machine import Machine, RealMachine
from rigfarm.sentry.rig.power import RunCommand, run_command
from rigfarm.sentry.rig.programs import ReadMiner, read_all
from rigfarm.sentry.rig.runner import Runner
from rigfarm.sentry.rig.standing import Standing, TokenState
from rigfarm.sentry.sensors import Sensors
from rigfarm.wire.commands import Command
from rigfarm.wire.frames import Verdict
from rigfarm.wire.log import OperationalLog
from rigfarm.wire.playbooks import AssignedPlaybook, PlaybookStatus
from rigfarm.wire.specs import Specs

__all__ = ["RigPart"]

_log = structlog.get_logger(__name__)

_SPECS_EVERY_S = 300.0


class RigPart:
    """A `Part` with one token.

    `store_token` keeps a new token, or None when it is forgotten. `sources` says which programs answer where at this
    moment, `read_miner` asks one. Without a `runner` the rig is only watched. `allow_power` lets the Commander reboot
    this machine and switch it off.

    A runner is made before its rig and tells it (`tell_statuses`, `tell_console`); its owner starts and closes it.
    """

    def __init__(
        self,
        token: str | None,
        store_token: Callable[[str | None], None],
        sensors: Sensors,
        sources: Callable[[], list[WorkloadSource]],
        read_miner: ReadMiner,
        *,
        runner: Runner | None = None,
        machine: Machine | None = None,
        allow_power: bool = False,
        run: RunCommand = run_command,
    ) -> None:
        self.standing = Standing(token)
        self.rig_name: str | None = None
        """As the Commander calls it; known once it has answered."""
        self.last_log: OperationalLog | None = None
        self._store_token = store_token
        self._sensors = sensors
        self._sources = sources
        self._read_miner = read_miner
        self._runner = runner
        self._machine = machine or RealMachine()
        self._allow_power = allow_power
        self._run = run
        self._reporter: Reporter | None = None
        self._specs: Specs | None = None
        self._look_at_specs = asyncio.Event()
        self._leaving = asyncio.Lock()

    def tokens(self) -> list[str]:
        standing = self.standing
        return [standing.token] if standing.token and standing.speaks else []

    def set_token(self, token: str) -> None:
        """The operator entered a token; it replaces the one before."""
        self._store_token(token)
        self.standing.replace(token)
        self.rig_name = None
        self._specs = None
        self._look_at_specs.set()
        self._tokens_changed()
        self._tell_all_statuses()

    def forget_tokens(self) -> None:
        """Its token is not for the Commander that it has now. Mining goes on."""
        self._store_token(None)
        self.standing.replace(None)
        self._tokens_changed()

    async def run(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._tell_all_statuses()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._report_logs(reporter), name="rig-logs")
            tasks.create_task(self._report_specs(reporter), name="rig-specs")

    async def on_verdict(self, token: str, verdict: Verdict) -> None:
        if token != self.standing.token:
            return
        spoke = self.standing.speaks
        reported = self.standing.reports
        self.standing.judged(verdict.kind)
        self.rig_name = verdict.name or self.rig_name
        if self.standing.reports and not reported:
            self._look_at_specs.set()
        if self.standing.state is TokenState.REMOVED:
            await self._leave()
        elif spoke != self.standing.speaks:
            _log.warning("token-refused", meaning="nothing is reported; mining continues")
            self._tokens_changed()

    async def on_playbooks(self, token: str, revision: int, playbooks: list[AssignedPlaybook]) -> None:
        if token != self.standing.token or self.standing.state is TokenState.REMOVED:
            return
        if self._runner is None:
            if playbooks:
                _log.warning("playbooks-ignored", count=len(playbooks), reason="this Sentry runs no playbooks")
            return
        await self._runner.apply(revision, playbooks)
        self._tell_all_statuses()

    async def on_command(self, token: str, command: Command) -> CommandOutcome:
        if token != self.standing.token or not self.standing.speaks:
            return "refused", "This Sentry is no longer the rig's."
        return await carry_out(command, self._runner, self._allow_power, self._run)

    async def on_console_watch(self, token: str, playbook: int, on: bool) -> None:
        if self._runner and token == self.standing.token:
            await self._runner.console_watch(playbook, on)

    def tell_statuses(self, statuses: list[PlaybookStatus]) -> None:
        """What the runner tells of all its playbooks."""
        if self._reporter and self.standing.token and self.standing.reports:
            self._reporter.playbooks(self.standing.token, statuses)

    def tell_console(self, playbook: int, first: int, lines: list[str]) -> None:
        """What the runner tells of a watched program; `first` is the number of the first line."""
        if self._reporter and self.standing.token and self.standing.reports:
            self._reporter.console(self.standing.token, playbook, first, lines)

    async def _leave(self) -> None:
        """The rig was removed: end mining, then forget the token. In this order, so that a Sentry that is killed in
        between hears of the removal again."""
        async with self._leaving:
            if self.standing.state is not TokenState.REMOVED:
                return
            _log.info("rig-removed", meaning="mining ends, playbooks and mining software are removed")
            try:
                if self._runner:
                    await self._runner.remove_all()
            except Exception:  # noqa: BLE001 - tried again at the next beat, until it is done
                _log.exception("removal-failed")
                return
            self._store_token(None)
            self.standing.replace(None)
            self._tokens_changed()

    async def _report_logs(self, reporter: Reporter) -> None:
        async for _ in beat(lambda: reporter.interval_s):
            try:
                await self._tick(reporter)
            except Exception:  # noqa: BLE001 - one log is lost; the rig, its mining and the next log must not be
                _log.exception("report-failed")

    async def _tick(self, reporter: Reporter) -> None:
        if self.standing.state is TokenState.REMOVED:
            await self._leave()
        elif self.standing.offer_again():
            self._tokens_changed()
        elif self.standing.reports and self.standing.token:
            await self._report(reporter, self.standing.token)

    async def _report(self, reporter: Reporter, token: str) -> None:
        sensed, miners = await asyncio.gather(self._sensors.read(), read_all(self._sources(), self._read_miner))
        if token != self.standing.token or not self.standing.reports:
            return  # refused or removed while we were looking
        machine = self._machine
        log = join(sensed, miners, reporter.now_ms(token), machine.uptime_s(), machine.lan_ip())
        self.last_log = log
        reporter.log(token, log)
        known = {gpu.id for gpu in self._specs.gpus} if self._specs else set()
        if any(device.id and device.id not in known for device in sensed.devices):
            self._look_at_specs.set()

    async def _report_specs(self, reporter: Reporter) -> None:
        while True:
            self._look_at_specs.clear()
            try:
                self._tell_specs(reporter, await self._read_specs())
            except Exception:  # noqa: BLE001 - they are looked at again, and mining does not depend on them
                _log.exception("specs-failed")
            await _first(self._look_at_specs.wait(), _SPECS_EVERY_S)

    def _tell_specs(self, reporter: Reporter, specs: Specs) -> None:
        token = self.standing.token
        if token and self.standing.reports and specs != self._specs:
            self._specs = specs
            reporter.specs(token, specs)

    async def _read_specs(self) -> Specs:
        gpus = await self._sensors.gpu_specs()
        specs = await asyncio.to_thread(self._machine.specs, gpus)
        return msgspec.structs.replace(specs, supports=supported(self._runner, self._allow_power))

    def _tell_all_statuses(self) -> None:
        if self._runner:
            self.tell_statuses(self._runner.statuses())

    def _tokens_changed(self) -> None:
        if self._reporter:
            self._reporter.tokens_changed()


async def _first(event: Awaitable[object], timeout_s: float) -> None:
    """Wait for `event`, but no longer than `timeout_s`."""
    try:
        await asyncio.wait_for(event, timeout_s)
    except TimeoutError:
        return
