"""What becomes of a command over half an hour, with a clock that is turned by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from rigfarm.commander.commands.tables import commands as commands_table
from rigfarm.commander.effects import store
from rigfarm.commander.effects.model import Watch
from rigfarm.commander.effects.tables import effects as effects_table
from rigfarm.commander.effects.view import counted, table, warnings
from rigfarm.wire.commands import Command, Locate, Pause, PoolLogin, PowerLimit, Restart, Resume, SetPools
from rigfarm.wire.frames import CommandResult
from rigfarm.wire.log import Pool
from support.effects import EffectFarm as Farm

LIMIT = PowerLimit(2_800)


async def test_a_limit_that_holds_is_checked_three_times(any_farm: Farm) -> None:
    (rig,) = await any_farm.asics(1)
    any_farm.reports(rig)
    (command,) = await any_farm.give(LIMIT, [rig])
    assert (await any_farm.watch(command)).shown == "not checked yet"
    assert await any_farm.check(rig, 29) == 0, "nothing is due"
    assert await any_farm.check(rig, 2, 3_250.0) == 1
    first = await any_farm.watch(command)
    assert (first.verdict, first.shown, first.is_bad) == ("no-effect", "no effect yet", False), "it may need time"
    assert any_farm.effects.bad_on(rig) == []
    assert await any_farm.check(rig, 200, 2_790.0) == 0
    assert await any_farm.check(rig, 70, 2_790.0) == 1
    assert (await any_farm.watch(command)).shown == "took effect"
    assert await any_farm.check(rig, 1_500, 2_795.0) == 1
    done = await any_farm.watch(command)
    assert (done.due_ms, [check.verdict for check in done.checks]) == (
        None, ["no-effect", "took-effect", "took-effect"],
    )  # fmt: skip
    assert await any_farm.check(rig, 90_000, 3_250.0) == 0, "it is over"
    assert any_farm.reverted == []


async def test_what_is_reverted_is_said_once_and_bad_until_it_is_fine(farm: Farm) -> None:
    (rig,) = await farm.asics(1)
    farm.reports(rig)
    (command,) = await farm.give(LIMIT, [rig])
    await farm.check(rig, 30, 2_790.0)
    await farm.check(rig, 270, 3_250.0)
    (bad,) = farm.effects.bad_on(rig)
    assert bad.said == "Limit power to 2800 W: reverted, still 3,250 W, limit 2,800 W"
    assert farm.effects.is_fine(rig, "power limit") is False
    await farm.check(rig, 1_500, 3_250.0)
    assert [one.command_id for one in farm.reverted] == [command]
    farm.passes(60)
    (newer,) = await farm.give(PowerLimit(3_000), [rig])
    assert farm.effects.bad_on(rig) == [], "the newer one is what counts"
    assert farm.effects.is_fine(rig, "power limit") is False, "and is not known to be fine"
    await farm.check(rig, 30, 2_990.0)
    assert farm.effects.is_fine(rig, "power limit") is True
    assert (await farm.watch(newer)).verdict == "took-effect"
    assert (await farm.watch(command)).verdict == "reverted", "what was seen stays"


async def test_without_effect_is_bad_after_five_minutes_and_for_a_day(any_farm: Farm) -> None:
    (rig,) = await any_farm.asics(1)
    any_farm.reports(rig)
    (command,) = await any_farm.give(LIMIT, [rig])
    await any_farm.check(rig, 30)
    await any_farm.check(rig, 270)
    assert [one.command_id for one in any_farm.effects.bad_on(rig)] == [command]
    await any_farm.check(rig, 1_500)
    await any_farm.restart()
    assert [one.command_id for one in any_farm.effects.bad_on(rig)] == [command], "a restart forgets nothing"
    any_farm.passes(86_400)
    assert any_farm.effects.bad_on(rig) == []
    assert any_farm.effects.is_fine(rig, "power limit") is None


async def test_unknown_is_never_success_and_undoes_none(farm: Farm) -> None:
    (rig, silent) = await farm.asics(2)
    farm.reports(rig)
    farm.reports(silent)
    command, other = await farm.give(LIMIT, [rig, silent])
    await farm.check(rig, 30, None)
    assert (await farm.watch(command)).shown == "not measurable yet"
    assert (await farm.watch(other)).words == "the rig has reported nothing since"
    await farm.check(rig, 270, 2_790.0)
    await farm.check(rig, 1_500, None)
    assert (await farm.watch(command)).verdict == "took-effect", "as it was last seen"
    assert (await farm.watch(other)).shown == "not measurable"
    assert farm.effects.bad_on(silent) == []


async def test_a_newer_command_explains_what_an_older_one_no_longer_shows(farm: Farm) -> None:
    (rig,) = await farm.asics(1)
    farm.reports(rig)
    (pause,) = await farm.give(Pause(), [rig])
    await farm.check(rig, 30, 60.0, rate=0.0)
    (given,) = await farm.commands.give(Resume(), [rig])
    await farm.commands.waiting(rig, 0, connected=False)
    await farm.check(rig, 270, 3_250.0)
    assert (await farm.watch(pause)).verdict == "took-effect", "a newer command is under way: not judged now"
    await farm.commands.result(rig, CommandResult(given.id, 0, "done"))
    await farm.check(rig, 30, 3_250.0)
    assert (await farm.watch(given.id)).verdict == "took-effect"
    assert (await farm.watch(pause)).due_ms is None
    assert farm.reverted == []


@pytest.mark.parametrize("answer", ["refused", "failed"])
async def test_a_newer_command_that_was_not_done(farm: Farm, answer: str) -> None:
    """One that the device refused changed nothing: the older one is still followed. One that failed may have."""
    (rig,) = await farm.asics(1)
    farm.reports(rig)
    (pause,) = await farm.give(Pause(), [rig])
    await farm.check(rig, 30, 60.0, rate=0.0)
    (given,) = await farm.commands.give(Resume(), [rig])
    await farm.commands.waiting(rig, 0, connected=False)
    await farm.commands.result(rig, CommandResult(given.id, 0, answer))  # type: ignore[arg-type]
    await farm.check(rig, 270, 3_250.0)
    assert (await farm.watch(pause)).verdict == ("reverted" if answer == "refused" else "took-effect")


async def test_a_command_about_something_else_ends_nothing(farm: Farm) -> None:
    (rig,) = await farm.asics(1)
    farm.reports(rig)
    (limit,) = await farm.give(LIMIT, [rig])
    await farm.check(rig, 30, 2_790.0)
    await farm.give(SetPools([PoolLogin("stratum+tcp://pool.example:3333", "a")]), [rig])
    await farm.check(rig, 270, 3_250.0)
    assert (await farm.watch(limit)).verdict == "reverted"


async def test_a_restart_that_was_seen_is_over_and_a_light_is_not_measured(farm: Farm) -> None:
    (rig,) = await farm.asics(1)
    farm.reports(rig)
    (restart,) = await farm.give(Restart(), [rig])
    (light,) = await farm.give(Locate(True), [rig])
    await farm.check(rig, 30, uptime_s=12.0)
    assert ((await farm.watch(restart)).verdict, (await farm.watch(restart)).due_ms) == ("took-effect", None)
    assert await farm.effects.of_commands([light]) == {}


async def test_a_restart_of_the_commander_neither_loses_nor_doubles_a_check(farm: Farm) -> None:
    (rig,) = await farm.asics(1)
    farm.reports(rig)
    (command,) = await farm.give(LIMIT, [rig])
    await farm.restart()
    await farm.check(rig, 30, 2_790.0)
    assert (await farm.watch(command)).checks == (), "rigs have a minute to return"
    await farm.check(rig, 31, 2_790.0)
    assert len((await farm.watch(command)).checks) == 1
    farm.passes(7_200)
    await farm.restart()
    await farm.check(rig, 61, 3_250.0)
    late = await farm.watch(command)
    assert ([check.verdict for check in late.checks], late.due_ms) == (["took-effect", "reverted"], None), (
        "both checks that were missed are one"
    )
    await farm.restart()
    assert await farm.check(rig, 61) == 0
    assert len(farm.reverted) == 1


async def test_a_check_that_is_stored_after_a_newer_command_does_not_call_the_older_back(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    (rig,) = await farm.asics(1)
    farm.reports(rig)
    (command,) = await farm.give(LIMIT, [rig])
    saved = store.save_watches

    async def overtaken(tx: AsyncConnection, changed: Sequence[Watch]) -> None:
        await store.supersede(tx, [one.id for one in changed])
        await saved(tx, changed)

    monkeypatch.setattr(store, "save_watches", overtaken)
    await farm.check(rig, 30, 2_790.0)
    assert (await farm.watch(command)).due_ms is None


async def test_a_kill_before_a_check_is_stored_makes_it_again(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    (rig,) = await farm.asics(1)
    farm.reports(rig)
    (command,) = await farm.give(LIMIT, [rig])
    saved = store.save_watches

    async def killed(*_: object) -> None:
        raise OperationalError("UPDATE", {}, Exception("the disk is full"))

    monkeypatch.setattr(store, "save_watches", killed)
    with pytest.raises(OperationalError):
        await farm.check(rig, 30, 2_790.0)
    monkeypatch.setattr(store, "save_watches", saved)
    assert await farm.check(rig, 1, 2_790.0) == 1, "the same Commander tries again"
    await farm.restart()
    assert [check.verdict for check in (await farm.watch(command)).checks] == ["took-effect"]


async def test_a_result_and_its_watch_are_one_transaction(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    (rig,) = await farm.asics(1)
    (given,) = await farm.commands.give(LIMIT, [rig])
    await farm.commands.waiting(rig, 0, connected=False)

    async def killed(*_: object) -> None:
        raise OperationalError("INSERT", {}, Exception("the disk is full"))

    monkeypatch.setattr(store, "insert_watches", killed)
    with pytest.raises(OperationalError):
        await farm.commands.result(rig, CommandResult(given.id, 0, "done"))
    assert (await farm.commands.of_rig(rig))[0].state == "queued", "neither is stored"


async def test_a_rig_that_is_removed_at_this_moment_holds_up_no_other_result(any_farm: Farm) -> None:
    rig, gone = await any_farm.asics(2)
    given = await any_farm.commands.give(LIMIT, [rig, gone])
    for one in given:
        await any_farm.commands.waiting(one.rig_id, 0, connected=False)
    async with any_farm.storage.begin() as tx:
        await tx.execute(commands_table.delete().where(commands_table.c.rig_id == gone))
    done = (any_farm.commands.result(one.rig_id, CommandResult(one.id, 0, "done")) for one in given)
    await asyncio.gather(*done)
    assert [one.state for one in await any_farm.commands.of_rig(rig)] == ["done"]
    assert (await any_farm.effects.of_commands([given[0].id, given[1].id])).keys() == {given[0].id}


async def test_what_is_forgotten_takes_its_effect_along(any_farm: Farm) -> None:
    rig, gone = await any_farm.asics(2)
    for one in (rig, gone):
        any_farm.reports(one)
    await any_farm.give(LIMIT, [rig, gone])
    await any_farm.rigs.remove(gone)
    assert await any_farm.check(rig, 30) == 1, "a removed rig is not checked"
    async with any_farm.storage.begin() as tx:
        await tx.execute(commands_table.delete())
        assert (await tx.execute(select(func.count()).select_from(effects_table))).scalar() == 0


async def test_counts_tables_and_warnings_by_model_and_firmware(any_farm: Farm) -> None:
    liars, honest = await any_farm.asics(14, "Braiins"), await any_farm.asics(6, "LuxOS")
    for one in (*liars, *honest):
        any_farm.reports(one)
    ids = await any_farm.give(LIMIT, [*liars, *honest])
    batch = (await any_farm.commands.of_rig(liars[0]))[0].batch
    assert counted(await any_farm.effects.counts_of(batch)) == "20 not checked yet"
    any_farm.passes(30)
    for one in (*liars, *honest):
        any_farm.reports(one, 3_250.0 if one in liars[:12] else 2_790.0)
    assert await any_farm.effects.tick() == 20
    assert counted(await any_farm.effects.counts_of(batch)) == "8 took effect, 12 without effect yet"
    assert warnings(await any_farm.effects.latest_on("power-limit", liars)) == [], "it is too early to say"
    any_farm.passes(270)
    for one in (*liars, *honest):
        any_farm.reports(one, 3_250.0 if one in liars[:13] else 2_790.0)
    await any_farm.effects.tick()
    assert counted(await any_farm.effects.counts_of(batch)) == "7 took effect, 1 reverted, 12 without effect"
    shown, _ = await any_farm.commands.of_batch(batch, 15)
    assert {one.id for one in shown} >= set(ids[:13]), "those without effect are always among those listed"
    lines = table(await any_farm.effects.tallies())
    assert [(line.title, line.on, line.took, line.none, line.reverted) for line in lines] == [
        ("Limit power", "Antminer S19j Pro with Braiins 2026.4.8", 1, 12, 1),
        ("Limit power", "Antminer S19j Pro with LuxOS 2026.4.8", 6, 0, 0),
    ]
    said = warnings(await any_farm.effects.latest_on("power-limit", [liars[0], honest[0]]))
    assert said == ["On 13 of 14 Antminer S19j Pro with Braiins 2026.4.8, this had no effect or was reverted."]
    assert warnings(await any_farm.effects.latest_on("power-limit", honest)) == []
    assert warnings(await any_farm.effects.latest_on("pause", liars)) == []
    await any_farm.give(LIMIT, liars)
    any_farm.passes(30)
    for one in liars:
        any_farm.reports(one, 2_790.0)
    await any_farm.effects.tick()
    assert warnings(await any_farm.effects.latest_on("power-limit", liars)) == [], "each rig counts by its latest"


async def test_nothing_is_asked_of_the_database_while_nothing_is_due(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    (rig,) = await farm.asics(1)
    farm.reports(rig)
    await farm.give(LIMIT, [rig])
    monkeypatch.setattr(farm.storage, "begin", None)
    assert [await farm.check(rig, 1) for _ in range(20)] == [0] * 20


async def test_checks_of_many_are_made_in_portions(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rigfarm.commander.effects.actions.AT_ONCE", 4)
    rigs = await farm.asics(10)
    for one in rigs:
        farm.reports(one)
    await farm.give(LIMIT, rigs)
    farm.passes(30)
    assert [await farm.effects.tick() for _ in range(4)] == [4, 4, 2, 0]


OLD_POOL = [Pool("stratum+tcp://old.example:3333", "a", True, True)]
NEW_POOL = [Pool("stratum+tcp://new.example:3333", "b", True, True)]
LIES: list[tuple[Command, dict[str, Any], dict[str, Any]]] = [
    (LIMIT, {"watts": 2_790.0}, {"watts": 3_250.0}),
    (Pause(), {"watts": 60.0, "rate": 0.0}, {"rate": 100e12}),
    (SetPools([PoolLogin("stratum+tcp://new.example:3333", "b")]), {"pools": NEW_POOL}, {"pools": OLD_POOL}),
]


@pytest.mark.parametrize(("command", "did", "did_not"), LIES, ids=["power", "pause", "pools"])
async def test_each_way_to_lie(farm: Farm, command: Command, did: dict[str, Any], did_not: dict[str, Any]) -> None:
    """Obeys, ignores it, obeys for a while, says nothing any more."""
    honest, ignores, reverts, _ = rigs = await farm.asics(4)
    for rig in rigs:
        farm.reports(rig, **did_not)
    ids = await farm.give(command, rigs)
    for after_s, reverting in ((30, did), (270, did_not), (1_500, did_not)):
        farm.passes(after_s)
        farm.reports(honest, **did)
        farm.reports(ignores, **did_not)
        farm.reports(reverts, **reverting)
        await farm.effects.tick()
    verdicts = [(await farm.watch(one)).verdict for one in ids]
    assert verdicts == ["took-effect", "no-effect", "reverted", "not-measurable"]
    assert [bool(farm.effects.bad_on(rig)) for rig in rigs] == [False, True, True, False]
    assert [one.rig_id for one in farm.reverted] == [reverts]
