"""The newest snapshot of the journal, in the object store of NATS: a replica that takes over reads a minute of rows."""

from __future__ import annotations

import msgspec
import structlog
from msgspec import Struct
from nats.errors import Error as NatsError
from nats.js.errors import NotFoundError
from nats.js.object_store import ObjectStore

from rigfarm.commander.replicas.stream import Stream

__all__ = ["MAX_SNAPSHOT", "SharedSnapshot", "fetch_snapshot", "put_snapshot"]

log = structlog.get_logger()

MAX_SNAPSHOT = 1 << 30
_NAME = "snapshot"


class SharedSnapshot(Struct, frozen=True, array_like=True):
    """A snapshot, and the message of the stream up to which it goes."""

    number: int
    parts: tuple[bytes, bytes]


async def _store(stream: Stream) -> ObjectStore:
    bucket = f"{stream.name}-snapshots"
    try:
        return await stream.js.object_store(bucket)
    except NotFoundError:
        return await stream.js.create_object_store(bucket)


async def put_snapshot(stream: Stream, one: SharedSnapshot) -> None:
    """Replace the one before. Without NATS, there will be another one in a minute."""
    try:
        await (await _store(stream)).put(_NAME, msgspec.msgpack.encode(one))
    except (TimeoutError, NatsError, OSError) as error:
        log.warning("a snapshot could not be given to the replicas", error=repr(error))


async def fetch_snapshot(stream: Stream, known: str) -> tuple[SharedSnapshot | None, str]:
    """The newest snapshot unless it is the one `known` by its digest, and its digest. OSError."""
    digest = known
    try:
        store = await _store(stream)
        info = await store.get_info(_NAME)
        digest = info.digest or ""
        if digest == known or (info.size or 0) > MAX_SNAPSHOT:
            return None, digest
        found = await store.get(_NAME)
        return msgspec.msgpack.decode(found.data or b"", type=SharedSnapshot), digest
    except NotFoundError:
        return None, known
    except msgspec.DecodeError as error:
        log.warning("the snapshot of the one that leads cannot be read", error=str(error))
        return None, digest
    except NatsError as error:
        raise OSError(f"NATS does not answer: {error!r}") from error
