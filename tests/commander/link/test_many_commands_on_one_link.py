"""One click speaks to every ASIC of a Sentry: all of them are told over its one link, which stays; so are removals."""

from __future__ import annotations

import asyncio
import re
from collections import Counter

import httpx

from rigfarm.commander.link.link import MAX_WAITING
from rigfarm.simulate.commander import CommanderProcess
from rigfarm.wire.codec import encode
from rigfarm.wire.frames import CommandResult, DownFrame, RigCommand, Verdicts
from support.load import connect

ASICS = MAX_WAITING + 200


def _remove(commander: CommanderProcess, ids: list[int]) -> None:
    """As a person does it, with the page's form."""
    with httpx.Client(base_url=commander.url, headers={"Origin": commander.url}, timeout=60) as client:
        client.get("/login")
        client.post("/login", data={"password": commander.password})
        found = re.search(r'name="csrf" content="([^"]+)"', client.get("/asics").text)
        assert found is not None
        data = {"csrf": found[1], "kind": "asic", "sure": "1", "rigs": ",".join(map(str, ids))}
        assert client.post("/asics/remove", data=data).status_code == 303


async def test_a_click_on_more_asics_than_frames_may_wait_reaches_them_all(commander: CommanderProcess) -> None:
    made = await asyncio.to_thread(commander.add_rigs, [f"asic-{n:04d}" for n in range(ASICS)], "asic")
    link = await connect(commander.url, [token for _, token in made])
    told: set[int] = set()
    removed: set[int] = set()

    def hear(frame: DownFrame) -> None:
        if isinstance(frame, RigCommand):
            told.add(frame.slot)
            link.send(encode(CommandResult(frame.id, frame.slot, "done", "It obeys.")))
        elif isinstance(frame, Verdicts):
            removed.update(slot for slot, verdict in frame.changes if verdict.kind == "removed")

    link.on_frame = hear
    ids = [rig_id for rig_id, _ in made]
    command = {"command": {"type": "restart"}, "kind": "asic", "rigs": ids}
    given = await asyncio.to_thread(commander.api, "POST", "/api/commands", command)
    assert isinstance(given, list)
    states: Counter[str] = Counter()
    async with asyncio.timeout(60):
        while states["done"] < ASICS:
            await asyncio.sleep(0.2)
            assert not link.lost.is_set()
            path = f"/api/commands?limit=2000&batch={given[0]['batch']}"
            answer = await asyncio.to_thread(commander.api, "GET", path)
            assert isinstance(answer, list)
            states = Counter(one["state"] for one in answer)
    assert told == set(range(ASICS))

    await asyncio.to_thread(_remove, commander, ids)
    async with asyncio.timeout(60):
        while len(removed) < ASICS:
            await asyncio.sleep(0.05)
            assert not link.lost.is_set()
    link.close()
