"""Sentries updated in stages: the first have to work before the others are told; it goes on after a restart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from unittest.mock import AsyncMock

import pytest
from msgspec.structs import replace
from sqlalchemy.exc import OperationalError

from rigfarm.commander.assignments import Statuses
from rigfarm.commander.bundle import Bundle
from rigfarm.commander.changes import Change, change_under_way
from rigfarm.commander.commands import Commands, GivenCommand
from rigfarm.commander.events import Events, SentryUpdateEnded
from rigfarm.commander.live import Hub
from rigfarm.commander.refusals import Conflict, Invalid
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.stats import OperationalStats
from rigfarm.commander.storage import Storage
from rigfarm.commander.updates import SentryUpdates, store
from rigfarm.commander.updates.actions import BACK_WITHIN_S
from rigfarm.commander.updates.model import SentryUpdate, UpdateForm
from rigfarm.commander.updates.view import update_view
from rigfarm.common.clock import utc_ms
from rigfarm.wire.commands import CommandState, UpdateSentry
from rigfarm.wire.frames import CommandResult, RigCommand
from rigfarm.wire.log import OperationalLog
from rigfarm.wire.playbooks import PlaybookStatus
from rigfarm.wire.specs import SentryUpdates as Ability
from rigfarm.wire.specs import Specs
from support.effects import effects_for

OFFER = Bundle("x86_64", "0.3.0", "a" * 64, 1_000, Path("/bundle"), (0, 0, 0, 0))
ARM = Bundle("aarch64", "0.3.0", "b" * 64, 2_000, Path("/bundle"), (0, 0, 0, 0))


class Farm:
    """Rigs that are up, and a Commander that can be restarted."""

    def __init__(self, storage: Storage, hub: Hub, events: Events) -> None:
        self.storage, self.hub, self.events = storage, hub, events
        self.rigs = Rigs(storage, hub, events)
        self.stats = OperationalStats(hub, events, 5.0)
        self.statuses = Statuses()
        self.ended: list[SentryUpdateEnded] = []
        events.listen(SentryUpdateEnded, self.ended.append)

    async def start(self) -> Farm:
        self.commands = Commands(
            self.storage, self.hub, self.events, self.rigs, effects_for(self.storage, self.hub, self.events, self.rigs)
        )
        await self.commands.load()
        self.updates = SentryUpdates(
            self.storage, self.hub, self.events, self.rigs, self.stats, self.statuses, self.commands,
            lambda: (OFFER, ARM), settle_s=2.0,
        )  # fmt: skip
        await self.updates.load()
        return self

    async def rig(self, name: str, *, version: str = "0.2.0", ability: Ability | None = "ready", **more: str) -> int:
        rig, _ = await self.rigs.create(name, "cpu-gpu")
        self.stats.add(rig.id, rig.kind)
        self.up(rig.id)
        self.specs(rig.id, version, ability, **more)
        self.mines(rig.id, 1000 + rig.id)
        return rig.id

    def up(self, rig_id: int) -> None:
        self.stats.link_up(rig_id)
        self.stats.receive(rig_id, OperationalLog(t=utc_ms()))

    def specs(self, rig_id: int, version: str, ability: Ability | None = "ready", machine: str = "x86_64") -> None:
        said = Specs(
            version, sentry_machine=machine, sentry_updates=ability, supports=["restart-miner", "update-sentry"]
        )
        self.rigs.rigs[rig_id] = replace(self.rigs.rigs[rig_id], specs=said)

    def mines(self, rig_id: int, pid: int) -> None:
        self.statuses.receive(rig_id, [PlaybookStatus(id=1, revision=1, state="mining", pid=pid)])

    async def told(self, rig_id: int) -> UpdateSentry | None:
        """What the rig's Sentry is sent now."""
        frames = await self.commands.waiting(rig_id, 0, connected=False)
        return next((one.command for one in frames if isinstance(one, RigCommand)), None)  # type: ignore[return-value]

    async def says(self, rig_id: int, state: CommandState, detail: str = "") -> None:
        [given] = self.commands.open_of(rig_id)
        await self.commands.result(rig_id, CommandResult(given.id, 0, state, detail))

    async def updated(self, rig_id: int) -> None:
        """It does as it is told, and works."""
        assert await self.told(rig_id) is not None
        self.specs(rig_id, "0.3.0")
        await self.says(rig_id, "done")

    async def ticks(self, count: int = 4) -> None:
        for _ in range(count):
            await self.updates.tick(1.0)

    def states(self, update_id: int) -> list[str]:
        return [one.state for one in self.updates.active[update_id].rigs.values()]


@pytest.fixture
async def farm(storage: Storage, hub: Hub, events: Events) -> AsyncIterator[Farm]:
    one = Farm(storage, hub, events)
    await one.rigs.load()
    yield await one.start()
    await one.commands.close()


async def test_the_first_then_the_others_in_waves(farm: Farm) -> None:
    ids = [await farm.rig(f"rig-{n}") for n in range(4)]
    arm = await farm.rig("rig-arm", machine="aarch64")
    one = await farm.updates.begin([*ids, arm], UpdateForm(first=1, at_once=2))
    assert one.plan.waves == [ids[:1], ids[1:3], [ids[3], arm]]
    assert await farm.told(ids[1]) is None, "it waits for the first"
    command = await farm.told(ids[0])
    assert command == UpdateSentry("0.3.0", "a" * 64, 1_000)
    await farm.ticks()
    assert farm.states(one.id) == ["sent", "waiting", "waiting", "waiting", "waiting"]
    farm.specs(ids[0], "0.3.0")
    await farm.says(ids[0], "done")
    await farm.ticks(1)
    assert await farm.told(ids[1]) is None, "the first has not worked for long enough"
    await farm.ticks()
    for rig_id in ids[1:3]:
        await farm.updated(rig_id)
    assert await farm.told(ids[3]) is None
    await farm.ticks()
    await farm.updated(ids[3])
    assert (await farm.told(arm)) == UpdateSentry("0.3.0", "b" * 64, 2_000), "each machine has its own"
    farm.specs(arm, "0.3.0", machine="aarch64")
    await farm.says(arm, "done")
    await farm.ticks()
    found = await farm.updates.get(one.id)
    assert (found.state, found.detail) == ("done", "5 rigs updated.")
    assert [event.state for event in farm.ended] == ["done"]
    assert farm.updates.active == {}


async def test_it_stops_when_a_first_one_fails_and_says_which(farm: Farm) -> None:
    ids = [await farm.rig(f"rig-{n}") for n in range(3)]
    one = await farm.updates.begin(ids, UpdateForm())
    await farm.told(ids[0])
    await farm.says(ids[0], "failed", "Rolled back to Sentry 0.2.0: it ended 2 times.")
    await farm.ticks(1)
    found = await farm.updates.get(one.id)
    assert found.state == "stopped"
    assert found.detail == "rig-0: Rolled back to Sentry 0.2.0: it ended 2 times. 0 rigs updated."
    assert [rig.state for rig in found.rigs.values()] == ["failed", "not-sent", "not-sent"]
    assert [await farm.told(rig_id) for rig_id in ids] == [None] * 3
    view = update_view(found, farm.rigs)
    assert (view.rows[0].rig_name, view.rows[0].tone) == ("rig-0", "bad")


@pytest.mark.parametrize("wrong", ["version", "program"])
async def test_it_stops_when_a_first_one_does_not_mine_as_before(
    farm: Farm, wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [await farm.rig(f"rig-{n}") for n in range(2)]
    one = await farm.updates.begin(ids, UpdateForm())
    await farm.told(ids[0])
    if wrong == "program":
        farm.specs(ids[0], "0.3.0")
        farm.mines(ids[0], 4321)
    await farm.says(ids[0], "done")
    await farm.ticks()
    assert farm.states(one.id) == ["sent", "waiting"]
    monkeypatch.setattr("rigfarm.commander.updates.actions.BACK_WITHIN_S", -1.0)
    await farm.ticks(1)
    found = await farm.updates.get(one.id)
    assert found.state == "stopped"
    assert ("does not mine as before" if wrong == "program" else "does not report with Sentry 0.3.0") in found.detail
    assert BACK_WITHIN_S == 300.0


async def test_one_that_stopped_is_not_done_because_the_database_was_away(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [await farm.rig(f"rig-{n}") for n in range(2)]
    one = await farm.updates.begin(ids, UpdateForm())
    await farm.told(ids[0])
    await farm.says(ids[0], "failed", "No room.")
    with monkeypatch.context() as patch:
        patch.setattr(store, "save_update", AsyncMock(side_effect=OperationalError("UPDATE", {}, Exception("gone"))))
        await farm.ticks(1)
        assert farm.ended == []
    await farm.ticks(2)
    found = await farm.updates.get(one.id)
    assert (found.state, found.detail) == ("stopped", "rig-0: No room. 0 rigs updated.")
    assert [event.state for event in farm.ended] == ["stopped"]


async def test_a_rig_that_said_it_is_updated_is_not_asked_for_again(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not each second in the database, of a thousand rigs at once."""
    rig_id = await farm.rig("rig-0")
    one = await farm.updates.begin([rig_id], UpdateForm())
    await farm.told(rig_id)
    await farm.says(rig_id, "done")
    of_rig = AsyncMock(side_effect=farm.commands.of_rig)
    monkeypatch.setattr(farm.commands, "of_rig", of_rig)
    await farm.ticks()
    assert of_rig.await_count == 1
    farm.specs(rig_id, "0.3.0")
    await farm.ticks()
    assert (await farm.updates.get(one.id)).state == "done"


async def test_one_that_is_away_is_left_out_of_the_others(farm: Farm) -> None:
    ids = [await farm.rig(f"rig-{n}") for n in range(2)]
    one = await farm.updates.begin(ids, UpdateForm())
    await farm.updated(ids[0])
    await farm.ticks()
    [given] = farm.commands.open_of(ids[1])
    await farm.commands.cancel(given.id)
    await farm.ticks(1)
    found = await farm.updates.get(one.id)
    assert (found.state, found.rigs[ids[1]].state) == ("done", "not-sent")


async def test_it_goes_on_after_a_restart_of_the_commander(farm: Farm) -> None:
    ids = [await farm.rig(f"rig-{n}") for n in range(2)]
    one = await farm.updates.begin(ids, UpdateForm())
    await farm.told(ids[0])
    await farm.commands.close()
    await farm.start()
    farm.specs(ids[0], "0.3.0")
    await farm.says(ids[0], "done")
    await farm.commands.close()
    await farm.start()
    await farm.ticks()
    await farm.updated(ids[1])
    await farm.ticks()
    assert (await farm.updates.get(one.id)).state == "done"


async def test_it_can_be_aborted(farm: Farm) -> None:
    ids = [await farm.rig(f"rig-{n}") for n in range(3)]
    one = await farm.updates.begin(ids, UpdateForm(first=2))
    await farm.told(ids[0])
    found = await farm.updates.abort(one.id)
    assert [rig.state for rig in found.rigs.values()] == ["not-sent"] * 3
    assert await farm.told(ids[1]) is None
    assert farm.ended == [], "the request is the entry"
    with pytest.raises(Conflict):
        await farm.updates.abort(one.id)


async def test_what_cannot_be_updated_says_why(farm: Farm) -> None:
    able = await farm.rig("rig-0")
    reasons = {
        await farm.rig("rig-1", ability=None): "paste the line",
        await farm.rig("rig-2", ability="off"): "forbids",
        await farm.rig("rig-3", ability="not-a-bundle"): "not installed by the line",
        await farm.rig("rig-4", machine="riscv64"): "no Sentry for riscv64",
        await farm.rig("rig-5", version="0.3.0"): "already runs",
        await farm.rig("rig-6", version="0.10.0"): "older",
    }
    with pytest.raises(Invalid):
        await farm.updates.begin(list(reasons), UpdateForm())
    one = await farm.updates.begin([able, *reasons], UpdateForm())
    for rig_id, reason in reasons.items():
        assert (one.rigs[rig_id].state, reason in one.rigs[rig_id].detail) == ("refused", True), one.rigs[rig_id]
    with pytest.raises(Invalid, match="under way"):
        await farm.updates.begin([able], UpdateForm())


async def test_a_downgrade_has_to_be_asked_for(farm: Farm) -> None:
    rig_id = await farm.rig("rig-0", version="0.10.0")
    await farm.updates.begin([rig_id], UpdateForm(downgrade=True))
    command = await farm.told(rig_id)
    assert command is not None
    assert command.downgrade


async def test_two_at_the_same_moment_are_one(farm: Farm) -> None:
    rig_id = await farm.rig("rig-0")
    both = await asyncio.gather(*(farm.updates.begin([rig_id], UpdateForm()) for _ in range(2)), return_exceptions=True)
    assert [isinstance(one, Invalid) for one in both].count(True) == 1


async def test_a_removed_rig_does_not_hold_it_up(farm: Farm) -> None:
    ids = [await farm.rig(f"rig-{n}") for n in range(3)]
    one = await farm.updates.begin(ids, UpdateForm(first=1, at_once=1))
    await farm.updated(ids[0])
    await farm.ticks()
    await farm.rigs.remove(ids[1])
    await farm.ticks()
    await farm.updated(ids[2])
    await farm.ticks()
    assert (await farm.updates.get(one.id)).state == "done"


async def test_nor_one_that_was_removed_before_a_restart(farm: Farm) -> None:
    ids = [await farm.rig(f"rig-{n}") for n in range(3)]
    one = await farm.updates.begin(ids, UpdateForm(first=1, at_once=2))
    await farm.rigs.remove(ids[1])
    await farm.commands.close()
    await farm.start()
    await farm.updated(ids[0])
    await farm.ticks()
    await farm.updated(ids[2])
    await farm.ticks()
    assert (await farm.updates.get(one.id)).state == "done"


async def test_one_that_cannot_go_on_does_not_hold_up_the_others(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [await farm.rig(f"rig-{n}") for n in range(2)]
    broken, other = [await farm.updates.begin([rig_id], UpdateForm()) for rig_id in ids]
    await farm.updated(ids[1])
    step = farm.updates._step

    async def fragile(one: SentryUpdate, passed_s: float) -> None:
        if one.id == broken.id:
            raise KeyError(one.id)
        await step(one, passed_s)

    monkeypatch.setattr(farm.updates, "_step", fragile)
    for _ in range(4):
        with pytest.raises(KeyError):
            await farm.updates.tick(1.0)
    assert (await farm.updates.get(other.id)).state == "done"


async def test_a_rig_that_is_removed_while_it_is_looked_at_does_not_stop_it(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [await farm.rig(f"rig-{n}") for n in range(3)]
    one = await farm.updates.begin(ids, UpdateForm(first=1, at_once=2))
    await farm.updated(ids[0])
    await farm.ticks()
    given = farm.updates._given

    async def given_while_it_is_removed(rig_id: int, command_id: str) -> GivenCommand | None:
        found = await given(rig_id, command_id)
        if rig_id == ids[1]:
            await farm.rigs.remove(rig_id)
            return None
        return found

    monkeypatch.setattr(farm.updates, "_given", given_while_it_is_removed)
    await farm.ticks()
    await farm.updated(ids[2])
    await farm.ticks()
    found = await farm.updates.get(one.id)
    assert (found.state, found.rigs[ids[1]].detail) == ("done", "The rig was removed.")


async def test_the_activity_names_the_update_and_not_its_first_command(farm: Farm) -> None:
    ids = [await farm.rig(f"rig-{n}") for n in range(2)]
    change = Change("POST /sentry-updates", "127.0.0.1")
    with change_under_way(change):
        one = await farm.updates.begin(ids, UpdateForm())
    assert change.action == "update Sentry"
    assert change.facts["update"] == str(one.id)
    assert change.targets["rig"] == {ids[0]: "rig-0", ids[1]: "rig-1"}
