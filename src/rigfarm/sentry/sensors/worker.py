"""One thread for one source, so that a driver that hangs holds up nothing but its own values.

A call into a dead driver can block for minutes, or for ever, and cannot be interrupted. So each source has exactly one
thread: while it hangs no further call is made and no further thread is started. The thread is a daemon: a hung driver
does not keep the Sentry from ending either.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

__all__ = ["Hung", "Worker"]

_T = TypeVar("_T")


class Hung(Exception):  # noqa: N818 - an outcome
    """No answer in time. `seconds` is how long the call has been under way."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"no answer for {seconds:.0f} s")
        self.seconds = seconds


class Worker:
    """Calls one after another in a thread of its own, which the first call starts."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._busy_since: float | None = None
        self._turn = asyncio.Lock()

    async def call(self, function: Callable[[], _T], timeout_s: float) -> _T:
        """What `function` returns or raises; Hung when that takes too long, or an earlier call still does."""
        async with self._turn:
            since = self._busy_since
            if since is not None:
                raise Hung(time.monotonic() - since)
            answer = self._begin(function)
            try:
                async with asyncio.timeout(timeout_s):
                    return await asyncio.wrap_future(answer)
            except TimeoutError:
                if not answer.cancelled() and answer.done():
                    raise  # the function's own
                raise Hung(timeout_s) from None

    def close(self, last: Callable[[], None]) -> None:
        """End the thread when it is idle, after `last`. Does not wait for it."""
        if self._thread is None:
            last()
        self._calls.put(last)
        self._calls.put(None)

    def _begin(self, function: Callable[[], _T]) -> Future[_T]:
        answer: Future[_T] = Future()
        answer.set_running_or_notify_cancel()
        self._busy_since = time.monotonic()

        def run() -> None:
            try:
                result = function()
            except BaseException as error:  # noqa: BLE001 - handed to the caller
                self._busy_since = None
                answer.set_exception(error)
            else:
                self._busy_since = None
                answer.set_result(result)

        self._calls.put(run)
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=f"sensor-{self._name}", daemon=True)
            self._thread.start()
        return answer

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            call()
