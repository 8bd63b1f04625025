"""Who is heard for which rig, and what is taken of what it says: a rig that is shown as somebody else's, a log that is
stored for another rig or counted twice, is found out by nobody for months."""

from __future__ import annotations

import asyncio
from array import array
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from desk import NOW, Desk, Sentry

from rigfarm import __version__
from rigfarm.commander.events import RigRemoved, RigRenamed, TokenRefused, TokenRotated, WorkWaiting
from rigfarm.commander.link import charge, registry
from rigfarm.commander.link import receive as receive_module
from rigfarm.commander.link.budgets import LOGS_PER_S
from rigfarm.commander.link.charge import for_words
from rigfarm.commander.link.receive import AHEAD_MS, BACK_MS, MAX_SPECS_BYTES, _other, receive
from rigfarm.commander.link.registry import GREETING_WAITS_S
from rigfarm.commander.logs.doubles import Newcomer
from rigfarm.commander.logs.seen import MAX_RANGES
from rigfarm.common.clock import utc_ms
from rigfarm.wire.codec import FrameError, encode
from rigfarm.wire.frames import (
    PROTOCOL,
    Console,
    ConsoleWatch,
    Gap,
    Hello,
    Logs,
    Prove,
    RigSpecs,
    Succession,
    Verdict,
    Verdicts,
)
from rigfarm.wire.limits import MAX_LOG_BYTES, MAX_SEQUENCE
from rigfarm.wire.log import OperationalLog
from rigfarm.wire.signing import proof_message
from rigfarm.wire.specs import Specs
from support.until import until


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def up(desk: Desk) -> dict[int, bool]:
    return {rig_id: rig.link_up for rig_id, rig in desk.stats.rigs.items()}


# Greeting


async def test_a_welcome_says_what_is_thought_of_each_token(desk: Desk) -> None:
    desk.book._removed[b"x"] = (9, "gone")
    desk.book.removed_by_token = lambda token: (9, "gone") if token == "removed" else None  # type: ignore[method-assign]
    desk.book.rigs[2] = msgspec.structs.replace(desk.book.rigs[2], token_due=True)
    sentry = Sentry(desk)
    before = utc_ms()
    welcome = sentry.greet("t2", "nonsense", "removed", "t1")
    assert before <= welcome.now_ms <= utc_ms()
    assert (welcome.interval_s, welcome.version, welcome.highest) == (7.0, __version__, None)
    assert welcome.verdicts == [
        Verdict("ok", 2, "rig-2"), Verdict("unknown"), Verdict("removed", 9, "gone"), Verdict("ok", 1, "rig-1"),
    ]  # fmt: skip
    assert (sentry.link.rigs, sentry.link.slots, sentry.link.heard) == ([2, None, None, 1], {2: 0, 1: 3}, 2)
    assert (sentry.link.version, sentry.link.spool) == ("1.2.3", bytes(16))
    assert (up(desk), desk.links.links) == ({1: True, 2: True, 3: False}, {sentry.link})
    assert desk.stats.rigs[1].sentry == "192.0.2.1 (000000)", "rigs that fall with it have it in common"
    assert Sentry(desk).greet("t3").verdicts == [Verdict("ok", 3, "rig-3")]
    assert desk.stats.rigs[3].sentry == ""
    assert desk.book.said._connected == {2}, "it waits for its new token no more"


async def test_a_welcome_tells_the_highest_number_of_its_spool(desk: Desk) -> None:
    sentry = desk.online("t1")
    sentry.log(*(OperationalLog(NOW + at) for at in range(5)))
    assert Sentry(desk).greet("t1").highest == 5
    assert Sentry(desk, spool=b"another spool !!").greet("t1").highest is None


async def test_of_two_sentries_with_one_token_the_later_one_is_heard(desk: Desk) -> None:
    """A cloned disk: both would fill one rig's charts, in turns."""
    first, second = desk.online("t1", "t2"), desk.online("t1")
    assert (first.link.heard, first.link.closed, second.link.heard) == (1, False, 1)
    assert [first.link.may_speak_for(rig) for rig in (1, 2)] == [False, True]
    first.log(OperationalLog(NOW), OperationalLog(NOW + 1), slots=[0, 1])
    assert list(desk.stored) == [(2, NOW + 1)]
    assert first.link.pays() == 2
    third = desk.online("t2")
    await asyncio.sleep(0)
    assert first.closed == [(4409, "another Sentry connected with this token")]
    assert (first.link.heard, first.link.pays()) == (0, None)
    desk.links.leave(first.link)
    assert desk.links.by_rig == {1: second.link, 2: third.link}
    desk.stats.tick(1e12)
    assert up(desk) == {1: True, 2: True, 3: False}, "its end says nothing about rigs that others speak for"


async def test_a_link_that_ends_takes_its_rigs_with_it(desk: Desk) -> None:
    sentry, other = desk.online("t1", "t2"), desk.online("t3")
    desk.links.leave(sentry.link)
    assert (desk.links.by_rig, desk.links.links) == ({3: other.link}, {other.link})
    assert (sentry.link.heard, sentry.link.closed) == (0, True)
    desk.stats.tick(1e12)
    assert up(desk) == {1: False, 2: False, 3: True}


async def test_an_orderly_end_calls_no_rig_offline(desk: Desk) -> None:
    sentry = desk.online("t1")
    desk.links.close_quietly()
    desk.links.leave(sentry.link)
    desk.stats.tick(1e12)
    assert up(desk)[1]
    assert desk.links.by_rig == {}


async def test_who_greets_again_speaks_for_what_it_named_then(desk: Desk) -> None:
    sentry = desk.online("t1", "t2")
    sentry.greet("t2", "t3")
    assert (sentry.link.rigs, sentry.link.slots, sentry.link.heard) == ([2, 3], {2: 0, 3: 1}, 2)
    desk.stats.tick(1e12)
    assert up(desk) == {1: False, 2: True, 3: True}


async def test_proof_is_of_this_connection_and_this_certificate(desk: Desk) -> None:
    sentry = Sentry(desk)
    proof = desk.links.prove(sentry.link, Prove(b"n" * 32))
    identity = desk.links.identity
    assert (proof.key, proof.certificate, proof.successions) == (identity.public, b"c" * 32, identity.successions)
    assert proof.signature == identity.sign(proof_message(b"n" * 32, b"c" * 32))
    assert sentry.link.nonce == b"n" * 32


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is earned meanwhile, however slow this machine is."""
    for module in (registry, charge):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: 1_000.0))


@pytest.mark.usefixtures("stopped")
async def test_greetings_are_rationed_by_rig(desk: Desk) -> None:
    """A Sentry in a loop costs only itself; strangers have a limit of their own."""
    link, hello = Sentry(desk).link, Hello(PROTOCOL, "1", bytes(16), ["nonsense", "t1"])
    stranger = Hello(PROTOCOL, "1", bytes(16), ["nonsense"])
    waits = [desk.links.may_greet(link, hello) for _ in range(80)]
    assert waits[:60] == [0.0] * 60
    assert all(wait is not None and 0 < wait <= GREETING_WAITS_S for wait in waits[60:69])
    assert waits[75:] == [None] * 5
    assert {desk.links.may_greet(link, stranger) for _ in range(200)} == {0.0}
    assert desk.limits() == [("rig-1", "connects or greets too often", 20, 1)]
    assert desk.links.may_greet(link, Hello(PROTOCOL, "1", bytes(16), ["t2"])) == 0.0


async def test_refused_tokens_are_told_of(desk: Desk) -> None:
    sentry = desk.online("t1", "nonsense")
    desk.links.refused(sentry.link, 2)
    assert desk.refused == [TokenRefused("192.0.2.1", 2, "1.2.3")]


# What happens to rigs


async def test_a_removed_rig_is_told_so_and_heard_no_more(desk: Desk) -> None:
    sentry = desk.online("t1", "t2")
    budget = desk.links.budgets.of(1)
    desk.links.drops.fresh(1, bytes(16), 5, 0)
    desk.events.publish(RigRemoved(1, "cpu-gpu", "rig-1", False))
    await until(lambda: sentry.told == [Verdicts([(0, Verdict("removed", 1, "rig-1"))])])
    assert (sentry.link.heard, sentry.link.may_speak_for(1), sentry.link.closed) == (1, False, False)
    assert desk.links.budgets.of(1) is not budget
    assert desk.links.drops.fresh(1, bytes(16), 5, 0) == 5, "nothing is remembered of it"
    desk.events.publish(RigRemoved(3, "cpu-gpu", "rig-3", False))


async def test_a_new_token_ends_the_old_one_at_once(desk: Desk) -> None:
    sentry = desk.online("t1")
    desk.events.publish(TokenRotated(1))
    await until(lambda: sentry.told == [Verdicts([(0, Verdict("unknown"))])])
    assert (sentry.link.heard, desk.links.by_rig) == (0, {})
    desk.stats.tick(1e12)
    assert not up(desk)[1]
    desk.events.publish(TokenRotated(2))


async def test_a_renamed_rig_is_told_its_name(desk: Desk) -> None:
    sentry = desk.online("t2", "t1")
    desk.events.publish(RigRenamed(1, "cpu-gpu", "rig-1", "anna"))
    desk.events.publish(RigRenamed(3, "cpu-gpu", "rig-3", "otto"))
    await until(lambda: sentry.told == [Verdicts([(1, Verdict("ok", 1, "anna"))])])
    assert sentry.link.heard == 2


# What waits for rigs


class Waiting:
    """Something for each rig that asks."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int, bool]] = []
        self.frames: dict[int, list[Any]] = {}

    async def waiting(self, rig_id: int, slot: int, *, connected: bool) -> list[Any]:
        self.asked.append((rig_id, slot, connected))
        return self.frames.get(rig_id, [ConsoleWatch(slot, rig_id, True)])


async def test_what_waits_for_rigs_is_sent_after_the_welcome_and_when_there_is_more(desk: Desk) -> None:
    source = Waiting()
    desk.links.after_welcome(desk.online("t3").link)
    desk.sources.append(source)
    sentry = desk.online("t2", "t1")
    desk.links.after_welcome(sentry.link)
    await until(lambda: sentry.told == [ConsoleWatch(0, 2, True), ConsoleWatch(1, 1, True)])
    assert source.asked == [(2, 0, True), (1, 1, True)]
    desk.events.publish(WorkWaiting(1))
    desk.events.publish(WorkWaiting(9))
    await until(lambda: len(sentry.told) == 3)
    assert source.asked[2:] == [(1, 1, False)]


async def test_nothing_is_sent_for_a_rig_that_ceased_to_be_this_links_meanwhile(desk: Desk) -> None:
    """The command of one rig must not be carried out by another that now has its slot."""
    source = Waiting()
    desk.sources.append(source)
    sentry = desk.online("t1", "t2")
    work = desk.links._send_all(sentry.link)
    desk.links.by_rig.pop(1)
    await work
    assert source.asked == [(2, 1, True)]
    sentry.greet("t2", "t3")
    await desk.links._send_rig(sentry.link, 2, 1, connected=True)
    await asyncio.sleep(0)
    assert all(isinstance(frame, ConsoleWatch) and frame.slot == 1 for frame in sentry.told)
    assert len(sentry.told) == 1, "the slot is another's now"


async def test_who_greets_again_is_told_only_what_is_so_now(desk: Desk) -> None:
    desk.sources.append(Waiting())
    sentry = desk.online("t1")
    desk.links.after_welcome(sentry.link)
    first = sentry.link.telling
    sentry.greet("t2")
    desk.links.after_welcome(sentry.link)
    await until(lambda: sentry.told == [ConsoleWatch(0, 2, True)])
    assert first is not None
    assert first.cancelled()


async def test_work_that_fails_is_logged_and_forgotten(desk: Desk) -> None:
    async def fails() -> None:
        raise ValueError("no")

    task = desk.links.background(fails())
    assert desk.links._tasks == {task}
    await asyncio.wait({task})
    await asyncio.sleep(0)
    assert desk.links._tasks == set()


# Logs


async def test_logs_go_to_the_journal_for_their_rigs(desk: Desk) -> None:
    sentry = desk.online("t2", "nonsense", "t1")
    sentry.log(*(OperationalLog(NOW + at) for at in range(4)), slots=[2, 0, 1, 0])
    assert list(desk.stored) == [(1, NOW), (2, NOW + 1), (2, NOW + 3)], "those of a bad token are passed over"
    assert (desk.links.received, desk.journal.duplicates) == (3, 0)
    assert sentry.link.in_flight > 0
    desk.links.arrivals.hand_on()
    logs = {rig_id: rig.log.t for rig_id, rig in desk.stats.rigs.items() if rig.log is not None}
    assert logs == {1: NOW, 2: NOW + 3}


async def test_what_comes_twice_counts_once(desk: Desk) -> None:
    sentry = desk.online("t1")
    logs = [OperationalLog(NOW + at) for at in range(6)]
    sentry.log(*logs[:3])
    sentry.log(*logs[1:5], first=2)
    assert [t - NOW for _, t in desk.stored] == [0, 1, 2, 3, 4]
    assert desk.journal.duplicates == 2
    sentry.log(*logs[:3], first=1)
    assert (len(list(desk.stored)), desk.journal.duplicates, desk.links.received) == (5, 5, 5)
    batch = desk.journal._pending
    assert list(zip(batch.firsts, batch.lasts, strict=True)) == [(1, 3), (2, 5), (1, 3)], "each is acknowledged whole"
    assert [batch.taken(at) for at in range(3)] == [[(1, 3)], [(4, 5)], []]
    assert batch.receipts == [sentry.link.receipt] * 3
    assert set(batch.spools) == {sentry.spool}


async def test_a_bad_log_leaves_the_good_ones_beside_it_unclaimed(desk: Desk) -> None:
    """Claimed and not stored, they would be duplicates when they come again: lost, and acknowledged."""
    sentry = desk.online("t1")
    good = msgspec.Raw(encode(OperationalLog(NOW)))
    for slots, bad in (([0, 0], msgspec.Raw(b"\x91\xc3")), ([0, 3], good), ([0, 0], msgspec.Raw(b"\xff"))):
        with pytest.raises(FrameError):
            sentry.say(Logs(1, slots, [good, bad]))
    large = encode(OperationalLog(NOW, messages=["x" * MAX_LOG_BYTES]))
    with pytest.raises(FrameError, match=f"more than {MAX_LOG_BYTES} bytes"):
        sentry.say(Logs(1, [0, 0], [good, msgspec.Raw(large)]))
    sentry.log(OperationalLog(NOW), first=1)
    assert (list(desk.stored), desk.journal.duplicates) == ([(1, NOW)], 0)


@pytest.mark.parametrize(
    ("first", "slots", "wrong"),
    [(1, [0], True), (1, [0, 0, 0], True), (MAX_SEQUENCE - 1, [0, 0], True), (MAX_SEQUENCE - 2, [0, 0], False)],
)
async def test_a_frame_of_logs_must_add_up(desk: Desk, first: int, slots: list[int], *, wrong: bool) -> None:
    sentry = desk.online("t1")
    frame = Logs(first, slots, [msgspec.Raw(encode(OperationalLog(NOW + at))) for at in range(2)])
    if wrong:
        with pytest.raises(FrameError, match=f"2 logs for {len(slots)} slots from {first}"):
            sentry.say(frame)
    else:
        sentry.say(frame)
    assert len(list(desk.stored)) == (0 if wrong else 2)


async def test_a_log_of_exactly_the_largest_size_is_taken(desk: Desk) -> None:
    sentry = desk.online("t1")
    base = len(encode(OperationalLog(NOW, messages=["x" * 60_000])))
    log = OperationalLog(NOW, messages=["x" * (60_000 + MAX_LOG_BYTES - base)])
    assert len(encode(log)) == MAX_LOG_BYTES
    sentry.log(log)
    assert len(list(desk.stored)) == 1


async def test_logs_of_an_impossible_time_are_counted_and_not_stored(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its operator is told which rig of an ASIC Sentry has a clock that is wrong."""
    monkeypatch.setattr(receive_module, "utc_ms", lambda: NOW)
    sentry = desk.online("t1", "t2")
    times = [NOW - BACK_MS, NOW - BACK_MS - 1, NOW + AHEAD_MS, NOW + AHEAD_MS + 1]
    sentry.log(*map(OperationalLog, times), slots=[1, 1, 1, 1])
    assert [t for _, t in desk.stored] == [times[0], times[2]]
    assert desk.stats.rigs[2].untimely == 2
    assert desk.limits() == [("rig-2", "sends logs with an impossible time", 2, 2)]
    assert desk.links.received == 2


async def test_what_a_restored_disk_sends_again_is_stored_once(desk: Desk) -> None:
    """Its spool has another identity: by their numbers these logs are new. The test of whole Commanders is
    test_logs_come_again_under_another_identity.py."""
    sentry = desk.online("t1", "t2")
    sentry.link.newcomer = Newcomer(bytes(16), {1: NOW + 2})
    sentry.link.newcomer.known, sentry.link.newcomer.since = {1: array("q", [NOW, NOW + 2])}, 0.0
    sentry.log(*(OperationalLog(NOW + at) for at in range(5)), slots=[0] * 5)
    assert list(desk.stored) == [(1, NOW + 1), (1, NOW + 3), (1, NOW + 4)]
    assert (desk.journal.duplicates, desk.links.received) == (2, 3)
    sentry.log(OperationalLog(NOW), OperationalLog(NOW + 5), slots=[1, 0], first=5)
    assert list(desk.stored)[3:] == [(1, NOW + 5)]
    assert desk.journal.duplicates == 3, "number 5 it had already"


async def test_numbers_in_more_pieces_than_a_sentry_makes_are_refused_with_a_reason(desk: Desk) -> None:
    sentry = desk.online("t1")
    for at in range(MAX_RANGES):
        sentry.say(Gap(1 + 2 * at, 1 + 2 * at, True))
    with pytest.raises(FrameError, match="sequence numbers in more than 1000 pieces"):
        sentry.say(Gap(3 + 2 * MAX_RANGES, 3 + 2 * MAX_RANGES, True))


async def test_a_rig_beyond_its_share_of_the_journal_costs_only_itself(desk: Desk) -> None:
    sentry = desk.online("t1", "t2")
    desk.links.budgets.of(1).journal.take(1 << 40, 0.0)
    sentry.log(*(OperationalLog(NOW + at) for at in range(4)), slots=[0, 1, 0, 1])
    assert list(desk.stored) == [(2, NOW + 1), (2, NOW + 3)]
    assert [desk.stats.rigs[rig].over_quota for rig in (1, 2)] == [2, 0]
    assert desk.limits() == [("rig-1", "sends more than its share of the journal", 2, 1)]
    only = desk.online("t1")
    only.log(OperationalLog(NOW + 9), OperationalLog(NOW + 10), first=50)
    assert desk.stats.rigs[1].over_quota == 4
    desk.links.arrivals.hand_on()
    log = desk.stats.rigs[1].log
    assert log is not None
    assert log.t == NOW + 10, "what is shown stays right"


# Everything else


async def test_frames_reach_their_handlers_with_the_rig_they_are_about(tmp_path: Path) -> None:
    handled: list[tuple[int, object]] = []
    worked: list[int] = []

    async def work(rig_id: int) -> None:
        worked.append(rig_id)

    def specs(rig_id: int, frame: RigSpecs) -> Any:
        handled.append((rig_id, frame.specs.sentry_version))
        return work(rig_id)

    desk = Desk(tmp_path, handlers={RigSpecs: specs, Console: lambda rig_id, frame: handled.append((rig_id, frame))})
    sentry = desk.online("nonsense", "t2", "t1")
    sentry.say(RigSpecs(1, Specs(sentry_version="9")))
    sentry.say(Console(2, 5, 1, ["line"]))
    sentry.say(RigSpecs(0, Specs(sentry_version="of nobody")))
    assert handled == [(2, "9"), (1, Console(2, 5, 1, ["line"]))]
    await until(lambda: worked == [2])
    sentry.say([8, "id", 2, "done"])
    with pytest.raises(FrameError, match="slot 3 of 3"):
        sentry.say(Console(3, 5, 1, ["line"]))


async def test_specs_of_a_size_are_taken_and_larger_ones_named(tmp_path: Path) -> None:
    handled: list[int] = []
    desk = Desk(tmp_path, handlers={RigSpecs: lambda rig_id, frame: handled.append(rig_id)})
    sentry = desk.online("t1")
    frame = RigSpecs(0, Specs(sentry_version="9"))
    small = encode(frame)
    receive(desk.links, sentry.link, small)
    _other(desk.links, sentry.link, frame, MAX_SPECS_BYTES)
    _other(desk.links, sentry.link, frame, MAX_SPECS_BYTES + 1)
    assert handled == [1, 1]
    assert desk.limits() == [("rig-1", "sent specs of more than 64 KiB", 1, 1)]


async def test_a_hello_is_handed_back_and_a_late_proof_is_refused(desk: Desk) -> None:
    sentry = desk.online("t1")
    hello = Hello(PROTOCOL, "1", bytes(16), ["t1"])
    assert sentry.say(hello) == hello
    with pytest.raises(FrameError, match="proof is asked for once"):
        sentry.say(Prove(b"n" * 32))


async def test_frames_of_another_version_are_ignored_and_named(desk: Desk) -> None:
    sentry = desk.online("t1")
    assert sentry.say([99, 1, 2]) is None
    assert sentry.say([7, 0, -1, 0, []]) is None
    assert desk.limits() == [
        ("rig-1", "sent a frame with impossible values", 1, 1),
        ("rig-1", "sent a frame that this version does not know", 1, 1),
    ]
    with pytest.raises(FrameError):
        sentry.say([3, 1])


@pytest.mark.usefixtures("stopped")
async def test_words_are_paid_for(desk: Desk) -> None:
    """Console lines without end must not keep other rigs' logs waiting."""
    sentry = desk.online("t1", "t2")
    for _ in range(500):
        sentry.say(Console(1, 5, 1, []))
    assert sentry.link._owes == 0.0
    for _ in range(50):
        sentry.say(Console(1, 5, 1, []))
    assert 0.0 < sentry.link._owes < 1.5
    assert desk.links.budgets.of(1).words.take(1, 1_000.0) == 0.0
    assert desk.links.budgets.of(2).words.take(1, 1_000.0) > 0.0
    other = desk.online("t3")
    for _ in range(20):
        other.say(RigSpecs(0, Specs(sentry_version="9")))
    assert other.link._owes == 0.0
    for _ in range(4):
        other.say(RigSpecs(0, Specs(sentry_version="9")))
    assert other.link._owes > 1.0, "specs count as many"
    late = desk.online("t1")
    for_words(desk.links, late.link, 1, 40 << 20)
    assert late.link._owes > 20.0, "and so do their bytes"


# Gaps


@pytest.mark.parametrize(("lost", "counted"), [(True, 6), (False, 0)])
async def test_lost_logs_of_a_rig_with_a_spool_of_its_own(desk: Desk, *, lost: bool, counted: int) -> None:
    sentry = desk.online("t1")
    sentry.log(OperationalLog(NOW), OperationalLog(NOW + 1), first=5)
    sentry.say(Gap(1, 8, lost))
    assert desk.stats.rigs[1].dropped == counted, "5 and 6 did arrive"
    sentry.say(Gap(1, 8, lost))
    assert desk.stats.rigs[1].dropped == counted
    assert desk.links.journal.highest(bytes(16)) == 8


async def test_lost_logs_of_several_rigs_are_counted_for_each(desk: Desk) -> None:
    sentry = desk.online("t1", "nonsense", "t2")
    sentry.say(Gap(1, 8, True, [(0, 5, 1), (2, 3, 0), (1, 70, 0)]))
    assert [desk.stats.rigs[rig].dropped for rig in (1, 2, 3)] == [4, 3, 0]
    sentry.say(Gap(9, 12, True, [(0, 9, 5)]))
    sentry.say(Gap(13, 13, True, None))
    assert [desk.stats.rigs[rig].dropped for rig in (1, 2, 3)] == [8, 3, 0]
    with pytest.raises(FrameError, match="a gap from 9 to 8"):
        sentry.say(Gap(9, 8))
    with pytest.raises(FrameError, match="slot 3 of 3"):
        sentry.say(Gap(20, 20, True, [(3, 1, 0)]))
    in_flight = sentry.link.in_flight
    sentry.say(Gap(30, 30))
    assert sentry.link.in_flight > in_flight, "it is acknowledged like logs"


async def test_work_that_fails_is_named_and_work_that_ends_is_not(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    logged: list[dict[str, Any]] = []
    monkeypatch.setattr(registry.log, "error", lambda _, **more: logged.append(more))

    async def work(error: Exception | None = None) -> None:
        await asyncio.sleep(0)
        if error is not None:
            raise error

    tasks = [desk.links.background(work(error)) for error in (None, ValueError("no"), None)]
    tasks[2].cancel()
    await asyncio.wait(tasks)
    await asyncio.sleep(0)
    assert logged == [{"error": "ValueError('no')"}]


async def test_a_sentry_is_shown_how_the_commanders_key_changed(desk: Desk) -> None:
    """Without it every rig would refuse a Commander that has a new key."""
    earlier = [Succession(b"k" * 32, b"s" * 64)]
    identity: Any = SimpleNamespace(public=b"p" * 32, sign=lambda _: b"s" * 64, successions=earlier)
    desk.links.identity = identity
    assert desk.links.prove(Sentry(desk).link, Prove(b"n" * 32)).successions == earlier


async def test_a_rig_that_is_away_can_be_removed(desk: Desk) -> None:
    desk.links._rig_removed(RigRemoved(3, "cpu-gpu", "rig-3", False))
    desk.links._token_rotated(TokenRotated(3))
    desk.links._rig_renamed(RigRenamed(3, "cpu-gpu", "rig-3", "otto"))


@pytest.mark.usefixtures("stopped")
async def test_what_is_ignored_and_what_is_lost_are_paid_for(desk: Desk) -> None:
    sentry = desk.online("t1")
    sentry.say([99, 1, 2])
    budget = desk.links.budgets.of(1)
    assert budget.words.take(499, 1_000.0) == 0.0
    assert budget.words.take(1, 1_000.0) > 0.0, "the frame was one of them"
    sentry.say(Gap(1, 5))
    assert (budget._logs_until - 1_000.0) * LOGS_PER_S == pytest.approx(1.0)
