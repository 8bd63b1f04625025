"""Commands in the database."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Sequence

import msgspec
from sqlalchemy import Row, and_, bindparam, case, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from rigfarm.commander.commands.model import ENDED, GivenCommand, Pace, without_secrets, word
from rigfarm.commander.commands.tables import commands
from rigfarm.commander.effects import Before, Effects, Watch
from rigfarm.commander.storage import Storage, among, portions
from rigfarm.wire.commands import Command, CommandState, Reboot, Restart, ShutDown

__all__ = [
    "GOES_AWAY",
    "count_batch",
    "insert_commands",
    "load_batch",
    "load_commands",
    "load_open",
    "load_turned_off",
    "prune",
    "save_commands",
]

GOES_AWAY = (Reboot, Restart, ShutDown)
"""A rig that is sent one of these is away for a while, or until it is switched on."""

_RANK = case({"failed": 0, "refused": 1, "running": 2, "queued": 3, "done": 4}, value=commands.c.state)
_command = msgspec.json.Decoder(Command)
_before = msgspec.json.Decoder(Before)


async def insert_commands(tx: AsyncConnection, new: Sequence[GivenCommand]) -> None:
    """Keep new ones."""
    rows = [
        {
            "id": one.id,
            "batch": one.batch,
            "rig_id": one.rig_id,
            "body": msgspec.json.encode(without_secrets(one.command)).decode(),
            "state": one.state,
            "detail": one.detail,
            "created_at": one.created_at,
            "sent_at": one.sent_at,
            "finished_at": one.finished_at,
            "at_once": None if one.pace is None else one.pace.at_once,
            "pause_s": None if one.pace is None else one.pace.pause_s,
        }
        for one in new
    ]
    await tx.execute(insert(commands), rows)


async def save_commands(tx: AsyncConnection, changed: Sequence[GivenCommand]) -> None:
    """Where they stand."""
    rows = [
        {
            "key": one.id,
            "state": one.state,
            "detail": one.detail,
            "sent_at": one.sent_at,
            "finished_at": one.finished_at,
            "before": None if one.before is None else msgspec.json.encode(one.before).decode(),
        }
        for one in changed
    ]
    change = update(commands).where(commands.c.id == bindparam("key"))
    await tx.execute(
        change.values(
            state=bindparam("state"),
            detail=bindparam("detail"),
            sent_at=bindparam("sent_at"),
            finished_at=bindparam("finished_at"),
            before=bindparam("before"),
        ),
        rows,
    )


async def load_open(tx: AsyncConnection) -> list[GivenCommand]:
    """Those without a final result, oldest first."""
    query = select(commands).where(commands.c.state.not_in(sorted(ENDED))).order_by(commands.c.created_at)
    return [_rig_command(row) for row in await tx.execute(query)]


async def load_commands(
    tx: AsyncConnection,
    limit: int,
    *,
    rig_id: int | None = None,
    batch: str | None = None,
    after: tuple[int, str] | None = None,
    rigs: Collection[int] | None = None,
) -> list[GivenCommand]:
    """The latest, newest first; of a rig, of `rigs`, of one click, or of all. `after` (time and id) pages on."""
    query = select(commands).order_by(commands.c.created_at.desc(), commands.c.id).limit(limit)
    if rig_id is not None:
        query = query.where(commands.c.rig_id == rig_id)
    if rigs is not None:
        query = query.where(among(tx, commands.c.rig_id, rigs))
    if batch is not None:
        query = query.where(commands.c.batch == batch)
    if after is not None:
        at, last = after
        query = query.where(or_(commands.c.created_at < at, and_(commands.c.created_at == at, commands.c.id > last)))
    return [_rig_command(row) for row in await tx.execute(query)]


async def load_batch(tx: AsyncConnection, batch: str, limit: int, first: Collection[str] = ()) -> list[GivenCommand]:
    """Those of one click: `first` these, then those that failed or are not ended."""
    of_batch = select(commands).where(commands.c.batch == batch)
    found = [_rig_command(row) for row in await tx.execute(of_batch.where(commands.c.id.in_(first)))] if first else []
    rest = of_batch.order_by(_RANK, commands.c.rig_id).limit(limit)
    others = [one for one in map(_rig_command, await tx.execute(rest)) if one.id not in set(first)]
    return [*found, *others][:limit]


async def count_batch(tx: AsyncConnection, batch: str) -> dict[CommandState, tuple[int, int]]:
    """How many of one click there are in each state, and how many of these were sent; in the same order."""
    counted = select(commands.c.state, func.count(), func.count(commands.c.sent_at)).where(commands.c.batch == batch)
    grouped = counted.group_by(commands.c.state).order_by(_RANK)
    return {state: (count, sent) for state, count, sent in await tx.execute(grouped)}


async def load_turned_off(tx: AsyncConnection, since_ms: int) -> dict[int, tuple[str, int]]:
    """By rig: the last command of `GOES_AWAY` that it was sent since then, and when."""
    bodies = [msgspec.json.encode(kind()).decode() for kind in GOES_AWAY]
    query = select(commands).where(commands.c.sent_at >= since_ms, commands.c.body.in_(bodies))
    found = [_rig_command(row) for row in await tx.execute(query.order_by(commands.c.sent_at))]
    return {one.rig_id: (word(one.command), one.sent_at or 0) for one in found}


async def prune(tx: AsyncConnection, before_ms: int, states: Iterable[str] = ENDED) -> None:
    """Forget old ones that have their result."""
    await tx.execute(delete(commands).where(commands.c.created_at < before_ms, commands.c.state.in_(sorted(states))))


async def _there(tx: AsyncConnection, watches: Sequence[Watch]) -> list[Watch]:
    """Those whose command still exists: it goes with its rig, which may have been removed at this moment."""
    found: set[str] = set()
    for some in portions(one.command_id for one in watches):
        of_these = commands.c.id.in_(some)
        found.update((await tx.execute(select(commands.c.id).where(of_these).with_for_update(read=True))).scalars())
    return [one for one in watches if one.command_id in found]


def _rig_command(row: Row[tuple[object, ...]]) -> GivenCommand:
    return GivenCommand(
        id=row.id,
        batch=row.batch,
        rig_id=row.rig_id,
        command=_command.decode(row.body),
        state=row.state,
        detail=row.detail,
        created_at=row.created_at,
        sent_at=row.sent_at,
        finished_at=row.finished_at,
        pace=None if row.at_once is None else Pace(row.at_once, row.pause_s),
        before=None if row.before is None else _before.decode(row.before),
    )


class Writer:
    """`save` returns when the command's state is durable. With one that has ended well, the watch of its effect is."""

    def __init__(self, storage: Storage, effects: Effects) -> None:
        self._storage = storage
        self._effects = effects
        self._waiting: dict[str, GivenCommand] = {}
        self._done: asyncio.Future[None] | None = None
        self._writing: asyncio.Task[None] | None = None

    async def save(self, command: GivenCommand) -> None:
        """Keep where the command stands; the newest word on it wins."""
        self._waiting[command.id] = command
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
                await asyncio.sleep(0)  # others that are about to write join the same transaction
                commands, self._waiting = list(self._waiting.values()), {}
                done, self._done = self._done, None
                assert done is not None
                try:
                    watches = [one for command in commands if (one := self._watch(command)) is not None]
                    unsure = [(one.rig_id, one.command) for one in commands if one.state == "failed" and one.sent_at]
                    async with self._storage.begin() as tx:
                        await save_commands(tx, commands)
                        watches = await self._effects.store(tx, await _there(tx, watches), unsure)
                    self._effects.begin(watches, unsure)
                except Exception as error:  # noqa: BLE001 - raised to all who wait for it
                    done.set_exception(error)
                else:
                    done.set_result(None)
        finally:
            self._writing = None

    def _watch(self, one: GivenCommand) -> Watch | None:
        if one.state != "done":
            return None
        cause = without_secrets(one.command)
        return self._effects.for_command(
            one.id, one.batch, one.rig_id, cause, one.before, one.sent_at or one.created_at
        )
