"""The configuration's database: engine, migrations, what differs between SQLite and PostgreSQL. Knows no noun."""

from rigfarm.commander.storage.dialects import among, upsert
from rigfarm.commander.storage.errors import StorageError, StorageInUseError
from rigfarm.commander.storage.lock import held
from rigfarm.commander.storage.meta import get_meta, set_meta
from rigfarm.commander.storage.moving import copy_to_file, move
from rigfarm.commander.storage.portions import portions
from rigfarm.commander.storage.schema import digest, identity, metadata, milliseconds
from rigfarm.commander.storage.storage import Storage
from rigfarm.commander.storage.tenant import Tenant

__all__ = [
    "Storage",
    "StorageError",
    "StorageInUseError",
    "Tenant",
    "among",
    "copy_to_file",
    "digest",
    "get_meta",
    "held",
    "identity",
    "metadata",
    "milliseconds",
    "move",
    "portions",
    "set_meta",
    "upsert",
]
