"""Logs find their way from a part to the Commander, once each, in order, whatever happens to the connection."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest
from sentry_helpers import QUICK, FakePart, running

from rigfarm.sentry.agent.agent import Agent
from rigfarm.sentry.identity.settings import Settings
from rigfarm.sentry.link import LinkState
from rigfarm.wire.frames import CommandResult, Console, Hello, RigPlaybooks, RigSpecs
from rigfarm.wire.playbooks import PlaybookStatus
from rigfarm.wire.specs import Specs
from support.toy_commander import ToyCommander
from support.until import until


def linked(settings: Settings, commander: ToyCommander, *parts: FakePart, **changed: float) -> Agent:
    timings = msgspec.structs.replace(QUICK, **changed)
    return Agent(msgspec.structs.replace(settings, commander=commander.url), parts, timings=timings)


async def test_it_works(settings: Settings, commander: ToyCommander) -> None:
    part = FakePart()
    commander.good(part.token)
    async with running(linked(settings, commander, part)) as agent:
        await until(lambda: part.verdicts)
        assert part.verdicts[0].name == "rig-01"
        numbers = part.report(3)
        await until(lambda: len(commander.uptimes) == 3)
        assert commander.uptimes == numbers
        assert [log.workloads[0].hashrate for log in commander.logs] == [9_500.0] * 3
        await until(lambda: agent.spool.stats().logs == 0)
        assert agent.link.state is LinkState.ONLINE


async def test_started_before_its_commander(settings: Settings) -> None:
    commander = ToyCommander()
    await commander.start()
    await commander.stop()
    part = FakePart()
    commander.good(part.token)
    async with running(linked(settings, commander, part)) as agent:
        await until(lambda: part.reporter)
        numbers = part.report(150)
        await until(lambda: agent.link.state is LinkState.WAITING)
        assert "Nothing listens" in (agent.link.status().error or "")
        await commander.start()
        await until(lambda: len(commander.uptimes) == 150)
        assert commander.uptimes == numbers
        assert max(commander.log_frames) == 100
        await commander.stop()


async def test_half_of_the_acks_dropped(settings: Settings, commander: ToyCommander) -> None:
    commander.drop_acks = 0.5
    part = FakePart()
    commander.good(part.token)
    numbers: list[float] = []
    async with running(linked(settings, commander, part, resend_s=0.1)) as agent:
        await until(lambda: part.verdicts)
        for _ in range(40):
            numbers += part.report(5)
            await asyncio.sleep(0.02)
        await until(lambda: agent.spool.stats().logs == 0, "everything acknowledged")
    assert commander.uptimes == numbers
    assert sum(commander.sends.values()) > len(numbers), "nothing was sent again: the test shows nothing"


async def test_connections_that_break_at_random(settings: Settings, commander: ToyCommander) -> None:
    part = FakePart()
    commander.good(part.token)
    numbers: list[float] = []
    async with running(linked(settings, commander, part)) as agent:
        await until(lambda: part.verdicts)
        for round_ in range(30):
            numbers += part.report(4)
            await asyncio.sleep(0.03)
            if round_ % 3 == 0:
                commander.cut()
        await until(lambda: agent.spool.stats().logs == 0)
    assert commander.uptimes == numbers
    assert commander.connections > 3


async def test_a_commander_that_restarts_is_found_again(settings: Settings, commander: ToyCommander) -> None:
    part = FakePart()
    commander.good(part.token)
    async with running(linked(settings, commander, part)) as agent:
        await until(lambda: part.verdicts)
        await commander.stop()
        await until(lambda: agent.link.state is not LinkState.ONLINE)
        numbers = part.report(10)
        await commander.start()
        await until(lambda: commander.uptimes == numbers)


async def test_a_half_open_connection_is_noticed(
    settings: Settings, commander: ToyCommander, capsys: pytest.CaptureFixture[str]
) -> None:
    part, said = FakePart(), list[str]()

    def noticed() -> bool:
        """It may be linked again before anyone looks."""
        said.append(capsys.readouterr().out)
        return "The Commander has not answered pings" in "".join(said)

    commander.good(part.token)
    async with running(linked(settings, commander, part, ping_timeout_s=0.5)):
        await until(lambda: part.verdicts)
        # The Commander's process hangs: its kernel still takes bytes, but nobody answers a ping.
        hung = commander.sockets[0].transport
        hung.pause_reading()
        await until(noticed)
        numbers = part.report(2)
        await until(lambda: commander.uptimes == numbers)
        hung.abort()


async def test_a_slow_commander_makes_the_spool_wait_and_nothing_else_grow(
    settings: Settings, commander: ToyCommander
) -> None:
    part = FakePart()
    commander.good(part.token)
    commander.silent = True
    async with running(linked(settings, commander, part)) as agent:
        await until(lambda: part.verdicts)
        for _ in range(30):
            part.report(100, padding=2_000)
            await asyncio.sleep(0.03)
        await until(lambda: agent.spool.stats().logs == 3_000)
        session = agent.link._session
        assert session is not None
        await until(lambda: len(session.lanes._live) == 0)
        in_the_air = sum(last - first + 1 for first, last in session.lanes.in_the_air)
        assert in_the_air * 2_000 < 1_500_000
        assert len(session.lanes._backlog) <= 500
        commander.silent = False
        await until(lambda: agent.spool.stats().logs == 0)
    assert commander.uptimes == [float(n) for n in range(1, 3_001)]


async def test_the_spool_outlives_a_restart(settings: Settings, commander: ToyCommander) -> None:
    part = FakePart()
    silent = msgspec.structs.replace(settings, commander=None)
    async with running(Agent(silent, [part], timings=QUICK)):
        await until(lambda: part.reporter)
        part.report(20)
    again = FakePart(part.token)
    again.reports = 20
    commander.good(part.token)
    async with running(linked(settings, commander, again)):
        await until(lambda: again.verdicts)
        again.report(5)
        await until(lambda: len(commander.uptimes) == 25)
    assert commander.uptimes == [float(n) for n in range(1, 26)]
    assert len({hello.spool for hello in commander.of(Hello)}) == 1  # type: ignore[union-attr]


async def test_specs_and_statuses_are_told_at_each_connect(settings: Settings, commander: ToyCommander) -> None:
    part = FakePart()
    commander.good(part.token)
    async with running(linked(settings, commander, part)) as agent:
        await until(lambda: part.reporter)
        assert part.reporter is not None
        part.reporter.specs(part.token, Specs("0.1.0", cpu="Ryzen"))
        part.reporter.specs(part.token, Specs("0.1.0", cpu="Ryzen 9"))
        part.reporter.playbooks(part.token, [PlaybookStatus(4, 1, "mining")])
        await until(lambda: commander.of(RigPlaybooks))
        agent.link.outbox.result(part.token, "c1", "done", "")
        part.reporter.console(part.token, 4, 10, ["one", "two"])
        await until(lambda: commander.of(Console))
        assert len(commander.of(CommandResult)) == 1
        commander.frames.clear()
        commander.cut()
        await until(lambda: commander.of(RigPlaybooks))
        assert commander.of(RigSpecs)[-1].specs.cpu == "Ryzen 9"  # type: ignore[union-attr]
        assert not commander.of(Console)


async def test_every_file_is_its_users_alone(settings: Settings, commander: ToyCommander, tmp_path: Path) -> None:
    part = FakePart()
    commander.good(part.token)
    settings.data_dir.mkdir(mode=0o755)
    (settings.data_dir / "sentry.toml").write_text("")
    (settings.data_dir / "sentry.toml").chmod(0o644)
    async with running(linked(settings, commander, part)):
        await until(lambda: part.verdicts)
        part.report(2)
        await until(lambda: (settings.data_dir / "clock.json").exists())
        assert settings.data_dir.stat().st_mode & 0o777 == 0o700
        modes = {path.name: path.stat().st_mode & 0o777 for path in settings.data_dir.iterdir()}
    assert set(modes.values()) == {0o600}, modes
    assert {"spool.db", "clock.json", "sentry.toml"} <= modes.keys()


async def test_a_sentry_that_is_cancelled_leaves_no_task_behind(settings: Settings) -> None:
    """A task that is left behind is named as an error in the log, though nothing is wrong."""
    before = asyncio.all_tasks()
    task = asyncio.create_task(Agent(settings, [FakePart()], timings=QUICK).run())
    await asyncio.sleep(0.1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await asyncio.sleep(0)
    assert {one for one in asyncio.all_tasks() - before if not one.done()} == set()
