"""The beat: at once, then in a phase of its own, and never in a burst."""

from __future__ import annotations

import random

import pytest

from rigfarm.sentry.rig import beat as module
from rigfarm.sentry.rig.beat import beat


class FakeTime:
    """A clock that sleeping moves."""

    now = 500.0

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> FakeTime:
    """For the beat alone: another thread that sleeps must not move it."""
    fake = FakeTime()
    monkeypatch.setattr(module, "time", fake)
    monkeypatch.setattr(module, "asyncio", fake)
    return fake


async def _beats(time: FakeTime, count: int, interval: float = 5.0) -> list[float]:
    found = []
    async for _ in beat(lambda: interval):
        found.append(time.now - 500.0)
        if len(found) == count:
            break
    return found


async def test_the_first_is_now_and_the_next_within_the_interval(
    time: FakeTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(random, "random", lambda: 0.25)
    assert await _beats(time, 4) == pytest.approx([0.0, 3.75, 8.75, 13.75])


async def test_rigs_that_start_together_spread_over_the_interval(time: FakeTime) -> None:
    seconds = []
    for _ in range(200):
        time.now = 500.0
        seconds.append((await _beats(time, 2))[1])
    assert min(seconds) < 1.0
    assert max(seconds) > 4.0
    assert all(0 <= second <= 5.0 for second in seconds)


async def test_beats_that_could_not_be_kept_are_left_out(time: FakeTime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "random", lambda: 0.0)
    found = []
    async for _ in beat(lambda: 5.0):
        found.append(time.now - 500.0)
        if len(found) == 2:
            time.now += 17.0
        if len(found) == 4:
            break
    assert found == pytest.approx([0.0, 5.0, 22.0, 25.0])


async def test_an_interval_of_nothing_does_not_spin(time: FakeTime) -> None:
    found = await _beats(time, 100, interval=0.0)
    assert found[-1] >= 98 * 0.02 - 0.02
