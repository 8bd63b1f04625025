"""Dead devices cost the living nothing (RELIABILITY row 33), counted by cycles: how often the living were read while
the dead were asked as well.

The control is a poller without a lane of their own for the dead.
"""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path

import pytest
from promise import FULL, record, scaled

from rigfarm.sentry.asic import poller as poller_module
from rigfarm.sentry.asic.poller import Pace
from rigfarm.simulate.asic import Fault
from support.asic_trial import LOW_PORTS, QUICK, Sentry, farm_of, sentry
from support.until import until

pytestmark = pytest.mark.skipif(not LOW_PORTS, reason="fake ASICs listen on port 80, which needs root here")

LIVING, DEAD = scaled(6, 40), scaled(12, 160)
PACE = dataclasses.replace(
    QUICK, cycle=0.2, reading=0.3, recognising=0.3, backoff_max=0.4, living_at_once=3, dead_at_once=3, whole_every=60.0
)
"""Fewer places than dead devices, as in a farm of thousands."""


async def cycles_of_the_living(folder: Path, dead: int, pace: Pace = PACE) -> float:
    """How often a living device was read, per cycle that passed."""
    async with farm_of(*["bitaxe"] * (LIVING + dead), steady=False) as farm, sentry(folder, pace) as asics:
        addresses = list(farm.devices)
        tokens = [await asics.add(ip) for ip in addresses]
        await asics.reading(tokens)
        for ip in addresses[LIVING : LIVING + dead // 2]:
            farm[ip].fault = Fault.SILENT
        for ip in addresses[LIVING + dead // 2 :]:
            farm.unplug(ip)
        await settled(asics, tokens[LIVING:])
        units = [asics.by(token) for token in tokens[:LIVING]]
        before = [unit.cycles for unit in units]
        for _ in range(8):  # by a beat of our own: when the machine stands still, that does, too
            await asyncio.sleep(pace.cycle)
        return min(unit.cycles - b for unit, b in zip(units, before, strict=True)) / 8


async def settled(asics: Sentry, tokens: list[str]) -> None:
    await until(lambda: all(asics.by(token).failures >= 2 for token in tokens), "all of them known to be dead", 60)


@pytest.mark.timeout(600)
async def test_the_living_are_read_in_every_cycle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    beside = await cycles_of_the_living(tmp_path / "beside", DEAD)
    monkeypatch.setattr(poller_module, "_DEAD_AFTER", 10**9)  # the mutation: the dead share the lane of the living
    shared = await cycles_of_the_living(tmp_path / "shared", DEAD)
    record(
        33,
        f"{DEAD} dead devices, {LIVING} living ones: the slowest living one was read {beside:.2f} times a cycle",
        n=LIVING,
        bad=0 if beside > (0.8 if FULL else 0.3) else LIVING,
        control="no lane of their own for the dead",
        control_bad=f"{shared:.2f} times a cycle",
        unit="living devices delayed",
    )
    # A busy machine reads everybody more rarely; the dead are what may not make a difference.
    assert beside > (0.8 if FULL else 0.3)
    assert shared < beside * 0.7, "the control must be seen"


async def test_a_dead_device_is_asked_ever_more_rarely(tmp_path: Path) -> None:
    async with farm_of("luxos") as farm, sentry(tmp_path) as asics:
        (ip,) = farm.devices
        farm[ip].fault = Fault.EMPTY
        token = await asics.add(ip)
        unit = asics.by(token)
        rests = []
        for failures in range(1, 8):
            unit.failures = failures
            rests.append(asics.service.poller._rest(unit))
        assert rests[0] < rests[1] < rests[-1] <= QUICK.backoff_max


async def test_starts_are_spread_over_the_cycle(tmp_path: Path) -> None:
    """A thousand devices are not asked in the same moment: within the first tenth of a cycle, not nearly all are."""
    pace = dataclasses.replace(QUICK, cycle=1.0)
    async with farm_of(*["bitaxe"] * 30, steady=False) as farm, sentry(tmp_path, pace) as asics:
        started = asyncio.get_running_loop().time()
        tokens = [await asics.add(ip) for ip in farm.devices]
        await asics.reading(tokens)
        first = sorted(asics.by(token).read_at or 0 for token in tokens)
        assert first[-1] - first[0] > 0.25, f"all within {first[-1] - started:.2f} s"
