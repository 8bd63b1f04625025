"""Whose connections to a shared PostgreSQL are good: those of the Commander that leads.

Each names its Commander, so that the next one that leads can end them; and a new one asks first who leads. So one that
was frozen, cut off or forgotten, and does not know yet that another leads, changes nothing any more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sqlalchemy import URL, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.pool import ConnectionPoolEntry

__all__ = ["CONNECT_S", "Tenant"]

CONNECT_S = 3.0
ANSWER_S = 30.0
"""A transaction that gets no answer for so long fails: its server is away."""


class Tenant:
    """One Commander among those that share a database."""

    def __init__(self, name: str, ended: Callable[[], None]) -> None:
        """`name`: no other process ever has it. `ended` is called when another one leads."""
        self.name = name
        self._ended = ended

    def engine(self, url: URL) -> AsyncEngine:
        """Connections that are refused once another Commander leads."""
        engine = self.named(url)
        event.listen(engine.sync_engine, "connect", self._connected)
        return engine

    def named(self, url: URL) -> AsyncEngine:
        """Connections that bear the name, whoever leads."""
        return create_async_engine(
            url,
            pool_pre_ping=True,
            connect_args={
                "timeout": CONNECT_S,
                "command_timeout": ANSWER_S,
                "server_settings": {"application_name": self.name},
            },
        )

    def _connected(self, connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        cursor.execute("SELECT holder FROM lead")
        found = cursor.fetchone()
        cursor.close()
        connection.rollback()
        if found is None or found[0] != self.name:
            self._ended()
            raise ConnectionRefusedError("Another Commander leads this farm.")
