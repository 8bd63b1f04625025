"""What leaves over a link and when, without a wire: a spool, two lanes, and a clock of the test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from rigfarm.sentry.link import lanes as lanes_module
from rigfarm.sentry.link.errors import ProtocolError
from rigfarm.sentry.link.lanes import Lanes
from rigfarm.sentry.link.window import LARGEST, SMALLEST, Window
from rigfarm.sentry.spool import Spool
from rigfarm.sentry.spool.record import Record, token_key
from rigfarm.wire.codec import decode_up
from rigfarm.wire.frames import Gap, Logs
from rigfarm.wire.log import OperationalLog
from support.until import until

A, B = token_key("a"), token_key("b")
RESEND_S = 10.0


class Line:
    """Lanes over a spool; what they send is looked at, and time passes by hand."""

    def __init__(self, spool: Spool) -> None:
        self.spool = spool
        self.now = 1_000.0
        self.count = self.recorded = 0
        spool.on_recorded = self.on_recorded
        self.lanes = self.connect()

    def connect(self, **options: int) -> Lanes:
        self.lanes = Lanes(self.spool, lambda: self.now, resend_s=RESEND_S, **options)
        self.lanes.slots = {A: 0, B: 1}
        return self.lanes

    def on_recorded(self, records: list[Record]) -> None:
        self.recorded += len(records)
        self.lanes.recorded(records)

    async def report(self, count: int, token: str = "a", padding: int = 0) -> None:
        for _ in range(count):
            self.count += 1
            self.spool.append(token, OperationalLog(t=self.count, messages=["x" * padding] if padding else []))
        await until(lambda: self.recorded == self.count, "all are durable")

    def sent(self) -> list[tuple[int, int]]:
        """First and last number of each frame that leaves now."""
        found = []
        while (data := self.lanes.next_frame()) is not None:
            frame = decode_up(data)
            assert isinstance(frame, Logs | Gap)
            last = frame.last if isinstance(frame, Gap) else frame.first + len(frame.logs) - 1
            found.append((frame.first, last))
        return found

    async def backlog(self) -> list[tuple[int, int]]:
        """The same, reading on as long as there is room."""
        found = self.sent()
        while self.lanes.wants_reading and await self.lanes.read():
            found += self.sent()
        return found


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    spool = Spool(tmp_path / "spool.db", 16 << 20)
    await spool.open()
    yield Line(spool)
    await spool.close()


async def test_new_logs_leave_at_once_and_the_backlog_beside_them(line: Line) -> None:
    await line.report(150)
    line.connect()
    await line.report(2)
    assert line.sent() == [(151, 152)]
    assert await line.backlog() == [(1, 100), (101, 150)]
    assert line.lanes.in_the_air == [(1, 152)]


async def test_what_is_acknowledged_is_counted_and_gone(line: Line) -> None:
    await line.report(5)
    assert line.sent() == [(1, 5)]
    line.lanes.acked([(1, 3)])
    assert (line.lanes.acknowledged, line.lanes.in_the_air) == (0, [(4, 5)])
    line.lanes.acked([(4, 5)])
    assert (line.lanes.acknowledged, line.lanes.in_the_air) == (5, [])
    await until(lambda: line.spool.stats().logs == 0)
    line.lanes.acked([(1, 5)])
    assert line.lanes.acknowledged == 5


@pytest.mark.parametrize("ranges", [[(6, 6)], [(0, 3)], [(4, 3)], [(1, 2), (5, 6)]])
async def test_what_was_never_sent_cannot_be_acknowledged(line: Line, ranges: list[tuple[int, int]]) -> None:
    await line.report(5)
    line.sent()
    with pytest.raises(ProtocolError, match=r"acknowledged logs \d+ to \d+, which it was never sent\. Nothing was del"):
        line.lanes.acked(ranges)
    assert line.lanes.in_the_air == [(1, 5)]


async def test_how_many_were_lost_is_told_until_it_is_acknowledged(line: Line) -> None:
    """The Commander shows it; a number that is told again and again, or never again, is wrong for months."""
    await line.report(5)
    await line.spool.refuse(2, 3)
    lanes = line.connect()
    frames = []
    while lanes.wants_reading or not frames:
        await lanes.read()
        while (data := lanes.next_frame()) is not None:
            frames.append(decode_up(data))
    gaps = [one for one in frames if isinstance(one, Gap)]
    assert [(one.first, one.last, one.lost) for one in gaps] == [(2, 3, True)]
    assert gaps[0].dropped in ([(0, 2, 0)], [])
    before = line.spool.dropped()
    lanes.acked([(2, 3)])
    assert not line.spool.gaps()
    if before:
        assert line.spool.dropped() == {}


async def test_whose_logs_were_lost_is_told_once_for_all_gaps(line: Line) -> None:
    """A full disk leaves thousands of gaps; the totals of a thousand ASICs with each would hold up the logs."""
    await line.report(5)
    await line.spool.refuse(2, 2)
    await line.spool.refuse(4, 4)
    lanes = line.connect()
    gaps = [decode_up(data) for data in (lanes.next_frame(), lanes.next_frame()) if data is not None]
    assert gaps == [Gap(2, 2, True, [(0, 2, 0)]), Gap(4, 4, True, [])]


async def test_what_is_late_is_sent_again_and_ever_more_rarely(line: Line) -> None:
    """A Commander that is only slow must not be buried under repetitions."""
    await line.report(3)
    assert line.sent() == [(1, 3)]
    waits = []
    for _ in range(4):
        due = line.lanes.look_again_in()
        assert due is not None
        waits.append(due)
        line.now += due - 0.001
        line.lanes.send_late_again()
        assert await line.backlog() == []
        line.now += 0.001
        line.lanes.send_late_again()
        assert await line.backlog() == [(1, 3)]
    assert waits == [RESEND_S, 2 * RESEND_S, 4 * RESEND_S, 8 * RESEND_S]
    line.lanes.acked([(1, 3)])
    await line.report(1)
    assert line.sent() == [(4, 4)]
    assert line.lanes.look_again_in() == RESEND_S, "who acknowledges is believed to be quick again"


async def test_a_commander_that_takes_nothing_is_not_flooded(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the spool that waits then, and nothing in memory grows."""
    monkeypatch.setattr(lanes_module, "LIVE_BYTES", 4_000)
    frames = []
    for _ in range(30):
        await line.report(1, padding=900)
        frames += line.sent()
    assert 3 <= len(frames) <= 6, "as many as may be on their way, and no more"
    assert len(line.lanes._live) + len(line.lanes._backlog) <= 6
    line.lanes.acked(frames)
    while more := await line.backlog():
        line.lanes.acked(more)
        frames += more
    assert sorted(number for first, last in frames for number in range(first, last + 1)) == list(range(1, 31))
    await line.report(1)
    assert line.sent() == [(31, 31)], "and new logs leave at once again"


async def test_a_token_that_is_not_good_is_passed_over_until_it_is(line: Line) -> None:
    for _ in range(3):
        await line.report(1, "a")
        await line.report(1, "b")
    line.connect()
    line.lanes.slots = {B: 0}
    assert await line.backlog() == [(2, 2), (4, 4), (6, 6)]
    line.lanes.slots = {A: 0, B: 1}
    line.lanes.changed()
    assert await line.backlog() == [(1, 1), (3, 3), (5, 5)]


async def test_a_careful_link_has_one_frame_in_the_air(line: Line) -> None:
    await line.report(5)
    line.connect(one_frame_of=2)
    assert await line.backlog() == [(1, 2)]
    line.lanes.acked([(1, 2)])
    assert await line.backlog() == [(3, 4)]
    line.lanes.relax()
    line.lanes.acked([(3, 4)])
    assert await line.backlog() == [(5, 5)]


def test_a_window_grows_while_nothing_queues_and_halves_when_something_does() -> None:
    one = Window()
    assert (one.limit, one.open) == (SMALLEST, True)
    one.sent(SMALLEST)
    assert not one.open
    one.done(SMALLEST, 0.1)
    assert (one.used, one.limit) == (0, 2 * SMALLEST)
    for _ in range(40):
        one.sent(SMALLEST)
        one.done(SMALLEST, 0.1)
    assert one.limit == LARGEST
    one.sent(SMALLEST)
    one.done(SMALLEST, 0.1 + 0.45)  # between quick and slow: neither
    assert one.limit == LARGEST
    one.sent(SMALLEST)
    one.done(SMALLEST, 0.1 + 0.7)
    assert one.limit == LARGEST // 2
    one.sent(10)
    one.gave_up(10)
    assert (one.used, one.limit) == (0, SMALLEST)
    one.done(0, 100.0)
    assert one.limit == SMALLEST


async def test_what_waits_to_leave_is_counted_as_it_is(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted too high, new logs join the backlog for nothing; too low, memory grows."""

    def waiting() -> int:
        return sum(len(record.body) for record in line.lanes._live)

    for padding in (10, 400, 10):
        await line.report(2, padding=padding)
        assert line.lanes._live_waiting == waiting() > 0
    line.lanes.slots = {}
    assert line.sent() == []
    assert line.lanes._live_waiting == waiting() == 0, "of a token that is not good they are passed over"
    line.lanes.slots = {A: 0}
    await line.report(3)
    assert line.sent() == [(7, 9)]
    assert (line.lanes._live_waiting, line.lanes._live_sent > 0) == (0, True)
    monkeypatch.setattr(lanes_module, "LIVE_BYTES", 500)
    await line.report(2, padding=400)
    assert (line.lanes._live_waiting, len(line.lanes._live)) == (0, 0), "too much: they wait in the spool"
    await line.report(1)
    assert line.lanes._live_waiting == waiting() > 0


async def test_nothing_is_left_out_when_new_logs_join_the_backlog(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read and not sent yet is read again, and what is on its way is not."""
    await line.report(150)
    line.connect()
    assert await line.lanes.read()
    data = line.lanes.next_frame()
    assert data is not None
    assert len(line.lanes._backlog) == 50
    monkeypatch.setattr(lanes_module, "LIVE_BYTES", 300)
    await line.report(3, padding=400)
    assert (len(line.lanes._backlog), line.lanes._cursor) == (0, 100)
    line.lanes.acked([(1, 100)])
    assert await line.backlog() == [(101, 153)]
    line.lanes.acked([(101, 153)])
    assert (line.lanes.acknowledged, line.lanes.in_the_air, line.spool.sending_through) == (153, [], 0)


async def test_lost_numbers_are_told_once_a_second_and_beside_the_backlog(line: Line) -> None:
    await line.report(2)
    await line.report(2, "b")
    await line.spool.refuse(2, 2)
    lanes = line.connect()
    lanes.slots = {A: 0}
    assert sorted(await line.backlog()) == [(1, 1), (2, 2)]
    assert (lanes._live_sent, lanes._window.used > 0) == (0, True), "they take no room of new logs"
    await line.spool.refuse(4, 4)
    assert line.sent() == [], "not yet"
    assert lanes.look_again_in() == lanes_module.GAPS_EVERY_S, "though no new log comes"
    line.now += lanes_module.GAPS_EVERY_S
    assert line.sent() == [(4, 4)], "and the first one is on its way"
    lanes.acked([(2, 2), (4, 4)])
    assert line.spool.gaps() == []


async def test_old_logs_that_are_being_sent_are_known_to_the_spool(line: Line) -> None:
    """A full spool drops them last: the Commander may have them in a moment."""
    await line.report(250)
    line.connect()
    await line.backlog()
    assert line.spool.sending_through == 250
    line.lanes.acked([(1, 100), (201, 250)])
    assert line.spool.sending_through == 200
    line.lanes.acked([(101, 200)])
    assert line.spool.sending_through == 0
    await line.report(1)
    assert line.sent() == [(251, 251)]
    assert line.spool.sending_through == 0, "new ones are not old"


async def test_a_new_log_that_is_late_makes_room_for_others(line: Line) -> None:
    """It is sent again from the spool; were it still counted, new logs would wait behind it for ever."""
    await line.report(3)
    assert line.sent() == [(1, 3)]
    assert line.lanes._live_sent > 0
    line.now += RESEND_S
    line.lanes.send_late_again()
    assert (line.lanes._live_sent, line.lanes.in_the_air) == (0, [])
    assert await line.backlog() == [(1, 3)]
    assert (line.lanes._live_sent, line.lanes._window.used > 0) == (0, True)
    line.now += 3 * RESEND_S
    line.lanes.send_late_again()
    assert (line.lanes._live_sent, line.lanes._window.used) == (0, 0)
