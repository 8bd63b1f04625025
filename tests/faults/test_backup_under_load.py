"""Row 34: a backup that is made while the Commander is under load has every log that was acknowledged before it began,
and restored, it goes on: rigs mine on, come back and send. The control copies the files instead.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from promise import record, scaled
from sender import Sender, stored

from farm import mining_rig
from rigfarm.sentry.link import LinkState
from rigfarm.simulate.commander import CommanderProcess
from support.playbooks import apply, make_playbook
from support.until import until

SENDERS = 4
EVERY_S = 0.02
LOGS_AT_ONCE = 10
"""Of each sender: together 2,000 logs a second."""


def command(commander: CommanderProcess, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "rigfarm.cli", "commander", *words],
        env=commander.environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


async def keep_sending(sender: Sender) -> None:
    while True:
        if sender.linked:
            sender.forget_acked()
        else:
            await sender.connect()
        sender.send(LOGS_AT_ONCE)
        await asyncio.sleep(EVERY_S)


def copied_naively(folder: Path, target: Path) -> None:
    """As `cp *.db` does it."""
    target.mkdir()
    for name in ("journal.db", "rigfarm.db"):
        shutil.copy(folder / name, target)


@pytest.mark.timeout(1800)
async def test_a_backup_under_load_is_whole_and_its_farm_goes_on(tmp_path: Path) -> None:
    count, backup, naive = scaled(1, 50), tmp_path / "farm.backup", tmp_path / "naive"
    commander = CommanderProcess(tmp_path / "commander", settings={"report_interval_s": "1"})
    lost = acked_in_all = control = stopped = 0
    try:
        await asyncio.to_thread(commander.start)
        playbook = await asyncio.to_thread(make_playbook, commander)
        made = await asyncio.to_thread(commander.add_rigs, ["rig", *(f"sender-{n}" for n in range(SENDERS))])
        await asyncio.to_thread(apply, commander, playbook, [made[0][0]])
        senders = [Sender(commander.url, one, random.Random(n)) for n, one in enumerate(made[1:])]
        gone: dict[int, set[int]] = {sender.rig_id: set() for sender in senders}
        async with mining_rig(tmp_path / "rig", commander.url, made[0][1]) as rig:
            await until(lambda: rig.pid, "it mines")
            pid = rig.pid
            tasks = [asyncio.create_task(keep_sending(sender)) for sender in senders]
            for _ in range(count):
                before = sum(len(sender.acked) for sender in senders)
                await until(lambda: sum(len(sender.acked) for sender in senders) > before + 500)  # noqa: B023
                acked = {sender.rig_id: sender.acked - gone[sender.rig_id] for sender in senders}
                shutil.rmtree(naive, ignore_errors=True)
                copied_naively(commander.folder, naive)
                backup.unlink(missing_ok=True)
                await asyncio.to_thread(command, commander, "backup", str(backup))
                await asyncio.to_thread(commander.kill)
                await until(lambda: not any(sender.linked for sender in senders))
                for sender in senders:  # acknowledged after the backup: no restore can have them
                    gone[sender.rig_id] |= sender.acked - acked[sender.rig_id]
                shutil.rmtree(commander.folder)
                await asyncio.to_thread(command, commander, "restore", str(backup))
                found, poor = stored(commander.folder), stored(naive)
                numbers = [(rig_id, number) for rig_id, all_of_it in acked.items() for number in all_of_it]
                acked_in_all += len(numbers)
                lost += sum(number not in found[rig_id] for rig_id, number in numbers)
                control += sum(number not in poor.get(rig_id, {}) for rig_id, number in numbers)
                await asyncio.to_thread(commander.start)
                await until(lambda: all(sender.linked for sender in senders))
                now = sum(len(sender.acked) for sender in senders)
                await until(lambda: sum(len(sender.acked) for sender in senders) > now)  # noqa: B023
                await until(lambda: rig.agent.link.state is LinkState.ONLINE, "the rig is back")
                stopped += rig.pid != pid
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    finally:
        commander.kill()
    record(
        34,
        "a backup made under load has every log acknowledged before it began, and its farm goes on: rigs mine on, come "
        "back and send",
        n=acked_in_all,
        bad=lost + stopped,
        unit=f"acknowledged logs, {count} backups restored",
        control="copy the database files while it runs",
        control_bad=f"{control} lost",
    )
    assert lost == stopped == 0
    assert control > 0, "the control lost nothing: this test shows nothing"
