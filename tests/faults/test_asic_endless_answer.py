"""A device that answers without end is cut off before it fills the memory, and the others are read on."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest
from promise import record

from rigfarm.sentry.asic import memory_guard
from rigfarm.sentry.asic.memory_guard import MemoryGuard
from rigfarm.sentry.asic.model import Device
from rigfarm.sentry.asic.readers import library
from rigfarm.sentry.asic.readers.base import Scope
from rigfarm.sentry.asic.unit import Unit
from support.asic_trial import LOW_PORTS, farm_of
from support.until import until

pytestmark = pytest.mark.skipif(not LOW_PORTS, reason="fake ASICs listen on port 80, which needs root here")

FLOOD = """
import socket, sys
server = socket.create_server((sys.argv[1], 80))
chunk = b"A" * (1 << 20)
print("ready", flush=True)
while True:
    client, _ = server.accept()
    try:
        client.recv(4096)
        client.sendall(b'HTTP/1.1 200 OK\\r\\nContent-Type: application/json\\r\\n\\r\\n{"A":"')
        for _ in range(1500):
            client.sendall(chunk)
    except OSError:
        pass
    client.close()
"""
"""Answers as fast as the machine can: a farm of fakes in Python could not."""


@contextlib.contextmanager
def flooding(address: str) -> Iterator[None]:
    """A device at this address that answers without end."""
    process = subprocess.Popen([sys.executable, "-c", FLOOD, address], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    try:
        yield
    finally:
        process.kill()
        process.wait()


async def devoured(growth_bytes: int, enough: int = 1 << 40, within_s: float = 1.5) -> int:
    """How much memory one such device takes in a reading of so long, under a guard that allows `growth_bytes`; once it
    took `enough`, it is looked at no longer."""
    async with farm_of("bitaxe") as farm:
        (ip,) = farm.devices
        reader = await library.identify(ip, None)
        assert reader is not None
    process, unit = psutil.Process(), Unit(Device(id=1, ip=ip))
    guard = MemoryGuard(growth_bytes=growth_bytes, look_every_s=0.02)
    start = most = process.memory_info().rss
    with flooding(ip):
        watching = asyncio.create_task(guard.run())

        async def read() -> None:
            with contextlib.suppress(TimeoutError):
                async with guard.deadline(unit, within_s):
                    await reader.read(Scope.PULSE)

        reading = asyncio.create_task(read())
        while not reading.done():
            most = max(most, process.memory_info().rss)
            if most - start > enough:
                reading.cancel()
            await asyncio.sleep(0.005)
        watching.cancel()
    return most - start


async def test_an_answer_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control is a guard that allows everything."""
    monkeypatch.setattr(memory_guard, "_SUSPECT_S", 0.05)
    guarded = await devoured(24 << 20)
    control = await devoured(1 << 40, enough=3 * max(guarded, 24 << 20), within_s=60.0)
    record(
        33,
        "memory that one device takes by answering without end, MiB",
        n=1,
        bad=int(guarded > control / 2),
        control="no guard",
        control_bad=f"{control >> 20} MiB; guarded {guarded >> 20} MiB",
    )
    assert guarded < control / 2


async def test_who_devours_is_cut_off_and_who_does_not_goes_on() -> None:
    rss = [100 << 20]
    guard = MemoryGuard(growth_bytes=50 << 20, rss=lambda: rss[0])
    old, young = Unit(Device(id=1, ip="10.0.0.1")), Unit(Device(id=2, ip="10.0.0.2"))
    outcome: list[str] = []

    async def read(unit: Unit, name: str) -> None:
        try:
            async with guard.deadline(unit, 30):
                await asyncio.sleep(30)
        except TimeoutError:
            outcome.append(name)

    tasks = [asyncio.create_task(read(old, "old"))]
    await asyncio.sleep(0.35)
    guard.look()
    assert outcome == []
    tasks.append(asyncio.create_task(read(young, "young")))
    await asyncio.sleep(0)
    rss[0] = 400 << 20
    guard.look()
    await until(lambda: outcome)
    assert (outcome, old.greedy, young.greedy) == (["old"], True, False)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def test_a_farm_that_grows_is_no_flood() -> None:
    rss = [100 << 20]
    guard = MemoryGuard(growth_bytes=50 << 20, rss=lambda: rss[0])
    for _ in range(20_000):
        rss[0] += 20_000  # 100 kB a second, over an hour
        guard.look()
    assert guard._normal > 350 << 20
