"""Keys for programs: shown once, open the API and nothing else, refused from the moment they are revoked."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path

import httpx
import pytest
from gated import Served, served
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from rigfarm.commander.auth.control import CreateKey, ask
from rigfarm.commander.auth.scopes import MEANINGS


async def _make(browser: httpx.AsyncClient, name: str, *scopes: str, expires: str = "90") -> str:
    boxes = dict.fromkeys(scopes or ("read",), "1")
    answer = await browser.post("/settings/api-keys", data={"name": name, "expires": expires} | boxes)
    assert answer.status_code == 200, answer.text
    secret = answer.text.partition('<code id="new-key" tabindex="0">')[2].partition("<")[0]
    assert re.fullmatch(r"r[ke]_[A-Za-z0-9_-]{43}", secret)
    return secret


async def _status(farm: Served, secret: str, path: str = "/api/rigs") -> int:
    async with httpx.AsyncClient(base_url=farm.url, headers={"Authorization": f"Bearer {secret}"}) as program:
        return (await program.get(path)).status_code


async def test_it_works(farm: Served) -> None:
    browser = await farm.logged_in()
    assert "grafana</th>" not in (await browser.get("/settings")).text
    secret = await _make(browser, " grafana ")
    page = (await browser.get("/settings")).text
    assert ">grafana</th>" in page
    assert "never</td>" in page
    assert secret not in page

    async with httpx.AsyncClient(base_url=farm.url, headers={"Authorization": f"bearer  {secret}"}) as program:
        assert (await program.get("/api/rigs")).json() == ["grafana"]
        who = (await program.get("/api/session")).json()
        assert (who["kind"], who["name"], who["scopes"]) == ("api-key", "grafana", ["read"])
    assert "never</td>" not in (await browser.get("/settings")).text


async def test_a_revoked_key_is_refused_at_once(farm: Served) -> None:
    browser = await farm.logged_in()
    kept, secret = await _make(browser, "kept"), await _make(browser, "grafana")
    key = next(key for key in farm.auth.keys.all() if key.name == "grafana")
    done = await browser.post(f"/settings/api-keys/{key.id}/revoke")
    assert (done.status_code, done.headers["location"]) == (303, "/settings")
    assert await _status(farm, secret) == 401
    assert await _status(farm, kept) == 200
    again = await browser.post(f"/settings/api-keys/{key.id}/revoke")
    assert again.status_code == 404
    assert "does not exist" in again.text


async def test_a_key_opens_no_page_and_makes_no_keys(farm: Served) -> None:
    secret = await _make(await farm.logged_in(), "grafana")
    for path in ("/", "/settings", "/settings/sessions", "/page"):
        assert await _status(farm, secret, path) == 303
    headers = {"Authorization": f"Bearer {secret}", "Origin": farm.url}
    async with httpx.AsyncClient(base_url=farm.url, headers=headers) as program:
        assert (await program.post("/settings/api-keys", data={"name": "more"})).headers["location"] == "/login"
        assert (await program.post("/settings/sessions/end-all")).headers["location"] == "/login"
    assert len(farm.auth.keys.all()) == 1
    assert len(farm.auth.sessions) == 1
    assert await _status(farm, secret, "/metrics") == 200, "a route may say that it takes keys"
    with pytest.raises(InvalidStatus):
        await connect(
            f"ws://{farm.host}/live", origin=farm.url, additional_headers={"Authorization": f"Bearer {secret}"}
        )


@pytest.mark.parametrize("wrong", ["x", "rk_", "rk_" + "x" * 43, "Basic cm9vdDpyb290", "x" * 5000, "é"])
async def test_a_wrong_key_is_refused_even_with_a_login(farm: Served, wrong: str) -> None:
    browser = await farm.logged_in()
    refused = await browser.get("/api/rigs", headers={"Authorization": f"Bearer {wrong}".encode()})
    assert refused.status_code == 401
    assert refused.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("name", "status", "words"),
    [
        ("", 422, "needs a name"),
        ("x" * 65, 422, "at most 64"),
        ("a\x00b", 422, "control"),
        ("GRAFANA", 409, "An API key named GRAFANA already exists"),
    ],
)
async def test_a_name_that_cannot_be_is_refused_beside_the_field(
    farm: Served, name: str, status: int, words: str
) -> None:
    browser = await farm.logged_in()
    await _make(browser, "grafana")
    refused = await browser.post("/settings/api-keys", data={"name": name, "read": "1"})
    assert refused.status_code == status
    assert words in refused.text
    assert 'aria-describedby="error-name"' in refused.text
    if name.isprintable() and name:
        assert f'value="{name}"' in refused.text
    assert [key.name for key in farm.auth.keys.all()] == ["grafana"]


async def test_a_hostile_name_is_text(farm: Served) -> None:
    browser = await farm.logged_in()
    name = '"><script>alert(1)</script>'
    await _make(browser, name)
    for page in (
        await browser.get("/settings"),
        await browser.post("/settings/api-keys", data={"name": name, "read": "1"}),
    ):
        assert "<script>" not in page.text
        assert "&lt;script&gt;alert(1)" in page.text


async def test_keys_outlive_a_restart_and_revoked_ones_do_not_come_back(tmp_path: Path) -> None:
    with served(tmp_path) as farm:
        browser = await farm.logged_in()
        kept, revoked = await _make(browser, "kept"), await _make(browser, "revoked")
        assert await _status(farm, kept) == 200
        await browser.post(f"/settings/api-keys/{farm.auth.keys.all()[1].id}/revoke")
    with served(tmp_path) as farm:
        assert farm.auth.keys.all()[0].last_used_at is not None
        assert await _status(farm, kept) == 200
        assert await _status(farm, revoked) == 401


async def test_an_expired_key_is_refused_from_that_moment(farm: Served) -> None:
    """A key that was lent for an evening must not open the farm the next day."""
    made = await asyncio.to_thread(ask, farm.data_dir, CreateKey("evening", ("read",), 2.0))
    assert made.secret is not None
    key = farm.auth.keys.all()[0]
    assert key.expires_at is not None
    asked_ms = time.time() * 1000
    while await _status(farm, made.secret) == 200:
        assert asked_ms < key.expires_at + 1000, "it is refused within a second"
        asked_ms = time.time() * 1000
    assert time.time() * 1000 > key.expires_at - 1000, "and not before"
    assert await _status(farm, made.secret) == 401
    assert not farm.auth.keys.alive(key), "nor does what it began go on"
    browser = await farm.logged_in()
    assert "<b>expired</b>" in (await browser.get("/settings")).text


async def test_the_form_explains_and_keeps_what_was_chosen(farm: Served) -> None:
    browser = await farm.logged_in()
    page = (await browser.get("/settings")).text
    for meaning in MEANINGS.values():
        assert meaning in page
    none = await browser.post("/settings/api-keys", data={"name": "grafana", "expires": "30"})
    assert none.status_code == 422
    assert "Choose at least one scope." in none.text
    assert 'value="grafana"' in none.text
    assert '<option value="30" selected>' in none.text
    odd = await browser.post("/settings/api-keys", data={"name": "grafana", "read": "1", "expires": "36500"})
    assert odd.status_code == 422
    assert "Choose when the key expires." in odd.text
    lasting = await browser.post("/settings/api-keys", data={"name": "asics", "enrol": "1", "expires": "never"})
    assert lasting.status_code == 422
    assert "must expire" in lasting.text
    assert farm.auth.keys.all() == []
    await _make(browser, "script", "read", "operate", expires="never")
    listed = (await browser.get("/settings")).text
    assert ">read, operate</td>" in listed
    assert farm.auth.keys.all()[0].expires_at is None


async def test_a_right_key_works_although_wrong_ones_came_from_its_address(tmp_path: Path) -> None:
    """An attacker behind the same NAT must not cut off the farm's own programs."""
    with served(tmp_path) as farm:
        secret = await _make(await farm.logged_in(), "grafana")
        found = [await _status(farm, f"rk_{number}") for number in range(15)]
        assert found == [401] * 10 + [429] * 5
        assert await _status(farm, secret) == 200
        assert await _status(farm, "rk_x") == 429
        [incident] = farm.auth.incidents.all()
        assert (incident.source, incident.kind) == ("127.0.0.1", "sent too many wrong API keys")
