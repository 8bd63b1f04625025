"""Row 12: a network that is cut, in every way and for any time, costs no log and leaves no dead connection, and the
rig is shown as offline meanwhile.

Real Sentries, each with a wire of its own to a real Commander: nothing passes and nobody is told (a pulled cable), old
connections stay dead when new ones work (a router that was restarted), connections are reset. The control are two ends
that do not ask whether the other is still there.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

import pytest
from msgspec.structs import replace
from promise import FULL, record, scaled
from relay import Relay
from whole import Whole, whole

from farm import QUICK
from rigfarm.commander.logs.rows import Row
from rigfarm.commander.server import serve
from rigfarm.sentry.agent.agent import Agent
from rigfarm.sentry.agent.parts import CommandOutcome, Reporter
from rigfarm.sentry.identity.settings import Settings
from rigfarm.sentry.link import LinkState
from rigfarm.sentry.link.connect import Timings
from rigfarm.wire.commands import Command
from rigfarm.wire.frames import Verdict
from rigfarm.wire.log import OperationalLog, Workload
from rigfarm.wire.playbooks import AssignedPlaybook
from support.until import until

SENTRIES = scaled(4, 100)
CUTS = scaled(8, 1_000)
INTERVAL_S = 5.0 if FULL else 1.0
TIMINGS = Timings() if FULL else QUICK
LONGEST_S = 25.0 if FULL else 1.5
SHOWN_WITHIN_S = 30.0
LOGS_EVERY_S = 0.5 if FULL else 0.1
PING_S = serve.PING_S if FULL else 0.5

Cut = Literal["hold", "forget", "reset"]


class Counting:
    """A rig that says nothing but numbers; the number of a log is its `uptime_s`."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.said = 0
        self.going = True

    def tokens(self) -> list[str]:
        return [self.token]

    async def run(self, reporter: Reporter) -> None:
        while True:
            if self.going:
                self.said += 1
                work = [Workload(software="XMRig", coin="XMR", hashrate=1.0, state="mining")]
                now_ms = reporter.now_ms(self.token)
                reporter.log(self.token, OperationalLog(t=now_ms, uptime_s=float(self.said), workloads=work))
            await asyncio.sleep(LOGS_EVERY_S)

    async def on_verdict(self, token: str, verdict: Verdict) -> None: ...

    async def on_playbooks(self, token: str, revision: int, playbooks: list[AssignedPlaybook]) -> None: ...

    async def on_command(self, token: str, order: Command) -> CommandOutcome:
        return "refused", ""

    async def on_console_watch(self, token: str, playbook: int, on: bool) -> None: ...


class Sentry:
    """A real one, and the wire to its Commander."""

    def __init__(self, farm: Whole, folder: Path, relay: Relay, rig: int, token: str, timings: Timings) -> None:
        self.farm, self.relay, self.rig = farm, relay, rig
        self.part = Counting(token)
        settings = Settings(data_dir=folder, commander=relay.url, insecure_http=True, ui="off")
        self.agent = Agent(settings, [self.part], timings=timings)

    @property
    def shown(self) -> str:
        """How pages show it."""
        return self.farm.commander.stats.rigs[self.rig].condition.state

    async def shown_offline_after(self) -> float:
        """s until it is shown so."""
        began = time.monotonic()
        await until(lambda: self.shown == "offline", "it is shown as offline")
        return time.monotonic() - began

    def cut(self, how: Cut) -> None:
        if how == "reset":
            self.relay.become("refuse")
        else:
            self.relay.become("hold")

    def mend(self, how: Cut) -> None:
        if how == "forget":
            self.relay.forget()
            self.relay.become("forward")
        else:
            self.relay.become("forward")


@contextlib.asynccontextmanager
async def sentries(farm: Whole, folder: Path, count: int, timings: Timings) -> AsyncIterator[list[Sentry]]:
    book = farm.commander.book

    async def make() -> list[tuple[int, str]]:
        names = [f"{folder.name}-{number}" for number in range(count)]
        return [(rig.id, token) for rig, token in await book.create_many(names, "cpu-gpu")]

    async with contextlib.AsyncExitStack() as stack:
        made = []
        for rig, token in await farm.within(make):
            relay = await stack.enter_async_context(Relay(int(farm.url.rpartition(":")[2])))
            made.append(Sentry(farm, folder / f"sentry-{rig}", relay, rig, token, timings))
        tasks = [asyncio.create_task(one.agent.run()) for one in made]
        await until(lambda: all(one.shown not in ("waiting", "offline") for one in made), "all are there")
        yield made
        for one in made:
            one.agent.stop()
        await asyncio.gather(*tasks)


async def cut_at_random(one: Sentry, chance: random.Random, count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(chance.uniform(0.1, 1.0))
        how: Cut = chance.choice(["hold", "forget", "reset"])
        one.cut(how)
        await asyncio.sleep(chance.uniform(0.05, LONGEST_S))
        one.mend(how)


async def cut_until_shown(one: Sentry, how: Cut) -> float:
    one.cut(how)
    took = await one.shown_offline_after()
    one.mend(how)
    await until(lambda: one.shown != "offline", "it is back")
    return took


def stuck(farm: Whole, count: int) -> int:
    """Links, and connections of the server, beyond one for each Sentry."""
    return max(len(farm.commander.links.links) - count, len(farm.server.server_state.connections) - count, 0)


def lost_or_doubled(farm: Whole, made: list[Sentry]) -> int:
    """Logs that a Sentry recorded and the journal has not exactly once."""
    kept: dict[int, Counter[float | None]] = {one.rig: Counter() for one in made}
    db = farm.commander.journal.reader()
    for rigs, body in db.execute("SELECT rigs, body FROM journal"):
        for rig, log in Row(rigs, body).logs():
            kept[rig][log.uptime_s] += 1
    db.close()
    return sum(kept[one.rig][float(number)] != 1 for one in made for number in range(1, one.part.said + 1))


async def control(folder: Path) -> int:
    """Links that stay dead when nobody asks whether the other end is there."""
    deaf = replace(TIMINGS, ping_every_s=3600.0, ping_timeout_s=3600.0)
    with whole(folder / "commander", ping_s=None, report_interval_s=INTERVAL_S) as farm:
        async with sentries(farm, folder / "deaf", 2, deaf) as made:
            for one in made:
                one.cut("forget")
                one.mend("forget")
            await until(lambda: all(one.shown == "offline" for one in made))
            await asyncio.sleep(3 * PING_S)
            found = sum(one.shown == "offline" and one.agent.link.state is LinkState.ONLINE for one in made)
            for one in made:
                one.relay.cut()
        return found


@pytest.mark.timeout(1200)
async def test_a_cut_network_costs_nothing(tmp_path: Path) -> None:
    with whole(tmp_path / "commander", ping_s=PING_S, report_interval_s=INTERVAL_S) as farm:
        async with sentries(farm, tmp_path / "farm", SENTRIES, TIMINGS) as made:
            held = (cut_until_shown(one, "hold") for one in made[::2])
            reset = (cut_until_shown(one, "reset") for one in made[1::2])
            silent, dropped = await asyncio.gather(asyncio.gather(*held), asyncio.gather(*reset))
            each = CUTS // SENTRIES
            await asyncio.gather(*(cut_at_random(one, random.Random(one.rig), each) for one in made))
            await until(lambda: all(one.agent.link.state is LinkState.ONLINE for one in made), "all return", 120)
            for one in made:
                one.part.going = False
            await until(lambda: not any(one.agent.spool.stats().logs for one in made), "all is delivered", 120)
            with contextlib.suppress(AssertionError):
                await until(lambda: not stuck(farm, SENTRIES), within_s=3 * PING_S + 30)
            dead = stuck(farm, SENTRIES)
            lost = lost_or_doubled(farm, made)
            logs = sum(one.part.said for one in made)
    still_dead = await control(tmp_path / "control")
    late = sum(took > SHOWN_WITHIN_S for took in (*silent, *dropped))
    record(
        12,
        f"logs lost or doubled ({lost} of {logs:,}), connections stuck ({dead}), rigs shown as offline too late "
        f"({late}); a dropped link is shown after {max(dropped):.1f} s, a silent one after {max(silent):.1f} s "
        f"(reports every {INTERVAL_S:g} s)",
        n=SENTRIES * each + len(silent) + len(dropped),
        bad=lost + dead + late,
        unit="cuts",
        control="no ping timeout",
        control_bad=f"{still_dead} of 2 links stayed dead",
    )
    assert (lost, dead, late) == (0, 0, 0)
    assert still_dead == 2
