"""This machine as a rig, with everything real: its sensors, its mining programs, its playbooks, its token on disk."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog

from rigfarm.sentry.agent.parts import Reporter
from rigfarm.sentry.identity.settings import Settings
from rigfarm.sentry.identity.tokens import TokenStore
from rigfarm.sentry.link.trust import Trust
from rigfarm.sentry.miners import MinerAdapter, adapters, read
from rigfarm.sentry.playbooks import PlaybookRunner, Reboot, RunnerError
from rigfarm.sentry.playbooks import Settings as RunnerSettings
from rigfarm.sentry.playbooks.fetch import Tls, authorities
from rigfarm.sentry.playbooks.held import Held
from rigfarm.sentry.processes.services import Services
from rigfarm.sentry.readings import MinerReading, WorkloadSource
from rigfarm.sentry.rig.part import RigPart
from rigfarm.sentry.rig.power import RunCommand, power
from rigfarm.sentry.sensors import Sensors
from rigfarm.sentry.spool.clock import wall_ms
from rigfarm.wire.playbooks import AssignedPlaybook

__all__ = ["ThisMachine"]

log = structlog.get_logger()

_RUNNER_AGAIN_S = 10.0


class ThisMachine(RigPart):
    """A `Part`; it owns its sensors and the runner of its playbooks."""

    def __init__(self, settings: Settings, held: Sequence[Held] = ()) -> None:
        """`held`: programs that run already, of the Sentry whose place this one takes."""
        known = adapters([settings.data_dir / "adapters"])
        self._own_sensors = Sensors(known_path=settings.data_dir / "gpus.json")
        services = Services.offered()
        run = power(services)
        self._playbooks = PlaybookRunner(
            settings.data_dir,
            read=_reader_for_runner(known),
            on_statuses=self.tell_statuses,
            on_console=self.tell_console,
            reboot=_reboot(run) if settings.allow_power else None,
            now_ms=self._now_ms,
            settings=RunnerSettings(policy=settings.policy, services=services),
            held=held,
        )
        self._playbooks_run = asyncio.Event()
        self._commander_url = settings.commander or ""
        self._tls: Tls = authorities
        store = TokenStore(settings.data_dir)
        super().__init__(
            store.load(),
            store.save,
            self._own_sensors,
            lambda: [*settings.sources, *self._playbooks.sources()],
            _reader(known),
            runner=self._playbooks,
            allow_power=settings.allow_power,
            run=run,
        )
        self._use_commander()

    def set_token(self, token: str) -> None:
        """See `RigPart`. Mining software is fetched with the new one."""
        super().set_token(token)
        self._use_commander()

    def commander_changed(self, url: str, trust: Trust) -> None:
        """Mining software is fetched from there."""
        self._commander_url, self._tls = url, trust.context
        self._use_commander()

    def _use_commander(self) -> None:
        self._playbooks.use_commander(self._commander_url, self.standing.token or "", self._tls)

    def _now_ms(self) -> int:
        """By the Commander's clock, as far as it is known: a rig's own may be wrong by years."""
        token = self.standing.token
        return self._reporter.now_ms(token) if self._reporter and token else wall_ms()

    async def run(self, reporter: Reporter) -> None:
        """Report, and mine by the playbooks on disk; one does not wait for the other."""
        starting = asyncio.create_task(self._run_playbooks())
        try:
            await super().run(reporter)
        finally:
            starting.cancel()

    async def on_playbooks(self, token: str, revision: int, playbooks: list[AssignedPlaybook]) -> None:
        """See `RigPart`; not before those on disk run."""
        await self._playbooks_run.wait()
        await super().on_playbooks(token, revision, playbooks)

    @property
    def held(self) -> list[Held]:
        """Programs that go on; known after `hand_over`."""
        return self._playbooks.held

    async def hand_over(self) -> None:
        """Let all mining go on that this Sentry started."""
        try:
            if self._playbooks_run.is_set():
                await self._playbooks.release()
        finally:
            self._own_sensors.close()

    async def close(self) -> None:
        """End all mining that this Sentry started."""
        try:
            if self._playbooks_run.is_set():
                await self._playbooks.close()
        finally:
            self._own_sensors.close()

    async def _run_playbooks(self) -> None:
        problem = ""
        while not self._playbooks_run.is_set():
            try:
                await self._playbooks.start()
                self._playbooks_run.set()
            except Exception as error:
                if str(error) != problem:
                    problem = str(error)
                    expected = isinstance(error, RunnerError | OSError)
                    log.error("playbooks cannot be run", reason=problem, exc_info=None if expected else error)
                await asyncio.sleep(_RUNNER_AGAIN_S)


def _reader(known: Mapping[str, MinerAdapter]) -> Callable[[WorkloadSource], Awaitable[MinerReading]]:
    async def ask(source: WorkloadSource) -> MinerReading:
        adapter = known.get(source.adapter)
        if adapter is None:
            return MinerReading(problems=[f"Unknown adapter {source.adapter!r}; known: {', '.join(sorted(known))}."])
        return await read(source, adapter)

    return ask


def _reader_for_runner(
    known: Mapping[str, MinerAdapter],
) -> Callable[[WorkloadSource], Awaitable[MinerReading | None]]:
    async def ask(source: WorkloadSource) -> MinerReading | None:
        adapter = known.get(source.adapter)
        return None if adapter is None else await read(source, adapter)

    return ask


def _reboot(run: RunCommand) -> Reboot:
    async def reboot(reason: str) -> None:
        log.warning("rebooting this machine", reason=reason)
        state, detail = await run(["systemctl", "reboot"])
        if state != "done":
            raise OSError(detail)

    return reboot
