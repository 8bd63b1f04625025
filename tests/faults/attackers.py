"""Whoever has one rig's token and means harm, in a process of its own: `python attackers.py URL TOKEN KIND SECONDS`. It
prints how much it sent. For Commanders that a test has started on this machine, and for no others."""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
import time
from collections.abc import Callable, Iterator

from msgspec import Raw

from rigfarm.common.clock import utc_ms
from rigfarm.wire.codec import encode
from rigfarm.wire.log import OperationalLog, Workload
from support.load import LoadLink, connect

__all__ = ["KINDS"]

BUFFERED = 2 << 20
"""Bytes that may wait to be sent: what the Commander does not read waits in this process."""


def logs(first: int, *some: OperationalLog) -> bytes:
    return encode([3, first, [0] * len(some), [Raw(encode(one)) for one in some]])


def flood() -> Iterator[bytes]:
    """Logs that cannot be compressed, half a MiB at a time."""
    first = 1
    while True:
        yield logs(first, *(OperationalLog(utc_ms() + n, messages=[os.urandom(16 << 10).hex()]) for n in range(16)))
        first += 16


def small_logs() -> Iterator[bytes]:
    """As many logs as there can be."""
    first = 1
    while True:
        yield logs(first, *(OperationalLog(utc_ms() + n) for n in range(500)))
        first += 500


def again() -> Iterator[bytes]:
    """The same frame for ever."""
    same = logs(1, *(OperationalLog(utc_ms() + n, messages=["x" * 1_800]) for n in range(500)))
    while True:
        yield same


def coins() -> Iterator[bytes]:
    """New coins for ever."""
    first = 1
    while True:
        workloads = [Workload(coin=f"C{first}-{n}", hashrate=9.9e23, accepted=1 << 52) for n in range(32)]
        yield logs(first, OperationalLog(utc_ms(), workloads=workloads, power_w=9e6))
        first += 1


def words() -> Iterator[bytes]:
    """Everything that is no log."""
    number = 0
    while True:
        number += 1
        yield encode([2, 0, {"sentry_version": str(number), "hostname": "h" * 500, "supports": ["reboot"] * 64}])
        yield encode([5, 0, [[n, [50.0 + number % 9] * 1_024] for n in range(32)]])
        yield encode([6, 0, [{"id": n, "revision": number, "state": "mining", "detail": "d" * 500} for n in range(64)]])
        yield encode([7, 0, 1, number * 1_000, ["line"] * 1_000])
        yield encode([8, os.urandom(16).hex(), 0, "running", "r" * 4_000])
        yield encode([99, os.urandom(10_000)])
        yield encode([8, number, 0, "running"])


def gaps() -> Iterator[bytes]:
    """Lost logs, in pieces."""
    number = 0
    while True:
        number += 2
        yield encode([4, number, number, True, [[0, number, 0]]])


def greetings() -> Iterator[bytes]:
    """Hellos for ever."""
    while True:
        yield b""


IMPOSSIBLE: list[Callable[[str], bytes]] = [
    lambda _: encode([3, (1 << 64) - 1, [0, 0], [[1], [2]]]),
    lambda _: encode([3, (1 << 53) - 1, [0, 0], [[1], [2]]]),
    lambda _: encode([4, 0, (1 << 53) - 1]),
    lambda _: encode([4, 0, (1 << 64) - 1]),
    lambda _: encode([3, 1, [4_999], [[1]]]),
    lambda _: encode([3, 1, [0], [[1 << 62]]]),
    lambda _: encode([3, 1, [0], [[1, None, None, None, None, [], [["gpu"] * 4_000, [], [], [], [], [[]] * 16_000]]]]),
    lambda token: encode([1, 1, "1", os.urandom(16), [token, token]]),
    lambda token: encode([1, 1, "1", os.urandom(16), [token] + [f"rf_{n}" for n in range(4_999)]]),
    lambda token: encode([1, 1, "1", os.urandom(16), [token] * 5_001]),
    lambda _: b"\x91" * 100_000,
    lambda _: b"\xff" * 100_000,
    lambda _: encode([6, 0, [{"id": 1 << 40, "revision": 1, "state": "mining"}]]),
]
KINDS: dict[str, Callable[[], Iterator[bytes]]] = {
    "flood": flood,
    "small-logs": small_logs,
    "the-same-again": again,
    "new-coins": coins,
    "everything-else": words,
    "gaps": gaps,
    "greetings": greetings,
}
"""Over one link. Besides, `new-spools` and `impossible`, which need ever new ones."""


async def _linked(url: str, token: str, until: float) -> LoadLink | None:
    while time.monotonic() < until:
        try:
            return await connect(url, [token])
        except (OSError, TimeoutError):
            await asyncio.sleep(0.05)
    return None


async def over_one_link(url: str, token: str, kind: str, until: float) -> tuple[int, int]:
    """(frames, bytes)"""
    frames = size = 0
    link = await _linked(url, token, until)
    source = KINDS[kind]()
    while link is not None and time.monotonic() < until:
        transport = link._transport
        assert transport is not None
        if link.lost.is_set():
            link = await _linked(url, token, until)
            continue
        if transport.get_write_buffer_size() > BUFFERED:
            await asyncio.sleep(0.001)
            continue
        data = next(source) or encode([1, 1, "1", os.urandom(16), [token]])
        link.send(data)
        frames, size = frames + 1, size + len(data)
        if not frames % 20:
            await asyncio.sleep(0)
    if link is not None:
        link.close()
    return frames, size


async def over_ever_new_links(url: str, token: str, kind: str, until: float) -> tuple[int, int]:
    """(frames, bytes), with eight at a time."""
    frames = size = 0
    chance = random.Random(36)

    async def one() -> None:
        nonlocal frames, size
        while (link := await _linked(url, token, until)) is not None and time.monotonic() < until:
            data = logs(1, OperationalLog(utc_ms())) if kind == "new-spools" else chance.choice(IMPOSSIBLE)(token)
            link.send(data)
            frames, size = frames + 1, size + len(data)
            await asyncio.sleep(0.005)
            link.close()
            await asyncio.wait_for(link.lost.wait(), 60)

    await asyncio.gather(*(one() for _ in range(8)))
    return frames, size


async def main(url: str, token: str, kind: str, seconds: float) -> None:
    until = time.monotonic() + seconds
    attack = over_one_link if kind in KINDS else over_ever_new_links
    frames, size = await attack(url, token, kind, until)
    print(json.dumps({"frames": frames, "bytes": size}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4])))
