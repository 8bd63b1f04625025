"""Stamps of logs: a table of lives of a rig, and what its logs say of the time. A wrong one puts a night's logs into
another day, or keeps them out for good."""

from __future__ import annotations

import re

import msgspec
import pytest

from rigfarm.sentry.spool.clock import EARLIEST_MS, FAR_MS, LATEST_MS, Anchor, Clock, Correction, boot_id
from rigfarm.sentry.spool.meta import Meta

NOON = 1_800_000_000_000
HOUR = 3_600_000


class Machine:
    """Its clocks, which a test turns."""

    def __init__(self, wall: int = NOON, carrier: int = 50_000) -> None:
        self.wall_ms, self.carrier_ms = wall, carrier

    def clock(self, anchor: Anchor | None = None, boot: str = "boot 1") -> Clock:
        return Clock(anchor, carrier=lambda: self.carrier_ms, wall=lambda: self.wall_ms, boot=boot)

    def pass_ms(self, ms: int) -> None:
        self.carrier_ms += ms
        self.wall_ms += ms


def test_the_commanders_time_is_carried_on_whatever_the_wall_clock_does() -> None:
    machine = Machine(wall=0)
    clock = machine.clock()
    correction = clock.told(NOON, age_ms=40)
    assert correction == Correction(correction.epoch if correction else 0, NOON + 40 - EARLIEST_MS, NOON + 40)
    machine.pass_ms(1_000)
    machine.wall_ms = 5 * NOON
    assert (clock.known, clock.time_ms, clock.now_ms("a")) == (True, NOON + 1_040, NOON + 1_040)
    assert clock.told(NOON + 2_000) is None, "nothing was estimated since"
    assert clock.time_ms == NOON + 2_000


def test_stamps_of_one_rig_never_repeat_and_those_of_two_may() -> None:
    clock = Machine().clock()
    clock.told(NOON)
    assert [clock.now_ms(token) for token in "aab"] == [NOON, NOON + 1, NOON]
    clock.told(NOON - HOUR)
    assert clock.now_ms("a") == NOON + 2, "a step back repeats none"
    assert clock.now_ms("c") == NOON - HOUR
    clock.forget("a")
    assert clock.now_ms("a") == NOON - HOUR


@pytest.mark.parametrize(
    ("wall", "estimate"),
    [(NOON, NOON), (0, EARLIEST_MS), (-NOON, EARLIEST_MS), (NOON * 9, LATEST_MS), (EARLIEST_MS, EARLIEST_MS)],
)
def test_until_it_is_told_it_goes_by_the_wall_clock_if_that_can_be(wall: int, estimate: int) -> None:
    clock = Machine(wall).clock()
    assert (clock.known, clock.time_ms) == (False, estimate)
    assert 0 < clock.epoch < 1 << 31


def test_what_was_estimated_is_corrected_by_the_same_amount() -> None:
    machine = Machine(wall=NOON - 5 * HOUR)
    clock = machine.clock()
    first = clock.now_ms("a")
    machine.pass_ms(60_000)
    later = clock.now_ms("a")
    assert (first, later) == (NOON - 5 * HOUR, NOON - 5 * HOUR + 60_000)
    epoch = clock.epoch
    assert clock.told(NOON) == Correction(epoch, 5 * HOUR - 60_000, NOON - 60_000)
    assert clock.now_ms("a") == NOON + 1, "after its last one, as that is now"
    assert clock.now_ms("b") == NOON


def test_a_correction_puts_nothing_before_what_is_final() -> None:
    """Logs that the Commander has in their place would be overtaken by older ones of the same rig."""
    machine = Machine()
    clock = machine.clock()
    clock.told(NOON)
    final = clock.now_ms("a")
    again = machine.clock(clock.anchor(), boot="boot 2")
    first = again.now_ms("a")
    assert first > final
    correction = again.told(NOON - 2 * HOUR)
    assert correction is not None
    assert first + correction.delta_ms == final + 1
    assert correction.before_ms == final + 1


def test_a_restart_within_a_boot_goes_on() -> None:
    machine = Machine(wall=7)
    clock = machine.clock()
    clock.told(NOON)
    last = clock.now_ms("a")
    machine.pass_ms(90_000)
    again = machine.clock(clock.anchor())
    assert (again.known, again.time_ms) == (True, NOON + 90_000)
    assert again.now_ms("a") == NOON + 90_000 > last
    assert again.anchor() == Anchor("boot 1", machine.carrier_ms, NOON + 90_000, 0, NOON - 7, NOON + 90_000)


def test_a_restart_within_a_stretch_that_nobody_knows_goes_on_with_it() -> None:
    machine = Machine(wall=NOON - HOUR)
    clock = machine.clock()
    first = clock.now_ms("a")
    machine.pass_ms(1_000)
    last = clock.now_ms("a")
    machine.pass_ms(1_000)
    anchor = clock.anchor()
    assert (anchor.epoch, anchor.first_ms, anchor.here_ms, anchor.last_ms) == (clock.epoch, first, last, last)
    again = machine.clock(anchor)
    assert (again.known, again.epoch) == (False, clock.epoch)
    correction = again.told(NOON)
    assert correction == Correction(clock.epoch, HOUR - 2_000, NOON - 2_000)
    assert again.anchor().last_ms == NOON - 1_000, "its last stamp, as that is now"
    assert again.now_ms("a") == NOON
    assert again.anchor().last_ms == NOON


def test_after_a_boot_it_is_later_than_before_and_by_what_the_wall_clock_was_wrong() -> None:
    machine = Machine(wall=NOON - HOUR)
    clock = machine.clock()
    clock.told(NOON)
    machine.pass_ms(10_000)
    anchor = clock.anchor()
    assert anchor.ahead_ms == HOUR
    machine.pass_ms(60_000)
    machine.carrier_ms = 3_000
    again = machine.clock(anchor, boot="boot 2")
    assert (again.known, again.time_ms) == (False, NOON + 70_000)
    machine.wall_ms = 0
    behind = machine.clock(anchor, boot="boot 3")
    assert behind.time_ms == anchor.now_ms + 1, "the wall clock begins in 1970, and no stamp is given twice"


def test_the_kernel_tells_one_boot_from_another() -> None:
    """Without it a restarted Sentry does not know the time until its Commander is back."""
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", boot_id())


def test_without_the_kernels_word_every_start_is_another_boot() -> None:
    machine = Machine()
    clock = machine.clock(boot="")
    clock.told(NOON)
    assert not machine.clock(clock.anchor(), boot="").known


def test_stamps_of_a_clock_that_was_altogether_wrong_bind_no_later_ones() -> None:
    """A Commander that once believed to be in 2060 would keep a rig there for ever."""
    machine = Machine()
    clock = machine.clock()
    clock.told(NOON + 2 * FAR_MS)
    clock.now_ms("a")
    clock.told(NOON)
    assert clock.now_ms("a") == NOON
    clock.told(NOON - FAR_MS)
    assert clock.now_ms("a") == NOON + 1, "a month may be an error of the clock now"
    again = machine.clock(msgspec.structs.replace(clock.anchor(), now_ms=NOON, last_ms=NOON + 2 * FAR_MS))
    again.told(NOON)
    assert again.now_ms("a") == NOON
    unknown = machine.clock(Anchor("boot 0", 0, NOON, 0, 0, NOON + 2 * FAR_MS), boot="boot 2")
    stamp = unknown.now_ms("a")
    assert stamp > NOON + 2 * FAR_MS
    correction = unknown.told(NOON)
    assert correction is not None
    assert stamp + correction.delta_ms == NOON


@pytest.mark.parametrize(
    "change",
    [
        {"now_ms": -1}, {"now_ms": LATEST_MS}, {"last_ms": LATEST_MS}, {"final_ms": LATEST_MS}, {"first_ms": LATEST_MS},
        {"here_ms": LATEST_MS}, {"boottime_ms": -1}, {"boottime_ms": LATEST_MS}, {"ahead_ms": LATEST_MS},
        {"ahead_ms": -LATEST_MS}, {"epoch": -1}, {"epoch": 1 << 31},
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_is_no_anchor(change: dict[str, int]) -> None:
    good = Anchor("boot 1", 5, NOON, (1 << 31) - 1, 1 - LATEST_MS, NOON, LATEST_MS - 1, NOON, NOON)
    assert good.is_possible
    assert Anchor("", 0, 0).is_possible
    assert not msgspec.structs.replace(good, **change).is_possible


def test_stretches_that_never_became_known_lie_before_the_one_that_did() -> None:
    """A rig that booted three times without its Commander: its logs keep their order."""
    meta = Meta()
    for epoch, times in ((11, (1_000, 5_000)), (12, (4_000, 4_500)), (13, (900, 2_000))):
        for t in times:
            meta.note_epoch(epoch, t)
    meta.note_epoch(12, 4_200)
    assert meta.epochs == {11: (1_000, 5_000), 12: (4_000, 4_500), 13: (900, 2_000)}
    meta.shift(Correction(13, 3_100, 4_000))
    assert meta.shifts == {13: 3_100, 12: -501, 11: -1_502}
    assert 5_000 + meta.shifts[11] < 4_000 + meta.shifts[12]
    assert 4_500 + meta.shifts[12] == 4_000 - 1


def test_a_stretch_that_was_corrected_stays_so_and_bounds_those_before_it() -> None:
    meta = Meta(epochs={1: (100, 900), 2: (200, 300), 3: (50, 60)}, shifts={2: 1_000})
    meta.shift(Correction(3, 5_000, 5_050))
    assert meta.shifts == {2: 1_000, 3: 5_000, 1: 0}, "it lay before 1,200 as it was"
    meta.shift(Correction(9, 7, 100))
    assert meta.shifts == {2: 1_000, 3: 5_000, 1: 0, 9: 7}
