"""The JSON API of the address book."""

from __future__ import annotations

from typing import Any

from rigfarm.commander.usage import Usage, Use

POOL = {"name": "Example", "kind": "pool", "coin": "xmr", "urls": ["pool.example:3333"]}


async def test_it_works(client: Any) -> None:
    made = await client.post("/api/addresses", json=POOL)
    assert made.status_code == 201
    pool = made.json()
    assert (pool["coin"], pool["urls"], pool["used_by"]) == ("XMR", ["stratum+tcp://pool.example:3333"], [])
    assert "wallet" not in pool
    assert (await client.get(f"/api/addresses/{pool['id']}")).json() == pool
    changed = await client.patch(f"/api/addresses/{pool['id']}", json={"coin": "SAL", "revision": 1})
    assert (changed.json()["coin"], changed.json()["urls"], changed.json()["revision"]) == ("SAL", pool["urls"], 2)
    assert [one["name"] for one in (await client.get("/api/addresses?kind=pool&coin=sal")).json()] == ["Example"]
    assert (await client.get("/api/addresses?q=nothing")).json() == []
    assert (await client.delete(f"/api/addresses/{pool['id']}")).status_code == 204
    assert (await client.get(f"/api/addresses/{pool['id']}")).status_code == 404


async def test_a_wallet_that_looks_wrong_is_kept_with_a_warning(client: Any) -> None:
    made = await client.post("/api/addresses", json={"name": "w", "kind": "wallet", "coin": "XMR", "wallet": "48short"})
    assert made.status_code == 201
    assert "does not look like an address of XMR" in made.json()["warning"]
    other = {"name": "w2", "kind": "wallet", "coin": "ZZZ", "wallet": "48short"}
    assert "warning" not in (await client.post("/api/addresses", json=other)).json()


async def test_a_pools_url_that_may_be_a_slip_is_kept_with_a_warning(client: Any) -> None:
    odd = {"name": "p", "kind": "pool", "coin": "ZIL", "urls": ["zmp+tcp://zil.example:3333", "zpm://zil.example:1"]}
    made = (await client.post("/api/addresses", json=odd)).json()
    assert made["urls"] == odd["urls"]
    assert "does not know the scheme zpm://" in made["warning"]
    assert (
        "warning"
        not in (await client.post("/api/addresses", json={**odd, "name": "q", "urls": odd["urls"][:1]})).json()
    )


async def test_what_is_wrong_is_a_problem_with_its_fields(client: Any) -> None:
    answer = await client.post("/api/addresses", json={**POOL, "name": " ", "urls": ["gopher://x:1"]})
    assert answer.status_code == 422
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert {one["field"] for one in answer.json()["errors"]} == {"name", "urls"}
    assert (await client.post("/api/addresses", json={**POOL, "kind": "bank"})).status_code == 400
    assert (await client.post("/api/addresses", json={**POOL, "colour": "red"})).status_code == 400


async def test_one_in_use_and_one_changed_meanwhile_are_conflicts(client: Any, usage: Usage) -> None:
    pool = (await client.post("/api/addresses", json=POOL)).json()
    assert (await client.post("/api/addresses", json=POOL)).status_code == 409
    assert (await client.patch(f"/api/addresses/{pool['id']}", json={"coin": "A", "revision": 7})).status_code == 409
    usage.register("address", lambda _: [Use("playbook", "XMR", "/playbooks/1", 12)])
    refused = await client.delete(f"/api/addresses/{pool['id']}")
    assert (refused.status_code, "playbook XMR" in refused.json()["detail"]) == (409, True)
    assert (await client.get(f"/api/addresses/{pool['id']}")).json()["used_by"][0]["rigs"] == 12
    assert (await client.delete(f"/api/addresses/{pool['id']}?even_if_used=true")).status_code == 204
