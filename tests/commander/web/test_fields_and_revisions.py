"""What a program asks for, and what it has seen: `fields`, `ETag` and `If-Match`."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from rigfarm.simulate.commander import CommanderProcess

WINDOW = {"name": "one", "repeats": "weekly", "days": "Mon", "begins": "09:00", "ends": "11:00"}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with CommanderProcess(tmp_path_factory.mktemp("commander")) as commander:
        commander.add_rigs(["rig-1", "rig-2", "rig-3"])
        headers = {"Authorization": f"Bearer {commander.key}"}
        with httpx.Client(base_url=commander.url, headers=headers, timeout=60) as client:
            pool = {"name": "pool", "kind": "pool", "coin": "XMR", "urls": ["pool.test:3333"]}
            assert client.post("/api/addresses", json=pool).status_code == 201
            yield client


def test_a_program_gets_the_fields_that_it_asks_for(api: httpx.Client) -> None:
    assert [list(one) for one in api.get("/api/rigs?fields=name,id").json()] == [["id", "name"]] * 3
    assert api.get("/api/rigs/1?fields=state").json() == {"state": "waiting"}
    assert list(api.get("/api/stats?fields=asic").json()) == ["asic"]
    page = api.get("/api/rigs?fields=id&limit=2")
    assert api.get(page.links["next"]["url"]).json() == [{"id": 3}], "the next page has the same"


@pytest.mark.parametrize("path", ["/api/rigs", "/api/rigs/1", "/api/playbooks", "/api/alerts", "/api/activity"])
def test_a_field_that_does_not_exist_is_named(api: httpx.Client, path: str) -> None:
    refused = api.get(path, params={"fields": "colour\x1b"})
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["field"] == "fields"
    assert "colour" in refused.json()["detail"]
    assert "\x1b" not in refused.json()["detail"]
    assert api.get(path, params={"fields": " ,"}).status_code == 400


def test_fields_are_refused_where_there_are_none(api: httpx.Client) -> None:
    assert api.get("/api/rigs/1/variables?fields=a").status_code == 400
    assert api.post("/api/rigs?fields=id", json={"name": "x", "kind": "asic"}).status_code == 400


@pytest.mark.parametrize("path", ["/api/rigs/1", "/api/addresses/1"])
def test_a_change_happens_only_at_the_revision_that_was_seen(api: httpx.Client, path: str) -> None:
    seen = api.get(path)
    tag = seen.headers["etag"]
    assert tag == f'"{seen.json()["revision"]}"'
    changed = api.patch(path, json={"name": "mine"}, headers={"If-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag
    late = api.patch(path, json={"name": "theirs"}, headers={"If-Match": tag})
    assert late.status_code == 412
    assert late.headers["content-type"] == "application/problem+json"
    assert api.delete(path, headers={"If-Match": tag}).status_code == 412
    assert api.get(path).json()["name"] == "mine"
    for good in ("*", f'"0", {changed.headers["etag"]}'):
        assert api.patch(path, json={"name": "mine"}, headers={"If-Match": good}).status_code == 200
    weak = f"W/{changed.headers['etag']}"
    assert api.patch(path, json={"name": "theirs"}, headers={"If-Match": weak}).status_code == 412


@pytest.mark.parametrize(
    ("path", "body", "change"),
    [
        ("/api/alert-rules", {"kind": "offline", "form": {"name": "one"}}, {"form": {"name": "two"}}),
        ("/api/alert-channels", {"name": "one", "url": "json://127.0.0.1:9/hook"}, {"name": "two"}),
        ("/api/maintenance-windows", WINDOW, {"name": "two"}),
        ("/api/reports/schedules", {"every": "day", "at": "07:00", "channel": 1}, {"at": "08:00"}),
        ("/api/webhooks", {"name": "one", "url": "https://receiver.invalid/"}, {"name": "two"}),
    ],
)
def test_a_thing_is_read_changed_and_removed_by_its_revision(
    api: httpx.Client, path: str, body: dict[str, object], change: dict[str, object]
) -> None:
    if "channel" in body:
        body |= {
            "channel": api.post("/api/alert-channels", json={"name": "x", "url": "json://127.0.0.1:9/"}).json()["id"]
        }
    made = api.post(path, json=body)
    assert made.status_code == 201, made.text
    here = f"{path}/{made.json()['id']}"
    tag = api.get(here).headers["etag"]
    changed = api.patch(here, json=change, headers={"If-Match": tag})
    assert changed.status_code == 200, changed.text
    assert api.get(here).json() == changed.json()
    assert api.delete(here, headers={"If-Match": tag}).status_code == 412
    assert api.delete(here, headers={"If-Match": changed.headers["etag"]}).status_code == 204
    assert api.get(here).status_code == 404


@pytest.mark.parametrize("change", [{"place": "hall-1"}, {"tags": ["a"]}, {"name": "other", "place": "hall-2"}])
def test_it_holds_for_whatever_is_changed_of_a_rig(api: httpx.Client, change: dict[str, object]) -> None:
    assert api.patch("/api/rigs/2", json=change, headers={"If-Match": '"999"'}).status_code == 412
    assert "place" not in api.get("/api/rigs/2").json()


def test_where_it_has_no_meaning_it_is_refused(api: httpx.Client) -> None:
    headers = {"If-Match": '"1"'}
    assert api.patch("/api/thresholds", json={}, headers=headers).status_code == 400
    assert api.post("/api/rigs", json={"name": "x", "kind": "asic"}, headers=headers).status_code == 400
    assert api.get("/api/rigs?filter=name:x").json() == []
    for wrong in ("7", '"1', "W/", "x" * 600):
        assert api.patch("/api/rigs/1", json={"name": "x"}, headers={"If-Match": wrong}).status_code == 400


def test_json_that_is_not_utf_8_is_refused_in_words(api: httpx.Client) -> None:
    headers = {"Content-Type": "application/json"}
    answer = api.patch("/api/rigs/1", content=b'{"name": "\xff"}', headers=headers)
    assert answer.status_code == 400
    assert answer.json()["detail"] == "The JSON is not UTF-8."


@pytest.mark.parametrize("field", ["alerts", "commands", "activity", "on"])
def test_a_wrong_value_is_refused_though_a_part_of_the_commander_has_the_fields_name(
    api: httpx.Client, field: str
) -> None:
    answer = api.post("/api/webhooks", json={"name": "tickets", "url": "https://receiver.invalid/", field: "perhaps"})
    assert answer.status_code == 400
    assert answer.json()["errors"] == [{"field": field, "detail": "Expected `bool`, got `str`"}]


def test_all_of_it_is_documented(api: httpx.Client) -> None:
    paths = api.get("/api/docs/openapi.json").json()["paths"]

    def parameters(path: str, method: str) -> set[str]:
        return {one["name"] for one in paths[path][method].get("parameters", ())}

    assert "fields" in parameters("/api/rigs", "get")
    assert "If-Match" in parameters("/api/rigs/{rig_id}", "patch")
    assert "412" in paths["/api/playbooks/{playbook_id}"]["patch"]["responses"]
    assert "Idempotency-Key" in parameters("/api/commands", "post")
    assert "Idempotency-Key" not in parameters("/api/playbooks/{playbook_id}/plan", "post"), "it changes nothing"
    assert "Idempotency-Key" in api.get("/api/docs").text
