"""One connection of a Sentry, without a wire: what is said when, and what is believed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosedOK
from wireless import NOW, SPOOL_ID, Events, Signatures, Socket, signed, welcome

from rigfarm import __version__
from rigfarm.sentry.link import session as session_module
from rigfarm.sentry.link.connect import Timings
from rigfarm.sentry.link.errors import HandshakeTimeoutError, LinkError, ProtocolError
from rigfarm.sentry.link.lanes import Lanes
from rigfarm.sentry.link.session import (
    MAX_CHANGES,
    MAX_CHANGES_PER_TOKEN,
    MAX_CONTROLS,
    RELAX_AFTER,
    Greeting,
    Session,
    say_hello,
)
from rigfarm.sentry.spool import Spool
from rigfarm.sentry.spool.record import token_key
from rigfarm.wire.codec import decode_up, encode
from rigfarm.wire.commands import Restart
from rigfarm.wire.frames import (
    PROTOCOL,
    Acks,
    Console,
    ConsoleWatch,
    Hello,
    Logs,
    Playbooks,
    ReportEvery,
    RigCommand,
    RigTrouble,
    Verdict,
    Verdicts,
)
from rigfarm.wire.log import OperationalLog
from support.until import until


class Line:
    """A session over a spool."""

    def __init__(self, spool: Spool, **options: int) -> None:
        self.socket, self.events = Socket(), Events()
        self.lanes = Lanes(spool, asyncio.get_running_loop().time, resend_s=60.0, **options)
        spool.on_recorded = self.recorded
        signatures: Any = Signatures()
        self.session = Session(
            self.socket, SPOOL_ID, self.lanes, ["a", "b"], self.events, 0.0, signatures  # type: ignore[arg-type]
        )  # fmt: skip
        self.lanes.slots = {token_key("a"): 0, token_key("b"): 1}

    def recorded(self, records: Any) -> None:
        self.lanes.recorded(records)
        self.session.recorded()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.Task[None]]:
        task = asyncio.create_task(self.session.run())
        try:
            yield task
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, LinkError):
                await task


@pytest.fixture
async def line(spool: Spool) -> Line:
    return Line(spool)


# The greeting


async def greeted(*frames: Any, tokens: tuple[str, ...] = ("a", "b"), timings: Timings | None = None) -> Greeting:
    socket: Any = Socket()
    socket.say(*frames)
    greeting = await say_hello(socket, SPOOL_ID, list(tokens), timings or Timings(), Signatures())  # type: ignore[arg-type]
    assert socket.sent == [Hello(PROTOCOL, __version__, SPOOL_ID, list(tokens))]
    return greeting


async def test_a_welcome_is_believed_to_be_signed_only_if_it_is() -> None:
    plain = await greeted([199, 1], welcome("ok", "ok"))
    assert (plain.welcome, plain.signed) == (welcome("ok", "ok"), False)
    assert 0.0 <= plain.round_trip_s < 15.0
    assert (await greeted(signed(welcome("ok", "ok"), Acks([])))).signed


@pytest.mark.parametrize(
    ("frame", "error", "words"),
    [
        (welcome("ok"), ProtocolError, "judged 1 tokens where 2 were named"),
        (welcome("ok", "ok", "ok"), ProtocolError, "judged 3 tokens where 2"),
        (Acks([]), ProtocolError, "answered the greeting with Acks"),
        (signed(), ProtocolError, "answered the greeting with NoneType"),
        (b"\xff", ProtocolError, "not a frame of the link"),
        (ConnectionClosedOK(None, None), LinkError, ""),
    ],
)
async def test_any_other_answer_ends_the_connection(frame: Any, error: type[LinkError], words: str) -> None:
    with pytest.raises(error, match=words or None):
        await greeted(frame)


async def test_no_answer_is_not_waited_for_without_end() -> None:
    with pytest.raises(HandshakeTimeoutError, match="does not answer the greeting"):
        await greeted(timings=Timings(welcome_s=0.02))


# What is said


async def test_what_is_told_leaves_before_logs_in_its_order(line: Line, spool: Spool) -> None:
    line.session.send(RigTrouble(0, "unreachable", "no answer"))
    line.session.send(RigTrouble(1, "", ""))
    spool.append("a", OperationalLog(NOW))
    await until(lambda: line.lanes._live)
    async with line.running():
        await until(lambda: len(line.socket.sent) == 3)
        assert line.socket.sent[:2] == [RigTrouble(0, "unreachable", "no answer"), RigTrouble(1, "", "")]
        assert isinstance(line.socket.sent[2], Logs)
        line.session.send(RigTrouble(0, "", ""))
        await until(lambda: len(line.socket.sent) == 4)


async def test_what_waits_is_bounded_and_the_oldest_goes(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = [Console(0, 1, number, []) for number in range(2_010)]
    for frame in frames:
        line.session.send(frame)
    most = MAX_CONTROLS + 2 * 2
    assert [decode_up(data) for data in line.session._controls] == frames[-most:]
    assert line.session._controls_bytes == sum(len(encode(frame)) for frame in frames[-most:])
    assert not line.session._room.is_set(), "what it is asked is not taken while so much waits"
    while len(line.session._controls) > MAX_CONTROLS // 2:
        assert not line.session._room.is_set()
        line.session._next_control()
    assert line.session._room.is_set()
    while line.session._next_control() is not None:
        pass
    assert line.session._controls_bytes == 0
    monkeypatch.setattr(session_module, "MAX_CONTROL_BYTES", 100)
    for _ in range(9):
        line.session.send(Console(0, 1, 0, ["x" * 40]))
    assert line.session._controls_bytes <= 150


async def test_what_no_commander_takes_is_left_out(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    line.session.send(RigTrouble(0, "\ud800", ""))
    monkeypatch.setattr(session_module, "MAX_FRAME_BYTES", len(encode(Console(0, 1, 0, ["x" * 40]))))
    line.session.send(Console(0, 1, 0, ["x" * 40]))
    line.session.send(Console(0, 1, 0, ["x" * 41]))
    assert [len(decode_up(data).lines[0]) for data in line.session._controls] == [40]  # type: ignore[union-attr]


async def test_it_ends_when_it_is_left_and_when_the_wire_breaks(line: Line) -> None:
    async with line.running() as task:
        line.session.leave()
        await asyncio.wait_for(task, 60)
    line.session._leaving = False
    line.socket.broken = True
    line.session.send(RigTrouble(0, "", ""))
    async with line.running() as task:
        with pytest.raises(LinkError):
            await asyncio.wait_for(task, 60)
    line.socket.say(ConnectionClosedOK(None, None))
    with pytest.raises(LinkError):
        await asyncio.wait_for(line.session.run(), 60)


# What is heard


async def test_acknowledgements_delete_logs_and_wake_what_waits(line: Line, spool: Spool) -> None:
    async with line.running():
        spool.append("a", OperationalLog(NOW))
        await until(lambda: line.socket.sent)
        line.socket.say(Acks([(1, 1)]))
        await until(lambda: line.lanes.acknowledged == 1)
        await until(lambda: not spool._pending.logs)


async def test_only_who_is_named_is_addressed(line: Line) -> None:
    """A command for slot 2 of two must not reach the rig at slot 0."""
    async with line.running():
        watch = [ConsoleWatch(slot, 5, True) for slot in (0, 1, 2)]
        line.socket.say(*watch, ReportEvery(9.0), [199, 0], [199, 0])
        await until(lambda: len(line.events.heard) == 3)
        assert line.events.heard == [
            ("told", watch[0], "a"), ("told", watch[1], "b"), ("told", ReportEvery(9.0), None),
        ]  # fmt: skip
        await until(lambda: line.session._warned)


async def test_what_changes_a_rig_must_be_signed(line: Line) -> None:
    playbooks, command = Playbooks(0, 3, []), RigCommand("id", 1, Restart())
    async with line.running():
        line.socket.say(playbooks, command, signed(playbooks, command))
        await until(lambda: len(line.events.heard) == 4)
        assert line.events.heard == [
            ("not_signed", "playbooks"), ("not_signed", "a command"),
            ("told", playbooks, "a"), ("told", command, "b"),
        ]  # fmt: skip


async def test_verdicts_change_whose_logs_are_sent(line: Line) -> None:
    gone, unknown, ok = Verdict("removed", 1, "x"), Verdict("unknown"), Verdict("ok", 2, "y")
    async with line.running():
        line.socket.say(Verdicts([(0, gone), (1, unknown), (2, ok)]))
        await until(lambda: len(line.events.heard) == 2)
        assert line.events.heard == [("not_signed", "a removal"), ("judged", "b", unknown)]
        assert [line.session.slot_of(token) for token in ("a", "b", "c")] == [0, None, None]
        line.socket.say(signed(Verdicts([(0, gone), (1, ok)])))
        await until(lambda: len(line.events.heard) == 4)
        assert line.events.heard[2:] == [("judged", "a", gone), ("judged", "b", ok)]
        assert [line.session.slot_of(token) for token in "ab"] == [None, 1]


async def test_a_token_that_is_good_again_has_its_backlog_looked_at(line: Line) -> None:
    looked: list[None] = []
    line.lanes.changed = lambda: looked.append(None)  # type: ignore[method-assign]
    line.session.judge([(0, Verdict("ok")), (1, Verdict("ok"))], signed=False)
    assert looked == [], "it was good all the time"
    line.session.judge([(0, Verdict("unknown"))], signed=False)
    line.session.judge([(0, Verdict("ok")), (1, Verdict("ok"))], signed=False)
    assert looked == [None]


async def test_a_commander_that_changes_its_mind_without_end_is_left(line: Line) -> None:
    most = MAX_CHANGES + 2 * MAX_CHANGES_PER_TOKEN
    changes = [(0, Verdict("ok"))]
    line.session._take(Verdicts(changes * most), signed=False)
    with pytest.raises(ProtocolError, match="keeps changing its verdict"):
        line.session._take(Verdicts(changes), signed=False)


async def test_tokens_are_added_by_another_greeting(line: Line) -> None:
    """A slot keeps its token: a frame that comes late must not be taken for another rig's."""
    async with line.running():
        line.session.ask(["c", "a"])
        await until(lambda: line.socket.sent == [Hello(PROTOCOL, __version__, SPOOL_ID, ["a", "b", "c"])])
        assert line.session.tokens == ["a", "b", "c"]
        line.session.ask(["d"])
        await asyncio.sleep(0.01)
        assert len(line.socket.sent) == 1, "one at a time"
        line.socket.say(welcome("ok", "unknown", "ok"))
        await until(lambda: len(line.socket.sent) == 2)
        assert line.socket.sent[1].tokens == ["a", "b", "c", "d"]
        name, said, seconds = line.events.heard[0]
        assert (name, said.verdicts, 0.0 <= seconds < 60.0) == (
            "welcomed",
            welcome("ok", "unknown", "ok").verdicts,
            True,
        )
        assert [line.session.slot_of(token) for token in "abcd"] == [0, None, 2, None]
        line.socket.say(welcome("ok", "ok", "ok", "ok"), welcome("ok"))
        await until(lambda: line.session.slot_of("d") == 3)


async def test_a_greeting_that_nobody_gave_is_not_answered(line: Line) -> None:
    with pytest.raises(ProtocolError, match="a greeting that it was not given"):
        line.session._take(welcome("ok", "ok"), signed=False)
    line.session.ask(["c"])
    line.session._greet_again()
    with pytest.raises(ProtocolError, match="judged 2 tokens where 3"):
        line.session._take(welcome("ok", "ok"), signed=False)
    assert line.session._controls_bytes == len(line.session._controls[0])


async def test_a_careful_connection_relaxes_when_enough_was_taken(spool: Spool) -> None:
    line = Line(spool, one_frame_of=2)
    line.lanes.acknowledged = 2 * RELAX_AFTER - 1
    line.session._take(Acks([]), signed=False)
    assert line.lanes.one_frame_of == 2
    line.lanes.acknowledged += 1
    line.session._take(Acks([]), signed=False)
    assert line.lanes.one_frame_of is None
    line.session._take(Acks([]), signed=False)


async def test_a_disk_that_gives_nothing_is_asked_again_after_a_while(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    given = [False, True]

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async def read() -> bool:
        return given.pop(0)

    monkeypatch.setattr(session_module.asyncio, "sleep", sleep)
    monkeypatch.setattr(line.lanes, "read", read)
    await line.session._read()
    assert (slept, line.session._wake.is_set(), line.session._reading) == ([1.0], True, None)
    await line.session._read()
    assert slept == [1.0], "what brought something is followed by the next at once"
