"""A mining program as a process, seen from the Sentry: started through the shim, its output, its end, ending it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Literal

import msgspec
import structlog
from msgspec import Struct

from rigfarm.common.pace import Pace
from rigfarm.sentry.processes import cgroup, shim
from rigfarm.sentry.processes.access import Account
from rigfarm.sentry.processes.inherited import Child, Running
from rigfarm.sentry.processes.leftovers import MARK, end_marked
from rigfarm.sentry.processes.services import connect

__all__ = ["Ending", "Process", "Program", "StartError", "shim_command", "wait_for_units"]

START_S = 20.0
_PACKETS_AT_ONCE = 32
_OUTPUT = (2.0 * shim.OUTPUT_BURST_BYTES, 2.0 * shim.OUTPUT_BYTES_PER_S)
_FLOOD_PAUSE_S = 0.1
"""A shim passes on less. One that runs as its program's user may have been taken over by it."""

_log = structlog.get_logger(__name__)


class StartError(Exception):
    """The program could not be started; the text says why, for a person."""


class Program(Struct, frozen=True):
    """What to run, and as what."""

    path: str
    arguments: list[str]
    cwd: str
    env: dict[str, str]
    mark: str
    """`<folder>:<playbook>`, see leftovers."""
    account: Account | None = None
    """None: the Sentry's own user."""
    supervisors: str | None = None
    """The socket behind which systemd starts a shim as that user; None: we start it."""
    nice: int | None = None
    affinity: list[int] = []


class Ending(Struct, frozen=True):
    """How a program ended."""

    code: int | None = None
    signal: int | None = None
    survivors: list[int] = []
    """Processes that could not be ended: stuck in a driver."""
    lost: bool = False
    """Its shim was killed, so its end was not seen."""


class _Event(Struct):
    event: Literal["started", "failed", "dropped", "ended"]
    pid: int = 0
    shim: int = 0
    notes: list[str] = []
    why: str = ""
    bytes: int = 0
    code: int | None = None
    signal: int | None = None
    survivors: list[int] = []
    lost: bool = False


_events = msgspec.json.Decoder(_Event)


def shim_command(descriptor: int) -> list[str]:
    """How to start a shim: as a file, without a word of Rigfarm's packages. A self-contained Sentry does the same."""
    return [sys.executable, "-I", "-S", shim.__file__, str(descriptor)]


class Process:
    """One run of a program. As it prints, `on_output` gets the bytes, `on_dropped` the number of those left out;
    `on_started` gets its pid before."""

    def __init__(
        self,
        program: Program,
        on_output: Callable[[bytes], None],
        on_dropped: Callable[[int], None],
        on_started: Callable[[int], None] = lambda _: None,
    ) -> None:
        self.program = program
        self.pid: int | None = None
        self.notes: list[str] = []
        self.stopping = False
        self._on_output = on_output
        self._on_dropped = on_dropped
        self._on_started = on_started
        self._shim: subprocess.Popen[bytes] | Child | None = None
        self._socket: socket.socket | None = None
        self._cgroup: str | None = None
        self._unit: Path | None = None
        """Cgroup of the unit in which systemd has started the shim."""
        self._output = Pace(*_OUTPUT)
        self._started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._said: _Event | None = None
        self._closed = asyncio.Event()
        self._ended: asyncio.Task[Ending] = asyncio.create_task(self._end())
        self._starting: asyncio.Future[None] | None = None

    @classmethod
    def adopt(
        cls, program: Program, running: Running, on_output: Callable[[bytes], None], on_dropped: Callable[[int], None]
    ) -> Process:
        """One that was started before this process became another program, see `release`. Raises OSError."""
        connection = socket.socket(fileno=running.descriptor)
        connection.set_inheritable(False)
        connection.setblocking(False)
        process = cls(program, on_output, on_dropped)
        process.pid, process.notes, process._cgroup = running.pid, running.notes, running.cgroup
        process._shim = Child(running.shim) if running.shim is not None else None
        process._unit = Path(running.unit) if running.unit is not None else None
        process._socket, process._starting = connection, process._started
        process._settle(None)
        asyncio.get_running_loop().add_reader(connection, process._receive)
        return process

    def release(self) -> Running:
        """Let go of it without ending it: this process is about to become another program, which adopts it.

        It stays supervised: its shim holds the other end of a socket, which closes with this process.
        """
        assert self._socket is not None
        assert self.pid is not None
        asyncio.get_running_loop().remove_reader(self._socket)
        descriptor, self._socket = self._socket.detach(), None
        self._ended.cancel()
        shim_pid = self._shim.pid if self._shim is not None else None
        unit = str(self._unit) if self._unit is not None else None
        return Running(self.pid, descriptor, shim_pid, self._cgroup, unit, self.notes)

    async def start(self, *, use_cgroup: bool = True, errors: Path | None = None) -> None:
        """Returns once the program is running. Raises StartError, after which nothing of it is left.

        Cancelled, it leaves a process that `stop` ends.
        """
        self._starting = asyncio.create_task(self._start(use_cgroup, errors))
        await asyncio.shield(self._starting)

    async def _start(self, use_cgroup: bool, errors: Path | None) -> None:
        alone = self.program.supervisors is None
        self._cgroup = cgroup.make(self._name()) if use_cgroup and alone else None
        try:
            ours = self._socket = await asyncio.to_thread(self._spawn if alone else self._connect, errors)
            ours.setblocking(False)
            with contextlib.suppress(ConnectionError):  # it has ended: its socket says so
                ours.send(msgspec.json.encode(self._specification()))
        except OSError as error:
            self._close()
            raise StartError(f"the program's supervisor cannot be started: {error}") from None
        asyncio.get_running_loop().add_reader(ours, self._receive)
        try:
            async with asyncio.timeout(START_S):
                await asyncio.shield(self._started)
        except TimeoutError:
            self._close()
            await self._ended
            raise StartError(f"the program did not begin within {START_S:.0f} s: is its disk gone?") from None
        except StartError:
            await self._ended
            raise

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self.pid is not None and not self._ended.done()

    async def ended(self) -> Ending:
        """Wait for its end: no process of it is left then, but for `survivors`."""
        return await asyncio.shield(self._ended)

    async def stop(self, grace_s: float) -> Ending:
        """Ask it to end, and after `grace_s` end it, with everything it started. Cancelled, it ends all the same."""
        self.stopping = True
        if self._starting is None:
            self._close()
        else:
            await asyncio.wait([self._starting])
        if self._socket is not None:
            with contextlib.suppress(OSError):  # it has just ended by itself
                self._socket.send(json.dumps({"stop": grace_s}).encode())
        try:
            async with asyncio.timeout(grace_s + 2 * shim.SWEEP_S):
                return await self.ended()
        except TimeoutError:
            self._close()  # a shim that is stuck itself; its guard ends it
            return await self.ended()

    def _spawn(self, errors: Path | None) -> socket.socket:
        """Start a shim; our end of its socket."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs, _opened(errors) as file:
            try:
                self._shim = subprocess.Popen(
                    shim_command(theirs.fileno()),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=file,
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,
                    env={MARK: self.program.mark, "PATH": os.defpath, "LANG": "C.UTF-8"},
                )
            except OSError:
                ours.close()
                raise
        return ours

    def _connect(self, _: Path | None) -> socket.socket:
        """Have systemd start a shim, whose complaints go into the system's log."""
        assert self.program.supervisors is not None
        return connect(Path(self.program.supervisors))

    def _specification(self) -> dict[str, object]:
        program = self.program
        return {
            "path": program.path,
            "argv": [program.path, *program.arguments],
            "cwd": program.cwd,
            "env": {**program.env, MARK: program.mark},
            "account": program.account if program.supervisors is None else None,
            "nice": program.nice,
            "affinity": program.affinity,
            "cgroup": self._cgroup,
        }

    def _receive(self) -> None:
        assert self._socket is not None
        for _ in range(_PACKETS_AT_ONCE):
            try:
                packet = self._socket.recv(1 << 20)
            except BlockingIOError:
                return
            except OSError:
                packet = b""
            if not packet:
                self._close()
                return
            if packet.startswith(b"o"):
                if self._output.take(len(packet)):
                    self._on_output(packet[1:])
                else:
                    self._on_dropped(len(packet))
            else:
                try:
                    self._hear(_events.decode(packet))
                except msgspec.DecodeError as error:
                    _log.error("a program's supervisor sent something that cannot be read", error=str(error)[:200])
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._socket)
        loop.call_later(_FLOOD_PAUSE_S, self._receive_again)

    def _receive_again(self) -> None:
        if self._socket is not None:
            asyncio.get_running_loop().add_reader(self._socket, self._receive)

    def _hear(self, event: _Event) -> None:
        if event.event == "started" and self.pid is None:
            self.pid, self.notes = event.pid, event.notes
            if self.program.supervisors is not None:
                self._unit = cgroup.unit_of(event.shim)  # there still when the program has ended at once
            self._on_started(event.pid)
            self._settle(None)
        elif event.event == "failed":
            self._settle(StartError(event.why))
        elif event.event == "dropped":
            self._on_dropped(event.bytes)
        elif self._said is None:
            self._said = event
        else:  # the guard, when its worker could not end everything
            self._said = msgspec.structs.replace(self._said, survivors=event.survivors)

    def _close(self) -> None:
        """No shim has the other end of the socket any more."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None
        self._settle(StartError("the program's supervisor ended before the program began"))
        self._closed.set()

    def _settle(self, error: StartError | None) -> None:
        if self._started.done():
            return
        if error is None:
            self._started.set_result(None)
        else:
            self._started.set_exception(error)
            self._started.exception()  # `start` may have been cancelled: nothing else would look at it

    async def _end(self) -> Ending:
        await self._closed.wait()
        try:
            left = await asyncio.to_thread(self._clean_up)
        except Exception as error:  # noqa: BLE001 - what waits for the end must learn of it
            _log.error("what a program left could not be looked for", error=repr(error))
            left = []
        said = self._said
        if said is None:
            return Ending(survivors=left, lost=True)
        return Ending(said.code, said.signal, sorted({*said.survivors, *left}), said.lost)

    def _clean_up(self) -> list[int]:
        """In a thread: collect the shim; end what a killed shim may have left."""
        if self._shim is not None:
            try:
                self._shim.wait(2 * shim.SWEEP_S)
            except subprocess.TimeoutExpired:
                self._shim.kill()
                self._shim.wait()
        if self.program.supervisors is not None:
            return wait_for_units([self._unit] if self._unit is not None else [])
        if self._cgroup is not None:
            cgroup.end_all(self._name())
        return end_marked(self.program.mark)

    def _name(self) -> str:
        return self.program.mark.replace(":", "-")


def wait_for_units(units: list[Path]) -> list[int]:
    """Wait until systemd has ended all processes in the units of these cgroups, which it does when their shims end; who
    could not be ended. Blocks.

    A program that keeps its shim from ending ends with its Sentry: systemd ends all units with ours, and restarts us.
    """
    deadline = time.monotonic() + 2 * shim.SWEEP_S
    stuck = []
    for unit in units:
        pids, alive = cgroup.left_in(unit, max(0.0, deadline - time.monotonic()))
        stuck += pids
        if alive:
            _log.critical("a program keeps its supervisor from ending it; a restart of the Sentry does", pids=pids)
            os._exit(1)
    return stuck


def _opened(path: Path | None) -> BinaryIO:
    """Where a shim's own complaints go: a full disk must not keep a program from starting."""
    if path is not None:
        try:
            return path.open("wb")
        except OSError as error:
            _log.warning("a supervisor's complaints will be lost", path=str(path), error=str(error))
    return open(os.devnull, "wb")
