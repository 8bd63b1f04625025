"""Makes only pyasic knows (Goldshell, Innosilicon, Hammer, …): read by a worker process that can hurt no other part."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from itertools import count

import msgspec

from rigfarm.sentry.asic.answer import DeviceAnswer, Nature
from rigfarm.sentry.asic.model import Login
from rigfarm.sentry.asic.readers.base import ReadingError, Refused, Scope
from rigfarm.sentry.asic.readers.pyasic_wire import MAX_LINE_BYTES, NOT_INSTALLED, Answer, Request
from rigfarm.wire.commands import Command

__all__ = ["PyasicReader", "PyasicWorker"]

_GRACE_S = 3.0
"""How much longer than the worker's own deadline it is waited for, before it counts as hung."""
_COMMAND = (sys.executable, "-m", "rigfarm.sentry.asic.readers.pyasic_worker")


class PyasicWorker:
    """The worker process: started when first needed, killed when it hangs, started again for the next request."""

    def __init__(self, command: Sequence[str] | None = None, timeout_s: float = 15.0) -> None:
        self._command = command or _COMMAND
        self._absent = command is None and find_spec("pyasic") is None
        self._timeout_s = timeout_s
        self._ids = count(1)
        self._waiting: dict[int, tuple[asyncio.subprocess.Process, asyncio.Future[Answer]]] = {}
        self._process: asyncio.subprocess.Process | None = None
        self._listener: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()

    async def identify(self, ip: str, login: Login | None) -> PyasicReader:
        """A reader for the device at `ip`, or ReadingError."""
        answer = await self.call(Request(id=0, do="identify", ip=ip, login=login))
        if answer.nature is None:
            raise ReadingError("unrecognised", "pyasic does not know it either.")
        return PyasicReader(self, ip, login, answer.nature)

    async def call(self, request: Request) -> Answer:
        """One request to the worker; its trouble is raised as ReadingError."""
        process = await self._running()
        request.id, request.timeout_s = next(self._ids), self._timeout_s
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[request.id] = process, future
        try:
            assert process.stdin is not None
            process.stdin.write(msgspec.json.encode(request) + b"\n")
            async with asyncio.timeout(self._timeout_s + _GRACE_S):
                answer = await future
        except TimeoutError:
            self._kill()
            raise ReadingError("unreachable", "pyasic hung on it and was restarted.") from None
        finally:
            self._waiting.pop(request.id, None)
        if answer.trouble is not None:
            raise ReadingError(answer.state, answer.trouble)
        return answer

    async def close(self) -> None:
        """End the worker."""
        self._kill()
        if self._listener is not None:
            await asyncio.gather(self._listener, return_exceptions=True)

    async def _running(self) -> asyncio.subprocess.Process:
        if self._absent:
            raise _not_installed()
        async with self._starting:
            if self._process is None or self._process.returncode is not None:
                pipe = asyncio.subprocess.PIPE
                self._process = await asyncio.create_subprocess_exec(
                    *self._command, stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.DEVNULL, limit=MAX_LINE_BYTES
                )
                self._listener = asyncio.create_task(self._listen(self._process))
            return self._process

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        try:
            while line := await process.stdout.readline():
                answer = msgspec.json.decode(line, type=Answer)
                _, future = self._waiting.get(answer.id, (None, None))
                if future is not None and not future.done():
                    future.set_result(answer)
        except (ValueError, msgspec.DecodeError, RecursionError):  # a line without end, or one that is none
            process.kill()
        self._fail(process, await process.wait())

    def _fail(self, process: asyncio.subprocess.Process, status: int) -> None:
        """This worker is gone: what waits for it, and not for the next one, learns why."""
        ended = ReadingError("unreachable", "pyasic ended unexpectedly and will be restarted.")
        error = _not_installed() if status == NOT_INSTALLED else ended
        for worker, future in self._waiting.values():
            if worker is process and not future.done():
                future.set_exception(error)

    def _kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()


def _not_installed() -> ReadingError:
    return ReadingError("unrecognised", "Only pyasic may know it: install rigfarm with the extra asic-more.")


class PyasicReader:
    """One device read through the worker. Its handle lives over there, and is made again after a restart."""

    def __init__(self, worker: PyasicWorker, ip: str, login: Login | None, nature: Nature) -> None:
        self.nature = nature
        self._worker = worker
        self._ip = ip
        self._login = login
        self._process_known = True

    async def read(self, scope: Scope) -> DeviceAnswer:
        await self._be_known()
        answer = await self._call(Request(id=0, do="read", ip=self._ip))
        return answer.reading or DeviceAnswer()

    async def obey(self, command: Command) -> None:
        await self._be_known()
        try:
            await self._call(Request(id=0, do="obey", ip=self._ip, command=command))
        except ReadingError as error:
            raise Refused(error.message) from error

    def close(self) -> None:
        """The worker forgets it when it ends."""

    async def _call(self, request: Request) -> Answer:
        try:
            return await self._worker.call(request)
        except ReadingError:
            self._process_known = False
            raise

    async def _be_known(self) -> None:
        if not self._process_known:
            await self._worker.call(Request(id=0, do="identify", ip=self._ip, login=self._login))
            self._process_known = True
