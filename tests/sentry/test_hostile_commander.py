"""A Commander that is broken, or not the one it says it is: it costs a connection, never the process, never mining, and
never a log that it was not sent."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from sentry_helpers import QUICK, FakePart, running, until
from toy_commander import ToyCommander

from rigfarm.sentry.agent import Agent
from rigfarm.sentry.clock import Clock
from rigfarm.sentry.link import LinkState
from rigfarm.sentry.settings import Settings
from rigfarm.sentry.spool.file import SpoolFile
from rigfarm.sentry.spool.meta import MAX_SEQ, Meta, write_meta
from rigfarm.wire.frames import Acks, Verdict, Verdicts
from rigfarm.wire.log import OperationalLog

LATEST = (1 << 63) - 1


def linked(settings: Settings, commander: ToyCommander, *parts: FakePart) -> Agent:
    return Agent(msgspec.structs.replace(settings, commander=commander.url), parts, timings=QUICK)


@pytest.mark.parametrize(
    "ranges",
    [
        [(5, 1)],
        [(1, 1), (5, 1)],
        [(0, 0)],
        [(-5, 3)],
        [(1, LATEST)],
        [(LATEST, LATEST)],
        [(-LATEST - 1, LATEST)],
    ],
    ids=str,
)
async def test_acks_that_cannot_be_end_the_connection_and_delete_nothing(
    settings: Settings, commander: ToyCommander, ranges: list[tuple[int, int]]
) -> None:
    """The operator would lose the rig's mining at each start, or logs that the Commander never had."""
    part = FakePart()
    commander.good(part.token)
    commander.silent = True
    async with running(linked(settings, commander, part)) as agent:
        await until(lambda: part.verdicts)
        numbers = part.report(3)
        await until(lambda: len(commander.uptimes) == 3)
        await commander.tell(Acks(ranges))
        await until(lambda: commander.connections == 2, "the connection ends, and another begins")
        assert agent.spool.stats().logs == 3
        assert part.mining
        assert agent.problems() == []
        commander.silent = False
        numbers += part.report(2)
        await until(lambda: agent.spool.stats().logs == 0)
        assert commander.uptimes == numbers
        assert commander.lost == 0


async def test_acks_of_what_waits_delete_nothing(settings: Settings, commander: ToyCommander) -> None:
    """Logs of a refused token lie between those that are sent: an acknowledgement of all does not cover them."""
    good, refused = FakePart(), FakePart()
    commander.good(good.token)
    await commander.stop()
    commander.silent = True
    async with running(linked(settings, commander, good, refused)) as agent:
        await until(lambda: good.reporter and refused.reporter)
        for _ in range(5):
            good.report()
            refused.report()
        await until(lambda: agent.spool.stats().logs == 10)
        await commander.start()
        await until(lambda: len(commander.uptimes) == 5)
        await until(lambda: agent.spool.holds)
        sent = max(seq for kept in commander.kept.values() for seq in kept)
        await commander.tell(Acks([(1, sent)]))
        await until(lambda: agent.spool.stats().logs == 5, "the five that were sent are let go of")
        commander.silent = False
        commander.good(refused.token)
        refused.set_token(refused.token)
        await until(lambda: len(commander.uptimes) == 10)
        assert commander.lost == 0


async def test_an_exception_in_a_handler_ends_a_connection_only(
    settings: Settings, commander: ToyCommander, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a frame makes a handler raise."""
    part = FakePart()
    commander.good(part.token)
    async with running(linked(settings, commander, part)) as agent:
        await until(lambda: part.verdicts)

        def raises(token: str, verdict: Verdict) -> None:
            raise ZeroDivisionError("nobody foresaw this")

        monkeypatch.setattr(agent, "on_verdict", raises)
        await commander.tell(Verdicts([(0, Verdict("ok", 1, "rig-01"))]))
        await until(lambda: agent.link.state is not LinkState.ONLINE)
        assert "nobody foresaw this" in (agent.link.status().error or "")
        assert part.mining
        monkeypatch.undo()
        numbers = part.report(2)
        await until(lambda: commander.uptimes == numbers)


async def test_a_link_that_fails_altogether_is_started_again_and_said(
    settings: Settings, commander: ToyCommander, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Supervision is the last net: what the link itself did not catch."""
    part = FakePart()
    commander.good(part.token)
    agent = linked(settings, commander, part)
    run = agent.link.run
    failures = 0

    async def fails_once() -> None:
        nonlocal failures
        failures += 1
        if failures == 1:
            raise ZeroDivisionError("nobody foresaw this")
        await run()

    monkeypatch.setattr(agent.link, "run", fails_once)
    async with running(agent):
        await until(lambda: ("link", "ZeroDivisionError: nobody foresaw this") in agent.problems())
        assert part.mining
        await until(lambda: part.verdicts)
        assert agent.problems() == []


async def test_a_clock_that_cannot_be_kept_ends_nothing(
    settings: Settings, commander: ToyCommander, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = FakePart()
    commander.good(part.token)

    def raises(_: Clock) -> None:
        raise OverflowError("a time that no clock has")

    monkeypatch.setattr(Clock, "anchor", raises)
    async with running(linked(settings, commander, part)) as agent:
        await until(lambda: any(name == "clock" for name, _ in agent.problems()))
        await until(lambda: part.verdicts)
        numbers = part.report(2)
        await until(lambda: commander.uptimes == numbers)
        monkeypatch.undo()


async def test_a_log_that_cannot_be_written_keeps_no_other_from_it(
    settings: Settings, commander: ToyCommander, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of any kind in the spool's thread: logs are sent from memory, and written once that is possible."""
    part = FakePart()
    commander.good(part.token)
    async with running(linked(settings, commander, part)) as agent:
        await until(lambda: part.verdicts)

        def raises(*_: object) -> None:
            raise OverflowError("an int that SQLite cannot keep")

        monkeypatch.setattr(SpoolFile, "_insert", raises)
        numbers = part.report(3)
        await until(lambda: commander.uptimes == numbers)
        monkeypatch.undo()
        numbers += part.report(3)
        await until(lambda: commander.uptimes == numbers)
        await until(lambda: agent.spool.stats().logs == 0 and agent.spool.problem is None)


async def test_a_commander_that_always_claims_to_know_more_gets_no_storm(
    settings: Settings, commander: ToyCommander
) -> None:
    """Each claim would cost a write to disk and a connection at once, for ever."""
    part = FakePart()
    commander.good(part.token)
    commander.claims = LATEST
    async with running(linked(settings, commander, part)) as agent:
        await until(lambda: part.reporter)
        numbers = part.report(3)
        await until(lambda: "never numbered" in (agent.link.status().error or ""))
        assert agent.link.state is LinkState.WAITING
        assert len({hello.spool for hello in commander.hellos}) == 2, "one new identity, and no more"
        commander.claims = None
        await until(lambda: commander.uptimes == numbers)


@pytest.mark.parametrize(
    "meta",
    [
        Meta(next_seq=LATEST),
        Meta(next_seq=0),
        Meta(id=b"short"),
        Meta(logs=-1),
        Meta(unwritten_from=LATEST),
        Meta(epochs={1: (-LATEST, LATEST)}),
        Meta(shifts={MAX_SEQ + 1: 5}),
        Meta(shifts={5: LATEST}),
    ],
    ids=str,
)
async def test_a_spool_that_describes_itself_impossibly_is_survived(
    settings: Settings, commander: ToyCommander, meta: Meta
) -> None:
    part = FakePart()
    commander.good(part.token)
    path = settings.data_dir / "spool.db"
    settings.data_dir.mkdir()
    file = SpoolFile(path, 1 << 20)
    write_meta(file._conn, meta)
    file.close()
    async with running(linked(settings, commander, part)):
        await until(lambda: part.verdicts)
        numbers = part.report(3)
        await until(lambda: commander.uptimes == numbers)


@pytest.mark.parametrize(
    "anchor",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"boot":"x","boottime_ms":1e400,"now_ms":5}',
        b'{"boot":"x","boottime_ms":5,"now_ms":%s}' % (b"9" * 400),
        b'{"boot":"x","boottime_ms":5,"now_ms":5,"epoch":-7,"ahead_ms":%d,"last_ms":%d}' % (LATEST, LATEST),
        b'{"boot":"x","boottime_ms":5,"now_ms":5,"epoch":99999999999}',
    ],
)
async def test_a_kept_clock_of_nonsense_is_survived(settings: Settings, commander: ToyCommander, anchor: bytes) -> None:
    part = FakePart()
    commander.good(part.token)
    settings.data_dir.mkdir()
    (settings.data_dir / "clock.json").write_bytes(anchor)
    async with running(linked(settings, commander, part)):
        await until(lambda: part.verdicts)
        numbers = part.report(3)
        await until(lambda: commander.uptimes == numbers)
        stamps = [log.t for log in commander.logs if isinstance(log, OperationalLog)]
        assert all(0 < stamp < 32_503_680_000_000 for stamp in stamps)


async def test_stamps_follow_the_commander_back_from_a_far_future(settings: Settings, commander: ToyCommander) -> None:
    """Who answered for the Commander once, in the year 2900, must not stamp the rig's logs for ever."""
    part = FakePart()
    commander.good(part.token)
    commander.ahead_ms = 27_000_000_000_000
    async with running(linked(settings, commander, part)):
        await until(lambda: part.verdicts)
        part.report(2)
        await until(lambda: len(commander.uptimes) == 2)
    commander.ahead_ms = 0
    again = FakePart(part.token)
    again.reports = 2
    async with running(linked(settings, commander, again)):
        await until(lambda: again.verdicts)
        again.report(2)
        await until(lambda: len(commander.uptimes) == 4)
    stamps = [log.t for log in commander.logs]
    assert stamps[1] - stamps[3] > 26_000_000_000_000


def test_no_file_is_left_open(tmp_path: Path) -> None:
    """The salvage of an impossible spool sets it aside once."""
    file = SpoolFile(tmp_path / "spool.db", 1 << 20)
    write_meta(file._conn, Meta(next_seq=LATEST))
    file.close()
    SpoolFile(tmp_path / "spool.db", 1 << 20).close()
    assert len(list(tmp_path.glob("spool.db.damaged-*"))) == 1
