"""Row 10: a token that was removed, or replaced, is refused at once: on the link that is open and sending, by a new
link, and over HTTP.

Rigs report without pause while they are removed or given new tokens; what the journal takes for a rig after the
operator's answer counts. The control remembers at the connect who may speak.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from promise import record, scaled
from whole import Whole, whole

from rigfarm.commander.link import receive
from rigfarm.common.clock import utc_ms
from rigfarm.wire.codec import encode
from rigfarm.wire.frames import DownFrame, Verdicts
from support.load import LoadLink, a_log, connect
from support.until import until

TOGETHER = 50
GOES_ON_S = 0.3
"""How long each link goes on sending after it was refused."""


class Journal:
    """What is taken for which rig, and when."""

    def __init__(self, farm: Whole) -> None:
        self.taken: list[tuple[float, int]] = []
        journal = farm.commander.journal
        add = journal.add

        def listen(spool: bytes, taken: object, owners: list[int], *rest: object) -> None:
            now = time.monotonic()
            self.taken += [(now, owner) for owner in owners]
            add(spool, taken, owners, *rest)  # type: ignore[arg-type]

        journal.add = listen  # type: ignore[method-assign,assignment]

    def after(self, rig: int, moment: float) -> int:
        return sum(owner == rig and at > moment for at, owner in self.taken)


class Outcome:
    """What became of one rig's token."""

    def __init__(self, rig: int) -> None:
        self.rig = rig
        self.done_at = 0.0
        self.told_at: float | None = None
        self.accepted = 0


@contextlib.asynccontextmanager
async def reporting(link: LoadLink, rig: int) -> AsyncIterator[None]:
    async def report() -> None:
        while True:
            link.send_logs([encode(a_log(rig, utc_ms(), gpus=1))])
            await asyncio.sleep(0.01)

    task = asyncio.create_task(report())
    yield
    task.cancel()


async def end_token(farm: Whole, journal: Journal, rig: int, token: str, *, remove: bool) -> Outcome:
    """Remove the rig, or give it another token, while it reports; then try the old one everywhere."""
    outcome = Outcome(rig)
    link = await connect(farm.url, [token])

    def hear(frame: DownFrame) -> None:
        if isinstance(frame, Verdicts) and outcome.told_at is None:
            outcome.told_at = time.monotonic()

    link.on_frame = hear
    book = farm.commander.book

    async def change() -> float:
        await (book.remove(rig) if remove else book.rotate_token(rig))
        return time.monotonic()

    async with reporting(link, rig):
        while not journal.after(rig, 0.0):
            await asyncio.sleep(0.01)
        outcome.done_at = await farm.within(change)
        again = await connect(farm.url, [token])
        outcome.accepted += again.welcome.result().verdicts[0].kind == "ok"
        again.send_logs([encode(a_log(rig, utc_ms(), gpus=1))])
        async with farm.client(Authorization=f"Bearer {token}") as program:
            answer = await program.get(f"/software/archives/{'0' * 64}")
            outcome.accepted += answer.status_code != 401
        await asyncio.sleep(GOES_ON_S)
        with contextlib.suppress(AssertionError):
            await until(lambda: outcome.told_at is not None)
        again.close()
    link.close()
    outcome.accepted += journal.after(rig, outcome.done_at)
    return outcome


async def end_tokens(farm: Whole, journal: Journal, count: int, *, remove: bool) -> list[Outcome]:
    outcomes: list[Outcome] = []
    book = farm.commander.book
    while len(outcomes) < count:
        names = [f"{remove}-{book.revision}-{n}" for n in range(min(TOGETHER, count - len(outcomes)))]

        async def make(names: list[str] = names) -> list[tuple[int, str]]:
            return [(rig.id, token) for rig, token in await book.create_many(names, "cpu-gpu")]

        made = await farm.within(make)
        work = [end_token(farm, journal, rig, token, remove=remove) for rig, token in made]
        outcomes += await asyncio.gather(*work)
        farm.auth.bad_tokens._hits.clear()  # all of them come from one address here
    return outcomes


@pytest.mark.timeout(900)
async def test_a_token_that_ended_is_refused_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    count = scaled(30, 1_000)
    with whole(tmp_path / "farm") as farm:
        journal = Journal(farm)
        monkeypatch.setattr(farm.auth.bad_tokens, "limit", 10_000)
        outcomes = await end_tokens(farm, journal, count // 2, remove=True)
        outcomes += await end_tokens(farm, journal, count // 2, remove=False)
        with monkeypatch.context() as patch:
            patch.setattr(receive, "_rig", lambda _, link, slot: link.rigs[slot])
            control = await end_tokens(farm, journal, 3, remove=False)
    times = sorted(one.told_at - one.done_at for one in outcomes if one.told_at is not None)
    accepted = sum(one.accepted for one in outcomes)
    untold = len(outcomes) - len(times)
    control_bad = sum(one.accepted for one in control)
    record(
        10,
        "messages accepted with a token after it was removed or replaced; the open link was told after "
        f"{statistics.median(times) * 1000:.0f} ms (median), {times[int(0.99 * len(times))] * 1000:.0f} ms (p99)",
        n=len(outcomes),
        bad=accepted + untold,
        unit="tokens ended while sending",
        control="auth remembered at the connect",
        control_bad=f"{control_bad} logs of {len(control)} rigs were taken",
    )
    assert accepted == 0
    assert untold == 0
    assert control_bad > 0
