"""The configuration's database: engine, migrations, what differs between SQLite and PostgreSQL. Knows no noun."""

from rigfarm.commander.storage.dialects import upsert
from rigfarm.commander.storage.errors import StorageError, StorageInUseError
from rigfarm.commander.storage.lock import FileLock
from rigfarm.commander.storage.meta import get_meta, set_meta
from rigfarm.commander.storage.schema import digest, identity, metadata, milliseconds
from rigfarm.commander.storage.storage import Storage

__all__ = [
    "FileLock",
    "Storage",
    "StorageError",
    "StorageInUseError",
    "digest",
    "get_meta",
    "identity",
    "metadata",
    "milliseconds",
    "set_meta",
    "upsert",
]
