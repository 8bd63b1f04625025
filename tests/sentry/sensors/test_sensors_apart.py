"""A source that fails or hangs costs its own values only, and piles nothing up."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_pynvml import FakeNvml, healthy

from rigfarm.sentry.sensors import Problem, Sensors, SourceFailed, SourceReading
from rigfarm.sentry.sensors.nvml import Nvml
from rigfarm.wire.log import Device
from rigfarm.wire.specs import GpuSpecs


class Says:
    """A source that says what it is told to say, or raises it."""

    def __init__(self, name: str, answer: SourceReading | Exception, specs: list[GpuSpecs] | None = None) -> None:
        self.name = self.title = name
        self.answer = answer
        self.specs = specs or []
        self.closed = threading.Event()

    def read(self) -> SourceReading:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def gpu_specs(self) -> list[GpuSpecs]:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.specs

    def close(self) -> None:
        self.closed.set()


class Hangs(Says):
    """A source that answers when it is let go."""

    def __init__(self, name: str, answer: SourceReading) -> None:
        super().__init__(name, answer)
        self.free = threading.Event()
        self.reads = 0

    def read(self) -> SourceReading:
        self.reads += 1
        self.free.wait(30)
        return super().read()


def gpu(address: str, **values: float) -> Device:
    return Device(kind="gpu", index=0, id=address, **values)


CPU = SourceReading(devices=[Device(kind="cpu", index=0, core_c=50.0)])
CARD = SourceReading(devices=[gpu("0000:01:00.0", core_c=60.0)])


@pytest.fixture
def hanging() -> Iterator[Hangs]:
    source = Hangs("dead", CARD)
    yield source
    source.free.set()


async def test_the_values_of_all_sources_are_joined() -> None:
    sensors = Sensors(
        sources=[
            Says("cpu", CPU),
            Says("rapl", SourceReading(devices=[Device(kind="cpu", index=0, power_w=65.0)])),
            Says("cards", CARD),
            Says("psu", SourceReading(power_w=300.0, fans=[900.0])),
        ]
    )
    reading = await sensors.read()
    assert [(d.kind, d.core_c, d.power_w) for d in reading.devices] == [("cpu", 50.0, 65.0), ("gpu", 60.0, None)]
    assert (reading.power_w, reading.fans, reading.problems) == (300.0, [900.0], [])


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (RuntimeError("boom"), "boom"),
        (SourceFailed(Problem("NVIDIA cards", "no driver", "Install it.")), "NVIDIA cards: no driver. Install it."),
        (TimeoutError("of its own"), "of its own"),
    ],
)
async def test_one_that_fails_is_a_sentence_and_the_others_are_read(error: Exception, says: str) -> None:
    reading = await Sensors(sources=[Says("bad", error), Says("cpu", CPU)]).read()
    assert [device.core_c for device in reading.devices] == [50.0]
    assert len(reading.problems) == 1
    assert says in reading.problems[0]


async def test_one_that_hangs_is_given_up_and_asked_again_only_when_it_is_back(hanging: Hangs) -> None:
    sensors = Sensors(sources=[hanging, Says("cpu", CPU)], timeout_s=0.05)
    before = threading.active_count()
    while not (await sensors.read()).devices:  # on a busy machine, the other may be late too
        await asyncio.sleep(0.01)
    sensors._timeout_s = 60.0  # of the one that is known to hang, nobody waits for it
    for _ in range(5):
        reading = await sensors.read()
        assert [device.core_c for device in reading.devices] == [50.0]
        assert "hangs" in reading.problems[0]
    assert hanging.reads == 1
    assert threading.active_count() - before == 2  # one thread per source, however often it was asked
    hanging.free.set()
    deadline = time.monotonic() + 60
    while (reading := await sensors.read()).devices[-1].core_c != 60.0:
        assert time.monotonic() < deadline
    assert reading.problems == []


async def test_one_that_is_known_to_hang_is_not_waited_for(hanging: Hangs) -> None:
    sensors = Sensors(sources=[hanging], timeout_s=0.05)
    await sensors.read()
    sensors._timeout_s = 1e6
    async with asyncio.timeout(20):
        await sensors.read()


async def test_cards_of_a_source_that_hangs_are_unknown_and_not_missing() -> None:
    driver = FakeNvml(healthy("00000000:01:00.0"))
    sensors = Sensors(sources=[Nvml(Path("/nonexistent"), driver.module)], timeout_s=60.0)
    assert (await sensors.read()).devices[0].core_c == 63.0
    sensors._timeout_s = 0.5
    driver.hang.clear()
    try:
        [card] = (await sensors.read()).devices
    finally:
        driver.hang.set()
    assert (card.id, card.name, card.core_c, card.missing) == ("0000:01:00.0", "NVIDIA GeForce RTX 3080", None, False)


async def test_closing_lets_the_sources_go() -> None:
    source = Says("cpu", CPU)
    sensors = Sensors(sources=[source])
    await sensors.read()
    sensors.close()
    assert source.closed.wait(60)


async def test_closing_does_not_wait_for_one_that_hangs(hanging: Hangs) -> None:
    sensors = Sensors(sources=[hanging], timeout_s=0.05)
    await sensors.read()
    sensors.close()
    assert not hanging.closed.is_set()


async def test_what_a_source_found_there_by_itself_is_read(recorded: Path) -> None:
    reading = await Sensors(sysfs_root=recorded).read()
    assert [(d.kind, d.index, d.id, d.core_c) for d in reading.devices] == [
        ("cpu", 0, None, 55.0),
        ("cpu", 1, None, 55.0),
        ("gpu", 0, "0000:09:00.0", None),
    ]
