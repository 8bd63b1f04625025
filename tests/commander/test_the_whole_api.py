"""What all routes of the JSON API have in common, asked of a whole Commander with a farm: errors are those
documented, lists have pages, unknown values are left out."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from litestar.routes import HTTPRoute
from sqlalchemy.exc import OperationalError

from rigfarm.commander.auth.control import CreateKey, ask
from rigfarm.commander.auth.scopes import SCOPES, needed_scope
from rigfarm.commander.settings import Settings
from rigfarm.common.clock import utc_ms
from rigfarm.wire.codec import encode
from rigfarm.wire.frames import RigSpecs
from rigfarm.wire.specs import GpuSpecs, Specs
from support.lazy_commander import LazyCommander
from support.load import a_log, connect
from support.until import until, until_now

WALLET = "4" + "A" * 94
OPEN = ("/healthz", "/leads", "/readyz")


class Farm:
    """A Commander with four rigs, of which one reports, and one of everything else."""

    def __init__(self, lazy: LazyCommander, url: str, folder: Path) -> None:
        self.lazy, self.url = lazy, url
        self.keys = {scope: self._key(folder, f"may {scope}", scope) for scope in SCOPES}
        self.keys["all"] = self._key(folder, "may all", *SCOPES)
        self.ids: dict[str, str] = {}

    @staticmethod
    def _key(folder: Path, name: str, *scopes: str) -> str:
        secret = ask(folder, CreateKey(name, scopes, 3600)).secret
        assert secret is not None
        return secret

    def client(self, scope: str = "all") -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.keys[scope]}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60)

    def routes(self) -> list[tuple[str, str, str | None]]:
        """(method, path template, scope) of every documented operation of the API."""
        return [
            (str(method), route.path_format, needed_scope(str(method), handler.opt))
            for route in self.lazy.app.routes
            if isinstance(route, HTTPRoute) and route.path_format.startswith("/api/")
            for method, (handler, _) in route.route_handler_map.items()
            if method != "OPTIONS" and handler.resolve_include_in_schema()
        ]

    def path(self, template: str, missing: str = "") -> str:
        return re.sub(r"\{(\w+)\}", lambda one: missing or self.ids.get(one[1], "1"), template)


def _furnish(farm: Farm) -> None:
    with farm.client() as api:

        def make(path: str, body: dict[str, Any]) -> Any:
            made = api.post(path, json=body)
            assert made.status_code in (200, 201, 202), made.text
            return made.json()

        rigs = [make("/api/rigs", {"name": f"rig-{n}", "kind": "cpu-gpu"}) for n in range(1, 4)]
        make("/api/rigs", {"name": "asic-1", "kind": "asic"})
        pool = make("/api/addresses", {"name": "pool", "kind": "pool", "coin": "XMR", "urls": ["pool.test:3333"]})
        for n in range(3):
            make("/api/addresses", {"name": f"w{n}", "kind": "wallet", "coin": "XMR", "wallet": WALLET})
        miner = {"name": "Fakeminer", "executable": "fakeminer", "adapter": "xmrig", "devices": "both"}
        software = [make("/api/software", {**miner, "version": f"1.{n}"}) for n in range(3)]
        workload = {"slot": "cpu", "coin": "XMR", "algorithm": "rx/0", "pool_id": pool["id"]}
        form = {"software_id": software[0]["id"], "template": "-o $CPU_POOL", "workloads": [workload]}
        books = [make("/api/playbooks", {"name": f"XMR {n}", **form}) for n in range(3)]
        book = f"/api/playbooks/{books[0]['id']}"
        for n in range(3):
            api.patch(book, json={"notes": f"note {n}"})
        make("/api/commands", {"command": {"type": "reboot"}, "rigs": [rig["id"] for rig in rigs]})
        make("/api/commands", {"command": {"type": "restart-miner"}, "rigs": [rigs[0]["id"]]})
        make("/api/enrolment-keys", {"name": "sentry", "hours": 0.5})
        farm.ids = {"rig_id": str(rigs[0]["id"]), "playbook_id": str(books[0]["id"])}
        farm.ids |= {"address_id": str(pool["id"]), "software_id": str(software[0]["id"])}
        channel = make("/api/alert-channels", {"name": "one", "url": "json://127.0.0.1:9/"})
        farm.ids["channel_id"] = str(channel["id"])
        schedule = make("/api/reports/schedules", {"every": "day", "at": "07:00", "channel": channel["id"]})
        farm.ids["schedule_id"] = str(schedule["id"])
        window = {"name": "one", "repeats": "weekly", "days": "Mon", "begins": "09:00", "ends": "11:00"}
        farm.ids["window_id"] = str(make("/api/maintenance-windows", window)["id"])
        webhook = make("/api/webhooks", {"name": "one", "url": "https://receiver.invalid/"})
        farm.ids["webhook_id"] = str(webhook["id"])
        view = make("/api/views", {"kind": "cpu-gpu", "name": "by name", "search": "sort=name"})
        farm.ids["view_id"] = str(view["id"])
        circuit = make("/api/circuits", {"name": "PDU-1", "limit_w": 3680, "places": ["hall"]})
        farm.ids["circuit_id"] = str(circuit["id"])
        make("/api/placing-rules", {"name": "racks", "pattern": "r{rack}-{slot}", "place": "rack-{rack}/slot-{slot}"})

        async def report() -> None:
            link = await connect(farm.url, [rigs[0]["token"]])
            gpus = [GpuSpecs("0000:01:00.0", name="RX 580")]
            link.send(encode(RigSpecs(0, Specs(sentry_version="1", cpu="Ryzen", gpus=gpus))))
            link.send_logs([encode(a_log(1, utc_ms()))])
            rig = f"/api/rigs/{rigs[0]['id']}"
            await until(lambda: {"log", "specs"} <= api.get(rig).json().keys(), "it reported")
            link.close()

        asyncio.run(report())


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    folder = tmp_path_factory.mktemp("farm")
    lazy = LazyCommander(Settings(data_dir=folder, password="correct horse", tls="off", host="127.0.0.1"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(lazy, lifespan="on", log_level="error"))
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])), daemon=True)
        thread.start()
        try:
            asyncio.run(until(lambda: server.started))
            farm = Farm(lazy, f"http://127.0.0.1:{listener.getsockname()[1]}", folder)
            _furnish(farm)
            yield farm
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="module")
def documented(farm: Farm) -> dict[tuple[str, str], dict[str, Any]]:
    """(method, path template) -> the documented responses."""
    with farm.client() as api:
        paths = api.get("/api/docs/openapi.json").json()["paths"]
    return {
        (method.upper(), path): one["responses"] for path, all_of in paths.items() for method, one in all_of.items()
    }


def _nulls(value: Any, where: str = "") -> list[str]:
    """Fields that are null: in a list, null says which place is unknown."""
    if isinstance(value, list):
        return [one for part in value for one in _nulls(part, where)]
    if not isinstance(value, dict):
        return []
    found = [f"{where}.{name}" for name, part in value.items() if part is None]
    return found + [one for name, part in value.items() for one in _nulls(part, f"{where}.{name}")]


def test_no_answer_has_a_null(farm: Farm) -> None:
    seen = 0
    with farm.client() as api:
        for method, template, _ in farm.routes():
            if (
                method != "GET"
                or template.endswith((".csv", ".parquet", "/console", "/stream"))
                or re.search(r"\{(rollout|alert|update)_id\}", template)
            ):
                continue
            query = {"rig": farm.ids["rig_id"]} if template.endswith("/preview") else {}
            query |= {"code": "rig-01"} if template.endswith("/by-code") else {}
            answer = api.get(farm.path(template), params=query)
            assert answer.status_code == 200, (template, answer.text)
            assert _nulls(answer.json(), template) == []
            seen += len(answer.content)
        rig = api.get(f"/api/rigs/{farm.ids['rig_id']}").json()
        assert rig["specs"]["gpus"] == [{"id": "0000:01:00.0", "name": "RX 580"}], "the others are unknown"
        content = api.get(f"/api/playbooks/{farm.ids['playbook_id']}").json()["content"]
        assert "archive" not in content["software"]
        assert content["devices"] == [], "what is known to be empty is not left out"
    assert seen > 10_000
    assert _nulls([{"a": {"b": None}, "c": [1, None]}]) == [".a.b"], "this test would find one"


LISTS = {
    "/api/rigs": "id",
    "/api/addresses": "id",
    "/api/software": "id",
    "/api/playbooks": "id",
    "/api/playbooks/{playbook_id}/revisions": "revision",
    "/api/commands": "id",
    "/api/keys": "id",
    "/api/activity": "id",
    "/api/software/catalogue": "name",
}


@pytest.mark.parametrize("template", LISTS)
def test_pages_together_are_the_whole_list(farm: Farm, template: str) -> None:
    path, name = farm.path(template), LISTS[template]
    with farm.client() as api:
        whole = api.get(path)
        ids = [one[name] for one in whole.json()]
        assert "link" not in whole.headers
        assert len(ids) == len(set(ids)) >= 3
        found, url = [], f"{path}?limit=2"
        while url:
            page = api.get(url)
            assert len(page.json()) <= 2
            found += [one[name] for one in page.json()]
            url = page.links["next"]["url"] if "next" in page.links else ""
        assert found == ids
        for wrong in ("?limit=0", "?limit=2001", "?limit=x", "?after=x", f"?after={'9' * 70}", "?before=1"):
            assert api.get(path + wrong).status_code == 400, wrong


def test_pages_of_what_happened_go_back_in_time(farm: Farm) -> None:
    """It is written some time after it happened: the pages are compared once they are the same twice."""
    with farm.client() as api:

        def pages() -> list[dict[str, Any]]:
            found, url = [], "/api/history/events?limit=2"
            while url:
                page = api.get(url)
                found += page.json()
                url = page.links["next"]["url"] if "next" in page.links else ""
            return found

        def whole() -> list[dict[str, Any]]:
            return list(api.get("/api/history/events").json())

        until_now(lambda: len(found := whole()) >= 4 and pages() == found == whole(), lambda: str(whole()))
        times = [datetime.fromisoformat(one["at"]) for one in whole()]  # as text, a whole second comes after its parts
        assert times == sorted(times, reverse=True)
        for wrong in ("after=x", "after=1-x", "after=5", f"after=1-{'9' * 40}", "limit=2001"):
            assert api.get(f"/api/history/events?{wrong}").status_code == 400, wrong


def test_every_list_has_pages(documented: dict[tuple[str, str], dict[str, Any]]) -> None:
    lists = {
        path
        for (method, path), said in documented.items()
        if method == "GET" and '"items"' in json.dumps(said["200"].get("content"))
    }
    assert lists >= set(LISTS)
    assert [path for path in lists if "Link" not in documented["GET", path]["200"]["headers"]] == []


def test_a_page_goes_on_where_the_last_one_was_removed(farm: Farm) -> None:
    with farm.client() as api:
        for n in range(5):
            wallet = {"name": f"z{n}", "kind": "wallet", "coin": "ZEC", "wallet": f"t1{'a' * 33}"}
            api.post("/api/addresses", json=wallet)
        url = "/api/addresses?coin=ZEC&limit=2"
        page = api.get(url)
        assert [one["name"] for one in page.json()] == ["z0", "z1"]
        gone = page.json()[1]["id"]
        assert api.delete(f"/api/addresses/{gone}").status_code == 204
        assert [one["name"] for one in api.get(page.links["next"]["url"]).json()] == ["z2", "z3"]
        for one in api.get("/api/addresses?coin=ZEC").json():
            api.delete(f"/api/addresses/{one['id']}")


def _is_documented(answer: httpx.Response, responses: dict[str, Any], where: object) -> None:
    assert str(answer.status_code) in responses, (where, answer.status_code, answer.text)
    if answer.status_code >= 400:
        assert list(responses[str(answer.status_code)]["content"]) == ["application/problem+json"], where
        assert answer.headers["content-type"].startswith("application/problem+json"), where


@pytest.mark.parametrize("case", ["stranger", "another scope", "unknown", "question", "malformed", "empty"])
def test_what_a_route_answers_is_documented(
    farm: Farm, documented: dict[tuple[str, str], dict[str, Any]], case: str
) -> None:
    """Every route, wrongly asked in every way that it can be; a status that it cannot have is not documented either."""
    with farm.client() as api:
        for method, template, scope in farm.routes():
            responses, where = documented[method, template], (case, method, template)
            path, named = farm.path(template, "999"), "{" in template
            headers: dict[str, str] = {}
            body: dict[str, Any] = {}
            match case:
                case "stranger":
                    headers, expected = {"Authorization": ""}, {401}
                case "another scope":
                    other = "read" if scope != "read" else "enrol"
                    headers, expected = {"Authorization": f"Bearer {farm.keys[other]}"}, {403}
                    if scope == "any":
                        continue
                case "unknown" if named and method in ("GET", "DELETE"):
                    expected = {404}
                    if template.endswith("/preview"):
                        path += "?rig=1"
                case "question":
                    path, expected = path + "?quastion=1", {400}
                case "malformed" if "requestBody" and method in ("POST", "PATCH"):
                    body, expected = {"content": b"{"}, {400, 404, 409, 200, 201}
                case "empty" if method in ("POST", "PATCH"):
                    body, expected = {"json": {}}, {200, 201, 400, 404, 409, 422}
                case _:
                    continue
            answer = api.request(method, path, headers=headers, **body)
            assert answer.status_code in expected, (where, answer.text)
            _is_documented(answer, responses, where)


CONFLICTS = [
    ("POST", "/api/rigs", {"name": "RIG-1", "kind": "cpu-gpu"}, 409),
    ("PATCH", "/api/rigs/{rig_id}", {"name": "rig-2"}, 409),
    ("POST", "/api/rigs", {"name": " ", "kind": "cpu-gpu"}, 422),
    ("POST", "/api/rigs", {"name": "x", "kind": "gpu"}, 400),
    ("PATCH", "/api/addresses/{address_id}", {"revision": 77, "name": "other"}, 409),
    ("PATCH", "/api/software/{software_id}", {"revision": 77, "version": "2"}, 409),
    ("PATCH", "/api/playbooks/{playbook_id}", {"revision": 77, "name": "other"}, 409),
    ("PATCH", "/api/playbooks/{playbook_id}", {"template": "$NOTHING ("}, 422),
    ("PATCH", "/api/playbooks/{playbook_id}", {"templat": "x"}, 400),
    ("DELETE", "/api/addresses/{address_id}", None, 409),
    ("DELETE", "/api/software/{software_id}", None, 409),
    ("POST", "/api/commands", {"command": {"type": "reboot"}, "rigs": [999]}, 404),
    ("POST", "/api/commands", {"command": {"type": "reboot"}}, 422),
    ("POST", "/api/rigs/remove", {}, 422),
    ("POST", "/api/keys", {"name": "may all", "expires_in_s": 60}, 409),
    ("POST", "/api/enrolment-keys", {"name": "x", "hours": 1e9}, 422),
    ("GET", "/api/history?rig=999", None, 404),
    ("GET", "/api/history?from=x", None, 400),
    ("GET", "/api/commands?batch=none", None, 404),
]


@pytest.mark.parametrize(("method", "template", "body", "status"), CONFLICTS)
def test_a_conflict_or_a_wrong_value_is_documented(
    farm: Farm, documented: dict[tuple[str, str], dict[str, Any]], method: str, template: str, body: object, status: int
) -> None:
    with farm.client() as api:
        answer = api.request(method, farm.path(template), **({} if body is None else {"json": body}))
        assert answer.status_code == status, answer.text
        _is_documented(answer, documented[method, template.partition("?")[0]], template)


def test_a_database_that_fails_is_documented(
    farm: Farm, documented: dict[tuple[str, str], dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise OperationalError("", None, Exception("disk I/O error"))

    monkeypatch.setattr(farm.lazy.commander.storage, "begin", broken)
    with farm.client() as api:
        answer = api.post("/api/rigs", json={"name": "new", "kind": "asic"})
        assert answer.status_code == 503
        _is_documented(answer, documented["POST", "/api/rigs"], "503")
    assert all("503" in responses for responses in documented.values())


def test_wrong_keys_are_documented(farm: Farm, documented: dict[tuple[str, str], dict[str, Any]]) -> None:
    with farm.client() as api:
        answers = [api.get("/api/stats", headers={"Authorization": "Bearer rk_no"}) for _ in range(12)]
    assert {one.status_code for one in answers} == {401, 429}
    for one in answers:
        _is_documented(one, documented["GET", "/api/stats"], "429")
    assert answers[-1].headers["retry-after"]
    assert [one for one in documented if one[1] not in OPEN and "429" not in documented[one]] == []


def test_a_key_cannot_give_more_than_it_has(farm: Farm) -> None:
    with farm.client() as api:
        made = api.post("/api/keys", json={"name": "poor", "scopes": ["read", "access"], "expires_in_s": 600})
        assert made.status_code == 201, made.text
    with httpx.Client(base_url=farm.url, headers={"Authorization": f"Bearer {made.json()['key']}"}) as poor:
        for scopes in (["configure"], ["read", "operate"], ["enrol"]):
            refused = poor.post("/api/keys", json={"name": "rich", "scopes": scopes, "expires_in_s": 60})
            assert refused.status_code == 403, refused.text
        assert poor.post("/api/enrolment-keys", json={"name": "rich", "hours": 0.01}).status_code == 403
        for ends in (700, None):
            late = poor.post("/api/keys", json={"name": "late", "scopes": ["read"], "expires_in_s": ends})
            assert late.status_code == 422, "it would outlive the key that made it"
        equal = poor.post("/api/keys", json={"name": "equal", "scopes": ["read", "access"], "expires_in_s": 60})
        assert equal.status_code == 201
        assert poor.delete(f"/api/keys/{equal.json()['id']}").status_code == 204
        assert poor.delete(f"/api/keys/{equal.json()['id']}").status_code == 404
        assert "key" not in poor.get("/api/keys").text.replace('"a key', "").partition("rk_")[1]
    with farm.client("configure") as api:
        assert api.post("/api/keys", json={"name": "x"}).status_code == 403
        assert api.get("/api/logins").status_code == 403


def test_logins_are_listed_and_ended(farm: Farm) -> None:
    with httpx.Client(base_url=farm.url, headers={"Origin": farm.url}) as browser, farm.client("access") as api:
        browser.post("/login", data={"password": "correct horse"})
        assert browser.get("/settings").status_code == 200
        [login] = api.get("/api/logins").json()
        assert login["address"] == "127.0.0.1"
        assert browser.get("/api/logins").json()[0]["own"] is True
        assert api.delete(f"/api/logins/{'0' * 64}").status_code == 404
        assert api.delete("/api/logins/nonsense").status_code == 404
        assert browser.get("/settings").status_code == 200
        assert api.delete(f"/api/logins/{login['id']}").status_code == 204
        assert browser.get("/settings").status_code == 303
        browser.post("/login", data={"password": "correct horse"})
        assert api.delete("/api/logins").json() == {"logins": 1}
        assert browser.get("/settings").status_code == 303


def test_a_login_gets_a_label(farm: Farm) -> None:
    with httpx.Client(base_url=farm.url, headers={"Origin": farm.url}) as browser, farm.client("access") as api:
        browser.post("/login", data={"password": "correct horse"})
        [login] = api.get("/api/logins").json()
        assert "label" not in login
        changed = api.patch(f"/api/logins/{login['id']}", json={"label": "Kim's phone"})
        assert changed.json() == {**login, "label": "Kim's phone"}
        assert api.get("/api/logins").json() == [changed.json()]
        assert api.patch(f"/api/logins/{login['id']}", json={"label": "x" * 41}).status_code == 422
        assert api.patch(f"/api/logins/{'0' * 64}", json={"label": "x"}).status_code == 404
        api.delete(f"/api/logins/{login['id']}")
    with farm.client("all") as api:
        [entry] = api.get("/api/activity?what=label%20a%20login&result=changed").json()
        assert entry["compared"] == [{"what": "label", "before": "", "after": "Kim's phone"}]


def test_many_rigs_are_changed_each_in_its_own_way_or_none_is(farm: Farm) -> None:
    with farm.client("configure") as api, farm.client("read") as reader:
        made = [api.post("/api/rigs", json={"name": f"bulk-{n}", "kind": "asic"}).json()["id"] for n in range(3)]
        first, second, third = made

        def change(*rigs: dict[str, Any]) -> httpx.Response:
            return api.patch("/api/rigs", json={"rigs": list(rigs)})

        def seen() -> list[list[object]]:
            return [
                [one["name"], one.get("place", ""), one.get("tags", []), one["revision"]]
                for one in reader.get("/api/rigs?filter=bulk-").json()
            ]

        done = change({"id": first, "name": "bulk-a"}, {"id": second, "place": "hall-9", "tags": ["x"], "revision": 1})
        assert done.status_code == 200, done.text
        assert [one["id"] for one in done.json()] == [first, second]
        now = seen()
        assert now == [["bulk-1", "hall-9", ["x"], 2], ["bulk-2", "", [], 1], ["bulk-a", "", [], 2]]
        refused = [
            (409, change({"id": first, "name": "other"}, {"id": second, "place": "hall-1", "revision": 1})),
            (409, change({"id": first, "name": "same"}, {"id": third, "name": "Same"})),
            (409, change({"id": first, "place": "hall-1"}, {"id": third, "name": "bulk-a"})),
            (422, change({"id": first, "place": "hall-1"}, {"id": first, "place": "hall-2"})),
            (422, change({"id": first, "place": "hall-1"}, {"id": third, "tags": ["no word"]})),
            (404, change({"id": first, "place": "hall-1"}, {"id": 999_999})),
            (400, change()),
            (400, change({"id": first, "colour": "red"})),
        ]
        assert [(wanted, one.status_code) for wanted, one in refused if one.status_code != wanted] == []
        assert seen() == now
        api.post("/api/rigs/remove", json={"rigs": made, "kind": "asic"})


def test_rigs_are_removed_together_and_their_history_is_kept_where_one_says_so(farm: Farm) -> None:
    with farm.client() as api:
        made = api.post("/api/rigs", json={"name": "kept", "kind": "asic"}).json()["id"]
        api.post("/api/rigs/remove", json={"rigs": [made], "keep_history": True})
        until_now(lambda: made in [one["id"] for one in api.get("/api/history/removed").json()])


def test_rigs_are_removed_together(farm: Farm) -> None:
    with farm.client() as api:
        made = [api.post("/api/rigs", json={"name": f"gone-{n}", "kind": "asic"}).json()["id"] for n in range(3)]
        answer = api.post("/api/rigs/remove", json={"rigs": [*made[:2], 999]})
        assert answer.json() == {"rigs": made[:2]}
        waiting = {"kind": "asic", "filter": {"q": "gone-", "state": "waiting"}}
        assert api.post("/api/rigs/remove", json=waiting).json() == {"rigs": made[2:]}
        assert api.get("/api/rigs?q=gone").json() == []
