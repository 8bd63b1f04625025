"""kill -9, a Commander that misbehaves at random, a backlog that drains: nothing lost, doubled, or late."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from sentry_helpers import QUICK, FakePart, running

from rigfarm.sentry.agent.agent import Agent
from rigfarm.sentry.identity.settings import Settings
from rigfarm.wire.tokens import new_token
from support.toy_commander import ToyCommander
from support.until import until

HELPERS = Path(__file__).parents[1]
VICTIM = '''
"""A Sentry that reports as fast as it can and says on stdout what is durable, until it is killed."""
import asyncio, sys
from pathlib import Path
import structlog
structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
sys.path.insert(0, sys.argv[4])
from sentry_helpers import QUICK, FakePart
from support.until import until
from rigfarm.sentry.agent.agent import Agent
from rigfarm.sentry.identity.settings import Settings

async def main():
    part = FakePart(sys.argv[2])
    part.reports = int(sys.argv[3])
    settings = Settings(data_dir=Path(sys.argv[5]), commander=sys.argv[1], insecure_http=True, ui="off")
    agent = Agent(settings, [part], timings=QUICK)
    told = agent.spool.on_recorded
    def recorded(records):
        print(len(records), flush=True)
        told(records)
    agent.spool.on_recorded = recorded
    task = asyncio.create_task(agent.run())
    await until(lambda: part.reporter)
    while True:
        part.report(3)
        await asyncio.sleep(0.005)

asyncio.run(main())
'''


async def test_kill_9_loses_and_doubles_nothing(commander: ToyCommander, tmp_path: Path) -> None:
    token = new_token()
    commander.good(token)
    chance = random.Random(3)
    durable = 0
    stretches: list[int] = []
    first = 0
    for round_ in range(6):
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *(
                "-c",
                VICTIM,
                commander.url,
                token,
                str(first),
                str(Path(__file__).parent.parent),
                str(tmp_path / "sentry"),
            ),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert process.stdout is not None
        count = 0
        for _ in range(chance.randrange(1, 5)):
            count += int(await process.stdout.readline())
        await asyncio.sleep(chance.uniform(0, 0.2))
        process.kill()
        rest, _ = await process.communicate()
        count += sum(int(line) for line in rest.split())
        durable += count
        stretches.append(count)
        first += 1_000_000
        if round_ % 3 == 1:
            commander.cut()
    # The last life: it only sends what its predecessors left.
    part = FakePart(token)
    agent = Agent(
        Settings(data_dir=tmp_path / "sentry", commander=commander.url, insecure_http=True, ui="off"),
        [part],
        timings=QUICK,
    )
    async with running(agent):
        await until(lambda: part.verdicts and agent.spool.stats().logs == 0)
    kept = next(iter(commander.kept.values()))
    assert len(commander.kept) == 1
    assert sorted(kept) == list(range(1, len(kept) + 1)), "no number is missing"
    assert len(set(commander.uptimes)) == len(commander.uptimes), "no log came under two numbers"
    # Each life's logs are an unbroken beginning of what it recorded, and at least what it said was durable.
    for life, said in enumerate(stretches):
        numbers = [int(n) - life * 1_000_000 for n in commander.uptimes if n // 1_000_000 == life]
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(numbers) >= said
    assert durable > 200
    assert commander.lost == 0


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_a_commander_that_does_anything(settings: Settings, commander: ToyCommander, seed: int) -> None:
    chance = random.Random(seed)
    commander.random = random.Random(seed + 100)
    parts = [FakePart(), FakePart()]
    parts[1].reports = 1_000_000
    commander.good(*(part.token for part in parts))
    timings = msgspec.structs.replace(QUICK, resend_s=0.2, ping_every_s=5.0)
    agent = Agent(msgspec.structs.replace(settings, commander=commander.url), parts, timings=timings)
    expected: list[float] = []
    async with running(agent):
        await until(lambda: all(part.reporter for part in parts))
        for _ in range(60):
            for part in parts:
                expected += part.report(chance.choice([0, 1, 5, 60]), padding=chance.choice([0, 200, 4_000]))
            whim = chance.randrange(8)
            commander.silent = whim == 0
            commander.drop_acks = 0.6 if whim == 1 else 0.0
            commander.ack_after_s = 0.05 if whim == 2 else 0.0
            if whim == 3:
                commander.cut()
            if whim == 4:
                await commander.stop()
                await asyncio.sleep(0.03)
                await commander.start()
            await asyncio.sleep(chance.uniform(0, 0.06))
        commander.silent, commander.drop_acks, commander.ack_after_s = False, 0.0, 0.0
        await until(lambda: agent.spool.stats().logs == 0, "everything acknowledged")
        assert agent.spool.stats().dropped == 0
    assert sorted(commander.uptimes) == sorted(expected)
    for part_numbers in (
        [n for n in commander.uptimes if n < 1_000_000],
        [n for n in commander.uptimes if n > 1_000_000],
    ):
        assert part_numbers == sorted(part_numbers), "in order, per rig"
    stamps = {log.t for log in commander.logs if (log.uptime_s or 0) < 1_000_000}
    assert len(stamps) == sum(n < 1_000_000 for n in expected), "no two logs of a rig have one time"


async def test_new_logs_do_not_wait_behind_a_backlog(settings: Settings, commander: ToyCommander) -> None:
    """The Commander stands still in the middle of a backlog: what is recorded now comes all the same."""
    part = FakePart()
    commander.good(part.token)
    await commander.stop()
    timings = msgspec.structs.replace(QUICK, ping_every_s=30.0, ping_timeout_s=30.0, resend_s=120.0)
    agent = Agent(msgspec.structs.replace(settings, commander=commander.url), [part], timings=timings)
    async with running(agent):
        await until(lambda: part.reporter)
        for _ in range(60):
            part.report(100, padding=200)
            await asyncio.sleep(0.005)
        await until(lambda: agent.spool.stats().logs == 6_000 and not agent.spool._pending.unwritten)
        commander.silent = True
        await commander.start()
        await until(lambda: commander.uptimes)
        for _ in range(5):
            newest = part.report(3)[-1]
            await until(lambda newest=newest: newest in commander.uptimes, "a new log")  # type: ignore[misc]
        assert sum(number <= 6_000 for number in commander.uptimes) < 1_000, "nothing was waiting: this shows nothing"
        commander.silent = False
        commander.cut()
        await until(lambda: agent.spool.stats().logs == 0)
    backlog = [n for n in sorted(commander.arrivals, key=lambda n: commander.arrivals[n]) if n <= 6_000]
    assert backlog == list(range(1, 6_001)), "oldest first"
    assert max(commander.log_frames) <= 100


async def test_a_spool_that_overflowed_tells_the_commander_how_much(
    settings: Settings, commander: ToyCommander
) -> None:
    part = FakePart()
    commander.good(part.token)
    await commander.stop()
    settings = msgspec.structs.replace(settings, commander=commander.url, spool_mib=1)
    agent = Agent(settings, [part], timings=QUICK)
    async with running(agent):
        await until(lambda: part.reporter)
        for _ in range(60):
            part.report(50, padding=600)
            await asyncio.sleep(0.01)
        await until(lambda: not agent.spool._pending.logs)
        dropped = agent.spool.stats().dropped
        assert dropped > 500
        await commander.start()
        await until(lambda: agent.spool.stats().logs == 0)
        await until(lambda: not agent.spool.gaps())
    assert commander.lost == dropped
    assert commander.uptimes == [float(n) for n in range(dropped + 1, 3_001)]


async def test_what_is_dropped_while_it_is_being_sent_is_counted_right(
    settings: Settings, commander: ToyCommander
) -> None:
    """The Commander is slower than the rig for a while, and the spool is full: every log came or is counted lost."""
    part = FakePart()
    commander.good(part.token)
    commander.ack_after_s = 0.5
    settings = msgspec.structs.replace(settings, commander=commander.url, spool_mib=1)
    # What is sent again meanwhile would stand in the way of pongs, until the link is taken for dead.
    agent = Agent(settings, [part], timings=msgspec.structs.replace(QUICK, resend_s=120.0))
    async with running(agent):
        await until(lambda: part.verdicts)
        reported = 0
        while reported < 4_000 or agent.spool.stats().dropped <= 100:
            part.report(50, padding=900)
            reported += 50
            await asyncio.sleep(0.02)
        commander.ack_after_s = 0.0
        await until(lambda: agent.spool.stats().logs == 0)
        await until(lambda: not agent.spool.gaps())
        dropped = agent.spool.stats().dropped
    assert len(commander.uptimes) + commander.lost == reported
    assert commander.lost <= dropped


async def test_sigterm_of_a_starved_process_ends_it(tmp_path: Path) -> None:
    """The last resort of `run`: a thread that hangs for ever does not keep the process."""
    code = (
        "import asyncio, os, signal, threading, time\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from pathlib import Path\n"
        "from rigfarm.sentry import cli\n"
        "from rigfarm.sentry.agent.agent import Agent\n"
        "from rigfarm.sentry.identity.settings import Settings\n"
        "cli.ENDS_WITHIN_S = 1.0\n"
        "async def main():\n"
        f"    agent = Agent(Settings(data_dir=Path({str(tmp_path / 's')!r}), ui='off'), [])\n"
        "    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, cli._end, agent)\n"
        "    asyncio.get_running_loop().call_later(0.3, lambda: agent.spool._thread.submit(time.sleep, 60))\n"
        "    asyncio.get_running_loop().call_later(0.6, lambda: print('ready', flush=True))\n"
        "    await agent.run()\n"
        "asyncio.run(main())\n"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGTERM)
    with contextlib.suppress(ProcessLookupError):
        assert await asyncio.wait_for(process.wait(), 60) == 1
    assert not os.path.exists(f"/proc/{process.pid}")
