"""The stream of a real Commander, read by a program with an API key."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from rigfarm.commander.auth.control import CreateKey, ask
from rigfarm.common.clock import utc_ms
from rigfarm.simulate.commander import CommanderProcess
from rigfarm.wire.codec import encode
from support.load import a_log, connect
from support.until import until


@pytest.fixture(scope="module")
def commander(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommanderProcess]:
    with CommanderProcess(tmp_path_factory.mktemp("commander")) as commander:
        commander.add_rigs(["rig-1", "rig-2", "rig-3"])
        commander.add_rigs(["asic-1"], "asic")
        yield commander


class Client:
    """Keeps what the stream says, as a program would."""

    def __init__(self) -> None:
        self.status = 0
        self.headers = httpx.Headers()
        self.rows: dict[str, dict[int, Any]] = {"rig": {}, "alert": {}, "activity": {}}
        self.events: list[tuple[str, Any]] = []
        self.ended = False

    async def read(self, url: str, headers: dict[str, str]) -> None:
        async with httpx.AsyncClient(timeout=60) as client, client.stream("GET", url, headers=headers) as answer:
            self.status, self.headers = answer.status_code, answer.headers
            name = ""
            async for line in answer.aiter_lines():
                field, _, value = line.partition(": ")
                if field == "event":
                    name = value
                elif field == "data":
                    self._take(name, json.loads(value))
        self.ended = True

    def _take(self, name: str, data: Any) -> None:
        self.events.append((name, data))
        if name == "reset":
            for rows in self.rows.values():
                rows.clear()
        elif name in self.rows:
            self.rows[name][data["id"]] = data
        elif name != "ready":
            self.rows[name.partition("-")[0]].pop(data["id"])

    @property
    def ready(self) -> bool:
        return ("ready", {}) in self.events

    def names(self) -> set[str]:
        return {rig["name"] for rig in self.rows["rig"].values()}

    async def until(self, holds: Callable[[], object]) -> None:
        await until(holds, lambda: f"after {self.events[-5:]}")


@asynccontextmanager
async def reading(commander: CommanderProcess, query: str = "", key: str = "") -> AsyncIterator[Client]:
    client = Client()
    headers = {"Authorization": f"Bearer {key or commander.key}"}
    task = asyncio.create_task(client.read(f"{commander.url}/api/stream{query}", headers))
    try:
        await client.until(lambda: client.ready or task.done())
        yield client
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def api(commander: CommanderProcess, method: str, path: str, body: object = None) -> Any:
    return commander.api(method, path, body)


async def test_a_program_sees_every_rig_and_every_change(commander: CommanderProcess) -> None:
    async with reading(commander) as client:
        assert client.status == 200
        assert client.headers["content-type"].startswith("text/event-stream")
        assert "content-encoding" not in client.headers, "compressed, a change would wait in a buffer"
        assert list(client.rows["rig"].values()) == api(commander, "GET", "/api/rigs")
        [made] = await asyncio.to_thread(commander.add_rigs, ["rig-4"])
        await client.until(lambda: "rig-4" in client.names())
        await asyncio.to_thread(api, commander, "PATCH", f"/api/rigs/{made[0]}", {"name": "rig-5"})
        await client.until(lambda: "rig-5" in client.names())
        link = await connect(commander.url, [made[1]])
        link.send_logs([encode(a_log(1, utc_ms()))])
        await client.until(lambda: client.rows["rig"][made[0]].get("hashrates"))
        link.close()
        async with asyncio.timeout(60):  # once what its link's end changes has come
            while [client.rows["rig"][made[0]]] != await asyncio.to_thread(api, commander, "GET", "/api/rigs?q=rig-5"):
                await asyncio.sleep(0.05)
        await asyncio.to_thread(api, commander, "DELETE", f"/api/rigs/{made[0]}")
        await client.until(lambda: "rig-5" not in client.names())
        assert client.events[-1] == ("rig-removed", {"id": made[0]})


async def test_a_filter_lets_rigs_in_and_out(commander: CommanderProcess) -> None:
    [rig] = api(commander, "GET", "/api/rigs?q=rig-2")
    where = f"/api/rigs/{rig['id']}"
    async with reading(commander, "?filter=tag:solar") as client, reading(commander, "?kind=asic") as asics:
        assert client.names() == set()
        assert asics.names() == {"asic-1"}
        await asyncio.to_thread(api, commander, "PATCH", where, {"tags": ["solar"]})
        await client.until(lambda: client.names() == {"rig-2"})
        await asyncio.to_thread(api, commander, "PATCH", where, {"tags": []})
        await client.until(lambda: client.names() == set())
        assert asics.names() == {"asic-1"}


async def test_a_search_about_time_is_followed(commander: CommanderProcess) -> None:
    [made] = await asyncio.to_thread(commander.add_rigs, ["silent"])
    link = await connect(commander.url, [made[1]])
    link.send_logs([encode(a_log(1, utc_ms()))])
    async with reading(commander, "?filter=name:silent seen>2s") as client:
        await client.until(lambda: client.names() == {"silent"})
    link.close()
    await asyncio.to_thread(api, commander, "DELETE", f"/api/rigs/{made[0]}")


async def test_alerts_are_seen_as_they_fire_and_as_they_are_resolved(commander: CommanderProcess) -> None:
    [made] = await asyncio.to_thread(commander.add_rigs, ["gone"])
    form = {"name": "Gone", "minutes": 0}
    rule = api(commander, "POST", "/api/alert-rules", {"kind": "offline", "form": form})
    link = await connect(commander.url, [made[1]])
    link.send_logs([encode(a_log(1, utc_ms()))])
    async with reading(commander, "?of=alerts,rigs") as client:
        await client.until(lambda: client.rows["rig"][made[0]]["state"] == "online")
        link.close()

        def fired() -> list[Any]:
            return [one for one in client.rows["alert"].values() if one["rule_id"] == rule["id"]]

        await client.until(fired)
        [alert] = fired()
        await asyncio.to_thread(api, commander, "POST", f"/api/alerts/{alert['id']}/acknowledge")
        await client.until(lambda: client.rows["alert"][alert["id"]]["state"] == "acknowledged")
        await asyncio.to_thread(api, commander, "DELETE", f"/api/alert-rules/{rule['id']}")
        await client.until(lambda: alert["id"] not in client.rows["alert"])
    await asyncio.to_thread(api, commander, "DELETE", f"/api/rigs/{made[0]}")


async def test_activity_is_for_keys_that_may_see_it(commander: CommanderProcess) -> None:
    async with reading(commander, "?of=activity") as client:
        await asyncio.to_thread(api, commander, "POST", "/api/rigs/labels", {"filter": {}, "place": "hall-1"})
        await client.until(lambda: any("hall-1" in json.dumps(one) for one in client.rows["activity"].values()))
        assert list(client.rows["activity"]) == sorted(client.rows["activity"])
    secret = ask(commander.folder, CreateKey("reads", ("read",), 3600)).secret
    assert secret is not None
    async with reading(commander, "?of=rigs,activity", secret) as client:
        assert client.status == 403
    async with reading(commander, "?of=rigs", secret) as client:
        assert client.status == 200


@pytest.mark.parametrize("query", ["?of=", "?of=rigs,rig", "?filter=colour:red", "?kind=gpu", "?q=x"])
async def test_a_slip_is_refused(commander: CommanderProcess, query: str) -> None:
    async with reading(commander, query) as client:
        assert client.status == 400


async def test_a_revoked_key_ends_its_stream(commander: CommanderProcess) -> None:
    made = api(commander, "POST", "/api/keys", {"name": "short", "scopes": ["read"], "expires_in_s": 3600})
    async with reading(commander, "", made["key"]) as client:
        assert client.ready
        await asyncio.to_thread(api, commander, "DELETE", f"/api/keys/{made['id']}")
        await client.until(lambda: client.ended)


async def test_a_commander_that_stops_does_not_wait_for_readers(tmp_path: Path) -> None:
    commander = CommanderProcess(tmp_path)
    commander.start()
    async with reading(commander) as client:
        assert client.ready
        await asyncio.to_thread(commander.stop)
        await client.until(lambda: client.ended)
    assert "error" not in commander.log.read_text().casefold()
