"""A control board is asked one thing at a time (RELIABILITY row 33): readings, orders, checks and scans take turns,
and a reading is taken question by question.

Where one datum needs several questions, the library puts those side by side: two for the power of a stock Antminer, up
to three for ePIC, six for LuxOS. That too is counted here, so that it is noticed when it changes.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from promise import record

from rigfarm.sentry.asic import conversations
from rigfarm.sentry.asic.readers import library, plan
from rigfarm.sentry.asic.readers.base import Scope
from rigfarm.simulate.asic import FakeAsicFarm
from rigfarm.wire.commands import Locate
from support.asic_trial import LOW_PORTS, QUICK, farm_of, sentry
from support.until import until

pytestmark = pytest.mark.skipif(not LOW_PORTS, reason="fake ASICs listen on port 80, which needs root here")

SIDE_BY_SIDE = {
    "antminer-stock": 2, "bitaxe": 1, "braiins": 1, "iceriver": 1, "whatsminer": 1, "epic": 3, "luxos": 6,
}  # fmt: skip
PACE = dataclasses.replace(QUICK, cycle=0.05, whole_every=0.2, first_checks_within=0.1)


def slow(farm: FakeAsicFarm) -> None:
    """Answers take a while, so that questions side by side are seen."""
    for device in farm.devices.values():
        device.answer_delay_s = 0.01


def count_anew(farm: FakeAsicFarm) -> None:
    """Recognising is the library's own business, with three knocks side by side: counted is what comes after."""
    for device in farm.devices.values():
        device.traffic.busy_peak = device.traffic.busy
        device.traffic.twice_at_once = 0


async def busy_peaks(folder: Path) -> dict[str, int]:
    """The most questions at once to each make, while everything is going on; and -1 if one was put twice at once."""
    async with farm_of(*SIDE_BY_SIDE, steady=False) as farm, sentry(folder, PACE) as asics:
        tokens = [await asics.add(ip) for ip in farm.devices]
        await asics.reading(tokens)
        slow(farm)
        await asyncio.sleep(0.1)
        count_anew(farm)
        before = {token: asics.by(token).cycles for token in tokens}
        orders = [asyncio.create_task(asics.part.on_command(token, Locate(on=True))) for token in tokens * 3]
        async with scanning(asics.service):
            await until(lambda: all(asics.by(token).cycles > before[token] + 5 for token in tokens))
        await asyncio.gather(*orders)
        return {
            device.make: -1 if device.traffic.twice_at_once else device.traffic.busy_peak
            for device in farm.devices.values()
        }


@contextlib.asynccontextmanager
async def scanning(service) -> AsyncIterator[None]:  # type: ignore[no-untyped-def]
    """Scans of the same addresses, one after the other."""

    async def forever() -> None:
        addresses = ",".join(unit.ip for unit in service.roster)
        while True:
            service.start_scan(addresses)
            await until(lambda: service.scan.state != "running")

    task = asyncio.create_task(forever())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_one_question_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    peaks = await busy_peaks(tmp_path / "ours")

    @contextlib.asynccontextmanager
    async def no_turns(self: object, ip: str) -> AsyncIterator[None]:
        yield

    monkeypatch.setattr(conversations.Conversations, "with_device", no_turns)  # the mutation: nobody takes turns
    control = await busy_peaks(tmp_path / "control")
    over = {make: peak for make, peak in peaks.items() if not 0 < peak <= SIDE_BY_SIDE[make]}
    seen = {make: peak for make, peak in control.items() if not 0 < peak <= SIDE_BY_SIDE[make]}
    record(
        33,
        "questions side by side to one device while it is read, ordered and scanned: "
        + ", ".join(f"{make} {peak}" for make, peak in peaks.items()),
        n=len(peaks),
        bad=len(over),
        control="conversations do not take turns",
        control_bad=f"{len(seen)} of {len(control)} makes asked more at once, or the same twice",
        unit="makes",
    )
    assert over == {}
    assert len(seen) > len(peaks) / 2, "the control must be seen"


async def test_control_a_reading_all_at_once_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mutation: no plan, the library asks everything side by side."""
    everything = plan.steps("a firmware nobody has heard of", Scope.WHOLE)
    async with farm_of("antminer-stock") as farm:
        (ip,) = farm.devices
        reader = await library.identify(ip, None)
        assert reader is not None
        slow(farm)
        count_anew(farm)
        await reader.read(Scope.WHOLE)
        assert farm[ip].traffic.busy_peak <= SIDE_BY_SIDE["antminer-stock"]
        monkeypatch.setattr(library, "steps", lambda firmware, scope: everything)
        await reader.read(Scope.WHOLE)
        assert farm[ip].traffic.busy_peak > 4


async def test_a_dead_device_is_asked_one_thing_and_no_more() -> None:
    async with farm_of("whatsminer", "antminer-stock", "luxos") as farm:
        for ip, device in farm.devices.items():
            reader = await library.identify(ip, None)
            assert reader is not None
            before = device.traffic.total
            device.restart_s = 60
            device.restart()
            assert (await reader.read(Scope.WHOLE)).silent
            assert device.traffic.total - before <= SIDE_BY_SIDE[device.make], "the first step only"
