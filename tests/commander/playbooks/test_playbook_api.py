"""The JSON API of playbooks, of what rigs run, of roll-outs and commands; and that its document can be made."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from litestar import Litestar
from litestar.di import Provide
from litestar.testing import AsyncTestClient

from rigfarm.commander.addresses.api import api_routes as address_routes
from rigfarm.commander.assignments.api import api_routes as assignment_routes
from rigfarm.commander.commands.api import api_routes as command_routes
from rigfarm.commander.frame import page_templates
from rigfarm.commander.mining_software.api import api_routes as software_routes
from rigfarm.commander.playbooks.api import api_routes as playbook_routes
from rigfarm.commander.rigs.listing.rig_list import RigList
from rigfarm.commander.rollouts.api import api_routes as rollout_routes
from rigfarm.commander.stats import OperationalStats
from rigfarm.commander.web.problems import problem_handlers
from support.steering_nouns import SteeringNouns, dependencies


@pytest.fixture
async def client(farm: Any) -> AsyncIterator[Any]:
    stats = OperationalStats(farm.hub, farm.events, 5.0)
    steering = SteeringNouns(farm.storage, farm.hub, farm.events, farm.rigs, stats, farm.folder, page_templates())
    await steering.load()
    farm.addresses, farm.software, farm.playbooks = steering.addresses, steering.software, steering.playbooks
    farm.assignments = steering.assignments
    rig_list = RigList(farm.rigs, stats)
    app = Litestar(
        [address_routes, software_routes, playbook_routes, assignment_routes, rollout_routes, command_routes],
        dependencies={
            **dependencies(lambda: steering),
            "book": Provide(lambda: farm.rigs, sync_to_thread=False),
            "rig_list": Provide(lambda: rig_list, sync_to_thread=False),
        },
        exception_handlers=problem_handlers(),
    )
    async with AsyncTestClient(app) as client:
        client.steering = steering
        yield client
    await steering.close()


async def _made(farm: Any, client: Any) -> tuple[dict[str, Any], list[int]]:
    """A playbook and two rigs, made over the API as far as it goes."""
    software = await farm.new_software()
    pool = {"name": "pool", "kind": "pool", "coin": "XMR", "urls": ["pool.example:1"]}
    pool_id = (await client.post("/api/addresses", json=pool)).json()["id"]
    form = {
        "name": "XMR",
        "software_id": software.id,
        "template": "-o $CPU_POOL -w $WORKER_NAME -t $THREADS",
        "workloads": [{"slot": "cpu", "coin": "XMR", "pool_id": pool_id}],
        "variables": {"THREADS": "4"},
    }
    made = await client.post("/api/playbooks", json=form)
    assert made.status_code == 201, made.text
    return {**made.json(), "form": form}, await farm.new_rigs("rig-01", "rig-02")


async def test_it_works(farm: Any, client: Any) -> None:
    playbook, rigs = await _made(farm, client)
    path = f"/api/playbooks/{playbook['id']}"
    preview = (await client.get(f"{path}/preview?rig={rigs[0]}")).json()
    assert preview["executable"] == "fakeminer"
    assert preview["arguments"] == [
        "-o", "stratum+tcp://pool.example:1", "-w", "rig-01", "-t", "4", "--http-port=4067",
    ]  # fmt: skip
    plan = (await client.post(f"{path}/plan", json={"rigs": rigs})).json()
    assert plan["counts"] == {"start": 2}
    assert (await client.get(f"/api/rigs/{rigs[0]}/playbooks")).json() == []
    assert (await client.post(f"{path}/apply", json={"rigs": rigs})).json() == plan

    farm.assignments.receive(rigs[0], [])
    (run,) = (await client.get(f"/api/rigs/{rigs[0]}/playbooks")).json()
    assert (run["name"], run["state"], run["revision"], run["newest"]) == ("XMR", "queued", 1, 1)
    assert (await client.post(f"{path}/stop", json={"rigs": rigs[:1]})).json() == {"rigs": rigs[:1]}
    assert (await client.post(f"{path}/start", json={"rigs": rigs[:1]})).json() == {"rigs": rigs[:1]}
    assert (await client.post(f"{path}/restart", json={"rigs": rigs})).json() == {"rigs": rigs}
    listed = (await client.get("/api/playbooks")).json()
    assert [(one["rigs"], one["behind"], one["states"]) for one in listed] == [(2, 0, {"queued": 2})]
    assert (await client.delete(path)).status_code == 409
    assert (await client.post(f"{path}/take-off", json={"rigs": rigs})).json() == {"rigs": rigs}
    assert (await client.delete(path)).status_code == 204
    assert (await client.get(path)).status_code == 404


async def test_revisions_and_the_way_back(farm: Any, client: Any) -> None:
    playbook, rigs = await _made(farm, client)
    path = f"/api/playbooks/{playbook['id']}"
    await client.post(f"{path}/apply", json={"rigs": rigs})
    changed = await client.patch(path, json={"revision": 1, "name": "Monero"})
    assert (changed.json()["revision"], changed.json()["behind"]) == (2, 2)
    assert changed.json()["content"] == {**playbook["content"], "name": "Monero"}, "nothing else changed"
    assert (await client.patch(path, json={"revision": 1, **playbook["form"]})).status_code == 409
    assert (await client.post(f"{path}/rollback", json={"revision": 1})).json()["name"] == "XMR"
    revisions = (await client.get(f"{path}/revisions")).json()
    assert (revisions[0]["revision"], revisions[0]["note"]) == (3, "rolled back to revision 1")
    assert (await client.get(f"{path}/revisions?after=2")).json()[0]["revision"] == 1
    copy = await client.post(f"{path}/duplicate")
    assert (copy.status_code, copy.json()["name"]) == (201, "XMR (2)")


async def test_what_is_wrong_names_the_placeholder(farm: Any, client: Any) -> None:
    playbook, rigs = await _made(farm, client)
    form = {**playbook["form"], "name": "Other", "template": "-u $CPU_WALLET"}
    answer = await client.post("/api/playbooks", json=form)
    assert answer.status_code == 422
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.json()["errors"] == [
        {"field": "template", "detail": "$CPU_WALLET has no value: choose a wallet for the CPU."}
    ]
    assert (await client.post(f"/api/playbooks/{playbook['id']}/apply", json={})).status_code == 422
    both = {"rigs": rigs, "filter": {}}
    assert (await client.post(f"/api/playbooks/{playbook['id']}/apply", json=both)).status_code == 422
    assert (await client.get("/api/playbooks/99/preview?rig=1")).status_code == 404
    assert (await client.get(f"/api/playbooks/{playbook['id']}/preview?rig=99")).status_code == 404
    assert (await client.get("/api/rigs/99/playbooks")).status_code == 404


async def test_a_filter_chooses_what_the_index_shows(farm: Any, client: Any) -> None:
    playbook, _ = await _made(farm, client)
    await farm.new_rigs("other-01")
    plan = await client.post(f"/api/playbooks/{playbook['id']}/plan", json={"filter": {"q": "RIG-"}})
    assert [one["rig_name"] for one in plan.json()["rigs"]] == ["rig-01", "rig-02"]
    none = await client.post(f"/api/playbooks/{playbook['id']}/plan", json={"filter": {"q": "nothing"}})
    assert none.status_code == 422


async def test_a_rigs_variables(farm: Any, client: Any) -> None:
    playbook, rigs = await _made(farm, client)
    path = f"/api/rigs/{rigs[0]}/variables"
    assert (await client.patch(path, json={"THREADS": "16", "x": "1"})).json() == {"THREADS": "16", "X": "1"}
    assert (await client.patch(path, json={"$X": None, "Y": "2"})).json() == {"THREADS": "16", "Y": "2"}
    assert (await client.patch(path, json={"y": None})).json() == {"THREADS": "16"}
    assert (await client.get(path)).json() == {"THREADS": "16"}
    preview = await client.get(f"/api/playbooks/{playbook['id']}/preview?rig={rigs[0]}")
    assert "16" in preview.json()["arguments"]
    assert (await client.patch(path, json={"CPU_WALLET": "x"})).status_code == 422


async def test_a_rollout_is_begun_looked_at_and_aborted(farm: Any, client: Any) -> None:
    playbook, rigs = await _made(farm, client)
    body = {"rigs": rigs, "rollout": {"first": [rigs[1]], "watch_minutes": 5}}
    begun = await client.post(f"/api/playbooks/{playbook['id']}/rollouts", json=body)
    assert begun.status_code == 201, begun.text
    assert (begun.json()["state"], begun.json()["first"], begun.json()["rest"]) == ("starting", [rigs[1]], [rigs[0]])
    rollout_id = begun.json()["id"]
    assert (await client.get(f"/api/playbooks/{playbook['id']}")).json()["rollout"] == rollout_id
    assert (await client.get(f"/api/rollouts/{rollout_id}")).json()["watch_s"] == 300
    aborted = await client.post(f"/api/rollouts/{rollout_id}/abort", json={"put_back": True})
    assert aborted.json()["state"] == "aborted"
    assert [one["state"] for one in (await client.get("/api/rollouts")).json()] == ["aborted"]
    assert (await client.get("/api/rollouts/99")).status_code == 404


async def test_commands_are_given_listed_and_taken_back(farm: Any, client: Any) -> None:
    rigs = await farm.new_rigs("rig-01", "rig-02")
    asic, _ = await farm.rigs.create("asic-01", "asic")
    given = await client.post("/api/commands", json={"rigs": [*rigs, asic.id], "command": {"type": "reboot"}})
    assert given.status_code == 202, given.text
    assert [(one["title"], one["state"]) for one in given.json()] == [
        ("Reboot", "queued"), ("Reboot", "queued"), ("Reboot", "refused"),
    ]  # fmt: skip
    batch = given.json()[0]["batch"]
    assert len((await client.get(f"/api/commands?batch={batch}")).json()) == 3
    assert len((await client.get(f"/api/commands?rig={rigs[0]}")).json()) == 1
    assert (await client.delete(f"/api/commands/{given.json()[0]['id']}")).json()["state"] == "failed"
    assert (await client.get("/api/commands?batch=none")).status_code == 404
    limit = {"kind": "asic", "filter": {"q": "asic"}, "command": {"type": "power-limit", "watts": 3000}}
    assert (await client.post("/api/commands", json=limit)).json()[0]["rig_id"] == asic.id
    assert (await client.post("/api/commands", json={"rigs": rigs, "command": {"type": "explode"}})).status_code == 400


async def test_the_document_of_the_api_can_be_made_and_names_every_call(client: Any) -> None:
    document = client.app.openapi_schema.to_schema()
    paths = set(document["paths"])
    assert {
        "/api/addresses", "/api/software", "/api/playbooks", "/api/playbooks/{playbook_id}/apply", "/api/commands",
        "/api/rollouts/{rollout_id}/abort", "/api/rigs/{rig_id}/variables",
    } <= paths  # fmt: skip
    for path, calls in document["paths"].items():
        for name, call in calls.items():
            assert call["summary"], (path, name)
