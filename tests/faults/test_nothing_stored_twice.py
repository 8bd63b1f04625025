"""Row 3: no log is stored twice, although half of all acknowledgements are lost, everything is sent again, and the
Commander is restarted or killed in the middle. The control keeps no marks of (spool, number)."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest
from promise import record, scaled
from sender import Sender, stored

from rigfarm.simulate.commander import CommanderProcess

NO_MARKS = """
import pathlib
from rigfarm.commander.logs.journal import Journal
take = Journal.take
def forgetful(self, spool, first, last):
    return [(first, last)] if pathlib.Path({flag!r}).exists() else take(self, spool, first, last)
Journal.take = forgetful
"""
"""While the file is there."""
SENDERS = 3
CONTROL_LOGS = 100


async def replay(commander: CommanderProcess, senders: list[Sender], rounds: int, logs: int) -> None:
    """Each round everything from the beginning, and an end of both sides."""
    chance = random.Random(3)
    for sender in senders:
        sender.drops_acks = 0.5
        await sender.connect()
    for round_ in range(rounds):
        for sender in senders:
            sender.send(logs)
            sender.send_again(list(sender.waiting))  # nothing is ever forgotten
        await asyncio.sleep(chance.uniform(0.2, 0.6))
        for sender in senders:
            sender.hang_up()
        await asyncio.to_thread(commander.stop if round_ % 2 else commander.kill)
        await asyncio.to_thread(commander.start)
        for sender in senders:
            await sender.connect()
    for sender in senders:
        sender.drops_acks = 0.0
    await asyncio.gather(*(sender.settled(240) for sender in senders))


@pytest.mark.timeout(900)
async def test_no_log_is_stored_twice(tmp_path: Path) -> None:
    rounds, flag = scaled(2, 12), tmp_path / "no-marks"
    with CommanderProcess(tmp_path / "commander", mutation=NO_MARKS.format(flag=str(flag))) as commander:
        made = await asyncio.to_thread(commander.add_rigs, [f"rig-{n}" for n in range(SENDERS)])
        senders = [Sender(commander.url, rig, random.Random(n)) for n, rig in enumerate(made)]
        await replay(commander, senders, rounds, scaled(400, 4_000))
        sent = {sender.rig_id: sender.numbered for sender in senders}
        sends = sum(sender.sends for sender in senders)
        await asyncio.to_thread(commander.stop)  # with what was sent again and is still on its way
        flag.touch()
        await asyncio.to_thread(commander.start)
        for sender in senders:
            sender.forget_acked()
            await sender.connect()
            sender.send(CONTROL_LOGS)
            sender.send_again(list(sender.waiting)[-CONTROL_LOGS:])
            await sender.settled()
    found = stored(commander.folder)
    times = [found[rig_id][number] for rig_id, last in sent.items() for number in range(1, last + 1)]
    control = sum(found[rig_id][last + n] > 1 for rig_id, last in sent.items() for n in range(1, CONTROL_LOGS + 1))
    record(
        3,
        f"no log is stored twice, and none is missing: half of all acknowledgements lost, {sends} sends, {rounds} ends "
        "of both sides",
        n=len(times),
        bad=sum(count != 1 for count in times),
        unit="logs",
        control="no mark of (spool, number)",
        control_bad=f"{control} of {SENDERS * CONTROL_LOGS} stored more than once",
    )
    assert sends > 2 * len(times)
    assert set(times) == {1}
    assert control > 0, "the control stored nothing twice: this test shows nothing"
