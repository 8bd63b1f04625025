"""The JSON API of mining software: from the catalogue to a pinned file."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any


async def test_it_works(client: Any, origin: Any, archive: bytes, names: dict[str, list[str]]) -> None:
    names["mirror.test"] = ["127.0.1.7"]
    origin.serve("/a.tar.gz", archive)
    fields = {"name": "xmrig", "version": "6.22.2", "executable": "fakeminer", "lan": True}
    made = await client.post("/api/software", json={**fields, "url": f"http://mirror.test:{origin.port}/a.tar.gz"})
    assert made.status_code == 201
    software = made.json()
    assert (software["name"], software["adapter"], software["devices"]) == ("xmrig", "xmrig", "both")
    assert "$CPU_POOL" in software["template"]
    assert software["file"] == {"state": "none"}

    path = f"/api/software/{software['id']}"
    assert (await client.post(f"{path}/fetch")).status_code == 202
    async with asyncio.timeout(60):
        while (found := (await client.get(path)).json()["file"])["state"] == "fetching":
            await asyncio.sleep(0.02)
    sha256 = hashlib.sha256(archive).hexdigest()
    assert found == {"state": "unconfirmed", "sha256": sha256, "size": len(archive), "format": "tar.gz"}
    assert (await client.post(f"{path}/pin", json={"sha256": "0" * 64})).status_code == 409
    assert (await client.post(f"{path}/pin", json={"sha256": sha256})).json()["file"]["state"] == "pinned"


async def test_a_failed_fetch_says_why(client: Any) -> None:
    fields = {"name": "XMRig", "version": "1", "url": "https://127.0.0.1:9/x"}
    software = (await client.post("/api/software", json=fields)).json()
    await client.post(f"/api/software/{software['id']}/fetch")
    async with asyncio.timeout(60):
        while (found := (await client.get(f"/api/software/{software['id']}")).json()["file"])["state"] != "failed":
            await asyncio.sleep(0.02)
    assert "downloads from there are blocked" in found["error"]


async def test_a_file_is_uploaded_as_the_body_beyond_the_limit_of_other_requests(client: Any) -> None:
    body = b"\x7fELF" + bytes(3 << 20)
    software = (await client.post("/api/software", json={"name": "XMRig", "version": "1"})).json()
    answer = await client.put(f"/api/software/{software['id']}/archive", content=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["file"] == {
        "state": "unconfirmed",
        "sha256": hashlib.sha256(body).hexdigest(),
        "size": len(body),
        "format": "executable",
    }
    too_large = await client.put(f"/api/software/{software['id']}/archive", content=bytes(9 << 20))
    assert too_large.status_code == 422
    assert too_large.json()["errors"][0]["field"] == "file"


async def test_changes_conflicts_and_removal(client: Any) -> None:
    one = (await client.post("/api/software", json={"name": "XMRig", "version": "1"})).json()
    assert (await client.post("/api/software", json={"name": "xmrig", "version": "1"})).status_code == 409
    changed = await client.patch(f"/api/software/{one['id']}", json={"version": "1.1", "revision": 1})
    assert (changed.json()["version"], changed.json()["adapter"]) == ("1.1", "xmrig")
    assert (await client.patch(f"/api/software/{one['id']}", json={"version": "2", "revision": 1})).status_code == 409
    wrong = await client.post("/api/software", json={"name": "Mystery", "version": "1"})
    assert wrong.status_code == 422
    assert {error["field"] for error in wrong.json()["errors"]} == {"executable", "adapter"}
    assert (await client.delete(f"/api/software/{one['id']}")).status_code == 204
    assert (await client.get(f"/api/software/{one['id']}")).status_code == 404


async def test_the_catalogue_can_be_read(client: Any) -> None:
    found = (await client.get("/api/software/catalogue")).json()
    assert {one["name"] for one in found} >= {"XMRig", "T-Rex", "lolMiner"}
