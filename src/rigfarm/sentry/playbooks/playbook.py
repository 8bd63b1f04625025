"""One playbook on this rig: installed, started, looked after, changed and ended.

It lives in one task at a time. A change cancels that task and begins another; the program itself runs on through it,
and is stopped only if the new order wants it stopped, or run differently, and in the latter case not before the new
program is ready to take its place.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import psutil
import structlog

from rigfarm.sentry.playbooks.access import remove_home
from rigfarm.sentry.playbooks.console import Console
from rigfarm.sentry.playbooks.installer import installed
from rigfarm.sentry.playbooks.logfile import LogFile
from rigfarm.sentry.playbooks.plan import Plan, PlanError, make_plan, prepare
from rigfarm.sentry.playbooks.ports import free_port, is_free
from rigfarm.sentry.playbooks.process import Process, StartError
from rigfarm.sentry.playbooks.restarts import Restarts
from rigfarm.sentry.playbooks.sane import supervision
from rigfarm.sentry.playbooks.software import RefusedError
from rigfarm.sentry.playbooks.surroundings import Surroundings
from rigfarm.sentry.playbooks.watch import Outcome, Watch
from rigfarm.sentry.readings import WorkloadSource
from rigfarm.wire.playbooks import PlaybookOrder, PlaybookState, PlaybookStatus

__all__ = ["Playbook"]

_RETRY_S = 60.0

_log = structlog.get_logger(__name__)


class Playbook:
    """Make it, `begin`, then `change` and `restart` as told, and `end` it."""

    def __init__(self, order: PlaybookOrder, rig: Surroundings) -> None:
        self.order = order
        self._spoken_of = order
        self._rig = rig
        self._state: PlaybookState = "queued"
        self._detail = ""
        self._progress: float | None = None
        self._since_ms = rig.now_ms()
        self._life: asyncio.Task[None] | None = None
        self._living = asyncio.Lock()
        self._must_stop = False
        self._nudged = asyncio.Event()
        self._process: Process | None = None
        self._plan: Plan | None = None
        self._began = 0.0
        self._stuck: list[psutil.Process] = []
        self._restarts = Restarts(order.id, rig.ledger)
        self.console = Console(LogFile(rig.log_path(order.id)), lambda first, lines: rig.show(order.id, first, lines))

    # What it is told

    def begin(self) -> None:
        """Live by the present order."""
        if self._life is not None:
            self._life.cancel()
        self._life = asyncio.create_task(self._live())

    def change(self, order: PlaybookOrder) -> None:
        """Live by another order; by the same one, try again at once what waits for the Commander."""
        before, self.order = self.order, order
        if order == before:
            self._nudged.set()
        elif order.restart > before.restart:
            self.restart()
        else:
            self.begin()

    def restart(self) -> None:
        """An operator wants the program started anew: backoff and what was learned as normal are forgotten."""
        self._must_stop = True
        self._restarts.well()
        self._rig.ledger.of(self.order.id).normal = []
        self.begin()

    async def end(self) -> None:
        """Stop for good; no process of it is left, but for one that is stuck in a driver."""
        if self._life is not None:
            self._life.cancel()
            await asyncio.wait([self._life])
        async with self._living:
            await self._stop()
        self._say("stopped")
        self._give_port_back()
        await self.console.close()

    async def remove(self) -> None:
        """After `end`: what its program wrote goes too. Raises OSError."""
        await asyncio.to_thread(LogFile(self._rig.log_path(self.order.id)).remove)
        await asyncio.to_thread(self._rig.supervisor_log(self.order.id).unlink, missing_ok=True)
        await asyncio.to_thread(remove_home, self._rig.work_folder(self.order.id))

    # What it says

    def status(self) -> PlaybookStatus:
        """For the Commander. A new order is spoken of once it is clear what it changes."""
        return PlaybookStatus(
            id=self._spoken_of.id,
            revision=self._spoken_of.revision,
            state=self._state,
            detail=self._detail,
            progress=self._progress,
            since_ms=self._since_ms,
            pid=self._process.pid if self._process is not None and self._process.running else None,
            restarts=self._restarts.count,
        )

    @property
    def running(self) -> Plan | None:
        """What its program was started by, while it runs."""
        return self._plan if self._process is not None and self._process.running else None

    def source(self) -> WorkloadSource | None:
        """Where its program answers, while it runs."""
        return self.running.source() if self.running is not None else None

    def _say(self, state: PlaybookState, detail: str = "", progress: float | None = None) -> None:
        if (state, detail, progress) == (self._state, self._detail, self._progress):
            return
        if state != self._state:
            self._since_ms = self._rig.now_ms()
        self._state, self._detail, self._progress = state, detail, progress
        self._rig.changed()

    def _speak_of(self, order: PlaybookOrder, state: PlaybookState) -> None:
        self._spoken_of = order
        self._rig.changed()
        self._say(state, self._detail if state == self._state else "")

    # Its life

    async def _live(self) -> None:
        async with self._living:
            while True:
                try:
                    await self._live_by_order()
                except RefusedError as error:
                    self._fail(str(error))
                except PlanError as error:
                    self._fail(str(error))
                    await asyncio.sleep(_RETRY_S)  # a missing user may be made, a card may come back
                    continue
                except Exception as error:  # noqa: BLE001  a mistake here must not end any mining, this playbook's least
                    _log.exception("a playbook failed", playbook=self.order.id)
                    self._fail(f"the Sentry made a mistake, please report it: {error!r}")
                    await asyncio.sleep(_RETRY_S)
                    continue
                return

    def _fail(self, why: str) -> None:
        self._spoken_of = self.order
        old = ". What it ran before mines on" if self.running is not None else ""
        self._say("failed", f"{why}{old}")

    async def _live_by_order(self) -> None:
        order = self.order
        wishes = supervision(order)
        if self._rig.reboot is None:
            wishes = msgspec.structs.replace(wishes, reboot_after_failures=0)
        self._restarts.supervision = wishes
        if self._must_stop or order.wanted == "stopped":
            await self._stop()
            self._must_stop = False
        if order.wanted == "stopped":
            self._speak_of(order, "stopped")
            return
        if await self._is_running(order):
            self._speak_of(order, self._state)
        else:
            if self._spoken_of is not order:
                self._speak_of(order, "queued")
            await self._replace(order)
        while True:
            outcome = await self._watch()
            await self._stop()
            await self._again(outcome)
            await self._replace(order)

    async def _is_running(self, order: PlaybookOrder) -> bool:
        """Whether what runs is what the order wants; if so it is the order's from now on."""
        if self._process is None or not self._process.running or self._process.stopping or self._plan is None:
            return False
        executable = await self._rig.software.installed(order.archive)
        if executable is None:
            return False
        plan = make_plan(order, executable, self._plan.port, self._rig)
        if plan.signature != self._plan.signature:
            return False
        self._plan = plan
        return True

    async def _replace(self, order: PlaybookOrder) -> None:
        """Install what the order wants; only then stop what runs, and start. Raises PlanError, RefusedError."""
        while True:
            executable = await installed(order.archive, self._rig, self._say, self._nudged)
            make_plan(order, executable, 1, self._rig)  # an order that cannot be carried out stops nothing
            await self._stop()
            await self._until_unstuck()
            try:
                await self._start(order, executable)
            except (StartError, OSError) as error:
                await self._stop()
                await self._again(Outcome(f"the program could not be started: {error}", failure=False), "failed")
            else:
                return

    async def _start(self, order: PlaybookOrder, executable: Path) -> None:
        plan = make_plan(order, executable, self._port(), self._rig)
        await asyncio.to_thread(prepare, plan, self._rig)
        await self._rig.software.use(order.archive)
        self._say("starting")
        process = Process(plan.program, self.console.feed, self.console.dropped)
        self._process, self._plan = process, plan
        self._began = asyncio.get_running_loop().time()
        self.console.begin()
        errors = self._rig.supervisor_log(order.id)
        await process.start(use_cgroup=self._rig.settings.cgroups, errors=errors)
        self.console.say(f"{order.archive.software} {order.archive.version} started, pid {process.pid}")
        notes = [note for note in (plan.note, *process.notes) if note]
        self._plan = msgspec.structs.replace(plan, note="; ".join(notes))
        self._rig.changed()

    async def _watch(self) -> Outcome:
        assert self._process is not None
        assert self._plan is not None
        watch = Watch(self._process, self._plan, self._began, self._restarts, self._rig, self._say)
        return await watch.run(self.console)

    async def _stop(self) -> None:
        """Stop what runs, if anything does, and remember what would not end."""
        if self._process is None:
            return
        ending = await self._process.stop(self._rig.settings.term_grace_s)
        self._process = None
        for pid in ending.survivors:
            try:
                self._stuck.append(psutil.Process(pid))
            except psutil.NoSuchProcess:
                continue

    async def _until_unstuck(self) -> None:
        """Never a second instance beside one that cannot be ended."""
        while stuck := [process for process in self._stuck if process.is_running()]:
            self._stuck = stuck
            pids = ", ".join(str(process.pid) for process in stuck)
            reason = f"its last process ({pids}) cannot be ended, it is stuck in a driver: reboot the rig"
            await self._wait_after(Outcome(reason, failure=True), "failed")
        self._stuck = []

    async def _again(self, outcome: Outcome, state: PlaybookState = "backing-off") -> None:
        """Return when the program is to be started once more."""
        await self._wait_after(outcome, state)
        await self._restarts.restarted()

    async def _wait_after(self, outcome: Outcome, state: PlaybookState) -> None:
        """Say why it does not mine, reboot the rig if that is called for, and wait as long as is due."""
        decision = await self._restarts.decide(failure=outcome.failure)
        self.console.say(f"{outcome.reason}. {decision.detail}")
        self._say(state, f"{outcome.reason}. {decision.detail}")
        if decision.act == "reboot" and self._rig.reboot is not None:
            try:
                await self._rig.reboot(f"playbook {self.order.name}: {outcome.reason}")
            except OSError as error:
                self._say(state, f"{outcome.reason}. The rig cannot be rebooted: {error}")
        await asyncio.sleep(decision.wait_s)

    def _port(self) -> int:
        """The one it had, if that is still free."""
        had = self._plan.port if self._plan is not None else None
        if had is not None and is_free(had):
            return had
        self._give_port_back()
        port = free_port(self._rig.ports)
        self._rig.ports.add(port)
        return port

    def _give_port_back(self) -> None:
        if self._plan is not None:
            self._rig.ports.discard(self._plan.port)
