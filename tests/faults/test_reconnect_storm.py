"""Row 11: a farm returns to a restarted Commander within half a minute, not as one wave, and pages answer meanwhile.

The links are simulated, when they try again is decided by the Sentry's own code. The control is the same without
jitter: all knock in the same moment.
"""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import uvloop
from msgspec import Struct
from promise import FULL, record, scaled

from rigfarm.common.clock import utc_ms
from rigfarm.sentry.link.connect import Timings
from rigfarm.sentry.link.reconnect import Reconnect
from rigfarm.simulate.commander import CommanderProcess
from rigfarm.wire.codec import encode
from support.load import a_log, connect

LINKS = scaled(200, 5_000)
TIMINGS = Timings() if FULL else Timings(first_retry_s=0.5, retry_cap_s=4.0)
WAVE_S = 1.0 if FULL else 0.2
A_WAVE = 0.6
"""What share of all links within `WAVE_S` is one wave."""
BACK_WITHIN_S = 30.0
AWAY_S = scaled(0, 10)
"""How long the Commander is gone, besides the time that it takes to start."""


class Storm(Struct):
    """How a farm came back."""

    back_s: float
    """Until the last link was welcomed, from when the Commander was started again."""
    wave: float
    """The largest share of the links whose turn to knock came within `WAVE_S`."""
    peak: int
    """Most links welcomed within a second."""
    handshake_p99_s: float
    errors: Counter[str]
    page_s: float
    """The slowest page."""


class Farm:
    """Links that stay."""

    def __init__(self, commander: CommanderProcess, jitter: bool) -> None:
        self.commander = commander
        self.jitter = jitter
        self.ready_at: float | None = None
        self.due: dict[int, float] = {}
        """When each meant to try: a machine that is too busy to do so then makes no wave smaller."""
        self.knocks: dict[int, float] = {}
        self.welcomes: dict[int, float] = {}
        self.errors: Counter[str] = Counter()

    async def stay(self, number: int, token: str) -> None:
        straight: Callable[[float, float], float] = lambda _, most: most  # noqa: E731
        again = Reconnect(TIMINGS) if self.jitter else Reconnect(TIMINGS, uniform=straight)
        delay = 0.0
        while True:
            due = time.monotonic() + delay
            await asyncio.sleep(delay)
            began = time.monotonic()
            try:
                link = await connect(self.commander.url, [token])
            except (OSError, TimeoutError) as error:
                if self.ready_at is not None and began > self.ready_at:
                    self.errors[type(error).__name__] += 1
                delay = again.delay(None)
                continue
            self.due[number], self.knocks[number], self.welcomes[number] = due, began, time.monotonic()
            again.stood(TIMINGS.stable_s)
            link.send_logs([encode(a_log(number, utc_ms(), gpus=1))])
            await link.lost.wait()
            delay = again.delay(None)

    async def all_there(self) -> None:
        async with asyncio.timeout(120):
            while len(self.welcomes) < LINKS:
                await asyncio.sleep(0.05)

    async def look_at_pages(self, browser: httpx.AsyncClient) -> float:
        slowest = 0.0
        while len(self.welcomes) < LINKS:
            began = time.monotonic()
            assert (await browser.get("/rigs")).status_code == 200
            slowest = max(slowest, time.monotonic() - began)
            await asyncio.sleep(0.2)
        return slowest

    async def restart(self, browser: httpx.AsyncClient) -> Storm:
        """Kill the Commander, start it again, and see everybody return."""
        self.errors.clear()
        await asyncio.to_thread(self.commander.kill)
        self.welcomes.clear()
        self.knocks.clear()
        await asyncio.sleep(AWAY_S)
        started_at = time.monotonic()
        await asyncio.to_thread(self.commander.start)
        self.ready_at = time.monotonic()
        pages = asyncio.create_task(self.look_at_pages(browser))
        await self.all_there()
        shakes = sorted(self.welcomes[n] - self.knocks[n] for n in self.welcomes)
        return Storm(
            back_s=max(self.welcomes.values()) - started_at,
            wave=most_within(sorted(self.due.values()), WAVE_S) / LINKS,
            peak=most_within(sorted(self.welcomes.values()), 1.0),
            handshake_p99_s=shakes[int(0.99 * (len(shakes) - 1))],
            errors=Counter(self.errors),
            page_s=await pages,
        )


def most_within(times: list[float], seconds: float) -> int:
    return max(bisect_left(times, start + seconds) - index for index, start in enumerate(times))


async def storm(commander: CommanderProcess, made: list[tuple[int, str]], *, jitter: bool) -> Storm:
    farm = Farm(commander, jitter)
    tasks = [asyncio.create_task(farm.stay(number, token)) for number, (_, token) in enumerate(made)]
    async with httpx.AsyncClient(base_url=commander.url, headers={"Origin": commander.url}, timeout=60) as browser:
        assert (await browser.post("/login", data={"password": commander.password})).status_code == 303
        await farm.all_there()
        found = await farm.restart(browser)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return found


@pytest.mark.timeout(900)
async def test_a_farm_returns_and_not_as_one_wave(tmp_path: Path) -> None:
    with CommanderProcess(tmp_path / "commander") as commander:
        made = await asyncio.to_thread(commander.add_rigs, [f"rig-{number}" for number in range(LINKS)])
        found = await asyncio.to_thread(lambda: uvloop.run(storm(commander, made, jitter=True)))
        control = await asyncio.to_thread(lambda: uvloop.run(storm(commander, made, jitter=False)))
        commander.kill()
    late = 0 if found.back_s < BACK_WITHIN_S else LINKS
    handshake, page = round(found.handshake_p99_s * 1000), round(found.page_s * 1000)
    record(
        11,
        f"{LINKS:,} Sentries are back {found.back_s:.1f} s after their Commander was started again; at most "
        f"{found.peak} in a second, handshake p99 {handshake} ms, slowest page {page} ms",
        n=LINKS,
        bad=sum(found.errors.values()) + late,
        unit="links with an error, or not back within 30 s",
        control="no jitter",
        control_bad=f"{control.wave:.0%} knocked within {WAVE_S} s ({found.wave:.0%} with it)",
    )
    assert found.errors == Counter()
    assert late == 0
    assert found.wave < A_WAVE
    assert found.wave < control.wave
