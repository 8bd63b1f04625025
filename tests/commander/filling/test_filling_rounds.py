"""A round through a rack: one ASIC blinks at a time, a tap gives it its place, and each step can be taken back."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from rigfarm.commander.auth.changes import ChangeLog
from rigfarm.commander.changes import Actor, Change
from rigfarm.commander.commands import Commands
from rigfarm.commander.events import Events
from rigfarm.commander.filling.actions import IDLE_S, MAX_ROUNDS, Fillings
from rigfarm.commander.filling.model import Round
from rigfarm.commander.filling.view import FillViews
from rigfarm.commander.live import Hub
from rigfarm.commander.refusals import Absent, Conflict, Invalid
from rigfarm.commander.rigs import RigList
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.rigs.model import Relabel
from rigfarm.commander.server.incidents import Incidents
from rigfarm.commander.stats import OperationalStats
from rigfarm.commander.storage import Storage
from rigfarm.wire.commands import Locate
from rigfarm.wire.frames import CommandResult, RigCommand
from support.asic_load import asic_specs
from support.effects import effects_for

KIM = Actor("session", "Kim's phone", "1 Firefox")


class Hall:
    """ASICs that do what they are told, and what was stored of it."""

    def __init__(self, storage: Storage, hub: Hub, events: Events) -> None:
        self.entries: list[Change] = []
        self.by: list[Actor | None] = []
        """Who made each."""
        self.rigs = Rigs(storage, hub, events)
        self.stats = OperationalStats(hub, events, 10.0)
        self.commands = Commands(storage, hub, events, self.rigs, effects_for(storage, hub, events, self.rigs))
        log = ChangeLog(Incidents(), self._record)
        self.fillings = Fillings(self.rigs, self.stats, self.commands, log, hub, events)
        self.views = FillViews(self.fillings, self.rigs, self.stats, RigList(self.rigs, self.stats), self.commands)
        self.log = log
        self.lights: dict[str, bool] = {}
        self.quick = False
        """ASICs answer while it is still being stored what they were told."""

    async def _record(self, change: Change) -> None:
        self.entries.append(change)
        self.by.append(change.who)
        if self.quick:
            await self.obey()

    async def asics(self, *names: str, supports: list[str] | None = None) -> list[int]:
        """New ones, that have reported once."""
        made = [rig for rig, _ in await self.rigs.create_many(list(names), "asic")]
        for rig in made:
            self.stats.add(rig.id, "asic")
            self.rigs.said.specs(rig.id, asic_specs(rig.id, supports=supports))
        await self.rigs.said.store()
        return [rig.id for rig in made]

    async def obey(self) -> None:
        """Every ASIC is sent what waits for it, and does it."""
        for rig in list(self.rigs.rigs.values()):
            for frame in await self.commands.waiting(rig.id, 0, connected=True):
                assert isinstance(frame, RigCommand)
                assert isinstance(frame.command, Locate)
                self.lights[rig.name] = frame.command.on
                await self.commands.result(rig.id, CommandResult(frame.id, 0, "done", "It blinks."))

    @property
    def lit(self) -> list[str]:
        return [name for name, on in self.lights.items() if on]

    @asynccontextmanager
    async def request(self) -> AsyncIterator[Change]:
        """As a person's browser makes one."""
        change = Change("POST", "192.0.2.1", KIM)
        change.outcome = "changed"
        async with self.log.of(change):
            yield change

    async def put(self, one: Round, slot: str) -> None:
        """A tap, and what comes of it."""
        async with self.request():
            await self.fillings.put(one.id, one.current or 0, slot)
        await self.obey()

    def places(self) -> dict[str, str]:
        return {rig.name: rig.place for rig in self.rigs.rigs.values() if rig.place}


@pytest.fixture
async def hall(storage: Storage, hub: Hub, events: Events) -> AsyncIterator[Hall]:
    hall = Hall(storage, hub, events)
    await hall.rigs.load()
    await hall.commands.load()
    yield hall
    await hall.commands.close()


async def test_one_after_the_other_blinks_and_gets_its_slot(hall: Hall) -> None:
    await hall.asics("asic-10", "asic-2", "asic-1")
    async with hall.request():
        one = await hall.fillings.start(" hall-1 / rack-2 ", "1..4")
    await hall.obey()
    assert hall.lit == ["asic-1"]
    assert hall.views.page(one.id).tone == "good"
    await hall.put(one, "3")
    assert hall.lit == ["asic-2"]
    await hall.put(one, "1")
    await hall.put(one, "4")
    assert hall.lit == []
    assert hall.places() == {"asic-1": "hall-1/rack-2/3", "asic-2": "hall-1/rack-2/1", "asic-10": "hall-1/rack-2/4"}
    page = hall.views.page(one.id)
    assert (page.what, page.placed, page.left) == ("done", 3, 0)
    assert [(slot.name, slot.rig) for slot in page.slots] == [
        ("1", "asic-2"), ("2", ""), ("3", "asic-1"), ("4", "asic-10"),
    ]  # fmt: skip


async def test_each_placing_is_stored_as_it_is_by_hand_and_blinking_beside_it(hall: Hall) -> None:
    (rig_id,) = await hall.asics("asic-01")
    async with hall.request():
        one = await hall.fillings.start("rack-1", "1..2")
    await hall.obey()
    await hall.put(one, "2")
    mine = [entry for entry in hall.entries if entry.action == "label rigs"]
    async with hall.request():
        await hall.rigs.relabel([rig_id], Relabel(place="rack-1/1"))
    by_hand = hall.entries[-1]
    assert [entry.targets for entry in mine] == [by_hand.targets]
    assert mine[0].compared == {"place": ("", "rack-1/2")}
    assert set(mine[0].facts) == set(by_hand.facts)
    done = ["command: locate", "command: locate", "label rigs", "label rigs"]
    assert [entry.action for entry in hall.entries] == done
    assert hall.by == [KIM] * len(done)
    assert {entry.address for entry in hall.entries} == {"192.0.2.1"}


async def test_a_step_is_taken_back_whatever_it_was(hall: Hall) -> None:
    await hall.asics("asic-1", "asic-2", "asic-3")
    one = await hall.fillings.start("rack", "1..9")
    await hall.obey()
    await hall.put(one, "5")
    await hall.fillings.skip(one.id, one.current or 0)
    await hall.obey()
    assert hall.lit == ["asic-3"]
    for lit, places in (("asic-2", {"asic-1": "rack/5"}), ("asic-1", {}), ("asic-1", {})):
        await hall.fillings.back(one.id)
        await hall.obey()
        assert (hall.lit, hall.places()) == ([lit], places)
    assert hall.views.page(one.id).left == 3


async def test_what_someone_else_moved_meanwhile_stays_there(hall: Hall) -> None:
    first, second, third = await hall.asics("asic-1", "asic-2", "asic-3")
    one = await hall.fillings.start("rack", "1..9")
    await hall.put(one, "5")
    await hall.rigs.relabel([first, third], Relabel(place="elsewhere"))
    await hall.fillings.back(one.id)
    await hall.obey()
    assert hall.rigs.get(first).place == "elsewhere"
    assert one.current == second
    await hall.put(one, "1")
    assert one.current is None, "the third has a place by now"
    assert hall.lit == []


async def test_a_second_tap_of_an_old_page_places_no_one(hall: Hall) -> None:
    first, second = await hall.asics("asic-1", "asic-2")
    one = await hall.fillings.start("rack", "1..9")
    for _ in range(2):
        await hall.fillings.put(one.id, first, "1")
    assert hall.places() == {"asic-1": "rack/1"}
    assert one.current == second
    await hall.fillings.skip(one.id, first)
    assert one.current == second
    with pytest.raises(Conflict, match="asic-1 is in slot 1"):
        await hall.fillings.put(one.id, second, "1")
    with pytest.raises(Invalid, match="Choose one"):
        await hall.fillings.put(one.id, second, "../1")
    assert one.current == second, "it still blinks"


async def test_an_asic_that_is_offline_or_refuses_is_said_and_can_be_skipped_or_placed(hall: Hall) -> None:
    first, _ = await hall.asics("asic-1", "asic-2")
    one = await hall.fillings.start("rack", "1..9")
    page = hall.views.page(one.id)
    assert (page.name, page.tone) == ("asic-1", "bad")
    assert "It is offline, so it can't blink now. Skip it" in page.blinks
    (frame,) = await hall.commands.waiting(first, 0, connected=True)
    assert isinstance(frame, RigCommand)
    assert hall.views.page(one.id).blinks == "Waiting for it to blink …"
    await hall.commands.result(first, CommandResult(frame.id, 0, "failed", "No answer."))
    assert hall.views.page(one.id).blinks == ("It does not blink: No answer. Skip it, or find it by its sticker.")
    await hall.fillings.skip(one.id, first)
    page = hall.views.page(one.id)
    assert (page.name, page.undo) == ("asic-2", "Back to asic-1")
    await hall.put(one, "2")
    assert hall.places() == {"asic-2": "rack/2"}
    await hall.fillings.again(one.id)
    assert (one.current, hall.views.page(one.id).skipped) == (first, 0)


async def test_one_that_was_never_told_to_blink_is_not_told_to_stop(hall: Hall) -> None:
    first, _ = await hall.asics("asic-1", "asic-2")
    one = await hall.fillings.start("rack", "1..9")
    await hall.fillings.skip(one.id, first)
    assert await hall.commands.waiting(first, 0, connected=True) == []
    await hall.fillings.stop(one.id)
    await hall.obey()
    assert hall.lit == []
    assert hall.views.page(one.id).what == "stopped"
    await hall.fillings.resume(one.id)
    await hall.obey()
    assert hall.lit == ["asic-2"]


async def test_only_asics_that_can_blink_have_a_turn(hall: Hall) -> None:
    await hall.asics("asic-1", supports=["restart"])
    await hall.rigs.create("asic-2", "asic")  # it never reported
    await hall.rigs.create("rig-1", "cpu-gpu")
    with pytest.raises(Invalid, match="None of these ASICs can blink"):
        await hall.fillings.start("rack", "1..9")
    await hall.asics("asic-3")
    one = await hall.fillings.start("rack", "1..9")
    assert (one.unable, one.queue, hall.views.page(one.id).name) == (2, [], "asic-3")


async def test_a_selection_is_moved_although_it_has_a_place(hall: Hall) -> None:
    first, second = await hall.asics("asic-1", "asic-2")
    await hall.rigs.relabel([first, second], Relabel(place="old"))
    with pytest.raises(Invalid, match="Every ASIC has a place"):
        await hall.fillings.start("rack", "1..9")
    one = await hall.fillings.start("rack", "1..9", [second])
    await hall.put(one, "7")
    assert hall.places() == {"asic-1": "old", "asic-2": "rack/7"}
    await hall.fillings.back(one.id)
    assert hall.places() == {"asic-1": "old", "asic-2": "old"}


async def test_a_full_rack_leads_to_the_next_one(hall: Hall) -> None:
    await hall.asics("asic-1", "asic-2", "asic-3", "asic-4")
    one = await hall.fillings.start("hall/rack-9", "a, b")
    await hall.put(one, "a")
    await hall.fillings.skip(one.id, one.current or 0)
    await hall.put(one, "b")
    page = hall.views.page(one.id)
    assert (page.what, page.following, page.left) == ("full", "hall/rack-10", 1)
    rest = [int(rig_id) for rig_id in page.rest.split(",")]
    assert sorted(hall.rigs.get(rig_id).name for rig_id in rest) == ["asic-2", "asic-4"]
    with pytest.raises(Invalid, match="Every slot of hall/rack-9 is taken"):
        await hall.fillings.start("hall/rack-9", "", rest)
    again = await hall.fillings.start(page.following, "a,b", rest)
    assert hall.views.page(again.id).name == "asic-2"


async def test_a_farm_without_asics_is_told_so(hall: Hall) -> None:
    assert not hall.views.start("", "", None).some
    [one] = await hall.asics("asic-1")
    await hall.rigs.relabel([one], Relabel(place="rack/1"))
    start = hall.views.start("", "", None)
    assert (start.some, start.ready) == (True, 0), "every one has a place"


async def test_slots_in_use_are_known_without_writing_them(hall: Hall) -> None:
    first, second, _ = await hall.asics("asic-1", "asic-2", "asic-3")
    await hall.rigs.relabel([first], Relabel(place="rack/01"))
    await hall.rigs.relabel([second], Relabel(place="rack/04"))
    one = await hall.fillings.start("rack", "")
    assert one.slots == ("01", "02", "03", "04")
    with pytest.raises(Invalid, match="enter its slots"):
        await hall.fillings.start("other", "")


async def test_two_people_do_not_have_the_same_asic_blink(hall: Hall) -> None:
    await hall.asics("asic-1", "asic-2")
    mine = await hall.fillings.start("rack-1", "1..9")
    yours = await hall.fillings.start("rack-2", "1..9")
    assert mine.current != yours.current
    await hall.put(mine, "1")
    assert hall.views.page(mine.id).what == "busy"
    await hall.fillings.skip(yours.id, yours.current or 0)
    await hall.fillings.again(mine.id)
    assert hall.views.page(mine.id).name == "asic-2"


async def test_a_removed_asic_is_passed_over(hall: Hall) -> None:
    first, second, third = await hall.asics("asic-1", "asic-2", "asic-3")
    one = await hall.fillings.start("rack", "1..9")
    await hall.rigs.remove_many([first, second])
    page = hall.views.page(one.id)
    assert (page.rig, page.blinks) == (None, "It was removed. Skip it.")
    await hall.fillings.skip(one.id, page.turn)
    assert one.current == third


async def test_who_leaves_leaves_no_light_on(hall: Hall) -> None:
    await hall.asics("asic-1")
    one = await hall.fillings.start("rack", "1..9")
    await hall.obey()
    await hall.fillings.end_idle(time.monotonic() + IDLE_S / 2)
    assert not one.over
    before = len(hall.entries)
    await hall.fillings.end_idle(time.monotonic() + IDLE_S + 60)
    await hall.obey()
    assert (hall.lit, one.over) == ([], True)
    assert [entry.action for entry in hall.entries[before:]] == ["command: locate"]
    assert [who and who.name for who in hall.by[before:]] == ["Commander"]
    await hall.fillings.end_idle(time.monotonic() + 100 * 3600)
    with pytest.raises(Absent, match="Start a new one"):
        hall.fillings.get(one.id)


async def test_there_is_a_limit_to_rounds(hall: Hall) -> None:
    await hall.asics("asic-1")
    first = await hall.fillings.start("rack", "1..9")
    await hall.obey()
    for number in range(MAX_ROUNDS):
        await hall.fillings.start(f"rack-{number}", "1..9")
    await hall.obey()
    assert hall.lit == ["asic-1"], "it blinks for the next one"
    with pytest.raises(Absent):
        hall.fillings.get(first.id)


@pytest.mark.parametrize(
    ("place", "slots", "field"), [("", "1..3", "place"), ("!", "1", "place"), ("r", "3..1", "slots")]
)
async def test_what_means_nothing_is_refused_beside_its_field(hall: Hall, place: str, slots: str, field: str) -> None:
    await hall.asics("asic-1")
    with pytest.raises(Invalid) as refused:
        await hall.fillings.start(place, slots)
    assert list(refused.value.fields) == [field]


async def test_one_that_answers_before_its_entry_is_stored_is_known_to_blink(hall: Hall) -> None:
    await hall.asics("asic-1", "asic-2")
    hall.quick = True
    async with hall.request():
        one = await hall.fillings.start("rack", "1..2")
    assert hall.lit == ["asic-1"]
    assert hall.views.page(one.id).blinks == "It blinks."
    await hall.put(one, "1")
    assert hall.lit == ["asic-2"]
    assert hall.views.page(one.id).tone == "good"
