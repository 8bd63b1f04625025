"""The link that keeps a connection, without one: what it tells of each rig, whom it believes, and when it gives up."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from wireless import NOW, SPOOL_ID, Events, Signatures, Socket, welcome

from rigfarm.sentry.link import careful as careful_module
from rigfarm.sentry.link import link as link_module
from rigfarm.sentry.link.errors import LinkError, LostError, ProtocolError, RejectedFrameError, closed
from rigfarm.sentry.link.lanes import FRAME_LOGS, Lanes
from rigfarm.sentry.link.link import Link
from rigfarm.sentry.link.session import (
    Greeting,
    Session,
)
from rigfarm.sentry.link.status import LinkState
from rigfarm.sentry.spool import Spool
from rigfarm.sentry.spool.clock import EARLIEST_MS, LATEST_MS, Clock
from rigfarm.wire.commands import Restart
from rigfarm.wire.frames import (
    CommandResult,
    Console,
    ConsoleWatch,
    Playbooks,
    ReportEvery,
    RigBoards,
    RigCommand,
    RigPlaybooks,
    RigSpecs,
    RigTrouble,
    Verdict,
)
from rigfarm.wire.log import OperationalLog
from rigfarm.wire.playbooks import PlaybookStatus
from rigfarm.wire.specs import BoardDetail, Specs
from support.until import until


class Farm:
    """A link that is online by a session of ours, and whoever it tells."""

    def __init__(self, spool: Spool) -> None:
        self.clock = Clock(boot="boot", wall=lambda: NOW, carrier=lambda: 0)
        self.events = Events()
        trust: Any = SimpleNamespace()
        self.link = Link(spool, self.clock, self.events, trust)
        self.link._tokens = ["a", "b"]

    def online(self, *good: str) -> list[Any]:
        """What it sends from now on."""
        sent: list[Any] = []
        session: Any = SimpleNamespace(
            slot_of=lambda token: {"a": 0, "b": 1}.get(token) if token in good else None,
            send=sent.append,
            asked=[],
            left=[],
        )
        session.ask = session.asked.append
        session.leave = lambda: session.left.append(None)
        self.link._session = session
        return sent


@pytest.fixture
async def farm(spool: Spool) -> Farm:
    return Farm(spool)


SPECS, STATUS = Specs(sentry_version="1"), PlaybookStatus(1, 2, "mining")


async def test_what_is_known_of_a_rig_is_told_now_and_again_when_it_is_good(farm: Farm) -> None:
    farm.link.outbox.specs("a", SPECS)
    farm.link.outbox.playbooks("a", [STATUS])
    farm.link.outbox.trouble("a", "unreachable", "no answer")
    farm.link.outbox.boards("a", [BoardDetail(0)])
    farm.link.outbox.console("a", 1, 5, ["line"])
    sent = farm.online("a")
    assert sent == []
    farm.link.judged("a", Verdict("ok", 1, "an\x00na"))
    assert sent == [RigSpecs(0, SPECS), RigPlaybooks(0, [STATUS]), RigTrouble(0, "unreachable", "no answer")]
    assert farm.events.heard == [("on_verdict", "a", Verdict("ok", 1, "an na"))]
    farm.link.judged("b", Verdict("ok", 2, "x" * 500))
    assert farm.events.heard[1] == ("on_verdict", "b", Verdict("ok", 2, "x" * 120)), "a name fits a status page"
    del sent[:]
    farm.link.judged("b", Verdict("ok", 2))
    farm.link.judged("a", Verdict("unknown"))
    assert sent == []
    farm.link.outbox.boards("a", [BoardDetail(0)])
    farm.link.outbox.console("a", 1, 5, ["line"])
    farm.link.outbox.specs("a", SPECS)
    farm.link.outbox.playbooks("a", [STATUS])
    assert sent == [RigBoards(0, [BoardDetail(0)]), Console(0, 1, 5, ["line"]), RigSpecs(0, SPECS),
                    RigPlaybooks(0, [STATUS])]  # fmt: skip
    del sent[:]
    for call in (farm.link.outbox.boards, farm.link.outbox.specs, farm.link.outbox.playbooks):
        call("b", [])  # type: ignore[arg-type]
    farm.link.outbox.console("b", 1, 5, [])
    assert sent == [], "its token is not good here"


async def test_trouble_is_told_when_it_changes(farm: Farm) -> None:
    sent = farm.online("a")
    for kind, detail in (
        ("", ""),
        ("unreachable", "x"),
        ("unreachable", "x"),
        ("unreachable", "y"),
        ("", ""),
        ("", ""),
    ):
        farm.link.outbox.trouble("a", kind, detail)
    assert sent == [RigTrouble(0, "unreachable", "x"), RigTrouble(0, "unreachable", "y"), RigTrouble(0, "", "")]
    assert farm.link.outbox._troubles == {}


async def test_a_result_waits_for_its_rig(farm: Farm) -> None:
    """An operator who waits for "done" gets it, although the link broke in between."""
    farm.link.outbox.result("a", "one", "done", "well")
    sent = farm.online("b")
    farm.link.outbox.result("b", "two", "failed", "no")
    assert sent == [CommandResult("two", 1, "failed", "no")]
    sent = farm.online("a", "b")
    farm.link.judged("a", Verdict("ok", 1))
    assert sent == [CommandResult("one", 0, "done", "well")]
    farm.link.judged("a", Verdict("ok", 1))
    assert len(sent) == 1
    farm.link._session = None
    for number in range(250):
        farm.link.outbox.result("a", str(number), "done", "")
    assert [one[1] for one in farm.link.outbox._results] == [str(number) for number in range(50, 250)]


async def test_tokens_come_and_go(farm: Farm) -> None:
    farm.link.outbox.specs("a", SPECS)
    farm.link.outbox.playbooks("a", [STATUS])
    farm.link.outbox.trouble("a", "unreachable", "x")
    farm.online("a", "b")
    session: Any = farm.link._session
    farm.link.speak_for(["b", "a", "b"])
    assert (farm.link._tokens, session.asked, session.left) == (["b", "a"], [], [])
    farm.link.speak_for(["a", "b", "d", "c"])
    assert (session.asked, session.left) == ([["d", "c"]], [])
    farm.link.speak_for(["b", "d", "c"])
    assert len(session.left) == 1
    assert (farm.link.outbox._specs, farm.link.outbox._statuses, farm.link.outbox._troubles) == ({}, {}, {})
    farm.link._changed.clear()
    farm.link.speak_for(["b", "d"])
    assert (len(session.left), farm.link._changed.is_set()) == (1, False), "it was not heard here anyway"
    farm.link.speak_for([])
    assert (len(session.left), farm.link._changed.is_set()) == (2, True)
    farm.link._session = None
    farm.link._changed.clear()
    farm.link.speak_for([])
    assert not farm.link._changed.is_set()
    farm.link.speak_for(["x"])
    assert farm.link._changed.is_set()


async def test_another_address_is_gone_to_at_once(farm: Farm) -> None:
    farm.online("a")
    session: Any = farm.link._session
    farm.link.connect_to("https://other.example")
    assert (len(session.left), farm.link._changed.is_set()) == (1, True)
    assert farm.link.status().url == "https://other.example"


async def test_what_is_addressed_to_a_rig_reaches_its_part(farm: Farm) -> None:
    farm.online("a")
    playbooks, command, watch = Playbooks(0, 3, []), RigCommand("id", 0, Restart()), ConsoleWatch(0, 5, False)
    for frame in (playbooks, command, watch, ReportEvery(3.0)):
        farm.link.told(frame, "a")
        farm.link.told(frame, "b")
        farm.link.told(frame, None)
    assert farm.events.heard == [
        ("on_playbooks", "a", 3, []), ("on_command", "a", "id", Restart()), ("on_console_watch", "a", 5, False),
    ]  # fmt: skip
    assert farm.link.interval_s == 3.0
    for said, taken in ((0.01, 0.2), (1e9, 3600.0), (float("nan"), 3600.0), (float("inf"), 3600.0), (8.0, 8.0)):
        farm.link.told(ReportEvery(said), None)
        assert farm.link.interval_s == taken
    farm.link.not_signed("a command")
    farm.link.not_signed("a command")
    assert farm.link.unsigned == 2


@pytest.mark.parametrize("now_ms", [EARLIEST_MS, LATEST_MS, 0])
async def test_a_clock_that_cannot_be_is_not_followed(farm: Farm, now_ms: int) -> None:
    await farm.link._tell_time(welcome("ok", now_ms=now_ms), 1.0)
    farm.link.welcomed(welcome("ok", now_ms=now_ms, interval_s=9.0), 1.0)
    assert (farm.clock.known, farm.events.heard, farm.link.interval_s) == (False, [], 9.0)


async def test_the_commanders_time_is_as_old_as_half_the_way_there_and_back(farm: Farm, spool: Spool) -> None:
    spool.append("a", OperationalLog(farm.clock.now_ms("a")), farm.clock.epoch)
    await until(lambda: not spool._pending.logs)
    await farm.link._tell_time(welcome("ok", now_ms=NOW - 5_000), 2.0)
    assert farm.clock.time_ms == NOW - 5_000 + 1_000
    assert list(spool._shifts.values()) == [-4_000], "what was estimated is corrected"
    farm.link.welcomed(welcome("ok", now_ms=NOW), 0.5)
    assert farm.clock.time_ms == NOW + 250
    assert farm.events.heard == [("on_clock",)] * 2


async def test_a_log_that_the_commander_cannot_read_is_looked_for_and_given_up(farm: Farm) -> None:
    """One damaged log must not keep a night's logs from being sent, nor a deaf Commander have all of them deleted."""
    refused: list[tuple[int, int]] = []

    async def refuse(first: int, last: int) -> None:
        refused.append((first, last))

    farm.link._care._spool.refuse = refuse  # type: ignore[method-assign]

    async def careful(*air: tuple[int, int], of: int | None, acknowledged: int = 0) -> int | None:
        lanes: Any = SimpleNamespace(in_the_air=list(air), one_frame_of=of, acknowledged=acknowledged)
        await farm.link._care.refused(lanes)
        return farm.link._care.one_frame_of

    assert await careful(of=None) is None
    assert await careful((5, 90), of=None) == FRAME_LOGS // 4
    assert await careful((5, 29), of=25) == 6
    assert await careful((5, 10), of=6) == 1
    assert await careful((5, 6), of=1) == 1
    assert await careful((5, 5), (9, 9), of=1) == 1
    assert (farm.link._care._suspect, refused) == ((0, 0), [])
    for times in (1, 2):
        await careful((7, 7), of=1)
        assert (farm.link._care._suspect, refused) == ((7, times), [])
    await careful((8, 8), of=1)
    assert farm.link._care._suspect == (8, 1), "another one"
    for _ in range(3):
        await careful((7, 7), of=1)
    assert refused == [(7, 7)]
    for number in range(10, 40):
        for _ in range(3):
            await careful((number, number), of=1)
    assert len(refused) == careful_module.GIVEN_UP_QUICKLY, "it takes none at all: it is not the logs' fault"
    farm.link._care._gave_up_at -= careful_module.GIVE_UP_EVERY_S
    await careful((39, 39), of=1)
    assert refused[-1] == (39, 39)
    assert len(refused) == careful_module.GIVEN_UP_QUICKLY + 1
    for number in range(50, 53):
        for _ in range(3):
            await careful((number, number), of=1, acknowledged=1)
    assert len(refused) == careful_module.GIVEN_UP_QUICKLY + 4, "one that takes others is believed"


async def test_since_when_it_is_so(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    now = 100.0
    monkeypatch.setattr(loop, "time", lambda: now)
    farm.link._become(LinkState.IDLE)
    assert farm.link.status().since == 100.0
    now = 150.0
    farm.link._become(LinkState.CONNECTING)
    assert farm.link.status() == (LinkState.CONNECTING, None, None, 100.0, None, None)
    farm.link.error = ProtocolError("words")
    assert farm.link.status().error == "words"
    now = 200.0
    farm.link._become(LinkState.ONLINE)
    assert (farm.link.status().since, farm.link.status().error) == (200.0, None)
    now = 250.0
    farm.link._become(LinkState.ONLINE)
    assert farm.link.status().since == 200.0
    farm.link._become(LinkState.WAITING)
    assert farm.link.status().since == 250.0
    monkeypatch.undo()


async def test_a_greeted_link_judges_catches_up_and_remembers_to_be_careful(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends: list[Any] = []
    sessions: list[Session] = []

    async def run(session: Session) -> None:
        sessions.append(session)
        assert farm.link._session is session
        assert (farm.link.state, farm.link._version) == (LinkState.ONLINE, "1.0")
        if ends:
            raise ends.pop()

    monkeypatch.setattr(Session, "run", run)

    async def greet(*kinds: Any, tokens: tuple[str, ...] = ("a", "b"), signed: bool = False) -> None:
        socket: Any = Socket()
        greeting = Greeting(welcome(*kinds), signed, 0.1)
        await farm.link._greeted(socket, SPOOL_ID, list(tokens), greeting, Signatures())  # type: ignore[arg-type]

    await greet("ok", "unknown")
    assert farm.link._session is None
    assert farm.link.interval_s == 7.0
    assert [one[:2] for one in farm.events.heard] == [("on_verdict", "a"), ("on_verdict", "b")]
    assert sessions[0]._hello_wanted is False
    with pytest.raises(LinkError, match="knows none of this Sentry's tokens"):
        await greet("unknown", "unknown")
    with pytest.raises(LinkError, match="knows none"):
        await greet("removed", "unknown")
    assert len(sessions) == 1
    farm.link._tokens = ["a", "b", "c"]
    await greet("ok", "ok")
    assert (sessions[1]._named, sessions[1]._leaving) == (["a", "b", "c"], False)
    farm.link._tokens = ["a"]
    await greet("ok", "ok")
    assert sessions[2]._leaving, "it was greeted for a rig that is no more"
    ends.append(LostError("gone"))
    farm.link._care.one_frame_of = 6
    with pytest.raises(LostError):
        await greet("ok", "ok")
    assert farm.link._care.one_frame_of == 6
    careful: list[Lanes] = []

    async def be_careful(lanes: Lanes) -> None:
        careful.append(lanes)
        assert farm.link._session is None

    monkeypatch.setattr(farm.link._care, "refused", be_careful)
    ends.append(closed(4400, "no frame"))
    with pytest.raises(RejectedFrameError):
        await greet("ok", "ok")
    assert careful == [sessions[-1].lanes]
    assert sessions[-1].lanes.one_frame_of == 6


async def test_what_nobody_expected_ends_a_connection_in_bounded_words(farm: Farm) -> None:
    known = farm.link._unexpected(ValueError("line one\nline two \x00" + "x" * 500))
    text = str(known)
    assert "(ValueError: line one line two" in text
    assert ("\n" in text, "\x00" in text, len(text) < 400) == (False, False, True)
    assert "Mining continues" in text


async def test_why_there_is_no_link_is_logged_once_and_not_at_each_attempt(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Commander that is away for a week would fill the journal of every rig."""
    logged: list[str] = []
    monkeypatch.setattr(link_module.log, "warning", lambda _, reason: logged.append(reason))
    farm.link._changed.set()  # it does not wait
    for error in (LostError("one"), LostError("one"), LostError("two"), ProtocolError("two"), ProtocolError("two")):
        await farm.link._pause(error)
        assert farm.link.error is error
    assert logged == ["one", "two", "two"]


async def test_a_copied_disk_gets_an_identity_of_its_own_or_says_why_not(
    farm: Farm, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the old one, its new logs would be taken for old ones, and lost."""

    async def cannot() -> None:
        pass

    copied = spool.id
    with monkeypatch.context() as full:
        full.setattr(spool, "renew", cannot)
        with pytest.raises(LinkError, match="copied or restored, and the spool cannot be written"):
            await farm.link._renew(copied)
    assert not farm.link._renewed
    await farm.link._renew(copied)
    assert (spool.id != copied, farm.link._renewed) == (True, True)


async def test_the_first_forged_frame_is_logged_and_not_each(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    logged: list[str] = []
    monkeypatch.setattr(link_module.log, "error", lambda text, **_: logged.append(text))
    for count in (1, 2, 3):
        farm.link.not_signed("a command")
        assert (farm.link.unsigned, len(logged)) == (count, 1)
