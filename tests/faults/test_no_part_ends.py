"""Row 39: no exception that input causes ends a part of the Commander; one that fails or hangs is named and restarted.

First a rig whose logs cannot be packed: those of other rigs are acknowledged as if nothing had happened. Then each
background part fails and hangs in turn. The controls: a journal that neither splits nor restarts, and a Commander that
does not look after its parts.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from promise import record, scaled
from sender import Sender, stored
from whole import Whole, whole

from rigfarm.commander import supervised
from rigfarm.commander.logs.set_aside import MAX_FILES
from rigfarm.commander.supervised import CHECK_EVERY_S, Parts
from rigfarm.simulate.commander import CommanderProcess
from support.until import until

POISON = "this cannot be packed"
HOLE = """
import pathlib
from rigfarm.commander.logs import journal
pack = journal.pack_body
def fragile(logs, marks):
    if any({poison!r}.encode() in bytes(log) for log in logs):
        raise OverflowError("int too big to convert")
    return pack(logs, marks)
journal.pack_body = fragile
not_stored, keep_going = journal.Journal._not_stored, journal.keep_going
async def give_up(self, batch, snapshot, error):
    if pathlib.Path({flag!r}).exists():
        raise error
    return await not_stored(self, batch, snapshot, error)
journal.Journal._not_stored = give_up
async def once(part, work):
    if pathlib.Path({flag!r}).exists():
        part.started()
        return await work(part)
    return await keep_going(part, work)
journal.keep_going = once
"""
"""A decoder that lets something through which cannot be stored. While the file is there: no help against it."""
OTHERS = 5


def answer(commander: CommanderProcess, path: str) -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(f"{commander.url}{path}", timeout=30) as found:
            return found.status, json.load(found)
    except urllib.error.HTTPError as refused:
        return refused.code, json.load(refused)


@pytest.mark.timeout(900)
async def test_logs_that_cannot_be_packed_stop_nobody(tmp_path: Path) -> None:
    rounds, flag = scaled(4, 60), tmp_path / "no-help"
    chance = random.Random(39)
    folder = tmp_path / "commander"
    with CommanderProcess(folder, mutation=HOLE.format(poison=POISON, flag=str(flag))) as commander:
        made = await asyncio.to_thread(commander.add_rigs, [f"rig-{n}" for n in range(OTHERS + 1)])
        evil, *others = (Sender(commander.url, rig, chance) for rig in made)
        for sender in (evil, *others):
            await sender.connect()
        unready, took = 0, []
        for _ in range(rounds):
            evil.send(1, padding=POISON)
            for sender in others:
                sender.send(3)
            evil.send(2, padding=POISON)
            began = time.monotonic()
            await until(lambda: all(len(sender.acked) == sender.numbered for sender in (evil, *others)), "acknowledged")
            took.append(time.monotonic() - began)
            unready += (await asyncio.to_thread(answer, commander, "/readyz"))[0] != 200
        health = await asyncio.to_thread(commander.api, "GET", "/api/health")
        assert isinstance(health, dict)
        incidents = await asyncio.to_thread(commander.api, "GET", "/api/incidents")
        aside = health["journal"]["set_aside"]
        await asyncio.to_thread(commander.kill)
        await asyncio.to_thread(commander.start)
        for sender in others:
            sender.send(1)
            await sender.settled()
        sent = sum(sender.numbered for sender in others)
        await asyncio.to_thread(commander.stop)
        found = stored(folder)
        wrong = sum(found[sender.rig_id][number] != 1 for sender in others for number in range(1, sender.numbered + 1))
        kept = [json.loads(path.read_text()) for path in (folder / "set-aside").glob("*.json")]

        flag.touch()
        await asyncio.to_thread(commander.start)
        for sender in (evil, *others):
            await sender.connect()
        evil.send(1, padding=POISON)
        others[0].send(1)
        acked = len(others[0].acked)
        async with asyncio.timeout(60):
            while (await asyncio.to_thread(answer, commander, "/readyz"))[0] == 200:
                await asyncio.sleep(0.1)
        control = len(others[0].acked) == acked
        commander.kill()
    record(
        39,
        f"logs that cannot be packed are set aside alone: {sent} logs of {OTHERS} other rigs are stored once each, "
        f"acknowledged {max(took):.1f} s later at the latest, also by a Commander that is killed and starts again",
        n=rounds,
        bad=wrong + unready,
        unit="bad batches",
        control="a journal that neither splits a batch nor restarts",
        control_bad="no rig's logs are acknowledged any more, and /readyz says so" if control else "went on",
    )
    assert (wrong, unready) == (0, 0)
    assert min(aside, MAX_FILES) == len(kept) > 0
    assert {rig for one in kept for rig in one["rigs"]} == {evil.rig_id}
    assert "cannot be stored" in json.dumps(incidents), "the operator sees which rig it is"
    assert control, "the control acknowledged logs: this test shows nothing"


DEADLINE_S = 3.0
LENIENT_S = scaled(20, 0)
"""The short form runs on machines that do much else."""


class Fault:
    """How a part is broken: a method of it that raises or never returns while this is on."""

    def __init__(self, part: str, owner: Callable[[Whole], Any], method: str, *, hangs: bool) -> None:
        self.part, self.owner, self.method, self.hangs = part, owner, method, hangs
        self.ended = asyncio.Event()

    def __str__(self) -> str:
        return f"{self.part} {'hangs' if self.hangs else 'fails'}"

    def begin(self, whole_one: Whole, monkeypatch: pytest.MonkeyPatch) -> None:
        def fails(*_: object) -> None:
            raise RuntimeError("broken by a test")

        async def hangs(*_: object) -> None:
            await asyncio.sleep(3600)

        monkeypatch.setattr(self.owner(whole_one), self.method, hangs if self.hangs else fails)


FAULTS = [
    Fault("live totals", lambda one: one.commander.stats, "tick", hangs=False),
    Fault("logins", lambda one: one.auth.sessions, "sweep", hangs=False),
    Fault("roll-outs", lambda one: one.part("rollouts"), "tick", hangs=False),
    Fault("roll-outs", lambda one: one.part("rollouts"), "tick", hangs=True),
    Fault("commands", lambda one: one.part("commands"), "tick", hangs=False),
    Fault("commands", lambda one: one.part("commands"), "tick", hangs=True),
    Fault("consoles", lambda one: one.part("consoles"), "tick", hangs=False),
    Fault("Sentry downloads", lambda one: one.commander.bundles, "look", hangs=False),
    Fault("Sentry downloads", lambda one: one.commander.bundles, "look", hangs=True),
    Fault("rig records", lambda one: one.commander.book.said, "store", hangs=True),
    Fault("log storage", lambda one: one.commander.journal, "_in_writer", hangs=True),
    Fault("log storage", lambda one: one.commander.journal, "_store", hangs=False),
]


async def readiness(one: Whole) -> tuple[int, str]:
    async with one.client() as client:
        found = await client.get("/readyz")
        return found.status_code, found.json()["status"]


async def reported(one: Whole, part: str, within_s: float) -> bool:
    """Whether /readyz and /api/health name it within this time."""
    async with one.logged_in() as (browser, _):
        deadline = time.monotonic() + within_s + LENIENT_S
        while time.monotonic() < deadline:
            status, text = await readiness(one)
            if status == 503 and (part in text or part == "log storage"):
                health = (await browser.get("/api/health")).json()
                (found,) = (found for found in health["parts"] if found["name"] == part)
                return bool(found["state"] in ("hanging", "restarting", "failing") and found["last_error"])
            await asyncio.sleep(0.1)
    return False


async def set_up(one: Whole) -> None:
    """Deadlines that a test can wait for."""

    async def work() -> None:
        for part in one.commander.parts:
            part.deadline_s = DEADLINE_S

    await one.within(work)


async def feed(one: Whole, sender: Sender) -> None:
    """Something to do for the parts that wait for it."""

    async def work() -> None:
        one.commander.book.said.reported(sender.rig_id)

    if not sender.linked:
        await sender.connect()
    sender.send(1)
    await one.within(work)


@pytest.mark.timeout(900)
async def test_a_part_that_fails_or_hangs_is_named_and_restarted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervised, "LONGEST_S", 1.0)
    missed: list[str] = []
    stuck: list[str] = []
    with whole(tmp_path / "commander") as one:
        await set_up(one)

        async def add_rig() -> tuple[int, str]:
            rig, token = await one.commander.book.create("rig", "cpu-gpu")
            return rig.id, token

        sender = Sender(one.url, await one.within(add_rig), random.Random(39))
        await sender.connect()
        for fault in FAULTS:
            with monkeypatch.context() as broken:
                fault.begin(one, broken)
                await feed(one, sender)
                if not await reported(one, fault.part, DEADLINE_S + 2 * CHECK_EVERY_S + 5.0):
                    missed.append(str(fault))
            if fault.method == "_in_writer":
                await one.within(lambda: _cancel(one))  # the disk answers again
            try:
                await until_ready(one)
            except TimeoutError:
                stuck.append(str(fault))
        await sender.settled()

        blind = 0
        fault = FAULTS[3]
        with monkeypatch.context() as broken:
            broken.setattr(Parts, "check", lambda self: None)
            fault.begin(one, broken)
            blind += not await reported(one, fault.part, DEADLINE_S + 2 * CHECK_EVERY_S + 5.0)
        await until_ready(one)
    record(
        39,
        "a background part that fails or hangs is named by /readyz and /api/health within 5 s of its deadline, and "
        "runs again when the cause is gone",
        n=len(FAULTS),
        bad=len(missed) + len(stuck),
        unit="faults of background parts",
        control="a Commander that does not look after its parts",
        control_bad="a part that hangs is never named" if blind else "named it",
    )
    assert (missed, stuck) == ([], [])
    assert blind, "the control named it: this test shows nothing"


async def _cancel(one: Whole) -> None:
    work = one.commander.journal.part.work
    assert work is not None
    work.cancel()


async def until_ready(one: Whole) -> None:
    async with asyncio.timeout(60):
        while (await readiness(one))[0] != 200:
            await asyncio.sleep(0.1)


@pytest.mark.timeout(300)
async def test_a_machine_that_was_suspended_is_ready_at_once(commander: CommanderProcess) -> None:
    """Its parts did nothing while it slept: that is no fault, and no load balancer reacts to it."""
    ((rig, token),) = await asyncio.to_thread(commander.add_rigs, ["rig"])
    sender = Sender(commander.url, (rig, token), random.Random(39))
    await sender.connect()
    for seconds in (0.0, 7.0):
        sender.send(10)
        os.kill(commander.pid, signal.SIGSTOP)
        await asyncio.sleep(seconds)
        os.kill(commander.pid, signal.SIGCONT)
        for _ in range(20):
            assert (await asyncio.to_thread(answer, commander, "/readyz"))[0] == 200
            await asyncio.sleep(0.1)
        await sender.settled()
