"""Rules in a real Commander: by API, for rigs whose Sentries connect, and across a restart."""

from __future__ import annotations

import asyncio
import urllib.error
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from rigfarm.commander.auth.control import CreateKey, ask
from rigfarm.common.clock import utc_ms
from rigfarm.simulate.commander import CommanderProcess
from rigfarm.wire.codec import encode
from support.load import a_log, connect
from support.until import until_now


def places(commander: CommanderProcess) -> dict[str, str]:
    found: Any = commander.api("GET", "/api/rigs")
    return {rig["name"]: rig.get("place", "") for rig in found}


def report(commander: CommanderProcess, token: str, address: str) -> None:
    """A Sentry connects, and its rig reports once from this address."""

    async def go() -> None:
        link = await connect(commander.url, [token])
        acked = asyncio.Event()
        link.on_acks = lambda first, last: acked.set()
        link.send_logs([encode(replace(a_log(1, utc_ms()), lan_ip=address))])
        await asyncio.wait_for(acked.wait(), 60)
        link.close()

    asyncio.run(go())


def test_a_rig_that_joins_is_in_its_place_and_the_activity_names_the_rule(commander: CommanderProcess) -> None:
    made: Any = commander.api(
        "POST",
        "/api/placing-rules",
        {"name": "row 2", "address": "10.1.2.0/24", "place": "hall-1/row-2", "tags": ["cold"]},
    )
    assert made["address"] == "10.1.2.0/24"
    (one, first), (_, second) = commander.add_rigs(["a", "b"])
    report(commander, first, "10.1.2.7")
    report(commander, second, "10.1.3.7")
    until_now(lambda: places(commander) == {"a": "hall-1/row-2", "b": ""}, "a is in its place")
    rig: Any = commander.api("GET", f"/api/rigs/{one}")
    assert rig["tags"] == ["cold"]

    def entry() -> Any:
        answer: Any = commander.api("GET", "/api/activity?by=rule")
        return next(iter(answer), None)

    until_now(entry, "there is an entry")
    assert (entry()["who"], entry()["action"]) == ("row 2", "place rigs")
    commander.stop()
    commander.start()
    rules: Any = commander.api("GET", "/api/placing-rules")
    assert [(rule["name"], rule["placed"]) for rule in rules] == [("row 2", 1)]
    report(commander, second, "10.1.2.8")
    until_now(lambda: places(commander)["b"] == "hall-1/row-2", "it acts after a restart, too")


def test_programs_do_all_that_people_do(commander: CommanderProcess) -> None:
    secret = ask(commander.folder, CreateKey("all", ("read", "configure"), 3600)).secret
    with httpx.Client(base_url=commander.url, headers={"Authorization": f"Bearer {secret}"}, timeout=60) as api:
        commander.add_rigs(["r1-1", "r1-2", "x"])
        rules = "/api/placing-rules"
        form = {"name": "racks", "pattern": "r{rack}-{slot}", "place": "rack-{rack}/slot-{slot}"}
        tried = api.post(f"{rules}/trial", json=form).json()
        assert tried["matches"] == 2
        assert tried["samples"][0] == {"name": "r1-1", "place": "rack-1/slot-1"}
        made = api.post(rules, json=form)
        assert made.status_code == 201
        rule = f"{rules}/{made.json()['id']}"
        wrong = api.post(rules, json={**form, "name": "other", "place": "{row}"})
        assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "place")
        assert api.post(rules, json=form).status_code == 409
        assert api.post(rules, json={**form, "colour": "red"}).status_code == 400
        assert api.patch(rule, json={"tags": ["new"], "revision": 1}).json()["tags"] == ["new"]
        assert api.patch(rule, json={"tags": [], "revision": 1}).status_code == 409
        assert api.patch(rule, json={"tags": []}, headers={"If-Match": '"1"'}).status_code == 412
        other = api.post(rules, json={"name": "x", "pattern": "x", "place": "cellar", "automatic": False}).json()["id"]
        ordered = api.put(f"{rules}/order", json={"rules": [other, made.json()["id"]]})
        assert [one["name"] for one in ordered.json()] == ["x", "racks"]
        assert api.put(f"{rules}/order", json={"rules": [other]}).status_code == 422
        plan = api.post(f"{rules}/plan", json={}).json()
        assert [(one["name"], one["to"]) for one in plan["moves"]] == [
            ("r1-1", "rack-1/slot-1"),
            ("r1-2", "rack-1/slot-2"),
            ("x", "cellar"),
        ]
        assert api.post(f"{rules}/apply", json={"digest": "x"}).status_code == 409
        assert set(places(commander).values()) == {""}
        done = api.post(f"{rules}/apply", json={"digest": plan["digest"]})
        assert done.json()["moves"] == plan["moves"]
        assert places(commander) == {"r1-1": "rack-1/slot-1", "r1-2": "rack-1/slot-2", "x": "cellar"}
        plan = api.post(f"{rules}/plan", json={"which": "without-place"}).json()
        assert [(one["why"], len(one["rigs"])) for one in plan["skipped"]] == [
            ("has a place already, given by a rule", 3)
        ]
        assert api.get(rule).json()["placed"] == 2
        assert api.delete(rule).status_code == 204
        assert api.get(rule).status_code == 404
        assert api.post(f"{rules}/plan", json={"which": "some"}).status_code == 400
    with pytest.raises(urllib.error.HTTPError):
        commander.api("DELETE", rule)


def test_reading_keys_see_a_plan_and_change_nothing(commander: CommanderProcess) -> None:
    secret = ask(commander.folder, CreateKey("eyes", ("read",), 3600)).secret
    with httpx.Client(base_url=commander.url, headers={"Authorization": f"Bearer {secret}"}, timeout=60) as api:
        assert api.post("/api/placing-rules/plan", json={}).status_code == 200
        assert api.post("/api/placing-rules/trial", json={"name": "a", "pattern": "a", "place": "x"}).status_code == 200
        for path, body in (("", {"name": "a", "pattern": "a", "place": "x"}), ("/apply", {"digest": "x"})):
            assert api.post(f"/api/placing-rules{path}", json=body).status_code == 403
