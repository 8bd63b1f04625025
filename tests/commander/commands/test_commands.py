"""Commands: told once, answered or given up on, each with its own result that stays."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Hashable
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from rigfarm.commander import channels
from rigfarm.commander.commands import Commands
from rigfarm.commander.commands.broadcasts import ON_RIG, batch_channel
from rigfarm.commander.events import Events, RigToldToStop, WorkWaiting
from rigfarm.commander.live import Event, Hub
from rigfarm.commander.refusals import Absent, Conflict, Invalid
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.storage import Storage
from rigfarm.common.clock import utc_ms
from rigfarm.wire.commands import (
    Command,
    Locate,
    Pause,
    PoolLogin,
    PowerLimit,
    Reboot,
    Restart,
    RestartMiner,
    SetPools,
    ShutDown,
)
from rigfarm.wire.frames import CommandResult, RigCommand
from rigfarm.wire.specs import Specs
from support.effects import effects_for

LATER = 10_000.0


class Viewer:
    def __init__(self) -> None:
        self.heard: list[tuple[str, Hashable, Any]] = []

    def deliver(self, channel: str, key: Hashable, event: Event, payload: Any) -> None:
        self.heard.append((channel, key, payload))

    def channel_closed(self, channel: str) -> None:
        self.heard.append((channel, "", "closed"))


async def _state(commands: Commands, rig_id: int) -> list[tuple[str, str]]:
    return [(one.state, one.detail) for one in await commands.of_rig(rig_id)]


async def test_it_works(commands: Commands, rigs: Rigs, hub: Hub, events: Events) -> None:
    rig, _ = await rigs.create("rig-01", "cpu-gpu")
    viewer = Viewer()
    hub.subscribe(viewer, channels.rig("cpu-gpu", rig.id))
    waiting: list[WorkWaiting] = []
    events.listen(WorkWaiting, waiting.append)
    (command,) = await commands.give(RestartMiner(), [rig.id])
    assert waiting == [WorkWaiting(rig.id)]
    assert await _state(commands, rig.id) == [("queued", "")]

    frames = await commands.waiting(rig.id, 4, connected=False)
    assert frames == [RigCommand(command.id, 4, RestartMiner())]
    await commands.result(rig.id, CommandResult(command.id, 4, "running"))
    await commands.result(rig.id, CommandResult(command.id, 4, "done", "restarted 1 program"))
    assert await _state(commands, rig.id) == [("done", "restarted 1 program")]
    assert [payload.state for _, key, payload in viewer.heard if key == ON_RIG] == [
        "queued", "queued", "running", "done",
    ]  # fmt: skip


async def test_a_rig_is_told_once_even_when_it_drops_in_the_middle(
    commands: Commands, rigs: Rigs, storage: Storage, hub: Hub, events: Events
) -> None:
    rig, _ = await rigs.create("rig-01", "cpu-gpu")
    await commands.give(Reboot(), [rig.id])
    first = await asyncio.gather(*(commands.waiting(rig.id, 0, connected=False) for _ in range(5)))
    assert sum(len(frames) for frames in first) == 1
    assert await commands.waiting(rig.id, 0, connected=True) == []
    again = Commands(storage, hub, events, rigs, effects_for(storage, hub, events, rigs))
    await again.load()
    assert await again.waiting(rig.id, 0, connected=True) == [], "nor after a restart of the Commander"
    assert len(again.open_of(rig.id)) == 1


async def test_two_commands_are_sent_once_each_to_a_rig_that_asks_twice(commands: Commands, rigs: Rigs) -> None:
    rig, _ = await rigs.create("rig-01", "cpu-gpu")
    for command in (RestartMiner(), Reboot()):
        await commands.give(command, [rig.id])
    sent = await asyncio.gather(*(commands.waiting(rig.id, 0, connected=False) for _ in range(3)))
    assert sorted(len(frames) for frames in sent) in ([0, 0, 2], [0, 1, 1])


async def test_what_was_cancelled_while_another_is_stored_is_not_sent(commands: Commands, rigs: Rigs) -> None:
    rig, _ = await rigs.create("rig-01", "cpu-gpu")
    await commands.give(RestartMiner(), [rig.id])
    (reboot,) = await commands.give(Reboot(), [rig.id])
    frames, _ = await asyncio.gather(commands.waiting(rig.id, 0, connected=False), commands.cancel(reboot.id))
    assert [frame.command for frame in frames if isinstance(frame, RigCommand)] == [RestartMiner()]
    assert await _state(commands, rig.id) == [("failed", "Cancelled before it was sent."), ("queued", "")]


async def test_what_was_given_up_on_is_not_sent(commands: Commands, rigs: Rigs) -> None:
    rig, _ = await rigs.create("rig-01", "cpu-gpu")
    await commands.give(Reboot(), [rig.id])
    _, frames = await asyncio.gather(
        commands.tick(time.monotonic() + LATER), commands.waiting(rig.id, 0, connected=True)
    )
    assert frames == []
    assert await _state(commands, rig.id) == [("failed", "The rig was not connected, so it was never sent.")]


async def test_every_asic_logs_in_under_its_own_name_whoever_asks(commands: Commands, rigs: Rigs) -> None:
    asic, _ = await rigs.create("asic 01", "asic")
    await commands.give(SetPools([PoolLogin("stratum+tcp://pool.test:3333", "farm.$WORKER_NAME", "x")]), [asic.id])
    (frame,) = await commands.waiting(asic.id, 0, connected=False)
    assert isinstance(frame, RigCommand)
    assert isinstance(frame.command, SetPools)
    assert frame.command.pools[0].user == "farm.asic-01"


async def test_what_could_not_be_stored_as_told_is_not_told(
    commands: Commands, rigs: Rigs, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig, _ = await rigs.create("rig-01", "cpu-gpu")
    await commands.give(Reboot(), [rig.id])

    async def full(*_: Any) -> None:
        raise OperationalError("UPDATE", {}, Exception("database or disk is full"))

    monkeypatch.setattr("rigfarm.commander.commands.store.save_commands", full)
    with pytest.raises(OperationalError):
        await commands.waiting(rig.id, 0, connected=False)
    monkeypatch.undo()
    assert len(await commands.waiting(rig.id, 0, connected=False)) == 1


async def test_a_rig_that_stays_away_is_given_up_on(commands: Commands, rigs: Rigs) -> None:
    away, mute, slow = [(await rigs.create(name, "cpu-gpu"))[0].id for name in ("away", "mute", "slow")]
    await commands.give(Reboot(), [away, mute, slow])
    await commands.waiting(mute, 0, connected=False)
    (frame,) = await commands.waiting(slow, 0, connected=False)
    assert isinstance(frame, RigCommand)
    await commands.result(slow, CommandResult(frame.id, 0, "running"))
    now = time.monotonic()
    await commands.tick(now + 100)
    assert await _state(commands, mute) == [("queued", "")]
    await commands.tick(now + 130)
    assert await _state(commands, mute) == [
        ("failed", "It was sent, but the rig never answered: it may have carried it out.")
    ]
    assert await _state(commands, away) == [("queued", "")]
    await commands.tick(now + 610)
    assert await _state(commands, away) == [("failed", "The rig was not connected, so it was never sent.")]
    await commands.tick(now + LATER)
    assert await _state(commands, slow) == [("failed", "The rig started it and never reported the result.")]
    assert await commands.waiting(away, 0, connected=True) == [], "too late is never told"


async def test_a_result_after_the_end_changes_nothing(commands: Commands, rigs: Rigs) -> None:
    rig, _ = await rigs.create("rig-01", "cpu-gpu")
    other, _ = await rigs.create("rig-02", "cpu-gpu")
    (command,) = await commands.give(Reboot(), [rig.id])
    await commands.waiting(rig.id, 0, connected=False)
    await commands.result(other.id, CommandResult(command.id, 0, "done", "not mine to answer"))
    await commands.result(rig.id, CommandResult(command.id, 0, "queued"))
    await commands.result(rig.id, CommandResult("nonsense", 0, "done"))
    assert await _state(commands, rig.id) == [("queued", "")]
    await commands.result(rig.id, CommandResult(command.id, 0, "refused", "not allowed\x1b[31m\n" + "x" * 5000))
    await commands.result(rig.id, CommandResult(command.id, 0, "done"))
    ((state, detail),) = await _state(commands, rig.id)
    assert (state, detail[:16], len(detail)) == ("refused", "not allowed [31m", 600)


async def test_each_rig_of_a_selection_has_its_own_result(commands: Commands, rigs: Rigs, hub: Hub) -> None:
    made = await rigs.create_many([f"rig-{n:04}" for n in range(500)], "cpu-gpu")
    ids = [rig.id for rig, _ in made]
    asic, _ = await rigs.create("asic-01", "asic")
    given = await commands.give(RestartMiner(), [*ids, asic.id, ids[0]])
    assert len({one.batch for one in given}) == 1
    viewer = Viewer()
    hub.subscribe(viewer, batch_channel(given[0].batch))
    frames = await asyncio.gather(*(commands.waiting(rig_id, 0, connected=False) for rig_id in ids))
    assert [len(one) for one in frames] == [1] * 500
    await asyncio.gather(
        *(commands.result(one.rig_id, CommandResult(one.id, 0, "done")) for one in given if one.rig_id != asic.id)
    )
    found = {one.rig_id: (one.state, one.detail) for one in (await commands.of_batch(given[0].batch, 999))[0]}
    assert found.pop(asic.id) == ("refused", "asic-01 is an ASIC: “Restart miner” is not available for it.")
    assert set(found.values()) == {("done", "")}
    assert len(found) == 500
    assert {key for _, key, payload in viewer.heard if payload.state == "done"} == set(ids)


@pytest.mark.parametrize(
    ("kind", "supports", "command", "refused"),
    [
        ("cpu-gpu", None, Reboot(), False),
        ("cpu-gpu", [], Reboot(), False),
        ("cpu-gpu", ["restart-miner"], Reboot(), True),
        ("cpu-gpu", None, Pause(), True),
        ("asic", None, Restart(), False),
        ("asic", [], Restart(), True),
        ("asic", ["restart", "locate"], Locate(True), False),
        ("asic", ["restart", "locate"], PowerLimit(3000), True),
        ("asic", ["reboot"], Reboot(), False),
        ("asic", None, ShutDown(), True),
    ],
)
async def test_what_a_rig_cannot_do_is_refused_at_once(
    commands: Commands, rigs: Rigs, kind: Any, supports: list[str] | None, command: Command, refused: bool
) -> None:
    rig, _ = await rigs.create("rig-01", kind)
    if supports is not None:
        rigs.said.specs(rig.id, Specs("1", supports=supports))
        await rigs.said.store()
    (given,) = await commands.give(command, [rig.id])
    assert (given.state == "refused") is refused
    assert ("rig-01" in given.detail) is refused
    assert len(await commands.waiting(rig.id, 0, connected=True)) == (not refused)


@pytest.mark.parametrize(
    "command",
    [
        PowerLimit(0),
        PowerLimit(float("nan")),
        PowerLimit(1e308),
        SetPools([]),
        SetPools([PoolLogin("gopher://x:1", "me")]),
        SetPools([PoolLogin("stratum+tcp://x:1", " ")]),
        SetPools([PoolLogin("stratum+tcp://x:1", "me", "x\ny")]),
        SetPools([PoolLogin("stratum+tcp://x:1", "me")] * 9),
    ],
)
async def test_commands_that_make_no_sense_reach_nobody(commands: Commands, rigs: Rigs, command: Command) -> None:
    rig, _ = await rigs.create("asic-01", "asic")
    with pytest.raises(Invalid):
        await commands.give(command, [rig.id])
    assert await commands.of_rig(rig.id) == []


async def test_it_needs_rigs_that_exist(commands: Commands) -> None:
    with pytest.raises(Invalid):
        await commands.give(Reboot(), [])
    with pytest.raises(Absent):
        await commands.give(Reboot(), [99])


async def test_one_can_be_taken_back_until_the_rig_is_told(commands: Commands, rigs: Rigs) -> None:
    rig, _ = await rigs.create("rig-01", "cpu-gpu")
    one, other = (await commands.give(Reboot(), [rig.id]))[0], (await commands.give(ShutDown(), [rig.id]))[0]
    await commands.cancel(one.id)
    assert [frame.command for frame in await commands.waiting(rig.id, 0, connected=True)] == [ShutDown()]  # type: ignore[union-attr]
    with pytest.raises(Conflict, match="already sent"):
        await commands.cancel(other.id)
    with pytest.raises(Absent):
        await commands.cancel(one.id)


async def test_a_rig_has_only_so_many_without_a_result(commands: Commands, rigs: Rigs) -> None:
    rig, _ = await rigs.create("rig-01", "cpu-gpu")
    states = [(await commands.give(RestartMiner(), [rig.id]))[0].state for _ in range(22)]
    assert states == ["queued"] * 20 + ["refused"] * 2


async def test_a_removed_rig_takes_its_commands_with_it(commands: Commands, rigs: Rigs) -> None:
    rig, _ = await rigs.create("rig-01", "cpu-gpu")
    await commands.give(Reboot(), [rig.id])
    await rigs.remove(rig.id)
    await commands.tick(time.monotonic() + LATER)
    assert await commands.listed(None, None, None, 100) == []


async def test_old_results_are_forgotten_and_open_commands_are_not(
    commands: Commands, rigs: Rigs, storage: Storage
) -> None:
    from rigfarm.commander.commands import store

    rig, _ = await rigs.create("rig-01", "cpu-gpu")
    (done,) = await commands.give(Reboot(), [rig.id])
    await commands.cancel(done.id)
    await commands.give(Reboot(), [rig.id])
    async with storage.begin() as tx:
        await store.prune(tx, utc_ms() + 1000)
    assert await _state(commands, rig.id) == [("queued", "")]


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (Pause(), [("paused by an operator", "")]),
        (ShutDown(), [("", "shut down by an operator")]),
        (Restart(), [("", "")]),
        (Locate(True), []),
    ],
)
async def test_a_rig_that_did_what_it_was_told_is_stopped_on_purpose(
    commands: Commands, rigs: Rigs, events: Events, command: Command, told: list[tuple[str, str]]
) -> None:
    heard: list[tuple[str, str]] = []
    events.listen(RigToldToStop, lambda one: heard.append((one.paused, one.off)))
    rig, _ = await rigs.create("rig-01", "asic" if not isinstance(command, ShutDown) else "cpu-gpu")
    for state in ("failed", "done"):
        (given,) = await commands.give(command, [rig.id])
        await commands.waiting(rig.id, 0, connected=True)
        assert heard == [], "it did nothing yet"
        await commands.result(rig.id, CommandResult(given.id, 0, state))  # type: ignore[arg-type]
    assert heard == told
