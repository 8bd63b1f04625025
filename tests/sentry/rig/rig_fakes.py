"""Stand-ins around a `RigPart`: who it reports to, what runs its playbooks, what it senses."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable

from rigfarm.sentry.readings import MinerReading, WorkloadSource
from rigfarm.sentry.rig.part import RigPart
from rigfarm.sentry.sensors import Sensors, SourceReading
from rigfarm.wire.log import Device, OperationalLog
from rigfarm.wire.playbooks import AssignedPlaybook, PlaybookStatus
from rigfarm.wire.specs import BoardDetail, GpuSpecs, Specs

TOKEN = "rf_" + "t" * 43
PCI = "0000:01:00.0"


class FakeReporter:
    """Remembers what it is told."""

    def __init__(self, interval_s: float = 0.02) -> None:
        self.interval_s = interval_s
        self.logs: list[tuple[str, OperationalLog]] = []
        self.told_specs: list[tuple[str, Specs]] = []
        self.statuses: list[tuple[str, list[PlaybookStatus]]] = []
        self.lines: list[tuple[str, int, int, list[str]]] = []
        self.token_changes = 0
        self._now = 1_000

    def now_ms(self, token: str) -> int:
        self._now += 1
        return self._now

    def log(self, token: str, log: OperationalLog) -> None:
        self.logs.append((token, log))

    def specs(self, token: str, specs: Specs) -> None:
        self.told_specs.append((token, specs))

    def trouble(self, token: str, kind: str, detail: str) -> None:
        """A rig of its own has a log whatever is wrong."""

    def boards(self, token: str, boards: list[BoardDetail]) -> None:
        raise AssertionError("a CPU/GPU rig has no hashboards")

    def playbooks(self, token: str, statuses: list[PlaybookStatus]) -> None:
        self.statuses.append((token, statuses))

    def console(self, token: str, playbook: int, first: int, lines: list[str]) -> None:
        self.lines.append((token, playbook, first, lines))

    def tokens_changed(self) -> None:
        self.token_changes += 1


class FakeRunner:
    """Remembers what it is asked; a removal fails as often as `removals_fail` says."""

    def __init__(self) -> None:
        self.applied: list[tuple[int, list[AssignedPlaybook]]] = []
        self.restarted: list[int | None] = []
        self.watched: list[tuple[int, bool]] = []
        self.removed = 0
        self.removals_fail = 0
        self.running = 2

    async def apply(self, revision: int, orders: Iterable[AssignedPlaybook]) -> None:
        self.applied.append((revision, list(orders)))

    def statuses(self) -> list[PlaybookStatus]:
        return [PlaybookStatus(id=7, revision=1, state="mining")]

    async def restart(self, playbook: int | None = None) -> int:
        self.restarted.append(playbook)
        return self.running

    async def remove_all(self) -> None:
        self.removed += 1
        if self.removed <= self.removals_fail:
            raise OSError("disk is gone")

    async def console_watch(self, playbook: int, on: bool) -> None:
        self.watched.append((playbook, on))


class FakeSource:
    """A sensor source with one card, until told otherwise."""

    name = title = "fake"

    def __init__(self) -> None:
        self.devices = [Device(kind="gpu", index=0, id=PCI, name="Card", core_c=60.0, power_w=100.0)]

    def read(self) -> SourceReading:
        return SourceReading(devices=list(self.devices))

    def gpu_specs(self) -> list[GpuSpecs]:
        return [GpuSpecs(device.id or "", device.name) for device in self.devices]

    def close(self) -> None:
        pass


class FakeMachine:
    """Answers at once."""

    def __init__(self) -> None:
        self.hostname = "rig"

    def specs(self, gpus: list[GpuSpecs]) -> Specs:
        return Specs(sentry_version="1", hostname=self.hostname, gpus=gpus)

    def uptime_s(self) -> float:
        return 42.0

    def lan_ip(self) -> str:
        return "10.0.0.5"


class Rig:
    """A part with everything around it."""

    def __init__(self, token: str | None = TOKEN, **options: object) -> None:
        self.reporter = FakeReporter()
        self.runner = FakeRunner()
        self.source = FakeSource()
        self.machine = FakeMachine()
        self.stored: list[str | None] = []
        self.programs: list[WorkloadSource] = []
        self.commands: list[list[str]] = []
        self.command_outcome = ("done", "")
        options = {"runner": self.runner, "machine": self.machine, "run": self._run, **options}
        self.part = RigPart(
            token, self.stored.append, Sensors(sources=[self.source]), lambda: self.programs, self._read, **options
        )

    async def _run(self, argv: list[str]):
        self.commands.append(argv)
        return self.command_outcome

    async def _read(self, source: WorkloadSource) -> MinerReading:
        if source.adapter == "broken":
            raise ValueError("no such field")
        return MinerReading()


@contextlib.asynccontextmanager
async def running(rig: Rig) -> AsyncIterator[Rig]:
    """The part at work."""
    task = asyncio.create_task(rig.part.run(rig.reporter))
    try:
        yield rig
    finally:
        task.cancel()
        await asyncio.wait([task])
