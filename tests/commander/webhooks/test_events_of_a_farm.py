"""What happens in a real farm arrives at a real receiver: also what happened just before the Commander was killed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from rigfarm.common.clock import utc_ms
from rigfarm.simulate.commander import CommanderProcess
from rigfarm.wire.codec import encode
from support.load import a_log, connect
from support.receiver import Receiver, is_signed
from support.until import until

pytestmark = pytest.mark.slow

HERE = "import ipaddress, rigfarm.commander.outbound.addresses as one; one.LAN = (ipaddress.ip_network('127.0.0.0/8'),)"
"""This machine counts as one of the LAN."""
EVERYTHING = {"lan": True, "alerts": True, "rigs": True, "states": True, "commands": True, "activity": True}


@pytest.fixture
def commander(tmp_path: Path) -> Iterator[CommanderProcess]:
    with CommanderProcess(tmp_path / "commander", settings={"report_interval_s": "1"}, mutation=HERE) as process:
        yield process


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as receiver:
        yield receiver


async def call(commander: CommanderProcess, method: str, path: str, body: object = None) -> Any:
    """In a thread: the receiver is served by this loop."""
    return await asyncio.to_thread(commander.api, method, path, body)


def events(receiver: Receiver, kind: str) -> list[dict[str, Any]]:
    return [one.event["data"] for one in receiver.received if one.event["type"] == kind]


async def test_all_kinds_of_events_arrive(commander: CommanderProcess, receiver: Receiver) -> None:
    made = await call(commander, "POST", "/api/webhooks", {"name": "all", "url": receiver.url, **EVERYTHING})
    [(rig_id, token)] = await asyncio.to_thread(commander.add_rigs, ["rig-01"])
    await call(commander, "PATCH", f"/api/rigs/{rig_id}", {"name": "attic"})
    link = await connect(commander.url, [token])
    link.send_logs([encode(replace(a_log(1, 5_000), t=utc_ms()))])
    await until(lambda: any(one["state"] == "online" for one in events(receiver, "rig.state_changed")))
    await call(commander, "POST", "/api/commands", {"command": {"type": "pause"}, "rigs": [rig_id]})
    link.close()
    await until(link.lost.is_set)
    await until(lambda: events(receiver, "alert.firing"))
    await call(commander, "DELETE", f"/api/rigs/{rig_id}")
    await until(lambda: events(receiver, "rig.removed") and events(receiver, "alert.resolved"))
    await until(lambda: "remove rigs" in [one["action"] for one in events(receiver, "activity.recorded")])
    assert all(is_signed(one, made["secret"]) for one in receiver.received)
    assert events(receiver, "rig.added") == [{"rig_id": rig_id, "kind": "cpu-gpu", "rig": "rig-01"}]
    assert events(receiver, "rig.renamed") == [
        {"rig_id": rig_id, "kind": "cpu-gpu", "rig": "attic", "before": "rig-01"}
    ]
    [command] = events(receiver, "command.ended")
    assert (command["state"], command["rig"], command["title"]) == ("refused", "attic", "Pause")
    assert "offline" in [one["state"] for one in events(receiver, "rig.state_changed")]
    entries = events(receiver, "activity.recorded")
    assert [one["id"] for one in entries] == sorted({one["id"] for one in entries})
    assert made["secret"] not in str(entries) + commander.log.read_text()
    assert "s3cret-path" not in str(entries) + commander.log.read_text()


async def test_kill_9_loses_nothing_that_waits(commander: CommanderProcess) -> None:
    async with Receiver() as gone:
        pass
    await call(commander, "POST", "/api/webhooks", {"name": "tickets", "url": gone.url, **EVERYTHING})
    names = [f"rig-{number}" for number in range(20)]
    await asyncio.to_thread(commander.add_rigs, names)

    async def stored() -> list[dict[str, Any]]:
        found = await call(commander, "GET", "/api/webhooks/deliveries?limit=100")
        return [one for one in found if one["type"] == "rig.added"]

    while len(await stored()) < len(names):
        await asyncio.sleep(0.05)
    before = {one["message_id"] for one in await stored()}
    await asyncio.to_thread(commander.kill)
    async with Receiver(gone.port) as back:
        await asyncio.to_thread(commander.start)
        await until(lambda: len({one["rig"] for one in events(back, "rig.added")}) == len(names))
        assert {one.message_id for one in back.received if one.event["type"] == "rig.added"} == before


async def test_what_was_delivered_while_it_was_killed_comes_again_with_the_same_id(
    commander: CommanderProcess, receiver: Receiver
) -> None:
    receiver.silent = True
    await call(commander, "POST", "/api/webhooks", {"name": "tickets", "url": receiver.url, "lan": True})
    await asyncio.to_thread(commander.add_rigs, ["rig-01"])
    await until(lambda: receiver.received)
    await asyncio.to_thread(commander.kill)
    receiver.silent = False
    await asyncio.to_thread(commander.start)
    await until(lambda: len(receiver.received) > 1)
    assert len({one.message_id for one in receiver.received}) == 1


async def test_activity_goes_on_where_it_was(commander: CommanderProcess, receiver: Receiver) -> None:
    await call(commander, "POST", "/api/webhooks", {"name": "log", "url": receiver.url, **EVERYTHING})
    await asyncio.to_thread(commander.add_rigs, ["rig-01"])
    await until(lambda: "create rigs" in [one["action"] for one in events(receiver, "activity.recorded")])
    await asyncio.to_thread(commander.stop)
    await asyncio.to_thread(commander.start)
    await until(lambda: "start Commander" in [one["action"] for one in events(receiver, "activity.recorded")])
    ids = [one["id"] for one in events(receiver, "activity.recorded")]
    assert list(dict.fromkeys(ids)) == list(range(min(ids), max(ids) + 1))
