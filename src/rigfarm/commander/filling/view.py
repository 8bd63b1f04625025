"""What a round through a rack shows: who blinks, and the slots to tap."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from rigfarm.commander.commands import Commands
from rigfarm.commander.commands.model import GivenCommand
from rigfarm.commander.filling.actions import Fillings
from rigfarm.commander.filling.model import Round
from rigfarm.commander.kinds import KINDS
from rigfarm.commander.names import name_sort
from rigfarm.commander.rigs import RigList
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.rigs.view import StateView, state_view
from rigfarm.commander.slots import next_slot
from rigfarm.commander.stats import OperationalStats
from rigfarm.units import counted

__all__ = ["FillPage", "FillStart", "FillViews", "Slot"]

What = Literal["turn", "full", "busy", "done", "stopped"]
"""`busy`: those that are left blink for someone else."""

MAX_OFFERED = 200
"""Places that the form suggests."""


class Slot(Struct, frozen=True):
    """A button: a slot, and the rig in it."""

    name: str
    rig: str
    new: bool
    """The rig was put there in this round."""


class FillStart(Struct, frozen=True):
    """The form that begins a round."""

    place: str
    slots: str
    rigs: str
    """Ids, with commas; empty: all that have no place."""
    target: str
    """How many ASICs, in words."""
    ready: int
    unable: int
    places: tuple[str, ...]
    some: bool
    """Whether there is any ASIC."""
    index: str
    """Where such rigs are selected."""


class FillPage(Struct, frozen=True):
    """Everything of fill_round.html."""

    id: str
    place: str
    what: What
    turn: int
    """Whose turn it is, by id; 0: no one's."""
    rig: Rig | None
    """The same; None also for one that was removed."""
    name: str
    state: StateView | None
    blinks: str
    """How its light is, in a sentence."""
    tone: str
    """`good`: it blinks; `bad`: it can't; empty: not known yet."""
    slots: tuple[Slot, ...]
    placed: int
    skipped: int
    left: int
    unable: int
    last: str
    """What the last step was, in a sentence; empty at the beginning."""
    undo: str
    """What stands on the button that undoes it."""
    following: str
    """The place after this one, where its name ends with a number."""
    rest: str
    """Ids of rigs that have had no place in this round, with commas."""


class FillViews:
    """Makes both."""

    def __init__(
        self, fillings: Fillings, book: Rigs, stats: OperationalStats, rig_list: RigList, commands: Commands
    ) -> None:
        self._fillings = fillings
        self._rig_list = rig_list
        self._book = book
        self._stats = stats
        self._commands = commands

    def start(self, place: str, slots: str, rig_ids: list[int] | None) -> FillStart:
        """The form with what is typed in it."""
        rigs, unable = self._fillings.candidates(rig_ids)
        return FillStart(
            place=place,
            slots=slots,
            rigs=",".join(map(str, rig_ids)) if rig_ids is not None else "",
            target=counted(len(rigs), "ASIC"),
            ready=len(rigs),
            unable=unable,
            places=tuple(sorted(self._rig_list.places, key=name_sort)[:MAX_OFFERED]),
            some=any(rig.of.has_boards for rig in self._book.rigs.values()),
            index=next(kind.path for kind in KINDS.values() if kind.has_boards),
        )

    def page(self, round_id: str) -> FillPage:
        """A round as it is now. Absent."""
        one = self._fillings.get(round_id)
        taken = self._fillings.taken(one)
        rig = None if one.current is None else self._book.rigs.get(one.current)
        stats = None if rig is None else self._stats.rigs.get(rig.id)
        blinks, tone = self._blinks(one, rig)
        new = {step.place for step in one.steps}
        placed = sum(bool(step.place) for step in one.steps)
        last, undo = self._last(one)
        return FillPage(
            id=one.id,
            place=one.place,
            what=_what(one, len(taken)),
            turn=one.current or 0,
            rig=rig,
            name="" if rig is None else rig.name,
            state=None if stats is None else state_view(stats.condition, None),
            blinks=blinks,
            tone=tone,
            slots=tuple(Slot(slot, taken.get(slot, ""), one.at(slot) in new) for slot in one.slots),
            placed=placed,
            skipped=len(one.steps) - placed,
            left=len(one.queue) + (one.current is not None),
            unable=one.unable,
            last=last,
            undo=undo,
            following=next_slot(one.place),
            rest=",".join(map(str, [*one.queue, *one.skipped])),
        )

    def rig_of(self, round_id: str) -> Rig | None:
        """Whose turn it is. Absent."""
        current = self._fillings.get(round_id).current
        return None if current is None else self._book.rigs.get(current)

    def _blinks(self, one: Round, rig: Rig | None) -> tuple[str, str]:
        """A sentence about its light, and its tone."""
        if one.current is None:
            return "", ""
        if rig is None:
            return "It was removed. Skip it.", "bad"
        if one.blink is None:
            return "It could not be told to blink. Skip it, or find it by its sticker.", "bad"
        blink = next((each for each in self._commands.open_of(rig.id) if each.id == one.blink.id), one.blink)
        if blink.state == "done":
            return blink.detail or "It blinks.", "good"
        if blink.ended:
            return f"It does not blink: {blink.detail} Skip it, or find it by its sticker.", "bad"
        return self._waits(rig, blink)

    def _waits(self, rig: Rig, blink: GivenCommand) -> tuple[str, str]:
        stats = self._stats.rigs.get(rig.id)
        if blink.sent_at is None and (stats is None or stats.condition.state in ("offline", "waiting")):
            return "It is offline, so it can't blink now. Skip it, or find it by its sticker.", "bad"
        return "Waiting for it to blink …", ""

    def _last(self, one: Round) -> tuple[str, str]:
        if not one.steps:
            return "", ""
        step = one.steps[-1]
        rig = self._book.rigs.get(step.rig_id)
        name = "The last one" if rig is None else rig.name
        if not step.place:
            return f"{name} was skipped.", f"Back to {name}"
        return f"{name} is in {step.place}.", f"Undo {name}"


def _what(one: Round, taken: int) -> What:
    if one.over:
        return "stopped"
    if one.current is not None:
        return "turn"
    if not one.queue:
        return "done"
    return "full" if taken == len(one.slots) else "busy"
