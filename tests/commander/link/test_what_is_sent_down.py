"""What a Commander sends a Sentry, in which order and how much at once, and how a link begins and ends."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from desk import NOW, Desk, Sentry
from litestar.exceptions import WebSocketDisconnect
from msgspec import Raw
from uvicorn.protocols.utils import ClientDisconnected

from rigfarm.commander.auth.limits import RateLimit
from rigfarm.commander.link import link as link_module
from rigfarm.commander.link import socket as socket_module
from rigfarm.commander.link.link import MAX_WAITING, MAX_WAITING_PER_RIG, Link, needs_signature
from rigfarm.commander.link.socket import FULL, MALFORMED, NO_HELLO, NOT_WELCOME, SLOW_DOWN, link_socket
from rigfarm.wire.codec import decode_down, encode
from rigfarm.wire.commands import Restart
from rigfarm.wire.frames import (
    PROTOCOL,
    Acks,
    ConsoleWatch,
    Hello,
    Logs,
    Playbooks,
    Proof,
    Prove,
    RigCommand,
    Signed,
    Verdict,
    Verdicts,
    Welcome,
)
from rigfarm.wire.log import OperationalLog
from rigfarm.wire.signing import frames_message
from support.until import until


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


# Acknowledgements


async def test_acknowledgements_that_touch_leave_as_one_range(desk: Desk) -> None:
    sentry = desk.online("t1")
    for size in (10, 20, 30, 40):
        sentry.link.flies(size)
    assert sentry.link.in_flight == 100
    sentry.link.ack(1, 5)
    sentry.link.ack(6, 9)
    sentry.link.ack(11, 12)
    assert sentry.link.in_flight == 40, "in their order"
    await until(lambda: sentry.told == [Acks([(1, 9), (11, 12)])])
    sentry.link.ack(13, 13)
    await until(lambda: sentry.told[1:] == [Acks([(13, 13)])])


async def test_who_reads_no_acknowledgements_is_hung_up_on(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "MAX_RANGES", 2)
    sentry = desk.online("t1")
    for at in (1, 3):
        sentry.link.flies(1)
        sentry.link.ack(at, at)
    assert not sentry.link.closed
    sentry.link.flies(1)
    sentry.link.ack(5, 5)
    assert sentry.link.closed
    await until(lambda: sentry.closed == [(1013, "the Sentry does not read what is acknowledged")])


async def test_a_link_that_is_gone_lets_go_of_itself(desk: Desk) -> None:
    sentry = desk.online("t1")
    receipt = sentry.link.receipt
    sentry.link.left()
    assert (sentry.link.closed, sentry.link.receipt == receipt) == (True, False)
    sentry.link.receipt(1, 2)
    sentry.link.hang_up(4409, "too late")
    await asyncio.sleep(0)
    assert sentry.closed == []


# Frames


async def test_as_many_frames_wait_as_a_farm_of_asics_needs(desk: Desk) -> None:
    sentry = desk.online("t1", "t2")
    most = MAX_WAITING + 2 * MAX_WAITING_PER_RIG
    for at in range(most):
        sentry.link.tell(ConsoleWatch(0, at, True))
    assert not sentry.link.closed
    sentry.link.tell(ConsoleWatch(0, 0, True))
    assert sentry.link.closed
    await until(lambda: sentry.closed == [(1013, "the Sentry does not read what it is sent")])


async def test_verdicts_that_wait_leave_in_one_frame(desk: Desk) -> None:
    sentry = desk.online("t1", "t2")
    gone = [Verdict("removed", 1, "rig-1"), Verdict("removed", 2, "rig-2")]
    sentry.link.revoke(1, gone[0])
    sentry.link.revoke(2, gone[1])
    assert sentry.link.heard == 0
    sentry.link.tell(ConsoleWatch(0, 1, True))
    sentry.link.judge(1, Verdict("unknown"))
    await until(lambda: len(sentry.told) == 3)
    assert sentry.told == [
        Verdicts([(0, gone[0]), (1, gone[1])]), ConsoleWatch(0, 1, True), Verdicts([(0, Verdict("unknown"))]),
    ]  # fmt: skip


async def test_acknowledgements_leave_before_what_is_said(desk: Desk) -> None:
    sentry = desk.online("t1")
    sentry.link.tell(ConsoleWatch(0, 1, True))
    sentry.link.flies(1)
    sentry.link.ack(1, 1)
    await until(lambda: sentry.told == [Acks([(1, 1)]), ConsoleWatch(0, 1, True)])


REMOVED = Verdict("removed", 1, "rig-1")


@pytest.mark.parametrize(
    ("frame", "signed"),
    [
        (Acks([(1, 1)]), False),
        (ConsoleWatch(0, 1, True), False),
        (Verdicts([(0, Verdict("unknown"))]), False),
        (Verdicts([(0, Verdict("unknown")), (1, REMOVED)]), True),
        (Welcome(1, 5.0, [Verdict("ok", 1, "a")], "1"), False),
        (Welcome(1, 5.0, [Verdict("ok", 1, "a"), REMOVED], "1"), True),
        (Playbooks(0, 1, []), True),
        (RigCommand("id", 0, Restart()), True),
    ],
)
def test_what_changes_a_rig_is_signed(frame: Any, *, signed: bool) -> None:
    """Unsigned, a Sentry does not believe it: the rig that was removed mines on."""
    assert needs_signature(frame) is signed


async def test_frames_that_leave_together_are_signed_together_and_in_their_order(desk: Desk) -> None:
    sentry = desk.online("t1")
    sentry.link.nonce = b"n" * 32
    removal = Verdicts([(0, REMOVED)])
    welcome = Welcome(1, 5.0, [REMOVED], "1")
    frames: list[Any] = [
        Playbooks(0, 1, []), removal, ConsoleWatch(0, 1, True), RigCommand("a", 0, Restart()), welcome, removal,
    ]  # fmt: skip
    for frame in frames:
        sentry.link.tell(frame)
    await until(lambda: len(sentry.told) == 4)
    opened: list[list[Any]] = []
    for position, frame in enumerate(sentry.told):
        if isinstance(frame, Signed):
            message = frames_message(b"n" * 32, frame.sequence, frame.frames)
            assert frame.signature == desk.links.identity.sign(message)
            assert frame.sequence == position + (position == 0), "1, then 2 and 3: only signed ones count"
            opened.append([decode_down(data) for data in frame.frames])
        else:
            opened.append([frame])
    assert opened == [frames[:2], [frames[2]], frames[3:5], [removal]], "a Welcome ends what is read at once"


async def test_what_is_signed_together_has_a_size(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    sentry = desk.online("t1")
    sentry.link.nonce = b"n" * 32
    command = RigCommand("x" * 64, 0, Restart())
    size = len(encode(command))
    monkeypatch.setattr(link_module, "SIGNED_BYTES", 3 * size)
    for _ in range(7):
        sentry.link.tell(command)
    await until(lambda: len(sentry.told) == 3)
    assert [len(frame.frames) for frame in sentry.told if isinstance(frame, Signed)] == [3, 3, 1]
    monkeypatch.setattr(link_module, "MAX_SIGNED", 2)
    for _ in range(5):
        sentry.link.tell(command)
    await until(lambda: len(sentry.told) == 6)
    assert [len(frame.frames) for frame in sentry.told[3:] if isinstance(frame, Signed)] == [2, 2, 1]
    assert [frame.sequence for frame in sentry.told if isinstance(frame, Signed)] == [1, 2, 3, 4, 5, 6]


async def test_nothing_is_signed_for_who_asked_for_no_proof(desk: Desk) -> None:
    sentry = desk.online("t1")
    sentry.link.tell(RigCommand("a", 0, Restart()))
    await until(lambda: sentry.told == [RigCommand("a", 0, Restart())])


async def test_a_socket_that_breaks_while_it_is_written_to_ends_the_link_only(desk: Desk) -> None:
    async def breaks(_: bytes) -> None:
        raise ConnectionError

    link = Link(desk.links, "192.0.2.9", breaks, desk.online("t1").link._close)
    link.tell(ConsoleWatch(0, 1, True))
    await until(lambda: link.closed)
    assert link._sending is None
    link.tell(ConsoleWatch(0, 1, True))
    assert link._sending is None


async def test_what_is_owed_is_waited_for_once_and_said(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    sentry = desk.online("t2")
    monkeypatch.setattr(link_module.asyncio, "sleep", sleep)
    sentry.link.owes(2.0)
    sentry.link.owes(1.0)
    await sentry.link.pay()
    await sentry.link.pay()
    assert slept == [2.0]
    assert desk.limits() == [("rig-2", "sends faster than one rig may", 1, 2)]


async def test_limits_name_the_rig_or_the_address(desk: Desk) -> None:
    Sentry(desk, address="192.0.2.7").link.limited("knocks", "ignored")
    desk.online("t2", "t1").link.limited("shouts", "ignored", count=4)
    desk.online("t3").link.limited("whispers", "ignored", rig_id=1)
    desk.online("t3").link.limited("hums", "ignored", rig_id=99)
    assert desk.limits() == [
        ("192.0.2.1", "hums", 1, None),
        ("rig-1", "whispers", 1, 1),
        ("rig-2", "shouts", 4, 2),
        ("192.0.2.7", "knocks", 1, None),
    ]


# The socket


class Socket:
    """A WebSocket: what it is fed arrives, what is sent is kept."""

    def __init__(self, *frames: Any) -> None:
        self.frames = list(frames)
        self.sent: list[Any] = []
        self.closed: list[tuple[int, str]] = []
        self.client: Any = SimpleNamespace(host="192.0.2.8")
        self.scope: dict[str, Any] = {}
        self.accepted = False

    async def accept(self) -> None:
        self.accepted = True

    async def receive_data(self, mode: str) -> bytes:
        assert mode == "binary"
        if not self.frames:
            raise WebSocketDisconnect(detail="gone")
        frame = self.frames.pop(0)
        if isinstance(frame, Exception):
            raise frame
        return frame if isinstance(frame, bytes) else encode(frame)

    async def send_data(self, data: bytes, mode: str) -> None:
        assert mode == "binary"
        self.sent.append(decode_down(data))

    async def close(self, code: int, reason: str) -> None:
        self.closed.append((code, reason))


def hello(*tokens: str, protocol: int = PROTOCOL) -> Hello:
    return Hello(protocol, "1", bytes(16), list(tokens))


async def served(desk: Desk, *frames: Any, bad_tokens: RateLimit | None = None, **changes: Any) -> Socket:
    socket = Socket(*frames)
    for name, value in changes.items():
        setattr(socket, name, value)
    await link_socket.fn(socket, desk.links, RateLimit(20) if bad_tokens is None else bad_tokens)
    assert socket.accepted
    assert desk.links.links == set(), "it left"
    return socket


async def test_a_sentry_proves_greets_and_sends(desk: Desk) -> None:
    log = Logs(1, [0], [encode_raw(OperationalLog(NOW))])
    socket = await served(desk, Prove(b"n" * 32), hello("t1"), log, hello("t1", "t2"))
    proof, first, second = socket.sent
    assert isinstance(proof, Proof)
    assert [one.verdicts for one in (first, second)] == [
        [Verdict("ok", 1, "rig-1")], [Verdict("ok", 1, "rig-1"), Verdict("ok", 2, "rig-2")],
    ]  # fmt: skip
    assert (list(desk.stored), second.highest, socket.closed) == ([(1, NOW)], 1, [])
    assert desk.stats.rigs[1].link_up, "for as long as its Sentry has to return"


def encode_raw(log: OperationalLog) -> Raw:
    return Raw(encode(log))


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        ([b"\xff"], "not a frame"),
        ([Logs(1, [0], [encode_raw(OperationalLog(1))])], "the first frame must be a Hello"),
        ([Prove(b"n" * 32), Prove(b"n" * 32)], "the first frame must be a Hello"),
        ([hello("t1", protocol=99)], "protocol 99; this Commander speaks 1: update the older of the two"),
        ([hello("t1", "t1")], "a Hello names a token twice"),
        ([hello("t1"), Logs(1, [9], [encode_raw(OperationalLog(NOW))])], "slot 9 of 1"),
        ([hello("t1"), Prove(b"n" * 32)], "proof is asked for once"),
    ],
)
async def test_what_is_no_frame_closes_the_link_with_the_reason(desk: Desk, frames: list[Any], reason: str) -> None:
    socket = await served(desk, *frames)
    ((code, said),) = socket.closed
    assert (code, reason in said, len(said.encode()) <= 123) == (MALFORMED, True, True)
    ((_, kind, _, _),) = desk.limits()
    assert kind == "sent something that is not a frame of the link"


async def test_who_has_no_good_token_is_told_and_shown_out(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket_module, "GOODBYE_S", 0.0)
    bad_tokens = RateLimit(2)
    for count in (1, 2):
        socket = await served(desk, hello("nonsense"), bad_tokens=bad_tokens)
        assert [one.verdicts for one in socket.sent] == [[Verdict("unknown")]]
        assert socket.closed == [(NOT_WELCOME, "none of these tokens is good here")]
        assert len(desk.refused) == count
    socket = await served(desk, hello("nonsense"), bad_tokens=bad_tokens)
    assert (socket.sent, socket.closed[0][0], len(desk.refused)) == ([], SLOW_DOWN, 2)
    socket = await served(desk, hello("nonsense", "t1"), bad_tokens=bad_tokens)
    assert [len(one.verdicts) for one in socket.sent] == [2], "one bad token does not lock out the good one beside it"
    assert (socket.closed, desk.refused[-1].tokens) == ([], 1)


async def test_a_removal_in_a_welcome_is_signed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket_module, "GOODBYE_S", 1.0)
    desk.book.removed_by_token = lambda token: (9, "gone") if token == "removed" else None  # type: ignore[method-assign]
    socket = await served(desk, Prove(b"n" * 32), hello("removed"))
    _, signed = socket.sent
    assert isinstance(signed, Signed)
    (welcome,) = map(decode_down, signed.frames)
    assert isinstance(welcome, Welcome)
    assert welcome.verdicts == [Verdict("removed", 9, "gone")]
    assert socket.closed == [(NOT_WELCOME, "none of these tokens is good here")]
    assert desk.refused == [], "the token was good once: nobody guesses"


async def test_a_rig_that_greets_without_end_is_sent_away(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk.links, "may_greet", lambda *_: None)
    socket = await served(desk, hello("t1"))
    assert (socket.sent, socket.closed) == ([], [(FULL, "this rig connects too often; try again in a minute")])
    assert not desk.stats.rigs[1].link_up


async def test_who_says_nothing_is_hung_up_on(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket_module, "HELLO_WITHIN_S", 0.02)

    async def never(mode: str) -> bytes:
        await asyncio.sleep(60)
        return b""

    socket = await served(desk, receive_data=never)
    assert socket.closed == [(NO_HELLO, "no Hello within 10 s")]


@pytest.mark.parametrize("gone", [WebSocketDisconnect(detail="gone"), ClientDisconnected()])
async def test_who_goes_without_a_word_is_no_error(desk: Desk, gone: Exception) -> None:
    assert (await served(desk, gone)).closed == []
    assert desk.limits() == []

    async def broken(code: int, reason: str) -> None:
        raise ClientDisconnected

    await served(desk, b"\xff", close=broken, client=None)
    assert [who for who, *_ in desk.limits()] == ["?"]


class Connections:
    """Whether there is one left for a rig."""

    def __init__(self, *, room: bool) -> None:
        self.room = room
        self.asked = 0

    def greeted(self) -> bool:
        self.asked += 1
        return self.room


async def test_a_rig_for_which_no_connection_is_left_is_told_so(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket_module, "GOODBYE_S", 0.0)
    full, room = Connections(room=False), Connections(room=True)
    monkeypatch.setattr(socket_module, "connection_of", lambda _: full)
    socket = await served(desk, hello("t1"))
    assert socket.closed == [(FULL, "the Commander has no connection left for another rig")]
    assert socket.sent == []
    await served(desk, hello("nonsense"))
    assert full.asked == 1, "a stranger's stays a stranger's"
    monkeypatch.setattr(socket_module, "connection_of", lambda _: room)
    assert len((await served(desk, hello("t1"))).sent) == 1
    assert room.asked == 1


async def test_a_link_that_is_closed_is_read_no_further(desk: Desk) -> None:
    class Closing(Socket):
        async def receive_data(self, mode: str) -> bytes:
            data = await super().receive_data(mode)
            if len(self.frames) == 1:
                next(iter(desk.links.links)).hang_up(4409, "another Sentry connected with this token")
            return data

    logs = [Logs(at, [0], [encode_raw(OperationalLog(NOW + at))]) for at in (1, 2)]
    socket = Closing(hello("t1"), *logs)
    await link_socket.fn(socket, desk.links, RateLimit(20))
    await asyncio.sleep(0)
    assert (len(list(desk.stored)), len(socket.frames)) == (1, 1)
    assert socket.closed == [(4409, "another Sentry connected with this token")]


async def test_who_greets_again_goes_on_or_is_shown_out(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket_module, "GOODBYE_S", 0.0)
    log = Logs(1, [1], [encode_raw(OperationalLog(NOW))])
    socket = await served(desk, hello("t1"), hello("t1", "t2"), log)
    assert (list(desk.stored), socket.closed) == ([(2, NOW)], [])
    socket = await served(desk, hello("t1"), hello("nonsense"), log)
    assert socket.closed == [(NOT_WELCOME, "none of these tokens is good here")]
    assert socket.frames == [log], "nothing more is read"


async def test_a_link_ends_once(desk: Desk) -> None:
    sentry = desk.online("t1")
    await sentry.link.end(4400, "not a frame")
    assert sentry.link.closed
    await sentry.link.end(4400, "again")
    sentry.link.hang_up(4409, "too late")
    await asyncio.sleep(0)
    assert sentry.closed == [(4400, "not a frame")]
