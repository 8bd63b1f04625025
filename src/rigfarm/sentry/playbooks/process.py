"""A mining program as a process, seen from the Sentry: started through the shim, its output, its end, ending it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Literal

import msgspec
import structlog
from msgspec import Struct

from rigfarm.sentry.playbooks import cgroup, shim
from rigfarm.sentry.playbooks.access import Account
from rigfarm.sentry.playbooks.leftovers import MARK, end_marked

__all__ = ["Ending", "Process", "Program", "StartError", "shim_command"]

START_S = 20.0
_PACKETS_AT_ONCE = 32

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
    nice: int | None = None
    affinity: list[int] = []


class Ending(Struct, frozen=True):
    """How a program ended."""

    code: int | None = None
    signal: int | None = None
    survivors: list[int] = []
    """Processes that could not be ended: stuck in a driver."""
    lost: bool = False
    """Its shim was killed, so nobody saw how it ended."""


class _Event(Struct):
    event: Literal["started", "failed", "dropped", "ended"]
    pid: int = 0
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
    """One run of a program. As it prints, `on_output` gets the bytes, `on_dropped` the number of those left out."""

    def __init__(self, program: Program, on_output: Callable[[bytes], None], on_dropped: Callable[[int], None]) -> None:
        self.program = program
        self.pid: int | None = None
        self.notes: list[str] = []
        self.stopping = False
        self._on_output = on_output
        self._on_dropped = on_dropped
        self._shim: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._cgroup: str | None = None
        self._started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._said: _Event | None = None
        self._closed = asyncio.Event()
        self._ended: asyncio.Task[Ending] = asyncio.create_task(self._end())
        self._starting: asyncio.Task[None] | None = None

    async def start(self, *, use_cgroup: bool = True, errors: Path | None = None) -> None:
        """Returns once the program is running. Raises StartError, after which nothing of it is left.

        Cancelled, it leaves a process that `stop` ends.
        """
        self._starting = asyncio.create_task(self._start(use_cgroup, errors))
        await asyncio.shield(self._starting)

    async def _start(self, use_cgroup: bool, errors: Path | None) -> None:
        self._cgroup = cgroup.make(self._name()) if use_cgroup else None
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        self._socket = ours
        with theirs:
            try:
                self._shim = await asyncio.to_thread(self._spawn, theirs.fileno(), errors)
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

    def _spawn(self, descriptor: int, errors: Path | None) -> subprocess.Popen[bytes]:
        with _opened(errors) as file:
            return subprocess.Popen(
                shim_command(descriptor),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=file,
                pass_fds=[descriptor],
                start_new_session=True,
                env={MARK: self.program.mark, "PATH": os.defpath, "LANG": "C.UTF-8"},
            )

    def _specification(self) -> dict[str, object]:
        program = self.program
        return {
            "path": program.path,
            "argv": [program.path, *program.arguments],
            "cwd": program.cwd,
            "env": {**program.env, MARK: program.mark},
            "account": program.account,
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
                self._on_output(packet[1:])
            else:
                try:
                    self._hear(_events.decode(packet))
                except msgspec.DecodeError as error:
                    _log.error("a program's supervisor sent something that cannot be read", error=str(error)[:200])

    def _hear(self, event: _Event) -> None:
        if event.event == "started":
            self.pid, self.notes = event.pid, event.notes
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
            self._started.exception()  # `start` may have been cancelled: nobody else would look at it

    async def _end(self) -> Ending:
        await self._closed.wait()
        try:
            left = await asyncio.to_thread(self._clean_up)
        except Exception as error:  # noqa: BLE001 - whoever waits for the end must learn of it
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
        if self._cgroup is not None:
            cgroup.end_all(self._name())
        return end_marked(self.program.mark)

    def _name(self) -> str:
        return self.program.mark.replace(":", "-")


def _opened(path: Path | None) -> BinaryIO:
    """Where a shim's own complaints go: a full disk must not keep a program from starting."""
    if path is not None:
        try:
            return path.open("wb")
        except OSError as error:
            _log.warning("a supervisor's complaints will be lost", path=str(path), error=str(error))
    return open(os.devnull, "wb")
