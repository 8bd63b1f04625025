"""The JSON API of circuits."""

from __future__ import annotations

from typing import Any

PDU = {"name": "PDU-3", "limit_w": 3680, "places": ["hall/rack-1"]}


async def test_a_circuit_is_added_read_changed_and_removed(farm: Any, client: Any) -> None:
    await farm.add({"a": "hall/rack-1", "b": "hall/rack-1/top"})
    farm.report("a", 1840.0)
    made = (await client.post("/api/circuits", json=PDU)).json()
    assert (made["continuous"], made["rigs"], made["unknown_rigs"], made["power_w"], made["share"]) == (
        0.8, 2, 1, 1840.0, 0.5,
    )  # fmt: skip
    path = f"/api/circuits/{made['id']}"
    assert (await client.get(path)).json() == made
    assert (await client.get("/api/circuits?q=pdu")).json() == [made]
    changed = (await client.patch(path, json={"limit_w": 7360, "revision": 1})).json()
    assert (changed["limit_w"], changed["share"], changed["revision"], changed["name"]) == (7360, 0.25, 2, "PDU-3")
    assert (await client.patch(path, json={"limit_w": 1, "revision": 1})).status_code == 409
    assert (await client.delete(path)).status_code == 204
    assert (await client.get(path)).status_code == 404


async def test_what_no_rig_says_is_absent(farm: Any, client: Any) -> None:
    await farm.add({"a": "hall/rack-1"})
    made = (await client.post("/api/circuits", json=PDU)).json()
    assert "power_w" not in made
    assert "share" not in made


async def test_what_cannot_be_is_refused(client: Any) -> None:
    for wrong in ({"limit_w": None}, {"limit_w": "16 A"}, {"places": []}, {"volts": 230}, {"continuous": 80}):
        assert (await client.post("/api/circuits", json=PDU | wrong)).status_code in (400, 422), wrong
    assert (await client.post("/api/circuits", json={"name": "x", "places": ["a"]})).status_code == 422
    assert (await client.get("/api/circuits")).json() == []


async def test_a_forecast_changes_nothing(farm: Any, client: Any) -> None:
    await farm.add({"a": "hall/rack-1", "b": "shed"})
    farm.report("a", 4000.0)
    await client.post("/api/circuits", json=PDU)
    farm.report("a", 100.0, hashrate=None)
    await farm.circuits.draws.add_up()
    (one,) = (await client.post("/api/circuits/forecast", json={"filter": {}})).json()
    assert (one["name"], one["power_w"], one["then_w"], one["level"]) == ("PDU-3", 100.0, 4000.0, "over-limit")
    assert one["detail"].startswith("PDU-3 would draw 4.000 kW")
    assert (await client.post("/api/circuits/forecast", json={"rigs": farm.on("b")})).json() == []
    assert (await client.post("/api/circuits/forecast", json={})).status_code == 422
