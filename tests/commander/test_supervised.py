"""A part that fails or hangs is reported and restarted while the others go on."""

from __future__ import annotations

import asyncio

import pytest

from rigfarm.commander import supervised as supervised_module
from rigfarm.commander.supervised import CHECK_EVERY_S, DEADLINE_S, RECOVERED_S, Part, Parts, Work, supervised


class Clock:
    def __init__(self) -> None:
        self.s = 1_000.0

    def __call__(self) -> float:
        return self.s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def parts(clock: Clock) -> Parts:
    return Parts(monotonic=clock)


def passes(parts: Parts, clock: Clock, seconds: float) -> None:
    for _ in range(round(seconds / CHECK_EVERY_S)):
        clock.s += CHECK_EVERY_S
        parts.check()


async def test_it_works() -> None:
    done = asyncio.Event()

    async def work(part: Part) -> None:
        done.set()

    part = Part("work")
    async with supervised(part, work):
        await asyncio.wait_for(done.wait(), 60)
        await asyncio.sleep(0.01)
        part.check()
        assert part.state == "done"


async def test_what_fails_starts_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervised_module, "FIRST_S", 0.01)
    starts = 0
    well = asyncio.Event()

    async def work(part: Part) -> None:
        nonlocal starts
        starts += 1
        if starts < 3:
            raise RuntimeError("broken")
        well.set()
        await asyncio.sleep(3600)

    part = Part("work")
    async with supervised(part, work):
        await asyncio.wait_for(well.wait(), 60)
    assert (starts, part.failures, part.error) == (3, 2, "RuntimeError: broken")


async def test_what_hangs_is_cancelled_and_starts_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervised_module, "FIRST_S", 0.01)
    monkeypatch.setattr(supervised_module, "CHECK_EVERY_S", 0.05)
    starts = 0
    well = asyncio.Event()
    reported: list[str] = []

    async def work(part: Part) -> None:
        nonlocal starts
        starts += 1
        if starts == 2:
            well.set()
        while True:
            part.beat()
            await asyncio.sleep(3600 if starts == 1 else 0.01)

    parts = Parts()
    parts.on_changed.append(lambda part: reported.append(part.state))
    with parts.watched():
        async with parts.running(Work("work", work, deadline_s=0.2)):
            await asyncio.wait_for(well.wait(), 20)
    assert reported[0] == "hanging"


async def test_it_ends_with_its_block() -> None:
    ended = asyncio.Event()

    async def work(part: Part) -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            ended.set()

    async with supervised(Part("work"), work):
        await asyncio.sleep(0.01)
    assert ended.is_set()


def test_an_idle_part_never_hangs(parts: Parts, clock: Clock) -> None:
    part = parts.add("work")
    passes(parts, clock, 3_600)
    part.beat()
    part.idle()
    passes(parts, clock, 3_600)
    assert parts.troubled == []


def test_work_that_is_not_done_by_its_deadline_is_reported(parts: Parts, clock: Clock) -> None:
    part = parts.add("work")
    for _ in range(round(DEADLINE_S)):
        part.expect()  # more work does not put the deadline off
        passes(parts, clock, 1)
    assert parts.troubled == []
    passes(parts, clock, CHECK_EVERY_S)
    assert parts.troubled == [part]
    assert part.state == "hanging"
    part.idle()
    passes(parts, clock, CHECK_EVERY_S)
    assert parts.troubled == []


def test_a_machine_that_was_suspended_reports_nothing(parts: Parts, clock: Clock) -> None:
    part = parts.add("work")
    part.beat()
    passes(parts, clock, DEADLINE_S / 2)
    clock.s += 3_600
    parts.check()
    passes(parts, clock, DEADLINE_S / 4)
    assert parts.troubled == []
    passes(parts, clock, DEADLINE_S)
    assert parts.troubled == [part]


def test_a_part_that_keeps_failing_is_in_trouble_all_the_time(parts: Parts, clock: Clock) -> None:
    part = parts.add("work")
    for _ in range(5):
        part.started()
        passes(parts, clock, RECOVERED_S / 2)
        part.failed("broken")
        passes(parts, clock, 1)
        assert parts.troubled == [part]
    part.started()
    passes(parts, clock, RECOVERED_S / 2)
    assert parts.troubled == [part]
    part.beat()
    passes(parts, clock, RECOVERED_S)
    assert parts.troubled == []


def test_one_listener_that_fails_does_not_keep_the_others_from_knowing(parts: Parts, clock: Clock) -> None:
    heard: list[str] = []

    def broken(part: Part) -> None:
        raise RuntimeError("broken")

    parts.on_changed += [broken, lambda part: heard.append(part.state)]
    part = parts.add("work")
    part.beat()
    passes(parts, clock, 2 * DEADLINE_S)
    assert heard == ["hanging"]
