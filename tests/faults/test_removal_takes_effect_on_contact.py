"""Row 8: a rig that is removed while it cannot be reached mines on, and ends as soon as it hears of it.

Real Sentries with the real runner, a real Commander, and a wire between them that is cut. The Commander is restarted in
between: the tombstone must be on its disk. The control is a Commander that keeps none.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path

import pytest
from promise import record, scaled
from relay import Relay

from farm import MiningRig, mining_rig
from rigfarm.sentry.link import LinkState
from rigfarm.simulate.commander import CommanderProcess
from support.playbooks import apply, make_playbook
from support.until import until

NO_TOMBSTONE = """
import pathlib
from rigfarm.commander.rigs.actions import Rigs
kept = Rigs.removed_by_token
Rigs.removed_by_token = lambda self, token: None if pathlib.Path({flag!r}).exists() else kept(self, token)
"""
"""While the file is there."""
TOGETHER = 5
WITHIN_S = 2.0


async def removed_while_away(
    commander: CommanderProcess, playbook: int, folder: Path, count: int, *, restart: bool = False
) -> tuple[int, list[float]]:
    """(rigs that did not end, s from the welcome to the end of the last process of each other one)."""
    names = [f"{folder.name}-{number}" for number in range(count)]
    made = await asyncio.to_thread(commander.add_rigs, names)
    await asyncio.to_thread(apply, commander, playbook, [rig_id for rig_id, _ in made])
    async with Relay(commander.port) as relay, contextlib.AsyncExitStack() as stack:
        rigs = [
            await stack.enter_async_context(mining_rig(folder / name, relay.url, token))
            for name, (_, token) in zip(names, made, strict=True)
        ]
        await until(lambda: all(rig.pid for rig in rigs), "they mine")
        relay.become("refuse")
        for rig_id, _ in made:
            await asyncio.to_thread(commander.api, "DELETE", f"/api/rigs/{rig_id}")
        if restart:
            await asyncio.to_thread(commander.kill)
            await asyncio.to_thread(commander.start)
        assert all(rig.pid for rig in rigs), "nobody told them yet"
        relay.become("forward")
        ended = await asyncio.gather(*(end_of(rig) for rig in rigs))
    return sum(took is None for took in ended), [took for took in ended if took is not None]


async def end_of(rig: MiningRig) -> float | None:
    """s from the contact to the end of all its processes; None when it mines on."""
    judged = rig.agent.on_verdict
    heard = asyncio.get_running_loop().create_future()

    def hear(token: str, verdict: object) -> None:
        if not heard.done():
            heard.set_result((time.monotonic(), verdict))
        judged(token, verdict)  # type: ignore[arg-type]

    rig.agent.on_verdict = hear  # type: ignore[method-assign]
    async with asyncio.timeout(60):
        began, verdict = await heard
    if verdict.kind != "removed":
        await until(lambda: rig.agent.link.state is LinkState.IDLE)
        assert rig.pid is not None, "and who is not told so mines on"
        return None
    await until(lambda: not rig.processes(), "its processes end")
    ended = time.monotonic()
    await until(lambda: not (rig.runner.folder / "software").exists())
    await until(lambda: rig.part.standing.token is None, "and it forgets its token")
    return ended - began


@pytest.mark.timeout(900)
async def test_a_removal_is_heard_on_contact(tmp_path: Path) -> None:
    count, survivors, took = scaled(3, 100), 0, []
    flag = tmp_path / "no-tombstone"
    mutation = NO_TOMBSTONE.format(flag=str(flag))
    with CommanderProcess(tmp_path / "commander", mutation=mutation) as commander:
        playbook = await asyncio.to_thread(make_playbook, commander)
        for start in range(0, count, TOGETHER):
            together = min(TOGETHER, count - start)
            left, ended = await removed_while_away(
                commander, playbook, tmp_path / f"farm-{start}", together, restart=start == 0
            )
            survivors, took = survivors + left, took + ended
        flag.touch()
        control, _ = await removed_while_away(commander, playbook, tmp_path / "control", 2)
        commander.kill()
    record(
        8,
        f"a rig removed while it was away ends mining on contact, at the latest after {max(took, default=0):.2f} s",
        n=count,
        bad=survivors + sum(seconds > WITHIN_S for seconds in took),
        unit="removals",
        control="tombstone not kept",
        control_bad=f"{control} of 2 mined on",
    )
    assert survivors == 0
    assert len(took) == count
    assert control == 2
