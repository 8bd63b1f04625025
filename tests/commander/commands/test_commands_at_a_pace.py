"""Many rigs that start at once may trip a fuse: n at once, then a pause, whatever happens in between."""

from __future__ import annotations

import time

import pytest

from rigfarm.commander.commands import Commands, GivenCommand
from rigfarm.commander.commands.model import Pace
from rigfarm.commander.events import Events, WorkWaiting
from rigfarm.commander.live import Hub
from rigfarm.commander.refusals import Conflict, Invalid
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.storage import Storage
from rigfarm.wire.commands import RestartMiner
from support.effects import effects_for

PACE = Pace(at_once=2, pause_s=30)


class Crowd:
    """Rigs whose Sentries ask for their commands when they are woken, as links do."""

    def __init__(self, commands: Commands, events: Events) -> None:
        self.commands = commands
        self.woken: list[int] = []
        self.sent: list[int] = []
        events.listen(WorkWaiting, lambda waiting: self.woken.append(waiting.rig_id))

    async def ask(self, *away: int) -> list[int]:
        """All that were woken, but for those that are away; returns the rigs that were sent something now."""
        woken, self.woken = self.woken, []
        now = [rig for rig in woken if rig not in away and await self.commands.waiting(rig, 0, connected=False)]
        self.sent += now
        return now

    async def after(self, seconds: float, *away: int) -> list[int]:
        """So much later."""
        await self.commands.tick(time.monotonic() + seconds)
        return await self.ask(*away)


async def five(rigs: Rigs) -> list[int]:
    return [rig.id for rig, _ in await rigs.create_many([f"rig-0{n}" for n in range(1, 6)], "cpu-gpu")]


@pytest.fixture
def crowd(commands: Commands, events: Events) -> Crowd:
    return Crowd(commands, events)


async def test_so_many_at_once_then_a_pause(commands: Commands, rigs: Rigs, crowd: Crowd) -> None:
    ids = await five(rigs)
    await commands.give(RestartMiner(), ids, pace=PACE)
    assert await crowd.ask() == ids[:2]
    assert await crowd.after(29) == []
    assert await crowd.after(31) == ids[2:4]
    assert await crowd.after(31) == ids[4:]
    assert await crowd.after(31) == []
    assert {one.words for rig in ids for one in commands.open_of(rig)} == {"sent, waiting for an answer"}


async def test_those_that_wait_for_their_turn_are_not_given_up_on_and_those_that_are_away_are(
    commands: Commands, rigs: Rigs, crowd: Crowd
) -> None:
    ids = await five(rigs)
    (*_, last) = await commands.give(RestartMiner(), ids, pace=Pace(1, 600))
    assert last.words == "waiting for its turn"
    assert await crowd.ask(ids[4]) == ids[:1], "the last rig is away"
    for turn in range(1, 4):
        assert await crowd.after(601, ids[4]) == [ids[turn]]
    await commands.tick(time.monotonic() + 4 * 600 + 590)
    assert [one.state for one in commands.open_of(ids[4])] == ["queued"]
    await commands.tick(time.monotonic() + 4 * 600 + 610)
    assert commands.open_of(ids[4]) == []
    assert (await commands.of_rig(ids[4]))[0].detail == "The rig was not connected, so it was never sent."


async def test_rigs_that_come_back_together_do_not_start_together(commands: Commands, rigs: Rigs, crowd: Crowd) -> None:
    """The Sentry of a whole rack was away while turn after turn went by."""
    ids = await five(rigs)
    await commands.give(RestartMiner(), ids, pace=PACE)
    assert await crowd.ask(*ids) == []
    for _ in range(4):
        assert await crowd.after(31, *ids) == []
    crowd.woken = list(ids)
    assert await crowd.ask() == ids[:2]
    assert await crowd.after(31) == ids[2:4]


async def test_a_restart_of_the_commander_goes_on_after_a_pause(
    commands: Commands, rigs: Rigs, storage: Storage, hub: Hub, events: Events, crowd: Crowd
) -> None:
    ids = await five(rigs)
    await commands.give(RestartMiner(), ids, pace=PACE)
    assert await crowd.ask() == ids[:2]
    again = Commands(storage, hub, events, rigs, effects_for(storage, hub, events, rigs))
    await again.load()
    crowd.commands, crowd.woken = again, list(ids)  # every Sentry connects again, and asks
    assert await crowd.ask() == [], "two of them were told just before"
    assert await crowd.after(31) == ids[2:4]
    assert await crowd.after(31) == ids[4:]
    assert sorted(crowd.sent) == ids, "none twice"
    await again.close()


async def test_what_was_not_sent_is_cancelled_as_a_whole(commands: Commands, rigs: Rigs, crowd: Crowd) -> None:
    ids = await five(rigs)
    given: list[GivenCommand] = await commands.give(RestartMiner(), ids, pace=PACE)
    await crowd.ask()
    taken_back = await commands.cancel_batch(given[0].batch)
    assert [one.rig_id for one in taken_back] == ids[2:]
    assert {one.detail for one in taken_back} == {"Cancelled before it was sent."}
    assert await crowd.after(31) == []
    states = [one.state for one in sorted((await commands.of_batch(given[0].batch, 9))[0], key=lambda one: one.rig_id)]
    assert states == ["queued", "queued", "failed", "failed", "failed"]
    with pytest.raises(Conflict, match="Nothing is left to cancel"):
        await commands.cancel_batch(given[0].batch)


async def test_a_pace_that_takes_more_than_a_day_is_refused(commands: Commands, rigs: Rigs) -> None:
    ids = [rig.id for rig, _ in await rigs.create_many([f"rig-{n:02}" for n in range(26)], "cpu-gpu")]
    with pytest.raises(Invalid, match="a day is the maximum"):
        await commands.give(RestartMiner(), ids, pace=Pace(1, 3_600))
    assert await commands.listed(None, None, None, 100) == []
    await commands.give(RestartMiner(), ids[:25], pace=Pace(1, 3_600))
