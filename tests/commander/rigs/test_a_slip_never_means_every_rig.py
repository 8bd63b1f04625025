"""A mistyped filter is refused, whoever asks and wherever: it must not come to mean the whole farm."""

from __future__ import annotations

import importlib
import json
import re
import urllib.error
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from rigfarm import commander as commander_package
from rigfarm.commander.auth.control import CreateKey, ask
from rigfarm.simulate.commander import CommanderProcess


@pytest.fixture(scope="module")
def commander(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommanderProcess]:
    folder: Path = tmp_path_factory.mktemp("commander")
    with CommanderProcess(folder) as one:
        one._key = ask(folder, CreateKey("all of it", ("read", "operate", "configure", "access"), None)).secret
        one.add_rigs(["rig-1", "rig-2"])
        yield one


def refusal(commander: CommanderProcess, method: str, path: str, body: object = None) -> tuple[int, str]:
    """Status, and what is said."""
    with pytest.raises(urllib.error.HTTPError) as refused:
        commander.api(method, path, body)
    return refused.value.code, json.dumps(json.loads(refused.value.read()))


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("state=onlin", "Unknown state onlin. Known values: online, degraded"),
        ("state=ONLINE", "Unknown state ONLINE"),
        ("sort=nonsense", "Unknown sort nonsense"),
        ("sort=--name", "Unknown sort -name"),
        (
            "page=1",
            "Unknown query parameter page. Known parameters: after, at, coin, fields, filter, kind, limit",
        ),
        ("limit=0", "limit"),
        ("State=online", "Unknown query parameter State"),
        (f"coin={'x' * 33}", "coin has at most 32 characters"),
        (f"q={'x' * 301}", "q has at most 300 characters"),
        ("q=-stat:online", "-stat:online: there is no field stat."),
        ("q=temp%3Ehot", "does not begin with a number"),
    ],
)
def test_the_list_of_rigs(commander: CommanderProcess, query: str, says: str) -> None:
    status, said = refusal(commander, "GET", f"/api/rigs?{query}")
    assert status == 400
    assert says in said


@pytest.mark.parametrize(
    ("chosen", "status", "says"),
    [
        ({"filter": {"state": "onlin"}}, 400, "Unknown state onlin"),
        ({"filter": {"stat": "online"}}, 400, "stat"),
        ({"filter": {"q": "x" * 301}}, 400, "q has at most"),
        ({"filter": {"q": "-stat:online"}}, 400, "there is no field stat"),
        ({"filter": {"q": "nobody is named like this"}}, 422, "No rigs match this filter: nothing was done."),
        ({"filter": {"coin": "XMRR"}}, 422, "No rigs match"),
        ({"rigs": []}, 422, "Choose at least one rig"),
    ],
)
def test_a_command(commander: CommanderProcess, chosen: dict[str, object], status: int, says: str) -> None:
    found, said = refusal(commander, "POST", "/api/commands", {"command": {"type": "reboot"}, **chosen})
    assert found == status, said
    assert says in said
    assert commander.api("GET", "/api/commands") == []


def test_every_operation_of_the_api_refuses_a_parameter_it_does_not_have(commander: CommanderProcess) -> None:
    schema = commander.api("GET", "/api/schema/openapi.json")
    assert isinstance(schema, dict)
    asked = [
        (method.upper(), re.sub(r"\{[^}]*\}", "1", path))
        for path, operations in schema["paths"].items()
        if path.startswith("/api/") and "schema" not in path
        for method in operations
    ]
    assert len(asked) > 40
    asked.remove(("POST", "/api/enrol"))  # no other key may ask it anything
    for method, path in asked:
        status, said = refusal(commander, method, f"{path}?everything=1", {} if method != "GET" else None)
        assert (status, "Unknown query parameter everything" in said) == (400, True), (method, path, said)


PAGES = Path(commander_package.__file__).parent


def _pages() -> list[str]:
    """Every address that a browser can open, with 1 for each number in it."""
    names = (
        ".".join(("rigfarm.commander", *at.relative_to(PAGES).with_suffix("").parts)) for at in PAGES.rglob("pages.py")
    )
    modules = [importlib.import_module(name) for name in names]
    handlers = [one for module in modules for one in getattr(module, "page_routes", ())]
    paths = {path for one in handlers if "GET" in one.http_methods for path in one.paths}
    return sorted({re.sub(r"\{[^}]*\}", "1", path) for path in paths} | {"/static/app.css", "/healthz"})


def test_every_page_refuses_a_parameter_it_does_not_have(commander: CommanderProcess) -> None:
    pages = _pages()
    assert len(pages) > 40
    with httpx.Client(base_url=commander.url, headers={"Origin": commander.url}) as client:
        client.get("/login")
        assert client.post("/login", data={"password": commander.password}).status_code == 303
        for path in pages:
            answer = client.get(f"{path}?everything=1")
            assert (answer.status_code, "nknown" in answer.text) == (400, True), path
        for path in MEANINGLESS:
            assert client.get(path).status_code == 400, path
        for path in UNDERSTOOD:
            assert client.get(path).status_code == 200, path


MEANINGLESS = (
    "/addresses?kind=pol",
    "/addresses?coin=" + "X" * 17,
    "/addresses/new?kind=purse",
    "/playbooks?q=" + "x" * 101,
    "/playbooks/1/history?before=first",
    "/playbooks/1/rollback?revision=-1",
    "/playbooks/1/preview?preview_rig=rig-1",
    "/playbooks/1/apply?those=all",
    "/playbooks/1/apply?rig=1,x",
    "/playbooks/new?like=this",
    "/playbooks/choose?rigs=one",
    "/software?q=" + "x" * 101,
    "/software/new?program=Nonsense",
    "/commands/new?command=reboot&rigs=all",
)
UNDERSTOOD = (
    "/addresses?kind=pool&coin=xmr&q=",
    "/addresses/new?kind=wallet",
    "/addresses/warning?wallet=48&coin=XMR",
    "/playbooks?coin=XMR",
    "/playbooks/choose?kind=cpu-gpu&back=/rigs&rigs=1,2",
    "/playbooks/choose?kind=cpu-gpu&back=/rigs&those=filter&q=&state=&coin=",
    "/software/new?program=XMRig",
    "/commands/new?command=reboot&rigs=1&back=/rigs/1",
    "/rigs?state=maintenance",
    "/?from=-7d",
    "/rigs/1?from=-6h&to=now",
)


@pytest.mark.parametrize("query", ["state=foo", "limit=1", "sort=nonsense", "page=0", "page=many", "per=7"])
@pytest.mark.parametrize("path", ["/rigs", "/asics"])
async def test_a_page_says_what_is_wrong_with_its_address(site: Any, path: str, query: str) -> None:
    said = await site.get(f"{path}?{query}", 400)
    assert query.split("=")[0] in said
