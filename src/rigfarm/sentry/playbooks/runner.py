"""All playbooks of one rig: those and no others run, from the moment the Sentry starts until it ends."""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import structlog

from rigfarm.common.clock import utc_ms
from rigfarm.common.pace import Pace
from rigfarm.common.supervised import Supervised
from rigfarm.sentry.playbooks.assigned import Assigned, AssignedFile
from rigfarm.sentry.playbooks.fetch import Tls, authorities
from rigfarm.sentry.playbooks.held import Held
from rigfarm.sentry.playbooks.ledger import Ledger
from rigfarm.sentry.playbooks.news import News, owner_of
from rigfarm.sentry.playbooks.playbook import Playbook
from rigfarm.sentry.playbooks.settings import Settings
from rigfarm.sentry.playbooks.software import Software
from rigfarm.sentry.playbooks.surroundings import Read, Reboot, Surroundings
from rigfarm.sentry.processes import cgroup
from rigfarm.sentry.processes.disk import make_folder, remove_tree
from rigfarm.sentry.processes.leftovers import end_marked, folder_id
from rigfarm.sentry.processes.process import wait_for_units
from rigfarm.sentry.processes.shim import remove_homes
from rigfarm.sentry.readings import WorkloadSource
from rigfarm.wire.playbooks import Archive, AssignedPlaybook, PlaybookStatus

__all__ = ["PlaybookRunner", "RunnerError"]

_log = structlog.get_logger(__name__)

WRITES = 10.0
WRITES_PER_S = 0.1
"""Changes that are on the disk at once: so many in a row, then one in ten seconds. The rest follows within seconds."""
FUTURE_MS = 86_400_000
"""Revisions are a Commander's UTC ms: one that is further ahead came from a wrong clock, or from no Commander."""

Statuses = Callable[[list[PlaybookStatus]], None]
ConsoleLines = Callable[[int, int, list[str]], None]


class RunnerError(Exception):
    """Playbooks cannot be run here; the text says why."""


def _wall_ms() -> int:
    return utc_ms()


class PlaybookRunner:
    """`start` it, then `apply` what the Commander says, and `close` it when the Sentry ends.

    `held` are programs that run already, of the Sentry whose place this one takes. `on_statuses` is told all statuses
    whenever one changes, `on_console(playbook, first, lines)` what a watched program prints; both are called from the
    event loop and must not block. `read` asks a stats API, `reboot` reboots the rig; without it no playbook ever does.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        read: Read,
        on_statuses: Statuses,
        on_console: ConsoleLines,
        reboot: Reboot | None = None,
        now_ms: Callable[[], int] = _wall_ms,
        settings: Settings | None = None,
        held: Sequence[Held] = (),
    ) -> None:
        self.held = list(held)
        """Programs that run already, for `start` to take over; after `release`, those that go on."""
        self.folder = data_dir / "playbooks"
        self._data_dir = data_dir
        self._read = read
        self._reboot = reboot
        self._now_ms = now_ms
        self._settings = settings or Settings()
        self._on_statuses = on_statuses
        self._on_console = on_console
        self._file = AssignedFile(self.folder / "assigned.json")
        self._kept = True
        self._revision = 0
        self._news = News()
        self._playbooks: dict[int, Playbook] = {}
        self._changing = asyncio.Lock()
        self._telling: asyncio.Handle | None = None
        self._housekeeping: asyncio.Task[None] | None = None
        self._writes = Pace(WRITES, WRITES_PER_S)
        self._pruned_for: list[Archive] = []
        self._lock = -1
        self._commander = ("", "")
        self._tls: Tls = authorities
        self._rig: Surroundings | None = None

    # From start to end

    async def start(self) -> None:
        """End what an earlier Sentry left, then mine by the playbooks on disk; no Commander is needed for it.

        Raises RunnerError when another Sentry works on the same data folder, OSError when there is no data folder.
        """
        await asyncio.to_thread(make_folder, self.folder)
        await self._lock_folder()
        try:
            await self._begin()
        except BaseException:
            self._unlock_folder()  # or the next attempt would find the folder taken, by this very Sentry
            raise

    async def _begin(self) -> None:
        rig = self._rig = self._surroundings()
        rig.software.tls = self._tls
        # Where programs were handed on, this very process has supervised all there were.
        left = [] if self.held else await asyncio.to_thread(self._end_leftovers, rig.mark)
        if left:
            _log.error("processes of an earlier run cannot be ended; reboot the rig", pids=left)
        await rig.software.tidy()
        if self._settings.services is not None:  # of a Sentry that was root, and has been replaced by us
            await asyncio.to_thread(remove_homes, ["*"], str(self.folder / "work"))
        kept = await asyncio.to_thread(self._file.load)
        self._revision = kept.revision if kept.owner == self._owner else 0
        held, self.held = {one.plan.assigned.id: one for one in self.held}, []
        if kept.removing:
            await self.remove_all()
        # By id, so that no file makes two of one: the first would mine on unseen.
        for assigned in {one.id: one for one in kept.playbooks}.values():
            self._add(assigned, held.pop(assigned.id, None))
        for stray in held.values():  # its shim ends it
            os.close(stray.running.descriptor)
        self._housekeeping = asyncio.create_task(Supervised("playbooks", self._keep_house).run())
        self._changed()

    async def close(self) -> None:
        """The Sentry ends: so does all mining. What is on disk stays, and runs again at the next start."""
        await self._end_housekeeping()
        async with self._changing:
            await self._end(self._playbooks.values())
            if self._rig is not None:
                await self._rig.ledger.save()
                await asyncio.to_thread(self._end_leftovers, self._rig.mark)
                self._tell()
        self._unlock_folder()

    async def release(self) -> None:
        """Another Sentry takes our place in this process: what runs goes on, and is in `held` for it."""
        await self._end_housekeeping()
        async with self._changing:
            if self._rig is not None:
                released = await asyncio.gather(*(one.release() for one in self._playbooks.values()))
                self.held = [one for one in released if one is not None]
                if not self._kept:
                    await self._keep(self._current())
                await self._rig.ledger.save()
        self._unlock_folder()

    async def _end_housekeeping(self) -> None:
        if self._housekeeping is not None:
            self._housekeeping.cancel()
            await asyncio.wait([self._housekeeping])
            self._housekeeping = None

    def use_commander(self, url: str, token: str, tls: Tls = authorities) -> None:
        """Where archives come from, the rig's token, which is sent nowhere else, and how to tell that it is there."""
        if self._rig is not None and owner_of(token) != self._owner:
            self._revision = 0
            self._news.forget()
        self._commander, self._tls = (url, token), tls
        if self._rig is not None:
            self._rig.commander, self._rig.software.tls = self._commander, tls

    # What the Commander and the operator want

    async def apply(self, revision: int, playbooks: Iterable[AssignedPlaybook]) -> None:
        """Run these playbooks and no others. Those that stay as they are mine on; who waits for the Commander tries
        again at once. What a Commander says that was restored from a backup is not done: see `News`."""
        wanted = {assigned.id: assigned for assigned in playbooks}
        async with self._changing:
            if self._rig is None:
                raise RunnerError("the runner has not been started")
            if self._revision > self._now_ms() + FUTURE_MS:
                _log.warning(
                    "the revision this rig was sent is in the future, and does not count", known=self._revision
                )
                self._revision = 0
            if self._news.is_old(revision, self._revision):
                _log.warning(
                    "the Commander says what it said earlier, as after a restored backup: mining goes on as it is",
                    said=revision,
                    known=self._revision,
                )
                return
            if revision != self._revision or list(wanted.values()) != self._current():
                self._revision = revision
                if self._writes.take(1):
                    await self._keep(list(wanted.values()))
                else:
                    self._kept = False  # the housekeeping writes: changes of mind do not wear out a disk
            gone = [playbook for id, playbook in self._playbooks.items() if id not in wanted]
            await self._end(gone)
            await self._clear(gone)
            for assigned in wanted.values():
                if assigned.id in self._playbooks:
                    self._playbooks[assigned.id].change(assigned)
                else:
                    self._add(assigned)
            self._changed()

    async def restart(self, playbook: int | None = None) -> int:
        """Start the programs again, or one playbook's; how many there were to restart."""
        async with self._changing:
            chosen = [one for id, one in self._playbooks.items() if playbook in (None, id)]
            running = [one for one in chosen if one.assigned.wanted == "running"]
            for one in running:
                one.restart()
        return len(running)

    async def console_watch(self, playbook: int, on: bool) -> None:
        """A page shows the program's output, from its last lines on; or none does any more."""
        if playbook in self._playbooks:
            self._playbooks[playbook].console.watch(on)

    async def remove_all(self) -> None:
        """The rig was removed: stop all, delete playbooks, programs and logs, leave no process. May be called again.

        It is written down first, so that a removal that a crash interrupts is completed at the next start. Whatever
        cannot be deleted is in the Sentry's log and tried again then.
        """
        async with self._changing:
            rig = self._rig
            if rig is None:
                raise RunnerError("the runner has not been started")
            await self._mark_removal()
            await self._end(self._playbooks.values())
            left = await asyncio.to_thread(self._end_leftovers, rig.mark)
            if left:
                _log.error("processes of the removed rig cannot be ended; reboot it", pids=left)
            try:
                await rig.software.remove_all()
                await asyncio.to_thread(rig.remove_work)
                await asyncio.to_thread(remove_tree, self.folder / "logs")
                await rig.ledger.forget_playbooks()
                await asyncio.to_thread(self._file.forget)
            except OSError as error:
                _log.error("not all of the removed rig's files could be deleted", error=str(error))
            self._playbooks.clear()
            self._revision = 0
            self._tell()

    # What is told

    def statuses(self) -> list[PlaybookStatus]:
        """Of every playbook, in their order."""
        return [playbook.status() for playbook in self._playbooks.values()]

    def sources(self) -> list[WorkloadSource]:
        """Where the programs that run now answer."""
        return [source for playbook in self._playbooks.values() if (source := playbook.source()) is not None]

    @property
    def revision(self) -> int:
        """Of the playbooks it runs; 0: none were ever given."""
        return self._revision

    def _changed(self) -> None:
        """Tell, once per turn of the event loop."""
        if self._telling is None:
            self._telling = asyncio.get_running_loop().call_soon(self._tell)

    def _tell(self) -> None:
        if self._telling is not None:
            self._telling.cancel()
            self._telling = None
        self._on_statuses(self.statuses())

    # How

    @property
    def _owner(self) -> str:
        return owner_of(self._commander[1])

    def _surroundings(self) -> Surroundings:
        settings = self._settings
        return Surroundings(
            folder=self.folder,
            data_dir=self._data_dir,
            mark=f"{folder_id(self.folder)}:",
            software=Software(self.folder / "software", limits=settings.limits, pace=settings.pace),
            ledger=Ledger(self.folder / "ledger.json"),
            settings=settings,
            read=self._read,
            reboot=self._reboot,
            now_ms=self._now_ms,
            changed=self._changed,
            show=self._on_console,
            commander=self._commander,
        )

    def _add(self, assigned: AssignedPlaybook, held: Held | None = None) -> None:
        assert self._rig is not None
        playbook = self._playbooks[assigned.id] = Playbook(assigned, self._rig, held)
        playbook.begin()

    async def _end(self, playbooks: Iterable[Playbook]) -> None:
        results = await asyncio.gather(*(playbook.end() for playbook in playbooks), return_exceptions=True)
        for error in results:
            if isinstance(error, Exception):
                _log.error("a playbook did not end as it should", exc_info=error)

    async def _clear(self, playbooks: Iterable[Playbook]) -> None:
        """Forget ended playbooks and what their programs wrote."""
        for playbook in playbooks:
            del self._playbooks[playbook.assigned.id]
            try:
                await playbook.remove()
            except OSError as error:
                _log.warning("a removed playbook's files stay", playbook=playbook.assigned.id, error=str(error))

    def _current(self) -> list[AssignedPlaybook]:
        return [playbook.assigned for playbook in self._playbooks.values()]

    async def _keep(self, playbooks: list[AssignedPlaybook]) -> None:
        """On disk. Where that fails mining goes on all the same, and it is tried again."""
        try:
            await asyncio.to_thread(self._file.keep, Assigned(self._revision, playbooks, owner=self._owner))
        except OSError as error:
            _log.warning("the playbooks are not on disk yet", error=str(error))
            self._kept = False
        else:
            self._kept = True

    async def _mark_removal(self) -> None:
        try:
            await asyncio.to_thread(self._file.keep, Assigned(removing=True))
        except OSError:
            await asyncio.to_thread(self._file.forget)  # a full disk still lets go of what it has
        self._kept = True

    async def _keep_house(self) -> None:
        while True:
            await asyncio.sleep(self._settings.housekeeping_s)
            async with self._changing:
                await self._tidy_up()

    async def _tidy_up(self) -> None:
        assert self._rig is not None
        await self._rig.ledger.save_now_and_then()
        if not self._kept:
            await self._keep(self._current())
        running = [plan.assigned.archive for playbook in self._playbooks.values() if (plan := playbook.running)]
        used = [*(assigned.archive for assigned in self._current()), *running]
        if used != self._pruned_for:
            try:
                await self._rig.software.prune(used)
                self._pruned_for = used
            except OSError as error:
                _log.warning("old mining software stays on disk", error=str(error))

    def _unlock_folder(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _end_leftovers(self, mark: str) -> list[int]:
        """Who cannot be ended."""
        if self._settings.services is not None:
            return wait_for_units(cgroup.units())
        cgroup.end_all(f"{mark.rstrip(':')}-*")
        return end_marked(mark)

    async def _lock_folder(self) -> None:
        """One Sentry per data folder; the lock goes with the process, however it ends."""
        self._lock = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        deadline = time.monotonic() + self._settings.lock_s
        while True:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    self._unlock_folder()
                    raise RunnerError(f"another Sentry runs the playbooks in {self.folder}: stop it first") from None
                await asyncio.sleep(0.05)
            else:
                return
