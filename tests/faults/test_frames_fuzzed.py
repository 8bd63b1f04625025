"""Row 29, the link's side: whatever comes over the link is a frame within its limits, or a FrameError, and nothing
else; and whatever is a frame does no harm further in: not to the journal, and not to a page.

The control is a decoder that does not expect a text that is none.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from mangle import down_frames, full_log, hostile_log, mangled, up_frames
from promise import FULL, record, scaled
from whole import Whole, whole

from rigfarm.commander.link.link import Link
from rigfarm.commander.link.socket import _take
from rigfarm.common.clock import utc_ms
from rigfarm.wire import codec
from rigfarm.wire.codec import (
    MAX_LOG_BYTES,
    FrameError,
    decode_down,
    decode_log,
    decode_up,
    encode,
)
from rigfarm.wire.frames import Hello, Logs
from rigfarm.wire.limits import MAX_DEVICES
from support.load import a_log

pytestmark = pytest.mark.timeout(7200 if FULL else 120)
FRAMES = scaled(20_000, 1_000_000)
SENT = scaled(4_000, 200_000)
"""To a Commander."""
PAGES = scaled(30, 1_000)
WORST_S = 1.0
"""CPU time of decoding 64 KiB; the promise is a tenth, and a busy machine must not decide."""
T = 1_700_000_000_000


class Found:
    """What became of so many frames."""

    def __init__(self) -> None:
        self.read: Counter[str] = Counter()
        self.escaped: list[str] = []
        self.slowest_s = 0.0
        """CPU s for 64 KiB."""
        self.first: int | None = None
        """After how many the first mistake was found."""


def fuzz(decode: Callable[[bytes], object], seeds: list[bytes], count: int, seed: int) -> Found:
    chance, found = random.Random(seed), Found()
    for number in range(count):
        data = mangled(chance, seeds)
        began = time.thread_time()
        try:
            value = decode(data)
        except FrameError as error:
            found.read["refused"] += 1
            if len(str(error)) > 400:
                found.escaped.append(f"a reason of {len(str(error))} characters")
        except Exception as error:  # noqa: BLE001 - this is what is looked for
            found.escaped.append(repr(error)[:200])
        else:
            found.read["read"] += 1
            if not within(value):
                found.escaped.append(f"beyond its limits: {value!r:.200}")
        found.slowest_s = max(found.slowest_s, (time.thread_time() - began) / max(len(data) / MAX_LOG_BYTES, 1))
        if found.escaped and found.first is None:
            found.first = number + 1
    return found


def within(value: object) -> bool:
    """Whether every number, text and list of it is one that the Commander and the Sentry can keep."""
    if isinstance(value, bool | float | bytes | msgspec.Raw | None):
        return True
    if isinstance(value, int):
        return abs(value) <= 1 << 62
    if isinstance(value, str):
        return len(value) <= MAX_LOG_BYTES
    if isinstance(value, list | tuple):
        return len(value) <= 20_000 and all(map(within, value))
    if isinstance(value, dict):
        return len(value) <= 512 and all(within(one) for item in value.items() for one in item)
    assert isinstance(value, msgspec.Struct)
    return all(within(getattr(value, name)) for name in value.__struct_fields__)


def test_all_that_comes_is_a_frame_or_a_frame_error(monkeypatch: pytest.MonkeyPatch) -> None:
    up = [encode(one) for one in up_frames(T, ["token", "other"])]
    down = [encode(one) for one in down_frames(T)]
    logs = [encode(full_log(T, count)) for count in (0, 3, 40)] + [encode(a_log(1, T))]
    for decode, seeds in ((decode_up, up), (decode_down, down), (decode_log, logs)):
        for one in seeds:
            decode(one)
    found = [
        fuzz(decode_up, up, FRAMES, 1),
        fuzz(decode_down, down, FRAMES, 2),
        fuzz(decode_log, logs, FRAMES, 3),
    ]
    monkeypatch.setattr(codec, "_BROKEN", (msgspec.MsgspecError,))
    control = fuzz(decode_up, up, 20_000, 4)
    escaped = [one for part in found for one in part.escaped]
    read = sum(part.read["read"] for part in found)
    slowest = max(part.slowest_s for part in found)
    record(
        29,
        f"mangled frames and logs, up and down: {read} read, the others refused in words; the slowest took "
        f"{slowest * 1000:.1f} ms of CPU for 64 KiB",
        n=3 * FRAMES,
        bad=len(escaped),
        unit="frames and logs",
        control="a text that is no UTF-8 is not expected",
        control_bad=f"found after {control.first}",
    )
    assert escaped == []
    assert slowest < WORST_S
    assert all(part.read["read"] > FRAMES // 50 for part in found), "what is refused at once tests nothing further in"
    assert control.escaped


def test_a_log_with_all_columns_comes_back_as_it_was() -> None:
    for devices in (0, 1, 16, 100):
        log = full_log(T, devices)
        assert decode_log(encode(log)) == log
        assert len(list(log.devices)) == devices
    for frame in up_frames(T, ["token", "other"]):
        assert encode(decode_up(encode(frame))) == encode(frame)
    for answer in down_frames(T):
        assert decode_down(encode(answer)) == answer
    largest = full_log(T, MAX_DEVICES)
    assert len(decode_log(encode(largest)).devices) == MAX_DEVICES


# Further in


class Sentry:
    """Its frames are handed to the Commander in the Commander's own loop; a link that is closed is made anew."""

    def __init__(self, farm: Whole, tokens: list[str]) -> None:
        self.farm, self.tokens = farm, tokens
        self.closed = 0
        self.sent = 0
        self.escaped: list[str] = []
        self._link: Link | None = None

    async def listen(self) -> None:
        """For exceptions that end nothing but a callback of the loop."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: self.escaped.append(repr(context)[:300]))

    def _greeted(self) -> Link:
        async def nothing(*_: object) -> None:
            pass

        links = self.farm.commander.links
        link = Link(links, "192.0.2.1", nothing, nothing)
        links.greet(link, Hello(1, "1.0", random.Random(self.closed).randbytes(16), self.tokens))
        return link

    async def send(self, frames: list[bytes]) -> None:
        async def work() -> None:
            links = self.farm.commander.links
            for data in frames:
                link = self._link = self._link or self._greeted()
                self.sent += 1
                try:
                    await _take(links, link, data)
                except FrameError:
                    self.closed += 1
                    links.leave(link)
                    self._link = None
                except Exception as error:  # noqa: BLE001 - this is what is looked for
                    self.escaped.append(repr(error)[:300])
            await asyncio.sleep(0)

        await self.farm.within(work)


async def shown(farm: Whole, browser: Any, rigs: dict[str, int]) -> list[str]:
    """Pages and answers about these rigs that are mistakes of ours."""
    paths = ["/", "/rigs", "/asics", "/rigs?sort=hashrate", "/asics?sort=alive&per=100", "/api/rigs", "/api/farm"]
    for kind, rig_id in rigs.items():
        paths += [f"/{kind}/{rig_id}", f"/api/rigs/{rig_id}"]
    answers = [(path, (await browser.get(path)).status_code) for path in paths]
    return [f"{path}: {status}" for path, status in answers if status >= 500]


async def test_whatever_is_a_frame_harms_neither_journal_nor_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(29)
    with whole(tmp_path / "farm") as farm:

        async def make() -> list[tuple[Any, str]]:
            return await farm.commander.book.create_all([("rig", "cpu-gpu"), ("asic", "asic"), ("calm", "cpu-gpu")])

        (rig, token), (asic, asic_token), (calm, calm_token) = await farm.within(make)
        sentry, beside = Sentry(farm, [token, asic_token]), Sentry(farm, [calm_token])
        seeds = [encode(one) for one in up_frames(T, [token, asic_token])]
        await farm.within(sentry.listen)
        bad: list[str] = []
        async with farm.logged_in() as (browser, _):
            number = 1
            for turn in range(PAGES):
                now = utc_ms()
                await sentry.send([mangled(chance, seeds) for _ in range(SENT // PAGES)])
                for slot in (0, 1):
                    logs = [hostile_log(chance, now + turn) for _ in range(10)]
                    await sentry.send(
                        [encode(Logs(number + n, [slot], [msgspec.Raw(log)])) for n, log in enumerate(logs)]
                    )
                    number += len(logs)
                await beside.send([encode(Logs(turn + 1, [0], [msgspec.Raw(encode(a_log(3, now)))]))])
                bad += await shown(farm, browser, {"rigs": rig.id, "asics": asic.id})
        commander = farm.commander
        await asyncio.wait_for(farm.within(commander.journal.settled), 60)
        durable = await farm.within(lambda: commander.recent.last_hour(calm.id, lambda log: log))
        lost = PAGES - len(durable)
        assert commander.journal.set_aside.kept == 0
        assert commander.journal.failing is None
        monkeypatch.setattr(codec, "_BROKEN", (msgspec.MsgspecError,))
        control = Sentry(farm, [token, asic_token])
        await control.send([mangled(chance, seeds) for _ in range(2_000)])
    record(
        29,
        f"mangled frames reach a Commander ({sentry.sent}, of which {sentry.closed} close the link) and its pages: "
        "exceptions, pages that are mistakes, logs of another rig that are lost",
        n=sentry.sent + 11 * PAGES + PAGES,
        bad=len(sentry.escaped) + len(bad) + lost,
        unit="frames, pages and logs",
        control="a text that is no UTF-8 is not expected",
        control_bad=f"{len(control.escaped)} of {control.sent} frames",
    )
    assert sentry.escaped == []
    assert bad == []
    assert lost == 0
    assert control.escaped
