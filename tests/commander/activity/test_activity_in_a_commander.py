"""A whole Commander: what its operators, programs and commands do is in the activity when they are answered."""

from __future__ import annotations

import asyncio
import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from websockets.asyncio.client import connect

from rigfarm.commander.cli import commander as command_line
from rigfarm.simulate.commander import CommanderProcess

HOSTILE = '=cmd("/c calc")<script>alert(1)</script>'


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommanderProcess]:
    with CommanderProcess(tmp_path_factory.mktemp("farm")) as one:
        one.add_rigs(["rig-01", "rig-02"])
        yield one


@pytest.fixture
def kim(farm: CommanderProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=farm.url, headers={"Origin": farm.url}, timeout=60) as browser:
        answer = browser.post("/login", data={"password": farm.password, "owner": "Kim's phone"})
        assert answer.status_code == 303
        found = re.search(r'<meta name="csrf" content="([0-9a-f]+)"', browser.get("/settings").text)
        assert found
        browser.headers["X-CSRF-Token"] = found[1]
        yield browser


def entries(farm: CommanderProcess, query: str = "") -> list[dict[str, Any]]:
    answer: Any = farm.api("GET", f"/api/activity{query}")
    return list(answer)


def test_it_works(farm: CommanderProcess, kim: httpx.Client) -> None:
    assert kim.post("/rigs/1/name", data={"name": "rig-one"}).status_code < 400
    [entry] = entries(farm, "?what=rename%20rig&limit=1")
    assert (entry["by"], entry["who"], entry["address"]) == ("session", "Kim's phone", "127.0.0.1")
    assert re.fullmatch(r"[0-9a-f]{8} python-httpx", entry["which"])
    assert (entry["action"], entry["target"], entry["targets"]) == ("rename rig", "rig-one", {"rig": "1"})
    assert entry["compared"] == [{"what": "name", "before": "rig-01", "after": "rig-one"}]
    assert (entry["outcome"], entry["did"]) == ("changed", "POST /rigs/{rig_id}/name")
    page = kim.get("/activity?about=rig:1").text
    assert 'href="/rigs/1"' in page
    assert "Rename rig" in page
    assert "<del>rig-01</del> → <ins>rig-one</ins>" in page
    assert 'href="/activity?about=rig:1"' in kim.get("/rigs/1").text
    kim.post("/rigs/1/name", data={"name": "rig-01"})


def test_a_refusal_is_an_entry_and_says_what_was_tried(farm: CommanderProcess, kim: httpx.Client) -> None:
    kim.post("/rigs/1/name", data={"name": "rig-02"})
    [entry] = entries(farm, "?result=refused&limit=1")
    assert (entry["action"], entry["outcome"], entry["result"]) == ("rename rig", "refused", "409")


def test_filters_narrow_and_pages_follow_one_another(farm: CommanderProcess, kim: httpx.Client) -> None:
    for number in range(5):
        kim.post("/rigs/2/name", data={"name": f"rig-02-{number}"})
    assert {one["who"] for one in entries(farm, "?who=Kim%27s%20phone")} == {"Kim's phone"}
    assert {one["by"] for one in entries(farm, "?by=commander")} == {"commander"}
    assert all("rig-02-3" in str(one) for one in entries(farm, "?q=RIG-02-3%20kim"))
    assert entries(farm, "?q=100%25") == []
    assert entries(farm, "?from=-2d&to=-1d") == []
    assert len(entries(farm, "?about=rig:2&from=-1h")) >= 5
    assert entries(farm, "?about=rig:999") == []
    first = kim.get("/api/activity?who=Kim%27s%20phone&limit=3")
    second = kim.get(first.links["next"]["url"])
    ids = [one["id"] for one in first.json() + second.json()]
    assert ids == [one["id"] for one in entries(farm, "?who=Kim%27s%20phone")][:6]
    assert len(set(ids)) == 6
    for wrong in ("by=nobody", "about=rig", "about=cat:1", "from=yesterday", "other=1", "result=good"):
        assert kim.get(f"/activity?{wrong}").status_code == 400, wrong
        assert kim.get(f"/api/activity?{wrong}").status_code == 400, wrong
    assert kim.get("/activity?before=0").status_code == 400
    assert kim.get("/api/activity?after=x").status_code == 400
    assert "No entries match" in kim.get("/activity?q=nothing-is-like-this").text
    kim.post("/rigs/2/name", data={"name": "rig-02"})


def test_hostile_names_are_text_on_the_page_and_in_spreadsheets(farm: CommanderProcess, kim: httpx.Client) -> None:
    kim.post("/rigs/2/name", data={"name": HOSTILE})
    page = kim.get("/activity?about=rig:2").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    answer = kim.get("/api/activity.csv?about=rig:2")
    assert answer.headers["content-type"].startswith("text/csv")
    head, *rows = csv.reader(io.StringIO(answer.text))
    assert head[:3] == ["entry", "time (UTC)", "by"]
    assert rows[0][7] == f"'{HOSTILE}"
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "@"))]
    kim.post("/rigs/2/name", data={"name": "rig-02"})


def test_a_label_is_changed_and_that_is_an_entry(farm: CommanderProcess, kim: httpx.Client) -> None:
    page = kim.get("/settings/sessions").text
    name = re.findall(r"sessions/([0-9a-f]{64})/label", page)[0]  # the latest used is the first
    assert kim.post(f"/settings/sessions/{name}/label", data={"owner": "Robin's desk"}).status_code == 303
    assert "Robin&#39;s desk" in kim.get("/settings/sessions").text
    [entry] = entries(farm, "?what=label%20a%20login&limit=1")
    assert entry["compared"] == [{"what": "label", "before": "Kim's phone", "after": "Robin's desk"}]
    assert kim.post(f"/settings/sessions/{name}/label", data={"owner": "x" * 41}).status_code == 422
    assert kim.post(f"/settings/sessions/{'0' * 64}/label", data={"owner": "x"}).status_code == 404


def test_what_was_typed_as_a_label_stays_when_it_is_refused(farm: CommanderProcess) -> None:
    with httpx.Client(base_url=farm.url, headers={"Origin": farm.url}) as browser:
        answer = browser.post("/login", data={"password": farm.password, "owner": "x" * 41})
    assert answer.status_code == 422
    assert "at most 40 characters" in answer.text


def test_commands_and_the_start_are_entries_and_all_is_intact(farm: CommanderProcess) -> None:
    environment = {"RIGFARM_DATA_DIR": str(farm.folder), "RIGFARM_TLS": "off", "RIGFARM_HOST": "127.0.0.1"}
    runner = CliRunner()
    assert runner.invoke(command_line, ["api-key", "create", "from-the-shell"], env=environment).exit_code == 0
    [made] = entries(farm, "?by=command&limit=1")
    assert (made["action"], made["target"]) == ("create API key", "from-the-shell")
    [start] = entries(farm, "?what=start%20Commander")
    assert start["id"] == 1
    verified = runner.invoke(command_line, ["activity", "verify"], env=environment)
    assert (verified.exit_code, "entries are intact" in verified.output) == (0, True), verified.output
    head = verified.output.split()[-1]
    assert runner.invoke(command_line, ["activity", "verify", "--head", head], env=environment).exit_code == 0
    wrong = runner.invoke(command_line, ["activity", "verify", "--head", f"2:{'0' * 64}"], env=environment)
    assert (wrong.exit_code, "Entry 2 is not the one" in wrong.output) == (1, True)


async def test_an_entry_arrives_on_an_open_page(farm: CommanderProcess, kim: httpx.Client) -> None:
    cookies = "; ".join(f"{name}={value}" for name, value in kim.cookies.items())
    url = f"{farm.url.replace('http', 'ws')}/live?page=/activity%3Fwhat%3Dremove+rigs"
    async with connect(url, origin=farm.url, additional_headers={"Cookie": cookies}) as page:  # type: ignore[arg-type]
        async with asyncio.timeout(30):
            while "snapshot" not in str(await page.recv()):
                pass
        [(rig, _)] = await asyncio.to_thread(farm.add_rigs, ["gone-soon"])
        await asyncio.to_thread(farm.api, "DELETE", f"/api/rigs/{rig}")
        async with asyncio.timeout(30):
            while "gone-soon" not in str(await page.recv()):
                pass


def test_the_api_is_documented(farm: CommanderProcess) -> None:
    schema: Any = farm.api("GET", "/api/docs/openapi.json")
    assert {"/api/activity", "/api/activity.csv"} <= set(schema["paths"])


def test_a_stop_is_an_entry_of_the_next_run(tmp_path: Path) -> None:
    with CommanderProcess(tmp_path) as one:
        assert one.key
    with CommanderProcess(tmp_path, port=one.port) as again:
        again._key = one.key
        assert [entry["action"] for entry in entries(again)] == [
            "start Commander", "stop Commander", "create API key", "start Commander",
        ]  # fmt: skip
