"""Row 1: an acknowledged log survives a kill -9 of the Commander, and no log is missing in the end.

A real Commander under some 2,000 logs a second dies at random times and comes back on the same disk; the senders keep
a journal of what they were told. The control acknowledges before the commit.
"""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest
from promise import record, scaled
from sender import Sender, stored

from rigfarm.simulate.commander import CommanderProcess

ACK_BEFORE_COMMIT = """
import pathlib
from rigfarm.commander.logs.journal import Journal
add = Journal.add
def early(self, spool, taken, rigs, logs, frame, receipt):
    if not pathlib.Path({flag!r}).exists():
        return add(self, spool, taken, rigs, logs, frame, receipt)
    add(self, spool, taken, rigs, logs, frame, lambda *_: None)
    receipt(*frame)
Journal.add = early
"""
"""While the file is there."""
SENDERS = 4
EVERY_S = 0.02
LOGS_AT_ONCE = 10
"""Of each sender: together 2,000 logs a second."""


async def keep_sending(sender: Sender) -> None:
    """Like a Sentry that never gives up."""
    while True:
        if sender.linked:
            sender.forget_acked()
        else:
            await sender.connect()
        sender.send(LOGS_AT_ONCE)
        await asyncio.sleep(EVERY_S)


async def kills(commander: CommanderProcess, senders: list[Sender], count: int, chance: random.Random) -> None:
    """Kill it so often, at random times; the last time it stays dead."""
    tasks = [asyncio.create_task(keep_sending(sender)) for sender in senders]
    for number in range(count):
        if number:
            await asyncio.to_thread(commander.start)
        before = sum(len(sender.acked) for sender in senders)
        await asyncio.sleep(chance.uniform(0.05, 0.9))
        while sum(len(sender.acked) for sender in senders) == before:
            await asyncio.sleep(0.01)  # a busy machine: at least one acknowledgement between two kills
        await asyncio.to_thread(commander.kill)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.timeout(5400)
async def test_an_acknowledged_log_survives_kill_9(tmp_path: Path) -> None:
    count, chance, flag = scaled(2, 1_000), random.Random(1), tmp_path / "ack-before-commit"
    mutation = ACK_BEFORE_COMMIT.format(flag=str(flag))
    with CommanderProcess(tmp_path / "commander", mutation=mutation) as commander:
        made = await asyncio.to_thread(commander.add_rigs, [f"rig-{n}" for n in range(SENDERS)])
        senders = [Sender(commander.url, rig, random.Random(n)) for n, rig in enumerate(made)]
        await kills(commander, senders, count, chance)
        acked = {sender.rig_id: set(sender.acked) for sender in senders}
        await asyncio.to_thread(commander.start)
        await asyncio.gather(*(sender.settled(120) for sender in senders))
        sent = {sender.rig_id: sender.numbered for sender in senders}
        flag.touch()
        await kills(commander, senders, scaled(1, 3), chance)
    found = stored(commander.folder)
    lost = sum(number not in found[rig_id] for rig_id, numbers in acked.items() for number in numbers)
    wrong = sum(found[rig_id][number] != 1 for rig_id, last in sent.items() for number in range(1, last + 1))
    early = [(one.rig_id, number) for one in senders for number in one.acked if number > sent[one.rig_id]]
    control = sum(number not in found[rig_id] for rig_id, number in early)
    record(
        1,
        f"an acknowledged log survives a kill -9 of the Commander; in the end none of {sum(sent.values())} that were "
        "sent is missing or twice",
        n=sum(map(len, acked.values())),
        bad=lost + wrong,
        unit=f"acknowledged logs, {count} kills",
        control="acknowledge before the commit",
        control_bad=f"{control} of {len(early)} lost",
    )
    assert lost == 0
    assert wrong == 0
    assert control > 0, "the control lost nothing: this test shows nothing"
