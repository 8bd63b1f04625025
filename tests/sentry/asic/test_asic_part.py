"""The ASICs over the Sentry's one link: what is reported, and what becomes of a removed rig, a refused token, and a
Commander that is away."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import msgspec
import pytest
from sentry_helpers import QUICK as QUICK_LINK
from sentry_helpers import running

from rigfarm.sentry.agent.agent import Agent
from rigfarm.sentry.agent.parts import Part, Reporter
from rigfarm.sentry.asic import AsicPart, AsicService
from rigfarm.sentry.asic import service as service_module
from rigfarm.sentry.asic.csv_import import Entry
from rigfarm.sentry.identity.settings import Settings
from rigfarm.wire.commands import Locate
from rigfarm.wire.frames import CommandResult, RigBoards, RigCommand, RigSpecs, RigTrouble, Verdict, Verdicts
from rigfarm.wire.tokens import new_token
from support.asic_trial import QUICK, Ear, Sentry, farm_of, sentry
from support.toy_commander import ToyCommander
from support.until import until


def test_it_is_a_part(tmp_path: Path) -> None:
    part: Part = AsicPart(partial(AsicService, tmp_path))
    reporter: Reporter = Ear()
    assert part.tokens() == []
    assert reporter.interval_s == 0


async def test_what_is_reported(asics: Sentry) -> None:
    async with farm_of("luxos") as farm:
        (ip,) = farm.devices
        token = await asics.add(ip)
        await until(lambda: len(asics.ear.logs[token]) > 4)
        log = asics.ear.logs[token][-1]
        assert log.lan_ip == ip
        assert [log.t for log in asics.ear.logs[token]] == sorted({log.t for log in asics.ear.logs[token]})
        assert (log.workloads[0].hashrate, len(log.devices), log.fans) == (59756.06e9, 3, [1920, 1920, 2340, 2340])
        assert len(asics.ear.all_specs[token]) == 1, "specs once, and again when they change"
        assert len(asics.ear.all_boards[token]) == 1, "chips now and then"
        assert len(asics.ear.all_boards[token][0][0].chip_hashrates) == 77


async def test_a_commander_that_comes_back_is_told_of_the_chips_again(
    asics: Sentry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are not spooled, and it may have forgotten them. Before it has taken the token they are not asked for."""
    monkeypatch.setattr(service_module, "_CHIPS_WITHIN_S", 0.0)
    async with farm_of("luxos") as farm:
        token = new_token()
        await asics.service.add(Entry(next(iter(farm.devices)), token=token))
        await until(lambda: len(asics.ear.logs[token]) > 3)
        assert asics.ear.all_boards[token] == []
        for told in (1, 2):
            await asics.part.on_verdict(token, Verdict("ok"))
            await until(lambda told=told: len(asics.ear.all_boards[token]) == told)  # type: ignore[misc]


async def test_a_device_without_a_token_is_read_and_shown_only(asics: Sentry) -> None:
    async with farm_of("luxos") as farm:
        (ip,) = farm.devices
        (view,) = await asics.service.add(Entry(ip, "bench"))
        await until(lambda: asics.service.device(view.id).hashrate)
        assert asics.part.tokens() == []
        assert dict(asics.ear.logs) == {}


@pytest.mark.parametrize("kind", ["removed", "unknown"])
async def test_an_invalid_token(asics: Sentry, kind: str) -> None:
    async with farm_of("luxos", "bitaxe") as farm:
        first, second = farm.devices
        gone, stays = await asics.add(first), await asics.add(second)
        await asics.reading([gone, stays])
        await asics.part.on_verdict(gone, Verdict(kind, 1, "rig-1"))  # type: ignore[arg-type]
        assert asics.part.tokens() == [stays]
        view = asics.service.device(asics.by(gone).device.id)
        assert (view.state, view.state_words) == ("token-invalid", "token invalid")
        assert ("removed" in view.detail) == (kind == "removed")
        logs = len(asics.ear.logs[gone])
        async with asics.service.poller.conversations.with_device(first):
            pass  # a reading that was under way is over
        asked, cycles = farm[first].traffic.total, asics.by(stays).cycles
        await until(lambda: asics.by(stays).cycles > cycles + 10, "the other goes on")
        assert (len(asics.ear.logs[gone]), farm[first].traffic.total) == (logs, asked)
        assert asics.ear.changes
        fresh = new_token()
        await asics.service.edit(view.id, Entry(first, token=fresh), keep_login=True)
        await asics.reading([fresh])
        await until(lambda: asics.ear.logs[fresh])


async def test_the_commander_names_the_rig(asics: Sentry) -> None:
    async with farm_of("luxos") as farm:
        token = await asics.add(next(iter(farm.devices)))
        await asics.part.on_verdict(token, Verdict("ok", 7, "rack 3, left"))
        assert asics.service.devices()[0].name == "rack 3, left"
        await asics.part.on_verdict(token, Verdict("ok", 7, None))
        assert asics.service.devices()[0].name == "rack 3, left"


async def test_a_removal_is_remembered_and_a_refusal_is_not(tmp_path: Path) -> None:
    removed, unknown = new_token(), new_token()
    async with sentry(tmp_path) as asics:
        await asics.add("127.0.0.8", token=removed)
        await asics.add("127.0.0.9", token=unknown)
        await asics.part.on_verdict(removed, Verdict("removed"))
        await asics.part.on_verdict(unknown, Verdict("unknown"))
        assert asics.part.tokens() == []
    async with sentry(tmp_path) as asics:
        assert asics.part.tokens() == [unknown], "after a restart it is asked once more"
        assert asics.by(removed).shown_state == "token-invalid"


async def test_it_can_run_again_after_a_crash(tmp_path: Path) -> None:
    """A part is started anew when it fails: its list is still there, and still kept."""
    part = AsicPart(partial(AsicService, tmp_path, pace=QUICK))
    service = part.service
    await part.load()
    async with farm_of("bitaxe") as farm:
        for _ in range(2):
            async with running_part(part) as ear:
                if not service.devices():
                    await service.add(Entry(next(iter(farm.devices)), token=new_token()))
                await until(lambda ear=ear: any(ear.logs.values()))  # type: ignore[misc]


@contextlib.asynccontextmanager
async def running_part(part: AsicPart) -> AsyncIterator[Ear]:
    ear = Ear()
    task = asyncio.create_task(part.run(ear))
    try:
        yield ear
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def linked(settings: Settings, commander: ToyCommander, *entries: Entry) -> tuple[Agent, AsicPart]:
    part = AsicPart(
        partial(AsicService, settings.data_dir, pace=QUICK, command_effect_s=60.0, command_look_every_s=0.05)
    )
    await part.load()
    await part.service.add(*entries)
    agent = Agent(msgspec.structs.replace(settings, commander=commander.url), [part], timings=QUICK_LINK)
    return agent, part


async def test_many_asics_over_one_link(settings: Settings, commander: ToyCommander) -> None:
    tokens = [new_token() for _ in range(5)]
    commander.good(*tokens)
    commander.interval_s = 0.2
    async with farm_of(*["luxos"] * 5, steady=False) as farm:
        entries = [Entry(ip, token=token) for ip, token in zip(farm.devices, tokens, strict=True)]
        agent, part = await linked(settings, commander, *entries)
        async with running(agent):
            await until(lambda: len({log.lan_ip for log in commander.logs}) == 5)
            await until(lambda: len(commander.of(RigSpecs)) >= 5)
            await until(lambda: commander.of(RigBoards))
            assert commander.connections == 1
            await commander.tell(RigCommand("c-1", 0, Locate(on=True)))
            await until(lambda: any(r.state == "done" for r in commander.of(CommandResult)))  # type: ignore[union-attr]
            slot_0 = next(ip for ip, token in zip(farm.devices, tokens, strict=True) if token == part.tokens()[0])
            assert farm[slot_0].blinking


async def test_why_a_device_is_silent_is_told_again_at_each_connect(
    settings: Settings, commander: ToyCommander
) -> None:
    token = new_token()
    commander.good(token)
    agent, _ = await linked(settings, commander, Entry("127.0.0.99", token=token))
    async with running(agent):
        await until(lambda: commander.of(RigTrouble))
        first = commander.of(RigTrouble)[0]
        assert (first.slot, first.kind) == (0, "unreachable")  # type: ignore[union-attr]
        told = len(commander.of(RigTrouble))
        commander.cut()
        await until(lambda: len(commander.of(RigTrouble)) > told)


async def test_a_rig_removed_in_the_commander(settings: Settings, commander: ToyCommander) -> None:
    """Feature 8: it stays listed with an invalid token, and is no longer polled; the others go on."""
    tokens = [new_token(), new_token()]
    commander.good(*tokens)
    commander.interval_s = 0.2
    async with farm_of("luxos", "bitaxe") as farm:
        gone, stays = farm.devices
        agent, part = await linked(settings, commander, Entry(gone, token=tokens[0]), Entry(stays, token=tokens[1]))
        async with running(agent):
            await until(lambda: len({log.lan_ip for log in commander.logs}) == 2)
            removed = Verdict("removed", 1, "rig-01")
            commander.verdicts[tokens[0]] = removed
            await commander.tell(Verdicts([(0, removed)]))
            await until(lambda: part.tokens() == [tokens[1]])
            assert [view.state for view in part.service.devices()] == ["token-invalid", "reading"]
            async with part.service.poller.conversations.with_device(gone):
                pass  # a reading that was under way is over
            asked, logs = farm[gone].traffic.total, len(commander.logs)
            await until(lambda: len(commander.logs) > logs + 5)
            assert farm[gone].traffic.total == asked


async def test_while_the_commander_is_away_logs_are_kept(settings: Settings, commander: ToyCommander) -> None:
    """In the order they were read, for every device, and complete."""
    tokens = [new_token() for _ in range(3)]
    commander.good(*tokens)
    await commander.stop()
    async with farm_of(*["bitaxe"] * 3, steady=False) as farm:
        entries = [Entry(ip, token=token) for ip, token in zip(farm.devices, tokens, strict=True)]
        agent, _ = await linked(settings, commander, *entries)
        agent.link.interval_s = 0.1
        async with running(agent):
            await until(lambda: agent.spool.stats().logs >= 30, "an outage's worth of logs")
            await commander.start()
            await until(lambda: len(commander.logs) >= 30)
            for ip in farm.devices:
                times = [log.t for log in commander.logs if log.lan_ip == ip]
                assert len(times) >= 5
                assert times == sorted(set(times))
