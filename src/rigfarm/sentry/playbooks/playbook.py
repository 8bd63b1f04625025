"""One playbook on this rig: installed, started, looked after, changed and ended.

It lives in one task at a time. A change cancels that task and begins another; the program itself runs on through it,
and is stopped only if it is now to be stopped, or to run differently, and in the latter case not before the new program
is ready to take its place.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import psutil
import structlog

from rigfarm.sentry.playbooks.console import Console
from rigfarm.sentry.playbooks.held import Held
from rigfarm.sentry.playbooks.installer import installed
from rigfarm.sentry.playbooks.logfile import LogFile
from rigfarm.sentry.playbooks.plan import Plan, PlanError, make_plan, prepare
from rigfarm.sentry.playbooks.ports import free_port, is_free
from rigfarm.sentry.playbooks.restarts import Restarts
from rigfarm.sentry.playbooks.sane import supervision
from rigfarm.sentry.playbooks.software import RefusedError
from rigfarm.sentry.playbooks.surroundings import Surroundings
from rigfarm.sentry.playbooks.watch import Outcome, Watch
from rigfarm.sentry.processes.process import Process, StartError
from rigfarm.sentry.readings import WorkloadSource
from rigfarm.wire.playbooks import AssignedPlaybook, PlaybookState, PlaybookStatus

__all__ = ["Playbook"]

_RETRY_S = 60.0

_log = structlog.get_logger(__name__)


class Playbook:
    """Make it, `begin`, then `change` and `restart` as told, and `end` it."""

    def __init__(self, assigned: AssignedPlaybook, rig: Surroundings, held: Held | None = None) -> None:
        """`held`: its program runs already, see `release`."""
        self.assigned = assigned
        self._spoken_of = assigned
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
        self._restarts = Restarts(assigned.id, rig.ledger)
        self.console = Console(
            LogFile(rig.log_path(assigned.id)), lambda first, lines: rig.show(assigned.id, first, lines)
        )
        if held is not None:
            self._adopt(held)

    def _adopt(self, held: Held) -> None:
        try:
            self._process = Process.adopt(held.plan.program, held.running, self.console.feed, self.console.dropped)
        except OSError as error:
            _log.error("a running program cannot be taken over", playbook=self.assigned.id, error=str(error))
            return
        self._plan, self._began = held.plan, held.began
        self._state, self._detail, self._since_ms = held.state, held.detail, held.since_ms
        self._restarts.count = held.restarts
        self._rig.ports.add(held.plan.port)
        self.console.say(f"the Sentry was replaced; pid {held.running.pid} goes on")

    async def release(self) -> Held | None:
        """End without ending the program, for the Sentry that takes our place; None: there is none to go on."""
        await self._end_life()
        async with self._living:
            process, plan = self._process, self._plan
            if process is None or plan is None or not process.running or process.stopping:
                await self._stop()
                held = None
            else:
                running = process.release()
                held = Held(plan, running, self._began, self._state, self._detail, self._since_ms, self._restarts.count)
        await self.console.close()
        return held

    # What it is told

    def begin(self) -> None:
        """Live by what is assigned now."""
        if self._life is not None:
            self._life.cancel()
        self._life = asyncio.create_task(self._live())

    def change(self, assigned: AssignedPlaybook) -> None:
        """Live by what is assigned now; if it is the same, try again at once what waits for the Commander."""
        before, self.assigned = self.assigned, assigned
        if assigned == before:
            self._nudged.set()
        elif assigned.restart > before.restart:
            self.restart()
        else:
            self.begin()

    def restart(self) -> None:
        """An operator wants the program started again: backoff and what was learned as normal are forgotten."""
        self._must_stop = True
        self._restarts.well()
        self._rig.ledger.of(self.assigned.id).normal = []
        self.begin()

    async def end(self) -> None:
        """Stop for good; no process of it is left, but for one that is stuck in a driver."""
        await self._end_life()
        async with self._living:
            await self._stop()
        self._say("stopped")
        self._give_port_back()
        await self.console.close()

    async def _end_life(self) -> None:
        if self._life is not None:
            self._life.cancel()
            await asyncio.wait([self._life])

    async def remove(self) -> None:
        """After `end`: what its program wrote goes too. Raises OSError."""
        await asyncio.to_thread(LogFile(self._rig.log_path(self.assigned.id)).remove)
        await asyncio.to_thread(self._rig.supervisor_log(self.assigned.id).unlink, missing_ok=True)
        await asyncio.to_thread(self._rig.remove_work, self.assigned.id)

    # What it says

    def status(self) -> PlaybookStatus:
        """For the Commander. What is assigned again is spoken of once it is clear what it changes."""
        return PlaybookStatus(
            id=self._spoken_of.id,
            revision=self._spoken_of.revision,
            state=self._state,
            detail=self._detail,
            progress=self._progress,
            since_ms=self._since_ms,
            pid=self._process.pid if self._process is not None and self._process.running else None,
            restarts=self._restarts.count,
            name=self._spoken_of.name,
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

    def _speak_of(self, assigned: AssignedPlaybook, state: PlaybookState) -> None:
        self._spoken_of = assigned
        self._rig.changed()
        self._say(state, self._detail if state == self._state else "")

    # Its life

    async def _live(self) -> None:
        async with self._living:
            while True:
                try:
                    await self._follow()
                except RefusedError as error:
                    self._fail(str(error))
                except PlanError as error:
                    self._fail(str(error))
                    await asyncio.sleep(_RETRY_S)  # a missing user may be made, a card may come back
                    continue
                except Exception as error:  # noqa: BLE001  a mistake here must not end any mining, this playbook's least
                    _log.exception("a playbook failed", playbook=self.assigned.id)
                    self._fail(f"internal error in the Sentry, please report it: {error!r}")
                    await asyncio.sleep(_RETRY_S)
                    continue
                return

    def _fail(self, why: str) -> None:
        self._spoken_of = self.assigned
        old = ". What it ran before mines on" if self.running is not None else ""
        self._say("failed", f"{why}{old}")

    async def _follow(self) -> None:
        assigned = self.assigned
        wishes = supervision(assigned)
        if self._rig.reboot is None:
            wishes = msgspec.structs.replace(wishes, reboot_after_failures=0)
        self._restarts.supervision = wishes
        if self._must_stop or assigned.wanted == "stopped":
            await self._stop()
            self._must_stop = False
        if assigned.wanted == "stopped":
            self._speak_of(assigned, "stopped")
            return
        if await self._is_running(assigned):
            self._speak_of(assigned, self._state)
        else:
            if self._spoken_of is not assigned:
                self._speak_of(assigned, "queued")
            await self._replace(assigned)
        while True:
            outcome = await self._watch()
            await self._stop()
            await self._again(outcome)
            await self._replace(assigned)

    async def _is_running(self, assigned: AssignedPlaybook) -> bool:
        """Whether what runs is what is assigned; if so it belongs to that from now on."""
        if self._process is None or not self._process.running or self._process.stopping or self._plan is None:
            return False
        executable = await self._rig.software.installed(assigned.archive)
        if executable is None:
            return False
        plan = make_plan(assigned, executable, self._plan.port, self._rig)
        if plan.signature != self._plan.signature:
            return False
        self._plan = plan
        return True

    async def _replace(self, assigned: AssignedPlaybook) -> None:
        """Install what is assigned; only then stop what runs, and start. Raises PlanError, RefusedError."""
        while True:
            executable = await installed(assigned.archive, self._rig, self._say, self._nudged)
            make_plan(assigned, executable, 1, self._rig)  # what cannot be run stops nothing
            await self._stop()
            await self._until_unstuck()
            try:
                await self._start(assigned, executable)
            except (StartError, OSError) as error:
                await self._stop()
                await self._again(Outcome(f"the program could not be started: {error}", failure=False), "failed")
            else:
                return

    async def _start(self, assigned: AssignedPlaybook, executable: Path) -> None:
        plan = make_plan(assigned, executable, self._port(), self._rig)
        await asyncio.to_thread(prepare, plan, self._rig)
        await self._rig.software.use(assigned.archive)
        self._say("starting")
        started = f"{assigned.archive.software} {assigned.archive.version} started, pid"
        process = Process(
            plan.program, self.console.feed, self.console.dropped, lambda pid: self.console.say(f"{started} {pid}")
        )
        self._process, self._plan = process, plan
        self._began = asyncio.get_running_loop().time()
        self.console.begin()
        errors = self._rig.supervisor_log(assigned.id)
        await process.start(use_cgroup=self._rig.settings.cgroups, errors=errors)
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
            reason = f"its last process ({pids}) cannot be ended because it is stuck in a driver: reboot the rig"
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
                await self._rig.reboot(f"playbook {self.assigned.name}: {outcome.reason}")
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
