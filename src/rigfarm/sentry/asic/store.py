"""The list of devices on disk: SQLite, readable by the Sentry's user only, for it holds tokens and passwords."""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import msgspec

from rigfarm.sentry.asic.model import Device

__all__ = ["DeviceStore", "forget_tokens"]

_SCHEMA = "CREATE TABLE IF NOT EXISTS devices (id INTEGER PRIMARY KEY, record BLOB NOT NULL)"


class DeviceStore:
    """Every change is on disk when the call returns. Calls block for milliseconds: not from the event loop."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        path.chmod(0o600)
        self.path = path
        self._lock = threading.Lock()
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=FULL")
        self._database.execute("PRAGMA secure_delete=ON")
        self._database.execute(_SCHEMA)

    def all(self) -> list[Device]:
        """Every device, oldest first."""
        with self._lock, closing(self._database.execute("SELECT record FROM devices ORDER BY id")) as rows:
            return [msgspec.msgpack.decode(record, type=Device) for (record,) in rows]

    def put(self, *devices: Device) -> None:
        """Add or replace, all or none."""
        rows = [(device.id, msgspec.msgpack.encode(device)) for device in devices]
        with self._lock:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                self._database.executemany("INSERT OR REPLACE INTO devices (id, record) VALUES (?, ?)", rows)
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")

    def remove(self, id: int) -> None:
        with self._lock:
            self._database.execute("DELETE FROM devices WHERE id = ?", (id,))

    def close(self) -> None:
        with self._lock:
            self._database.close()


def forget_tokens(path: Path) -> None:
    """Of all devices in this file: they are another Commander's. OSError, sqlite3.Error."""
    store = DeviceStore(path)
    try:
        store.put(*(msgspec.structs.replace(device, token=None, verdict=None) for device in store.all()))
    finally:
        store.close()
