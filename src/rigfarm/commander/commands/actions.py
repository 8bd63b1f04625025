"""Commands to rigs. Each is told once: a rig that drops in the middle is not rebooted again when it returns."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Collection, Iterable

import structlog
from msgspec.structs import replace
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from rigfarm.commander.changes import compare, concerns, describe
from rigfarm.commander.commands import broadcasts, store
from rigfarm.commander.commands.model import (
    MAX_PACE_S,
    STOP_OR_START,
    GivenCommand,
    Pace,
    check,
    for_rig,
    hides_secrets,
    off_by,
    out_of_range,
    paused_by,
    title,
    why_not,
    word,
)
from rigfarm.commander.commands.pacing.turns import Turns
from rigfarm.commander.commands.store import Writer
from rigfarm.commander.effects import Effects
from rigfarm.commander.events import CommandEnded, CommandGiven, Events, RigRemoved, RigToldToStop, WorkWaiting
from rigfarm.commander.live import Hub
from rigfarm.commander.refusals import Absent, Conflict, Invalid
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.storage import Storage
from rigfarm.commander.supervised import Part
from rigfarm.common.clock import utc_ms
from rigfarm.common.text import printable
from rigfarm.units import duration
from rigfarm.wire.commands import Command, CommandState, Locate, PowerLimit, SetPools, UpdateSentry
from rigfarm.wire.frames import CommandResult, DownFrame, RigCommand

__all__ = ["Commands"]

CONNECT_WITHIN_S = 600.0
"""A rig that stays away for so long does not get it any more."""
ANSWER_WITHIN_S = 120.0
"""A rig that was told says within this time that it has begun."""
FINISH_WITHIN_S = 1_800.0
KEEP_DAYS = 90
PRUNE_EVERY_S = 3_600.0
TICK_S = 1.0
LISTED = 100
MAX_OPEN_PER_RIG = 20
MAX_DETAIL = 600
_FORGOTTEN = (
    "The Commander was restarted before this was sent, and it does not store pool passwords: give the command again."
)

CANCELLED = "Cancelled before it was sent."

log = structlog.get_logger()


class Commands:
    """All commands without a final result, in memory; the others are in the database."""

    def __init__(self, storage: Storage, hub: Hub, events: Events, rigs: Rigs, effects: Effects) -> None:
        self.effects = effects
        self._storage = storage
        self._hub = hub
        self._events = events
        self._rigs = rigs
        self._writer = Writer(storage, effects)
        self._open: dict[str, GivenCommand] = {}
        self._of_rig: dict[int, dict[str, None]] = {}
        self._turned_off: dict[int, tuple[str, int]] = {}
        """By rig: the last command that makes it go away, and when it was sent (UTC ms)."""
        self._due: dict[str, float] = {}
        """By monotonic clock: when waiting for a command's next word is over."""
        self._turns = Turns()
        events.listen(RigRemoved, self._rig_removed)

    async def load(self) -> None:
        """Go on waiting for what had no result yet; once, before serving."""
        async with self._storage.read() as tx:
            found = await store.load_open(tx)
            self._turned_off = await store.load_turned_off(tx, utc_ms() - KEEP_DAYS * 86_400_000)
        self._begin([one for one in found if one.rig_id in self._rigs.rigs], begun=True)
        for command in self._open.values():
            if command.sent_at is not None:
                self.effects.hold(command.id, command.rig_id, command.command)
        for command in list(self._open.values()):
            if command.sent_at is None and hides_secrets(command.command):
                await self._finish(command, "failed", _FORGOTTEN)

    async def close(self) -> None:
        """Before the database is closed."""
        await self._writer.close()

    # Looking up

    def turned_off(self, rig_id: int) -> tuple[str, int] | None:
        """The last reboot, restart or shutdown that the rig was sent, and when (UTC ms)."""
        return self._turned_off.get(rig_id)

    async def of_rig(self, rig_id: int, limit: int = LISTED) -> list[GivenCommand]:
        """The latest of a rig, newest first."""
        async with self._storage.read() as tx:
            return await store.load_commands(tx, limit, rig_id=rig_id)

    async def of_batch(self, batch: str, limit: int) -> tuple[list[GivenCommand], dict[CommandState, tuple[int, int]]]:
        """Those of one click, first those without effect, then those that failed or are not ended; and by state: how
        many, and how many of these were sent."""
        first = await self.effects.worst_of(batch, limit)
        async with self._storage.read() as tx:
            counts = await store.count_batch(tx, batch)
            found = await store.load_batch(tx, batch, limit, first)
        if not found:
            raise Absent("These commands do not exist.")
        return found, counts

    async def listed(
        self,
        rig_id: int | None,
        batch: str | None,
        after: tuple[int, str] | None,
        limit: int,
        rigs: Collection[int] | None = None,
    ) -> list[GivenCommand]:
        """The latest of all, of a rig, of `rigs` or of one click, newest first; `after` (time and id) pages on."""
        async with self._storage.read() as tx:
            return await store.load_commands(tx, limit, rig_id=rig_id, batch=batch, after=after, rigs=rigs)

    def open_of(self, rig_id: int) -> list[GivenCommand]:
        """Those of a rig that have no result yet."""
        return [self._open[command_id] for command_id in self._of_rig.get(rig_id, ())]

    # What operators do

    async def give(self, command: Command, rig_ids: Iterable[int], *, pace: Pace | None = None) -> list[GivenCommand]:
        """Give a command to rigs. Those that cannot carry it out have it refused, with the reason as its result.

        `pace`: not to all at once.
        """
        describe(f"command: {word(command).replace('-', ' ')}")
        compare({}, _facts(command))
        check(command)
        rigs = self._known(rig_ids)
        if pace is not None:
            describe(pace=pace)
            if (last_s := pace.turn_s(len(rigs) - 1)) > MAX_PACE_S:
                last = duration(last_s)
                why = f"The last rig would get it after {last}, and a day is the maximum"
                raise Invalid(f"{why}: choose more rigs at once, or a shorter pause.", field="at_once")
        batch, now_ms = secrets.token_hex(16), utc_ms()
        given = [self._new(for_rig(command, rig), rig, batch, now_ms, pace) for rig in rigs]
        try:
            async with self._storage.begin() as tx:
                await store.insert_commands(tx, given)
        except IntegrityError:
            raise Conflict("One of these rigs was just removed: choose again.") from None
        describe(command=word(command), rigs=len(given), batch=batch)
        concerns("rig", {rig.id: rig.name for rig in rigs})
        self._begin(one for one in given if not one.ended)
        for rig, one in zip(rigs, given, strict=True):
            broadcasts.changed(self._hub, rig, one)
            self._events.publish(CommandGiven(rig.id, one.id, title(one.command)))
            if one.ended:
                self._ended(one)
            self._events.publish(WorkWaiting(rig.id))
        return given

    async def cancel(self, command_id: str) -> GivenCommand:
        """Take a command back that its rig was not told yet."""
        describe("cancel command")
        command = self._open.get(command_id)
        if command is None:
            raise Absent("This command already has its result.")
        if command.sent_at is not None:
            raise Conflict("It was already sent to the rig.")
        describe(command=word(command.command))
        concerns("rig", {command.rig_id: self._rigs.get(command.rig_id).name})
        return await self._finish(command, "failed", CANCELLED)

    async def cancel_batch(self, batch: str) -> list[GivenCommand]:
        """Take back what no rig of the batch was told yet."""
        describe("cancel commands that were not sent")
        waiting = [one for one in self._open.values() if one.batch == batch and one.sent_at is None]
        if not waiting:
            raise Conflict("Nothing is left to cancel: every rig was sent its command, or has its result.")
        describe(command=word(waiting[0].command), rigs=len(waiting), batch=batch)
        concerns("rig", {one.rig_id: self._rigs.get(one.rig_id).name for one in waiting})
        return await asyncio.gather(*(self._finish(one, "failed", CANCELLED) for one in waiting))

    # What the link asks for, and what Sentries answer

    async def waiting(self, rig_id: int, slot: int, *, connected: bool) -> list[DownFrame]:
        """Commands for a rig that can be told now. They count as told before they are: once, or not at all."""
        frames: list[DownFrame] = []
        for command_id in list(self._of_rig.get(rig_id, ())):
            command = self._open.get(command_id)  # it may have been sent or cancelled while the one before was stored
            if command is None or command.sent_at is not None or not self._turns.take(command):
                continue
            sent = self._keep(replace(command, sent_at=utc_ms(), before=self.effects.before(rig_id)))
            self.effects.hold(sent.id, rig_id, sent.command)
            try:
                await self._writer.save(sent)
            except SQLAlchemyError:
                self.effects.release(sent.id, rig_id, sent.command)
                self._begin([command])
                raise
            self._tell(sent)
            if isinstance(sent.command, store.GOES_AWAY):
                self._turned_off[rig_id] = word(sent.command), sent.sent_at or 0
            frames.append(RigCommand(sent.id, slot, sent.command))
        return frames

    async def result(self, rig_id: int, result: CommandResult) -> None:
        """A Sentry says what came of a command. One that has its result keeps it."""
        command = self._open.get(result.id)
        if command is None or command.rig_id != rig_id or result.state == "queued":
            return
        detail = printable(result.detail, " ", most=MAX_DETAIL)
        if result.state == "running":
            running = self._keep(replace(command, state="running", detail=detail))
            await self._writer.save(running)
            self._tell(running)
            return
        await self._finish(command, result.state, detail)

    # Time passes

    async def run(self, part: Part) -> None:
        """Time out commands without an answer, and forget old ones; until cancelled."""
        prune_at = time.monotonic()
        while True:
            try:
                await self.tick(time.monotonic())
                if time.monotonic() >= prune_at:
                    prune_at += PRUNE_EVERY_S
                    async with self._storage.begin() as tx:
                        await store.prune(tx, utc_ms() - KEEP_DAYS * 86_400_000)
            except SQLAlchemyError as error:
                log.error("commands could not be kept up to date; trying again", error=str(error))
            await asyncio.sleep(TICK_S)
            part.beat()

    async def tick(self, now: float) -> None:
        """Commands whose time is over get a result that says so; those whose turn it is are sent."""
        for command_id in [command_id for command_id, due in self._due.items() if due <= now]:
            command = self._open.get(command_id)
            if command is None:
                continue  # its result came meanwhile
            if command.sent_at is None and self._turns.is_awaited(command):
                self._due[command_id] = now + CONNECT_WITHIN_S  # its rig is there: only its turn has not come
                continue
            if command.sent_at is None:
                why = "The rig was not connected, so it was never sent."
            elif command.state == "queued":
                why = "It was sent, but the rig never answered: it may have carried it out."
            else:
                why = "The rig started it and never reported the result."
            await self._finish(command, "failed", why)
        for rig_id in self._turns.come(now):
            self._events.publish(WorkWaiting(rig_id))

    def _known(self, rig_ids: Iterable[int]) -> list[Rig]:
        rigs = []
        for rig_id in dict.fromkeys(rig_ids):
            rig = self._rigs.rigs.get(rig_id)
            if rig is None:
                raise Absent(f"Rig {rig_id} does not exist.")
            rigs.append(rig)
        if not rigs:
            raise Invalid("Choose at least one rig.")
        return rigs

    def _new(self, command: Command, rig: Rig, batch: str, now_ms: int, pace: Pace | None) -> GivenCommand:
        reason = why_not(command, rig) or out_of_range(command, rig)
        if not reason and len(self._of_rig.get(rig.id, ())) >= MAX_OPEN_PER_RIG:
            reason = f"{rig.name} already has {MAX_OPEN_PER_RIG} commands without a result."
        state: CommandState = "refused" if reason else "queued"
        return GivenCommand(
            secrets.token_hex(16), batch, rig.id, command, state, reason, now_ms, None, now_ms if reason else None, pace
        )

    def _begin(self, commands: Iterable[GivenCommand], *, begun: bool = False) -> None:
        """Wait for what comes of these. `begun`: some of their batches may just have been sent."""
        for command in commands:
            self._keep(command)
            if command.pace is not None and command.sent_at is None:
                self._due[command.id] += self._turns.add(command, command.pace, begun=begun)

    async def _finish(self, command: GivenCommand, state: CommandState, detail: str) -> GivenCommand:
        """At once: while that is being stored, the command is no longer sent, and has no other result."""
        self._drop(command)
        done = replace(command, state=state, detail=detail, finished_at=utc_ms())
        try:
            await self._writer.save(done)
        except SQLAlchemyError:
            self._begin([command])
            raise
        self.effects.release(done.id, done.rig_id, done.command)
        self._tell(done)
        self._ended(done)
        return done

    def _ended(self, one: GivenCommand) -> None:
        self._events.publish(CommandEnded(one.rig_id, one.id, title(one.command), one.state, one.detail))
        if one.state == "done" and isinstance(one.command, STOP_OR_START):
            self._events.publish(RigToldToStop(one.rig_id, paused_by(one.command), off_by(one.command)))

    def _keep(self, command: GivenCommand) -> GivenCommand:
        self._open[command.id] = command
        self._of_rig.setdefault(command.rig_id, {})[command.id] = None
        if command.sent_at is None:
            within = CONNECT_WITHIN_S
        else:
            self._turns.forget(command)
            within = ANSWER_WITHIN_S if command.state == "queued" else FINISH_WITHIN_S
        self._due[command.id] = time.monotonic() + within
        return command

    def _drop(self, command: GivenCommand) -> None:
        self._open.pop(command.id, None)
        self._due.pop(command.id, None)
        self._turns.forget(command)
        own = self._of_rig.get(command.rig_id, {})
        own.pop(command.id, None)
        if not own:
            self._of_rig.pop(command.rig_id, None)

    def _tell(self, command: GivenCommand) -> None:
        rig = self._rigs.rigs.get(command.rig_id)
        if rig is not None:
            broadcasts.changed(self._hub, rig, command)

    def _rig_removed(self, removed: RigRemoved) -> None:
        for command in self.open_of(removed.rig_id):
            self._drop(command)
            self.effects.release(command.id, command.rig_id, command.command)


def _facts(command: Command) -> dict[str, str]:
    """What a command says, without the passwords of pools."""
    match command:
        case PowerLimit(watts):
            return {"limit": f"{watts:g} W"}
        case SetPools(pools):
            return {"pools": ", ".join(pool.url for pool in pools), "users": ", ".join(pool.user for pool in pools)}
        case Locate(on):
            return {"blink": "on" if on else "off"}
        case UpdateSentry(version, sha256):
            return {"version": version, "sha256": sha256}
        case _:
            return {}
