"""A rule that restarts mining programs, in a Commander that is killed again and again while it does: each rig is told
once at most, and those that were not told when it was killed are told afterwards."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from pathlib import Path

from msgspec.structs import replace

from rigfarm.common.clock import utc_ms
from rigfarm.simulate.commander import CommanderProcess
from rigfarm.wire.codec import encode
from rigfarm.wire.commands import RestartMiner
from rigfarm.wire.frames import CommandResult, DownFrame, RigCommand
from support.load import LoadLink, a_log, connect

RIGS = 12
FASTER = 30
"""The clock of what rules do: its minute is two seconds, and its five minutes after a start are ten."""
FAST = f"""
import time
from rigfarm.commander.alerts.automation import rows
from rigfarm.commander.alerts.automation.automation import Automation
from rigfarm.commander.alerts.engine.watch import Watch
def with_(kind, **other):
    made = kind.__init__
    kind.__init__ = lambda self, *given, **more: made(self, *given, **{{**more, **other}})
with_(Watch, start_s=0.0)
with_(Automation, monotonic=lambda: time.monotonic() * {FASTER})
"""
FORGETS = """
from sqlalchemy import delete
from rigfarm.commander.alerts.automation.guards import Guards
from rigfarm.commander.alerts.tables import alert_actions
keep = rows.insert_act
async def nothing(*_):
    return set()
async def insert(tx, act):
    await tx.execute(delete(alert_actions).where(alert_actions.c.rig_id == act.rig_id))
    return await keep(tx, act)
rows.load_acted, rows.load_since, rows.insert_act = nothing, nothing, insert
Guards.why_not = lambda *_: ""
"""
"""What keeps it from acting twice, taken away."""


async def _rig(commander: CommanderProcess, token: str, number: int, told: Counter[int], idle_at: float) -> None:
    """Reports, mines nothing from some time on, and does what it is told."""
    loop = asyncio.get_running_loop()
    while True:
        try:
            link: LoadLink = await connect(commander.url, [token])
        except (OSError, TimeoutError):
            await asyncio.sleep(0.2)
            continue

        def hear(frame: DownFrame, link: LoadLink = link) -> None:
            if isinstance(frame, RigCommand):
                assert isinstance(frame.command, RestartMiner)
                told[number] += 1
                link.send(encode(CommandResult(frame.id, frame.slot, "done", "restarted")))

        link.on_frame = hear
        while not link.lost.is_set():
            log = a_log(number, utc_ms())
            if loop.time() >= idle_at:
                log = replace(log, workloads=[replace(one, hashrate=0.0) for one in log.workloads])
            link.send_logs([encode(log)])
            await asyncio.sleep(0.4)


async def _told(folder: Path, mutation: str) -> Counter[int]:
    chance, told = random.Random(11), Counter[int]()
    with CommanderProcess(folder, mutation=mutation, settings={"report_interval_s": "1"}) as commander:
        rigs = await asyncio.to_thread(commander.add_rigs, [f"rig-{at:02}" for at in range(RIGS)])
        form = {"name": "restart idle ones", "well_minutes": 0, "action": "restart-miner", "action_minutes": 1}
        form |= {"action_rigs": 100, "action_hour": 1000}
        await asyncio.to_thread(commander.api, "POST", "/api/alert-rules", {"kind": "idle", "form": form})
        begin = asyncio.get_running_loop().time()
        work = [
            asyncio.create_task(_rig(commander, token, at, told, begin + 11.0 + 4.0 * at / RIGS))
            for at, (_, token) in enumerate(rigs)
        ]
        await asyncio.sleep(14.5 + chance.uniform(0.0, 1.5))
        for _ in range(2):
            await asyncio.to_thread(commander.kill)
            await asyncio.to_thread(commander.start)
            await asyncio.sleep(11.0 + chance.uniform(0.0, 2.0))
        await asyncio.sleep(6.0)
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
    return told


async def test_each_rig_is_told_once(tmp_path: Path) -> None:
    told = await _told(tmp_path, FAST)
    assert max(told.values()) == 1, told
    assert len(told) >= RIGS - 3, "no more than what was under way at each kill is lost"


async def test_control_without_what_is_stored_rigs_are_told_again(tmp_path: Path) -> None:
    told = await _told(tmp_path, FAST + FORGETS)
    assert max(told.values()) > 1, told
