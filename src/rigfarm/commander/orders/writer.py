"""Writes that wait for each other become one transaction: a click on a thousand rigs is a few commits."""

from __future__ import annotations

import asyncio

from rigfarm.commander.orders import store
from rigfarm.commander.orders.model import RigOrder
from rigfarm.commander.storage import Storage

__all__ = ["OrderWriter"]


class OrderWriter:
    """`save` returns when the order's state is durable."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._waiting: dict[str, RigOrder] = {}
        self._done: asyncio.Future[None] | None = None
        self._writing: asyncio.Task[None] | None = None

    async def save(self, order: RigOrder) -> None:
        """Keep where the order stands; the newest word on it wins."""
        self._waiting[order.id] = order
        if self._done is None:
            self._done = asyncio.get_running_loop().create_future()
        done = self._done
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        await asyncio.shield(done)

    async def close(self) -> None:
        """Write what waits, before the database is closed."""
        if self._writing is not None:
            await self._writing

    async def _write(self) -> None:
        try:
            while self._waiting:
                await asyncio.sleep(0)  # whoever is about to write, too, comes along
                orders, self._waiting = list(self._waiting.values()), {}
                done, self._done = self._done, None
                assert done is not None
                try:
                    async with self._storage.begin() as tx:
                        await store.save_orders(tx, orders)
                except Exception as error:  # noqa: BLE001 - everybody who waits for it hears of it
                    done.set_exception(error)
                else:
                    done.set_result(None)
        finally:
            self._writing = None
