"""`filter` of every list whose rows belong to rigs: one language, one way, whatever the list. Lists are taken from the
router, so that a new one is asked, too."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import pytest_asyncio
from litestar import Litestar
from litestar.routes import HTTPRoute
from sqlalchemy import insert

from rigfarm.commander.alerts.model import Alert, AlertState
from rigfarm.commander.alerts.tables import alert_members, alert_messages, alerts
from rigfarm.commander.app import Commander, application, build
from rigfarm.commander.assignments.tables import assignments
from rigfarm.commander.auth.control import CreateKey, ask
from rigfarm.commander.auth.scopes import SCOPES
from rigfarm.commander.rollouts import store as rollout_store
from rigfarm.commander.rollouts.model import RolloutPlan
from rigfarm.commander.settings import Settings
from rigfarm.commander.updates import store as update_store
from rigfarm.commander.updates.model import OnRig, Plan, UpdateForm
from rigfarm.commander.web.paging import SIFTED, sifted
from rigfarm.common.clock import utc_ms

pytestmark = pytest.mark.asyncio(loop_scope="module")
MORE = {"/api/alerts": ("", "?state=resolved")}
"""Lists that are asked in several ways."""
NOW = utc_ms()
STATES: tuple[AlertState, ...] = ("firing", "resolved")


class Farm:
    """Two rigs, a row of each in every list, and a row of neither where a list may have one."""

    def __init__(self, commander: Commander, app: Litestar, api: httpx.AsyncClient) -> None:
        self.commander, self.app, self.api = commander, app, api

    async def make(self, path: str, body: dict[str, Any]) -> Any:
        made = await self.api.post(path, json=body)
        assert made.status_code in (200, 201, 202), made.text
        return made.json()

    async def get(self, path: str, search: str | None = None, **more: object) -> list[str]:
        params = {**({} if search is None else {"filter": search}), **more}
        answer = await self.api.get(httpx.URL(path).copy_merge_params(params))
        assert answer.status_code == 200, (path, answer.text)
        return [json.dumps(row) for row in answer.json()]

    async def happened(self, names: set[str]) -> bool:
        rows = await self.get("/api/history/events")
        return names <= {json.loads(row)["title"] for row in rows}

    def lists(self) -> Iterator[str]:
        for route in self.app.routes:
            if isinstance(route, HTTPRoute) and route.path_format.startswith("/api/"):
                for method, (_, kwargs) in route.route_handler_map.items():
                    asks = {one.field_alias for one in kwargs.expected_query_params}
                    if str(method) == "GET" and {"filter", "after"} <= asks:
                        path = route.path_format.replace("{playbook_id}", "1")
                        yield from (path + more for more in MORE.get(path, ("",)))


@asynccontextmanager
async def _opened(folder: Path) -> AsyncIterator[Farm]:
    async with build(Settings(data_dir=folder, password="correct horse", tls="off")) as commander:
        app = application(commander)
        made = await asyncio.to_thread(ask, folder, CreateKey(f"key {id(app)}", SCOPES, 3600))
        headers = {"Authorization": f"Bearer {made.secret}"}
        transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]  # Litestar's types are narrower
        async with httpx.AsyncClient(transport=transport, base_url="http://farm", headers=headers) as api:
            yield Farm(commander, app, api)


async def _furnish(farm: Farm) -> None:
    """What can be made by the API, and what only time makes."""
    for n in (1, 2):
        await farm.make("/api/rigs", {"name": f"rig-{n}", "kind": "cpu-gpu"})
        await farm.make("/api/circuits", {"name": f"PDU-{n}", "limit_w": 3680, "places": [f"hall-{n}"]})
        await farm.make("/api/rigs/labels", {"rigs": [n], "place": f"hall-{n}"})
        await farm.make("/api/commands", {"command": {"type": "reboot"}, "rigs": [n]})
    await farm.make("/api/circuits", {"name": "PDU-3", "limit_w": 3680, "places": ["hall-3"]})
    pool = {"name": "pool", "kind": "pool", "coin": "XMR", "urls": ["pool.test:3333"]}
    await farm.make("/api/addresses", pool)
    miner = {"name": "Xmrig", "version": "1", "executable": "xmrig", "adapter": "xmrig", "devices": "cpu"}
    await farm.make("/api/software", miner)
    workload = {"slot": "cpu", "coin": "XMR", "algorithm": "rx/0", "pool_id": 1}
    book = {"name": "XMR", "software_id": 1, "template": "-o $CPU_POOL", "workloads": [workload]}
    await farm.make("/api/playbooks", book)
    await farm.make("/api/alert-channels", {"name": "one", "url": "json://127.0.0.1:9/"})
    async with farm.commander.storage.begin() as tx:
        for n in (1, 2):
            given = {"rig_id": n, "playbook_id": 1, "revision": 1, "wanted": "running", "restart": 0}
            await tx.execute(insert(assignments).values(**given, assigned_at=NOW))
            for state in STATES:
                ended = NOW if state == "resolved" else None
                alert = Alert(0, 1, "Offline", "warning", state, [], NOW, 1, 1, ended_ms=ended)
                row = {"rule_id": 1, "state": state, "started_ms": NOW, "ended_ms": ended}
                body = msgspec.json.encode(alert).decode()
                made = insert(alerts).values(**row, body=body).returning(alerts.c.id)
                number = (await tx.execute(made)).scalar_one()
                member = {"rule_id": 1, "rig_id": n, "part": "", "rig_name": f"rig-{n}", "state": state, "text": ""}
                times = {"since_ms": NOW, "fired_ms": NOW, "ended_ms": ended, "ending": ""}
                await tx.execute(insert(alert_members).values(**member, **times, alert_id=number))
                message = {"alert_id": number, "channel_id": 1, "what": "firing", "state": "sent", "attempts": 2}
                sent = {"created_ms": NOW, "due_ms": NOW, "sent_ms": NOW}
                await tx.execute(insert(alert_messages).values(**message, **sent, answer="ok"))
            plan = RolloutPlan(1, [n], [], 60.0, 0.05, 0.1, put_back=False, had={}, before={})
            rollout = await rollout_store.insert_rollout(tx, 1, plan, NOW)
            rollout.state = "done"
            await rollout_store.save_rollout(tx, rollout)
            update = await update_store.insert_update(tx, Plan(UpdateForm(), [[n]], {}), {n: OnRig()}, NOW)
            update.state = "done"
            await update_store.save_update(tx, update)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def farm(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Farm]:
    folder = tmp_path_factory.mktemp("farm")
    async with _opened(folder) as farm:
        await _furnish(farm)
    async with _opened(folder) as farm:  # it knows the alerts that fire now
        for n in (1, 2):
            farm.commander.incidents.note(f"rig-{n}", "sent too much", "it waits", rig=n)
        farm.commander.incidents.note("10.0.0.1", "guessed passwords", "it waits")
        while not await farm.happened({"rig-1", "rig-2"}):
            await asyncio.sleep(0.05)
        yield farm


async def test_every_list_has_the_rows_of_the_rigs_that_are_asked_for(farm: Farm) -> None:
    lists = list(farm.lists())
    assert {"/api/rigs", "/api/commands", "/api/alerts", "/api/alert-channels/messages"} <= set(lists)
    for path in lists:
        every = set(await farm.get(path))
        first, second = await farm.get(path, "name=rig-1"), await farm.get(path, "place:hall-2")
        assert first, path
        assert second, path
        assert not set(first) & set(second), path
        assert set(first) | set(second) <= every, path
        assert set(await farm.get(path, "-name:nothing")) == set(first) | set(second), path
        assert await farm.get(path, "name:nothing") == [], path
        assert set(await farm.get(path, " ")) == every, "no filter"


async def test_the_next_page_has_the_same_filter(farm: Farm) -> None:
    for path in farm.lists():
        url, found = httpx.URL(path).copy_merge_params({"filter": "place:hall-1", "limit": 1}), []
        whole = await farm.get(path, "place:hall-1")
        while url:
            answer = await farm.api.get(url)
            found += [json.dumps(row) for row in answer.json()]
            url = answer.links["next"]["url"] if "next" in answer.links else ""
        assert found == whole, path


async def test_a_mistake_is_named_with_its_place(farm: Farm) -> None:
    for path in farm.lists():
        refused = await farm.api.get(httpx.URL(path).copy_merge_params({"filter": "place:hall-1  temp>hot -x"}))
        assert refused.status_code == 400, path
        assert refused.headers["content-type"] == "application/problem+json"
        [error] = refused.json()["errors"]
        assert (error["field"], error["position"]) == ("filter", 15), path
        assert error["detail"].startswith("temp>hot: "), path
    for search, position in (("colour:red", 1), ("a --b", 3), ('a "b', 3), ("x " * 31, None), ('a ""', 3)):
        refused = await farm.api.get("/api/commands", params={"filter": search})
        assert refused.json()["errors"][0].get("position") == position, search


async def test_exports_and_plans_take_the_same_filter(farm: Farm) -> None:
    csv = (await farm.api.get("/api/activity.csv", params={"filter": "name=rig-1"})).text
    assert "rig-1" in csv
    assert "rig-2" not in csv
    await farm.make("/api/placing-rules", {"name": "racks", "pattern": "rig-{slot}", "place": "rack/slot-{slot}"})
    question = {"which": "all"}
    plan = await farm.make("/api/placing-rules/plan?filter=name=rig-2", question)
    assert [move["name"] for move in plan["moves"]] == ["rig-2"]
    consent = {**question, "digest": plan["digest"]}
    refused = await farm.api.post("/api/placing-rules/apply", json=consent)
    assert refused.status_code == 409, "of all rigs, the plan is another one"
    await farm.make("/api/placing-rules/apply?filter=name=rig-2", consent)
    assert [json.loads(row)["place"] for row in await farm.get("/api/rigs")] == ["hall-1", "rack/slot-2"]
    await farm.make("/api/rigs/labels", {"rigs": [2], "place": "hall-2"})


async def test_messages_of_channels_are_listed(farm: Farm) -> None:
    messages = [json.loads(row) for row in await farm.get("/api/alert-channels/messages")]
    assert [one["id"] for one in messages] == [4, 3, 2, 1]
    assert messages[0].items() >= {"channel": 1, "what": "firing", "state": "sent", "attempts": 2}.items()
    of_alert = await farm.get("/api/alert-channels/messages", alert=messages[0]["alert"])
    assert [json.loads(row)["id"] for row in of_alert] == [4]
    assert len(await farm.get("/api/alert-channels/messages", channel=1)) == 4
    assert await farm.get("/api/alert-channels/messages", channel=2) == []


async def test_rows_are_read_on_until_enough_fit() -> None:
    rows, asked = list(range(500, 0, -1)), []

    async def load(before: int | None, most: int) -> list[int]:
        asked.append(before)
        return [one for one in rows if before is None or one < before][:most]

    def fits(one: int) -> bool:
        return one % 100 == 0

    assert await sifted(load, "", 2, fits=fits, cursor=int) == [500, 400, 300]
    assert asked == [None, *range(501 - SIFTED, 300, -SIFTED)]
    assert await sifted(load, "300", 2, fits=fits, cursor=int) == [200, 100]
    assert await sifted(load, "", 2, fits=lambda _: False, cursor=int) == []
