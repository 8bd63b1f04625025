"""A Commander that is broken, or not the one it says it is: it costs a connection, never the process, never mining, and
never a log that it was not sent."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest
from sentry_helpers import QUICK, FakePart, running

from rigfarm.common.pace import Pace
from rigfarm.sentry.agent.agent import Agent
from rigfarm.sentry.agent.part_host import MAX_COMMANDS, MAX_CONSOLES
from rigfarm.sentry.agent.parts import CommandOutcome
from rigfarm.sentry.identity.settings import Settings
from rigfarm.sentry.identity.tokens import TokenStore
from rigfarm.sentry.link import LinkState
from rigfarm.sentry.link.flood import BYTES_PER_FRAME, FRAMES, FRAMES_PER_S
from rigfarm.sentry.link.session import MAX_CONTROL_BYTES, MAX_CONTROLS
from rigfarm.sentry.link.trust import Trust
from rigfarm.sentry.sensors.known import load as known_gpus
from rigfarm.sentry.spool.clock import Clock
from rigfarm.sentry.spool.file import SpoolFile
from rigfarm.sentry.spool.meta import Meta, write_meta
from rigfarm.sentry.ui import server
from rigfarm.wire.codec import MAX_FRAME_BYTES, encode
from rigfarm.wire.commands import RestartMiner
from rigfarm.wire.frames import (
    Acks,
    CommandResult,
    ConsoleWatch,
    DownFrame,
    Playbooks,
    ReportEvery,
    RigCommand,
    RigPlaybooks,
    RigSpecs,
    Verdict,
    Verdicts,
)
from rigfarm.wire.limits import MAX_SEQUENCE, MAX_T_MS
from rigfarm.wire.log import OperationalLog
from rigfarm.wire.playbooks import PlaybookStatus
from rigfarm.wire.specs import Specs
from support.toy_commander import ToyCommander
from support.until import until

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
        await until(lambda: "nobody foresaw this" in str(agent.link.error))
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


@pytest.mark.parametrize(
    ("name", "where"),
    [("page", "rigfarm.sentry.ui.server.serve_page"), ("files", "rigfarm.sentry.agent.agent.follow_files")],
)
async def test_every_other_part_is_started_again_too(
    settings: Settings, commander: ToyCommander, monkeypatch: pytest.MonkeyPatch, name: str, where: str
) -> None:
    part = FakePart()
    commander.good(part.token)
    starts = 0

    async def fails_once(*_: object) -> None:
        nonlocal starts
        starts += 1
        if starts == 1:
            raise ZeroDivisionError("nobody foresaw this")
        await asyncio.Event().wait()

    monkeypatch.setattr(where, fails_once)
    here = msgspec.structs.replace(settings, commander=commander.url)
    async with running(
        Agent(here, [part], timings=QUICK, watch_files=True, serve=lambda it: server.serve_page(it))
    ) as agent:
        await until(lambda: (name, "ZeroDivisionError: nobody foresaw this") in agent.problems())
        await until(lambda: part.verdicts)
        numbers = part.report(2)
        await until(lambda: commander.uptimes == numbers)
        await until(lambda: starts == 2 and agent.problems() == [])


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
    commander.claims = MAX_SEQUENCE
    async with running(linked(settings, commander, part)) as agent:
        await until(lambda: part.reporter)
        numbers = part.report(3)
        await until(lambda: "never numbered" in (agent.link.status().error or ""))
        assert agent.link._reconnect.failures >= 1
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
        Meta(shifts={MAX_SEQUENCE + 1: 5}),
        Meta(shifts={5: LATEST}),
    ],
    ids=[
        "next-largest",
        "next-zero",
        "short-id",
        "negative-count",
        "unwritten-largest",
        "epoch",
        "shift-of",
        "shift-by",
    ],
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
        assert all(0 < stamp < MAX_T_MS for stamp in stamps)


async def test_stamps_follow_the_commander_back_from_a_far_future(settings: Settings, commander: ToyCommander) -> None:
    """Who answered for the Commander once, in the year 2086, must not stamp the rig's logs for ever."""
    part = FakePart()
    commander.good(part.token)
    commander.ahead_ms = 60 * 365 * 86_400_000
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
    assert stamps[1] - stamps[3] > 50 * 365 * 86_400_000


# Floods: what is sent faster than any Commander would, or without end


async def send_raw(commander: ToyCommander, data: bytes, times: int) -> None:
    """As fast as the Sentry takes it, in spite of what the library would say to it."""
    transport = commander.sockets[0].transport
    for _ in range(times):
        if transport.is_closing():
            return
        transport.write(data)
        await asyncio.sleep(0)


PING = b"\x89\x00"
PONG = b"\x8a\x00"
EMPTY_BEGIN, EMPTY_PIECE = b"\x02\x00", b"\x00\x00"


@pytest.mark.parametrize(
    "flood", [PING * 4_000, PONG * 4_000, EMPTY_BEGIN + EMPTY_PIECE * 4_000], ids=["ping", "pong", "piece"]
)
async def test_a_flood_of_control_frames_ends_the_connection(
    settings: Settings, commander: ToyCommander, flood: bytes
) -> None:
    """Each is answered or kept by the library alone: CPU, memory or both, without end."""
    part = FakePart()
    commander.good(part.token)
    async with running(linked(settings, commander, part)) as agent:
        await until(lambda: part.verdicts)
        await send_raw(commander, flood, 1)
        await until(lambda: agent.link.state is LinkState.WAITING)
        assert "floods this Sentry" in (agent.link.status().error or "")
        assert part.mining
        status = agent.link.status()
        assert status.retry_at is not None
        assert status.retry_at - asyncio.get_running_loop().time() > 20.0


async def test_frames_are_handled_at_a_bounded_pace(
    settings: Settings, commander: ToyCommander, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted, not timed: so many at once, then so many a second, while logs go on."""
    monkeypatch.setattr("rigfarm.sentry.link.flood.FRAMES", 100.0)
    monkeypatch.setattr("rigfarm.sentry.link.flood.FRAMES_PER_S", 50.0)
    part = FakePart()
    commander.good(part.token)
    loop = asyncio.get_running_loop()
    async with running(linked(settings, commander, part)) as agent:
        began = loop.time()
        await until(lambda: part.verdicts)
        handled = 0
        told = agent.link.told

        def count(frame: DownFrame, token: str | None) -> None:
            nonlocal handled
            handled += 1
            told(frame, token)

        monkeypatch.setattr(agent.link, "told", count)
        data = encode(ReportEvery(5.0))
        flooding = asyncio.create_task(send_raw(commander, (b"\x82" + bytes([len(data)]) + data) * 100, 1_000))
        await until(lambda: handled >= 150)
        assert handled <= 100 + 50 * (loop.time() - began) + 1
        numbers = part.report(2)
        await until(lambda: commander.uptimes == numbers)
        flooding.cancel()
        assert part.mining


async def test_large_frames_count_as_many(settings: Settings, commander: ToyCommander) -> None:
    """A frame of 1 MiB costs as much as what it takes to read it."""
    pace = Pace(FRAMES, FRAMES_PER_S, lambda: 0.0)
    frames = 0
    while not pace.spend(1 + MAX_FRAME_BYTES / BYTES_PER_FRAME):
        frames += 1
    assert frames == 38


async def test_a_commander_that_changes_its_mind_without_end(settings: Settings, commander: ToyCommander) -> None:
    """Each verdict would move the rig's logs on the disk, which wears out."""
    part = FakePart()
    commander.good(part.token)
    async with running(linked(settings, commander, part)):
        await until(lambda: part.verdicts)
        flip = [(0, Verdict("unknown")), (0, Verdict("ok", 1, "rig-01"))]
        await commander.tell(Verdicts(flip * 60))
        await until(lambda: len(commander.hellos) == 2)  # it hung up, and is back: at once, with no error to be seen
        assert len(part.verdicts) < 10
        numbers = part.report(2)
        await until(lambda: commander.uptimes == numbers)


async def test_a_commander_that_does_not_read_what_it_asks_for(settings: Settings, commander: ToyCommander) -> None:
    """Results and statuses wait in bounded memory while it asks and asks."""
    part = FakePart()
    commander.good(part.token)
    async with running(linked(settings, commander, part)) as agent:
        await until(lambda: part.verdicts)
        commander.deaf = True
        session = agent.link._session
        assert session is not None
        for number in range(30_000):
            agent.link.outbox.playbooks(part.token, [PlaybookStatus(1, 1, "mining", "x" * 500)])
            if number % 500 == 0:
                await asyncio.sleep(0)
        assert sum(map(len, session._controls)) <= MAX_CONTROL_BYTES
        assert len(session._controls) <= MAX_CONTROLS + 2
        assert session._controls_bytes == sum(map(len, session._controls))
        commander.deaf = False
        commander.cut()
        numbers = part.report(2)
        await until(lambda: commander.uptimes == numbers)


async def test_consoles_that_nobody_has(settings: Settings, commander: ToyCommander) -> None:
    """A hundred thousand different ones, while the part is busy: what waits for it is bounded."""
    part = FakePart()
    commander.good(part.token)
    busy = asyncio.Event()

    async def wait(*_: object) -> None:
        await busy.wait()

    part.on_playbooks = wait  # type: ignore[method-assign]
    async with running(linked(settings, commander, part)) as agent:
        await until(lambda: part.verdicts)
        await commander.tell(Playbooks(0, 1, []))
        for playbook in range(3_000):
            await commander.tell(ConsoleWatch(0, playbook, on=True))
        await commander.tell(ReportEvery(7.0))
        await until(lambda: agent.link.interval_s == 7.0)
        assert len(agent._hosts[0]._mail) <= MAX_CONSOLES
        busy.set()
        await until(lambda: part.watched)
        numbers = part.report(2)
        await until(lambda: commander.uptimes == numbers)


async def test_what_no_commander_takes_is_not_sent(settings: Settings, commander: ToyCommander) -> None:
    """It would close the link for it, and the Sentry would say it again at each connect: the rig is never heard."""
    part = FakePart()
    commander.good(part.token)
    async with running(linked(settings, commander, part)) as agent:
        await until(lambda: part.verdicts)
        whole = [PlaybookStatus(1, 1, "failed", "\U0001f525" * 1_000_000)]
        agent.link.outbox.playbooks(part.token, whole)
        agent.link.outbox.playbooks(part.token, [PlaybookStatus(1, 1, "failed", "\U0001f525" * 4_096)] * 64)
        agent.link.outbox.specs(part.token, Specs("0.1.0", cpu="\ud800", cpu_cores=10**400))
        agent.link.outbox.specs(part.token, Specs("0.1.0", cpu="x" * 5_000_000))
        numbers = part.report(2)
        await until(lambda: commander.uptimes == numbers)
        assert commander.connections == 1
        assert commander.of(RigPlaybooks) == [RigPlaybooks(0, [PlaybookStatus(1, 1, "failed", "\U0001f525" * 4_096)])]
        assert len(commander.of(RigSpecs)) == 1


async def test_orders_and_verdicts_without_end_start_a_bounded_number_of_things(
    settings: Settings, commander: ToyCommander
) -> None:
    """Counted: tasks, results and messages that wait, while none of the orders ends and the tokens flicker."""
    part = FakePart()
    commander.good(part.token)
    forever = asyncio.Event()

    async def wait(*_: object) -> CommandOutcome:
        await forever.wait()
        return "done", ""

    part.on_command = wait  # type: ignore[method-assign]
    async with running(linked(settings, commander, part)) as agent:
        await until(lambda: part.verdicts)
        calm = len(asyncio.all_tasks())
        for number in range(3_000):
            await commander.tell(RigCommand(str(number), 0, RestartMiner()))
        for _ in range(20):
            await commander.tell(Verdicts([(0, Verdict("ok", 1, "rig-01"))]))
        await commander.tell(ReportEvery(7.0))
        await until(lambda: agent.link.interval_s == 7.0)
        assert len(asyncio.all_tasks()) <= calm + MAX_COMMANDS + 20
        assert len(agent.link.outbox._results) <= 200
        await until(lambda: len(commander.of(CommandResult)) >= 3_000, "each is answered, most by a refusal")
        forever.set()
        numbers = part.report(2)
        await until(lambda: commander.uptimes == numbers)


@pytest.mark.parametrize("code", [1000, 1001, 1012, 4400, 4408, 4999])
async def test_who_accepts_and_closes_at_once_is_asked_ever_more_rarely(
    settings: Settings, commander: ToyCommander, code: int
) -> None:
    """Counted, not timed: every such connection doubles the time in which the next one may begin."""
    part = FakePart()
    commander.good(part.token)
    commander.close_at_hello = (code, "")
    async with running(linked(settings, commander, part)) as agent:
        await until(lambda: commander.connections >= 4)
        assert agent.link._reconnect.failures >= 3
        assert part.mining
        commander.close_at_hello = None
        numbers = part.report(2)
        await until(lambda: commander.uptimes == numbers)


def test_no_file_is_left_open(tmp_path: Path) -> None:
    """The salvage of an impossible spool sets it aside once."""
    file = SpoolFile(tmp_path / "spool.db", 1 << 20)
    write_meta(file._conn, Meta(next_seq=LATEST))
    file.close()
    SpoolFile(tmp_path / "spool.db", 1 << 20).close()
    assert len(list(tmp_path.glob("spool.db.damaged-*"))) == 1


@pytest.mark.parametrize("content", [b"", b"\xff", b'{"rig":"\xff"}', b'{"x":' + b"[" * 50_000, b'{"rig":7}', b"[]"])
def test_a_token_file_of_nonsense_is_no_token(tmp_path: Path, content: bytes) -> None:
    """The Sentry would not start, and not mine."""
    (tmp_path / "tokens.json").write_bytes(content)
    assert TokenStore(tmp_path).load() is None
    (tmp_path / "gpus.json").write_bytes(content)
    assert known_gpus(tmp_path / "gpus.json") == ()
    (tmp_path / "commander.json").write_bytes(content)
    assert Trust(tmp_path).key is None
