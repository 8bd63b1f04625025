"""Rounds through racks: whose turn it is, what blinks, and what a tap means. Kept in memory: a Commander that restarts
has forgotten them, and the places that were given stay."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence

import structlog
from msgspec.structs import replace
from sqlalchemy.exc import SQLAlchemyError

from rigfarm.commander.auth.changes import ChangeLog
from rigfarm.commander.changes import Actor, Change, nothing_changed, part_of_it
from rigfarm.commander.commands import Commands
from rigfarm.commander.commands.model import GivenCommand, why_not
from rigfarm.commander.events import CommandEnded, Events, RigRemoved
from rigfarm.commander.filling import broadcasts
from rigfarm.commander.filling.model import Round, Step
from rigfarm.commander.live import Hub
from rigfarm.commander.names import name_sort
from rigfarm.commander.refusals import Absent, Conflict, Invalid, Refusal
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.rigs.model import Relabel, Rig, clean_place
from rigfarm.commander.slots import known_slots, slots_of
from rigfarm.commander.stats import OperationalStats
from rigfarm.commander.supervised import Part
from rigfarm.wire.commands import Locate

__all__ = ["IDLE_S", "MAX_ROUNDS", "Fillings"]

MAX_ROUNDS = 32
"""At once; a new one ends the one that was left alone for longest."""
IDLE_S = 900.0
"""A round in which no one did anything for so long is over, and its ASIC no longer blinks."""
FORGET_S = 43_200.0
LOOK_EVERY_S = 5.0
_COMMANDER = Actor("commander", "Commander")
_GONE = "This round is no longer known: the Commander was restarted, or it was a while ago. Start a new one."

log = structlog.get_logger()


class Fillings:
    """All rounds."""

    def __init__(
        self, book: Rigs, stats: OperationalStats, commands: Commands, change_log: ChangeLog, hub: Hub, events: Events
    ) -> None:
        self._book = book
        self._stats = stats
        self._commands = commands
        self._change_log = change_log
        self._hub = hub
        self._rounds: dict[str, Round] = {}
        self._turn = asyncio.Lock()
        events.listen(CommandEnded, self._command_ended)
        events.listen(RigRemoved, self._rig_removed)

    # Looking up

    def get(self, round_id: str) -> Round:
        """The round, or the refusal Absent."""
        found = self._rounds.get(round_id)
        if found is None:
            raise Absent(_GONE)
        return found

    def candidates(self, rig_ids: Sequence[int] | None = None) -> tuple[list[Rig], int]:
        """The ASICs that a round would go through, in its order, and how many were left out, for they can't blink.
        Without `rig_ids`: all that have no place. Those that don't report come last."""
        if rig_ids is None:
            rigs = [rig for rig in self._book.rigs.values() if rig.of.has_boards and not rig.place]
        else:
            rigs = [self._book.rigs[one] for one in dict.fromkeys(rig_ids) if one in self._book.rigs]
        able = [rig for rig in rigs if rig.specs is not None and not why_not(Locate(True), rig)]
        return sorted(able, key=lambda rig: (self._is_away(rig), name_sort(rig.name))), len(rigs) - len(able)

    def _is_away(self, rig: Rig) -> bool:
        stats = self._stats.rigs.get(rig.id)
        return stats is None or stats.condition.state in ("offline", "waiting")

    def taken(self, one: Round) -> dict[str, str]:
        """The names of the rigs that are in its slots, by slot."""
        slot_of = {one.at(slot): slot for slot in one.slots}
        return {slot_of[rig.place]: rig.name for rig in self._book.rigs.values() if rig.place in slot_of}

    # What a person does

    async def start(self, place: str, slots: str, rig_ids: Sequence[int] | None = None) -> Round:
        """Begin, and have the first ASIC blink. Invalid for a place or slots that mean nothing, and where there is no
        ASIC, or no free slot."""
        place = clean_place(place)
        if not place:
            raise Invalid("Enter the place of the rack, for example hall-1/rack-2.", field="place")
        found = slots_of(slots) or known_slots(place, (rig.place for rig in self._book.rigs.values()))
        if not found:
            raise Invalid(f"No rig is in {place} yet: enter its slots, for example 1..12.", field="slots")
        for slot in found:
            clean_place(f"{place}/{slot}")
        rigs, unable = self.candidates(rig_ids)
        if not rigs:
            raise Invalid(_why_none(unable, chosen=rig_ids is not None), field="place")
        places = {rig.id: rig.place for rig in rigs}
        one = Round(secrets.token_hex(8), place, found, list(places), places, unable, time.monotonic())
        if len(self.taken(one)) == len(found):
            raise Invalid(f"Every slot of {place} is taken: enter other slots.", field="slots")
        async with self._turn:
            while len(self._rounds) >= MAX_ROUNDS:
                oldest = min(self._rounds.values(), key=lambda other: other.touched)
                await self._leave(oldest)
                del self._rounds[oldest.id]
            self._rounds[one.id] = one
            await self._go_on(one)
        nothing_changed()
        return one

    async def put(self, round_id: str, rig_id: int, slot: str) -> Round:
        """The rig whose turn it is stands in this slot; then the next one blinks. Nothing happens if it is another
        rig's turn by now. Invalid for a slot that the place has not, Conflict for one that is taken."""
        async with self._turn:
            one = self._touched(round_id)
            if one.current != rig_id:
                nothing_changed()
                return one
            if slot not in one.slots:
                raise Invalid("Choose one of the slots.", field="slot")
            if other := self.taken(one).get(slot):
                raise Conflict(f"{other} is in slot {slot}: give that one another place first.")
            before = self._book.get(rig_id).place
            await self._book.relabel([rig_id], Relabel(place=one.at(slot)))
            one.steps.append(Step(rig_id, one.at(slot), before))
            await self._dark(one)
            await self._go_on(one)
            return one

    async def skip(self, round_id: str, rig_id: int) -> Round:
        """Not this one: the next blinks."""
        async with self._turn:
            one = self._touched(round_id)
            if one.current == rig_id:
                one.steps.append(Step(rig_id, "", one.places[rig_id]))
                await self._dark(one)
                await self._go_on(one)
        nothing_changed()
        return one

    async def back(self, round_id: str) -> Round:
        """Undo the last step: its rig has the place that it had before, and blinks again. One that was moved by
        someone else meanwhile stays where it is."""
        async with self._turn:
            one = self._touched(round_id)
            if not one.steps:
                nothing_changed()
                return one
            step = one.steps[-1]
            rig = self._book.rigs.get(step.rig_id)
            moves = rig is not None and step.place and rig.place == step.place
            if moves:
                await self._book.relabel([step.rig_id], Relabel(place=step.before))
            one.steps.pop()
            await self._dark(one)
            if one.current is not None:
                one.queue.insert(0, one.current)
            one.current = None
            if rig is not None:
                one.queue.insert(0, rig.id)
            await self._go_on(one)
        if not moves:
            nothing_changed()
        return one

    async def again(self, round_id: str) -> Round:
        """Those that were skipped have another turn."""
        async with self._turn:
            one = self._touched(round_id)
            one.queue += one.skipped
            one.steps = [step for step in one.steps if step.place]
            if one.current is None:
                await self._go_on(one)
        nothing_changed()
        return one

    async def stop(self, round_id: str) -> Round:
        """No ASIC of this round blinks any more. It can be continued."""
        async with self._turn:
            one = self._touched(round_id)
            await self._leave(one)
        nothing_changed()
        return one

    async def resume(self, round_id: str) -> Round:
        """Continue one that was stopped."""
        async with self._turn:
            one = self._touched(round_id)
            if one.over:
                await self._go_on(one)
        nothing_changed()
        return one

    # Time passes

    async def run(self, part: Part) -> None:
        """End rounds that were left alone; until cancelled."""
        while True:
            await self.end_idle(time.monotonic())
            part.idle()
            await asyncio.sleep(LOOK_EVERY_S)
            part.beat()

    async def end_idle(self, now: float) -> None:
        """Those in which nothing was done for a while: their ASIC does not blink for ever."""
        async with self._turn:
            for one in list(self._rounds.values()):
                if now - one.touched > FORGET_S:
                    del self._rounds[one.id]
                elif now - one.touched > IDLE_S and not one.over:
                    await self._leave(one, Change("round through a rack", "this machine", _COMMANDER))

    # Blinking

    def _touched(self, round_id: str) -> Round:
        one = self.get(round_id)
        one.touched = time.monotonic()
        return one

    async def _leave(self, one: Round, change: Change | None = None) -> None:
        await self._dark(one, change)
        if one.current is not None:
            one.queue.insert(0, one.current)
        one.current, one.over = None, True
        broadcasts.changed(self._hub, one.id)

    async def _go_on(self, one: Round) -> None:
        """The turn of the next rig that is still there, blinks for no one else, and was not given another place
        meanwhile. Not while every slot is taken."""
        one.current = one.blink = None
        one.over = False
        elsewhere = {other.current for other in self._rounds.values() if other is not one}
        full = len(self.taken(one)) == len(one.slots)
        busy: list[int] = []
        while one.queue and not full:
            rig_id = one.queue.pop(0)
            rig = self._book.rigs.get(rig_id)
            if rig_id in elsewhere:
                busy.append(rig_id)
            elif rig is not None and rig.place == one.places[rig_id]:
                one.current = rig_id
                await self._light(one, rig_id)
                break
        one.queue += busy
        broadcasts.changed(self._hub, one.id)

    async def _dark(self, one: Round, change: Change | None = None) -> None:
        """The rig whose turn it was no longer blinks; one that was never told is not told."""
        blink, one.blink = one.blink, None
        if blink is None or blink.state == "refused" or blink.rig_id not in self._book.rigs:
            return
        waiting = [each for each in self._commands.open_of(blink.rig_id) if each.id == blink.id]
        if waiting and waiting[0].sent_at is None:
            await self._entry(lambda: self._commands.cancel(blink.id), change)
        else:
            await self._entry(lambda: self._commands.give(Locate(False), [blink.rig_id]), change)

    async def _light(self, one: Round, rig_id: int) -> None:
        """The command is known at once: its rig may answer while the entry is stored."""

        async def give() -> None:
            given = await self._commands.give(Locate(True), [rig_id])
            one.blink = given[0] if given else None

        await self._entry(give, None)

    async def _entry(self, do: Callable[[], Awaitable[object]], change: Change | None) -> None:
        """With an entry of its own in the activity, as by hand. What goes wrong keeps no one from going on."""
        change = change or part_of_it("round through a rack")
        async with self._change_log.of(change):
            try:
                await do()
            except Refusal as refusal:
                change.outcome, change.result = "refused", str(refusal)
            except SQLAlchemyError as error:
                change.outcome, change.result = "failed", "it could not be stored"
                log.error("an ASIC could not be told to blink", error=str(error))
            else:
                change.outcome, change.result = "changed", "stored"

    # What becomes known

    def _command_ended(self, ended: CommandEnded) -> None:
        for one in self._rounds.values():
            if one.blink is not None and one.blink.id == ended.command_id:
                one.blink = _ended(one.blink, ended)
                broadcasts.changed(self._hub, one.id)

    def _rig_removed(self, removed: RigRemoved) -> None:
        for one in self._rounds.values():
            one.queue = [rig_id for rig_id in one.queue if rig_id != removed.rig_id]
            one.steps = [step for step in one.steps if step.rig_id != removed.rig_id]
            if one.current == removed.rig_id:
                broadcasts.changed(self._hub, one.id)


def _ended(blink: GivenCommand, ended: CommandEnded) -> GivenCommand:
    return replace(blink, state=ended.state, detail=ended.detail)


def _why_none(unable: int, *, chosen: bool) -> str:
    if unable:
        return "None of these ASICs can blink: scan their stickers instead."
    return "None of these rigs is an ASIC that blinks." if chosen else "Every ASIC has a place already."
