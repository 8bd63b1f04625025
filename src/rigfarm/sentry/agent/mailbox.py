"""What the Commander says to a part, handed over one after another without making the link wait."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable

import structlog

__all__ = ["Mailbox"]

log = structlog.get_logger()

Handler = Callable[[], Awaitable[object]]


class Mailbox:
    """Messages by subject: a newer one replaces one on the same subject that was not handled yet."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._messages: OrderedDict[Hashable, Handler] = OrderedDict()
        self._arrived = asyncio.Event()

    def __len__(self) -> int:
        return len(self._messages)

    def post(self, subject: Hashable, handler: Handler) -> None:
        """Have `handler` called when its turn comes."""
        self._messages.pop(subject, None)
        self._messages[subject] = handler
        self._arrived.set()

    async def run(self) -> None:
        """Call handlers until cancelled; one that raises is logged, and the next is called."""
        while True:
            while self._messages:
                subject, handler = self._messages.popitem(last=False)
                try:
                    await handler()
                except asyncio.CancelledError:
                    task = asyncio.current_task()
                    if task is None or task.cancelling():
                        raise
                    log.error("a message of the Commander was not handled to its end", part=self._name)
                except Exception:
                    kind = subject[0] if isinstance(subject, tuple) else subject
                    log.exception("a message of the Commander could not be handled", part=self._name, about=kind)
            self._arrived.clear()
            await self._arrived.wait()
