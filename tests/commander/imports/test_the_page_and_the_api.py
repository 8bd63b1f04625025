"""Moving in with a whole Commander: from a browser's form and from a script, with a plan before anything is created."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

import httpx
import pytest

from rigfarm.simulate.commander import CommanderProcess
from support.moving_in import WALLETS, answer, flight_sheet

Files = list[tuple[str, tuple[str, bytes]]]
HIVEOS: Files = [
    ("file", ("wallets.json", WALLETS.encode())),
    ("file", ("fs.json", answer(flight_sheet(), flight_sheet("Old", miner="nbminer")).encode())),
]


@pytest.fixture(scope="module")
def commander(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommanderProcess]:
    with CommanderProcess(tmp_path_factory.mktemp("commander")) as commander:
        yield commander


@pytest.fixture
def api(commander: CommanderProcess) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {commander.key}"}
    with httpx.Client(base_url=commander.url, headers=headers, timeout=60) as client:
        yield client


@pytest.fixture
def browser(commander: CommanderProcess) -> Iterator[httpx.Client]:
    headers = {"Origin": commander.url}
    with httpx.Client(base_url=commander.url, headers=headers, follow_redirects=True, timeout=60) as client:
        login = client.get("/login").text
        csrf = re.search(r'name="csrf" value="([^"]*)"', login)
        client.post("/login", data={"password": commander.password, "csrf": csrf[1] if csrf else ""})
        yield client


def _fields(page: str) -> dict[str, str | list[str]]:
    """What a form of a page would send."""
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))
    texts = [
        html.unescape(one) for one in re.findall(r'<textarea name="text" hidden>\n(.*?)</textarea>', page, re.DOTALL)
    ]
    return {**hidden, "text": texts}


def test_a_farm_moves_in_by_the_page(browser: httpx.Client, api: httpx.Client) -> None:
    page = browser.get("/import").text
    csrf = str(_fields(page)["csrf"])
    plan = browser.post("/import", data={"csrf": csrf, "new_rigs": "1"}, files=HIVEOS)
    assert plan.status_code == 200
    assert "Nothing has been created or changed yet." in plan.text
    assert "Rigfarm has no template for nbminer" in plan.text
    assert "Create 1 wallet, 1 pool, 1 mining program and 1 playbook" in plan.text
    assert api.get("/api/playbooks").json() == []

    fields = _fields(plan.text)
    done = browser.post("/import", data=fields, files={"nothing": ("", b"")})
    assert done.status_code == 200, done.text
    assert '<h1 class="page-title">Imported</h1>' in done.text
    [playbook] = api.get("/api/playbooks").json()
    assert f'href="/playbooks/{playbook["id"]}"' in done.text

    late = browser.post("/import", data=fields, files={"nothing": ("", b"")})
    assert late.status_code == 409
    assert "Something changed since you saw this plan" in late.text
    assert "Already there as Kaspa." in late.text, "the new plan is shown"


def test_what_is_no_file_is_refused_next_to_the_field(browser: httpx.Client) -> None:
    csrf = str(_fields(browser.get("/import").text)["csrf"])
    for files, says in [
        ([("file", ("a.csv", b"PK\x03\x04\0\0\x80"))], "This is not a text file"),
        ([("file", ("", b""))], "Choose a file, or paste its text."),
        ([("file", ("a.json", b"{"))], "This JSON can&#39;t be read"),
    ]:
        refused = browser.post("/import", data={"csrf": csrf}, files=files)
        assert refused.status_code == 422
        assert says in refused.text
    pasted = browser.post("/import", data={"csrf": csrf, "text": "miner_name\nx\n"}, files={"nothing": ("", b"")})
    assert "Will be created" not in pasted.text, "rigs are created only if the box is ticked"


def test_a_script_gets_a_plan_and_accepts_it(api: httpx.Client) -> None:
    files: Files = [("file", ("miners.csv", "miner_name,miner_ip,miner_rack\nasic-1,10.0.0.1,R1\n".encode("utf-16")))]
    plan = api.post("/api/imports", files=files).json()
    assert (plan["source"], plan["accepted"]) == ("foreman", False)
    assert plan["lines"] == [
        {"where": "row 2", "what": "rig", "name": "asic-1", "outcome": "create", "detail": "ASIC · 10.0.0.1 · R1"}
    ]
    assert api.get("/api/rigs").json() == []
    done = api.post("/api/imports", files=files, data={"digest": plan["digest"]}).json()
    assert done["accepted"]
    assert done["lines"][0]["done"] is True
    assert done["lines"][0]["token"].startswith("rf_")
    again = api.post("/api/imports", files=files, data={"digest": plan["digest"]})
    assert again.status_code == 409
    assert [rig["name"] for rig in api.get("/api/rigs").json()] == ["asic-1"]


def test_a_key_that_may_only_read_imports_nothing(commander: CommanderProcess, api: httpx.Client) -> None:
    made = api.post("/api/keys", json={"name": "reader", "scopes": ["read"]}).json()
    headers = {"Authorization": f"Bearer {made['key']}"}
    with httpx.Client(base_url=commander.url, headers=headers, timeout=60) as reader:
        assert reader.post("/api/imports", files=HIVEOS).status_code == 403


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{}", "application/json", 400),
        (b"", "multipart/form-data", 400),
        (b"x", "multipart/form-data; boundary=x", 400),
        (b"file=x", "application/x-www-form-urlencoded", 400),
    ],
)  # fmt: skip
def test_what_is_no_form_is_refused(api: httpx.Client, body: bytes, kind: str, status: int) -> None:
    assert api.post("/api/imports", content=body, headers={"Content-Type": kind}).status_code == status


def test_a_file_beyond_the_limit_is_refused(api: httpx.Client) -> None:
    files: Files = [("file", ("a.csv", b"miner_name\n" + b"x" * (9 << 20)))]
    assert api.post("/api/imports", files=files).status_code == 413
    fits: Files = [
        ("file", ("a.csv", b"miner_name\n" + b"".join(b"r%d\n" % n for n in range(9_000)) + b"\n" * (5 << 20)))
    ]
    assert len(api.post("/api/imports", files=fits).json()["lines"]) == 9_000


def test_the_activity_names_what_was_imported(api: httpx.Client) -> None:
    files: Files = [("file", ("wallets.json", answer({"id": 1, "name": "Spare", "wal": "me", "coin": "BTC"}).encode()))]
    digest = api.post("/api/imports", files=files).json()["digest"]
    assert api.post("/api/imports", files=files, data={"digest": digest}).json()["accepted"]
    whole, part = api.get("/api/activity").json()[:2]
    assert (whole["action"], part["action"]) == ("import files", "create address")
    assert part["who"] == whole["who"]
