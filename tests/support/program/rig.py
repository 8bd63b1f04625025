"""A rig with nothing but its playbooks: the real runner, in this process or in one of its own that can be killed.

`python -m support.program.rig FOLDER URL TOKEN [PLAYBOOKS]` runs the playbooks in FOLDER, or applies those of the
JSON file PLAYBOOKS first, and prints a line of JSON for every change of a status, until it is killed or told to end.
At SIGHUP it becomes another program of the same kind (execve), as a Sentry that is updated does.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

import msgspec

from rigfarm.sentry.miners import adapters, read
from rigfarm.sentry.playbooks import PlaybookRunner, Reboot, Settings
from rigfarm.sentry.playbooks.held import Held, hand_on, take_over
from rigfarm.sentry.processes.leftovers import folder_id, marked
from rigfarm.sentry.readings import MinerReading, WorkloadSource
from rigfarm.simulate.program.reach import let_programs_in
from rigfarm.wire.playbooks import Archive, AssignedPlaybook, AssignedWorkload, PlaybookState, PlaybookStatus

__all__ = ["IMPATIENT", "Rig", "ask_program", "assigned_for"]

IMPATIENT = Settings(
    term_grace_s=1.0,
    poll_s=0.2,
    poll_starting_s=0.05,
    retry_first_s=0.05,
    retry_max_s=0.3,
    retry_disk_s=0.2,
    housekeeping_s=0.2,
    lock_s=5.0,
)
"""For tests: what a rig does in minutes, in a second; but it awaits others as usual, for a busy machine is slow."""


async def ask_program(source: WorkloadSource) -> MinerReading | None:
    """As the Sentry reads its programs."""
    adapter = adapters().get(source.adapter)
    return None if adapter is None else await read(source, adapter)


def assigned_for(archive: Archive, id: int = 1, template: str = "", **changes: object) -> AssignedPlaybook:
    """A playbook that runs the fake program."""
    plain = AssignedPlaybook(
        id=id,
        revision=1,
        name=f"playbook {id}",
        archive=archive,
        template=template,
        variables={"WORKER_NAME": "rig-07"},
        adapter="xmrig",
        api_arguments="--http-host=127.0.0.1 --http-port=$API_PORT",
        workloads=[AssignedWorkload("XMR", "rx/0", "cpu", "pool.test:3333", "WALLET")],
    )
    return msgspec.structs.replace(plain, **changes)


class Rig:
    """`async with Rig(folder, url, token) as rig:` runs playbooks; it remembers every status it was told."""

    def __init__(
        self,
        folder: Path,
        url: str,
        token: str,
        *,
        settings: Settings = IMPATIENT,
        reboot: Reboot | None = None,
        held: Sequence[Held] = (),
    ) -> None:
        self.history: list[list[PlaybookStatus]] = []
        self.lines: list[tuple[int, int, str]] = []
        """(playbook, number, line) as a watched console told them."""
        self._news = asyncio.Event()
        self.folder = folder
        let_programs_in(folder)
        self.runner = PlaybookRunner(
            folder,
            read=ask_program,
            on_statuses=self._hear,
            on_console=self._hear_console,
            reboot=reboot,
            settings=settings,
            held=held,
        )
        self.runner.use_commander(url, token)

    async def __aenter__(self) -> Rig:
        await self.runner.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.runner.close()

    def status(self, playbook: int = 1) -> PlaybookStatus | None:
        """What it said last."""
        return next((status for status in self.runner.statuses() if status.id == playbook), None)

    def states(self, playbook: int = 1) -> list[PlaybookState]:
        """Every state it has been in, in order."""
        seen = [status.state for statuses in self.history for status in statuses if status.id == playbook]
        return [state for before, state in zip([None, *seen], seen, strict=False) if state != before]

    async def until(self, state: PlaybookState, playbook: int = 1, *, within_s: float = 60.0) -> PlaybookStatus:
        """Its status once it is in that state, or has been since this was called."""
        return await self.when(lambda status: status.state == state, playbook, within_s=within_s)

    async def when(
        self, holds: Callable[[PlaybookStatus], bool], playbook: int = 1, *, within_s: float = 60.0
    ) -> PlaybookStatus:
        """Its status once something holds of it, or has held since this was called: what is over in a moment counts,
        too. Raises TimeoutError, with what it said last."""
        deadline, heard = time.monotonic() + within_s, len(self.history)
        while True:
            self._news.clear()
            status = self.status(playbook)
            if status is not None and holds(status):
                return status
            passed = [one for statuses in self.history[heard:] for one in statuses if one.id == playbook]
            if over := next((one for one in passed if holds(one)), None):
                return over
            heard = len(self.history)
            try:
                await asyncio.wait_for(self._news.wait(), max(0.0, deadline - time.monotonic()))
            except TimeoutError:
                raise TimeoutError(f"still {status}") from None

    def processes(self) -> list[int]:
        """Every process of its playbooks that carries its mark, supervisors included."""
        return marked(f"{folder_id(self.runner.folder)}:")

    def _hear(self, statuses: list[PlaybookStatus]) -> None:
        self.history.append(statuses)
        self._news.set()

    def _hear_console(self, playbook: int, first: int, lines: list[str]) -> None:
        self.lines.extend((playbook, first + position, line) for position, line in enumerate(lines))
        self._news.set()


async def _serve(folder: Path, url: str, token: str, playbooks: list[AssignedPlaybook] | None) -> None:
    told = msgspec.json.Encoder()

    def tell(statuses: list[PlaybookStatus]) -> None:
        sys.stdout.buffer.write(told.encode(statuses) + b"\n")
        sys.stdout.buffer.flush()

    let_programs_in(folder)
    runner = PlaybookRunner(
        folder,
        read=ask_program,
        on_statuses=tell,
        on_console=lambda *_: None,
        settings=IMPATIENT,
        held=take_over(),
    )
    runner.use_commander(url, token)
    stop = asyncio.Event()
    replaced = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, replaced.set)
    await runner.start()
    if playbooks is not None:
        await runner.apply(1, playbooks)
    ends = [asyncio.create_task(one.wait()) for one in (stop, replaced)]
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    if replaced.is_set():
        await runner.release()
        hand_on(runner.held)
        os.execv(sys.executable, sys.orig_argv)
    await runner.close()


def main(folder: str, url: str, token: str, playbooks: str | None = None) -> None:
    """As the module says."""
    wanted = None
    if playbooks is not None:
        wanted = msgspec.json.decode(Path(playbooks).read_bytes(), type=list[AssignedPlaybook])
    asyncio.run(_serve(Path(folder), url, token, wanted))


if __name__ == "__main__":
    main(*sys.argv[1:])
