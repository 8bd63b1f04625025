"""No request that another site's page makes changes anything or opens a socket, whatever cookies come with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from gated import PASSWORD, Served, served
from litestar.types import Scope
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from rigfarm.commander.auth.origins import Origins

FOREIGN = {
    "none": {},
    "null": {"Origin": "null"},
    "another site": {"Origin": "http://evil.example"},
    "a sub-domain": {"Origin": "http://evil.{host}"},
    "another port": {"Origin": "http://127.0.0.1:1"},
    "the host as a part": {"Origin": "http://{host}.evil.example"},
    "the host as a user": {"Origin": "http://{host}@evil.example"},
    "no origin at all": {"Origin": "{host}"},
    "another scheme": {"Origin": "ftp://{host}"},
    "same-site": {"Origin": "{url}", "Sec-Fetch-Site": "same-site"},
    "cross-site": {"Origin": "{url}", "Sec-Fetch-Site": "cross-site"},
    "cross-site without an origin": {"Sec-Fetch-Site": "cross-site"},
    "typed": {"Sec-Fetch-Site": "none"},
}


def _headers(farm: Served, kind: str) -> dict[str, str]:
    return {name: value.format(url=farm.url, host=farm.host) for name, value in FOREIGN[kind].items()}


async def _victim(farm: Served) -> httpx.AsyncClient:
    """A logged-in browser without headers of its own: the page it shows decides."""
    browser = await farm.logged_in()
    del browser.headers["Origin"]
    return browser


@pytest.mark.parametrize("kind", FOREIGN)
async def test_a_page_of_another_site_changes_nothing(farm: Served, kind: str) -> None:
    browser = await _victim(farm)
    headers = _headers(farm, kind)
    for answer in (
        await browser.post("/rigs", data={"name": "rig-1"}, headers=headers),
        await browser.put("/rigs/1", headers=headers),
        await browser.patch("/api/rigs/1", json={"name": "rig-1"}, headers=headers),
        await browser.delete("/api/rigs/1", headers=headers),
        await browser.post("/settings/api-keys", data={"name": "evil", "read": "1"}, headers=headers),
        await browser.post("/logout", headers=headers),
    ):
        assert answer.status_code == 403, answer.url
    assert len(farm.auth.sessions) == 1
    assert farm.auth.keys.all() == []


async def test_control_without_the_check_of_origins_it_would(farm: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Origins, "refusal", lambda self, scope: None)
    with pytest.raises(AssertionError):
        await test_a_page_of_another_site_changes_nothing(farm, "another site")
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        await test_a_page_of_another_site_opens_no_socket(farm, "another site")


@pytest.mark.parametrize("kind", [kind for kind in FOREIGN if kind != "none"])
async def test_nobody_is_logged_in_by_a_page_of_another_site(farm: Served, kind: str) -> None:
    async with httpx.AsyncClient(base_url=farm.url, headers=_headers(farm, kind)) as browser:
        assert (await browser.post("/login", data={"password": PASSWORD})).status_code == 403
    assert len(farm.auth.sessions) == 0


@pytest.mark.parametrize("kind", FOREIGN)
async def test_a_page_of_another_site_opens_no_socket(farm: Served, kind: str) -> None:
    browser = await _victim(farm)
    cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    with pytest.raises(InvalidStatus) as refused:
        await connect(f"ws://{farm.host}/live", additional_headers={"Cookie": cookie} | _headers(farm, kind))
    assert refused.value.response.status_code == 403


async def test_ones_own_pages_may(farm: Served) -> None:
    browser = await _victim(farm)
    for headers in ({"Origin": farm.url}, {"Sec-Fetch-Site": "same-origin"}, {"Origin": farm.url.upper()}):
        answer = await browser.post("/rigs", data={"name": "rig-1"}, headers=headers)
        assert (answer.status_code, answer.text) == (201, "rig-1")
        assert (await browser.patch("/api/rigs/1", json={"name": "n"}, headers=headers)).text == "n"
        assert (await browser.delete("/api/rigs/1", headers=headers)).status_code == 204


@pytest.mark.parametrize("token", [None, "", "x" * 64, "é"])
async def test_the_right_page_with_the_wrong_token_is_refused(farm: Served, token: str | None) -> None:
    other = await farm.logged_in()
    browser = await farm.logged_in()
    right = browser.headers.pop("X-CSRF-Token")
    assert other.headers["X-CSRF-Token"] != right
    for wrong in (token, other.headers["X-CSRF-Token"]):
        fields = {"name": "rig-1"} | ({} if wrong is None else {"csrf": wrong})
        for answer in (
            await browser.post("/rigs", data=fields),
            await browser.post("/upload", data=fields, files={"file": b"x"}),
            await browser.delete("/api/rigs/1", params=fields),
            await browser.patch("/api/rigs/1", json=fields),
        ):
            assert answer.status_code == 403
            assert "Reload the page" in answer.text
    assert (await browser.post("/rigs", data={"name": "rig-1", "csrf": right})).text == "rig-1"


async def test_a_form_may_carry_the_token_as_a_field(farm: Served) -> None:
    browser = await farm.logged_in()
    fields = {"name": "rig-1", "csrf": browser.headers.pop("X-CSRF-Token")}
    assert (await browser.post("/rigs", data=fields)).text == "rig-1"
    assert (await browser.post("/upload", data=fields, files={"file": b"x" * 100_000})).text == "rig-1"


async def test_a_form_that_is_too_large_or_broken_is_refused(farm: Served) -> None:
    browser = await farm.logged_in()
    del browser.headers["X-CSRF-Token"]
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await browser.post("/rigs", content=b"a=" + b"x" * 11_000_000, headers=form)).status_code == 413
    multipart = {"Content-Type": "multipart/form-data; boundary=x"}
    refused = await browser.post("/upload", content=b"--x\r\n" + b"x" * 2_000_000, headers=multipart)
    assert refused.status_code == 413, "it is not read into memory for a token that may be in it"
    for kind, body in (("multipart/form-data; boundary=x", b"\xff\xfe" * 100), ("multipart/form-data", b"")):
        refused = await browser.post("/upload", content=body, headers={"Content-Type": kind})
        assert refused.status_code in (400, 403)


async def test_an_api_key_needs_neither_origin_nor_token(farm: Served) -> None:
    _, secret = await _key(farm)
    async with httpx.AsyncClient(base_url=farm.url, headers={"Authorization": f"Bearer {secret}"}) as program:
        assert (await program.patch("/api/rigs/1", json={"name": "n"})).status_code == 200
        assert (await program.delete("/api/rigs/1")).status_code == 204


async def _key(farm: Served) -> tuple[str, str]:
    browser = await farm.logged_in()
    text = (await browser.post("/settings/api-keys", data={"name": "one", "configure": "1"})).text
    return "one", text.partition('<code id="new-key" tabindex="0">')[2].partition("<")[0]


@pytest.mark.parametrize(
    ("settings", "host", "origin"),
    [
        ({}, "farm.example", "https://farm.example"),
        ({"public_url": "https://farm.example"}, "10.0.0.5:7070", "https://farm.example"),
        ({"trusted_proxies": ["127.0.0.1"]}, "farm.example", "https://farm.example"),
    ],
)
async def test_behind_a_reverse_proxy_pages_work(tmp_path: Path, settings: Any, host: str, origin: str) -> None:
    headers = {"Host": host, "Origin": origin, "Sec-Fetch-Site": "same-origin"}
    with served(tmp_path, **settings) as farm:
        async with httpx.AsyncClient(base_url=farm.url, headers=headers) as browser:
            answer = await browser.post("/login", data={"password": PASSWORD})
            headers["Cookie"] = answer.headers["set-cookie"].partition(";")[0]
            page = (await browser.get("/settings", headers=headers)).text
            token = page.partition('<meta name="csrf" content="')[2].partition('"')[0]
            answer = await browser.post("/rigs", data={"name": "rig-1", "csrf": token}, headers=headers)
    assert (answer.status_code, answer.text) == (201, "rig-1")


def _scope(headers: dict[str, str], scheme: str = "http") -> Scope:
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "headers": raw, "scheme": scheme}  # type: ignore[return-value,typeddict-item]


@pytest.mark.parametrize(
    ("public_url", "scheme", "host", "origin", "ours"),
    [
        (None, "http", "farm.lan:7070", "http://farm.lan:7070", True),
        (None, "http", "farm.lan", "http://farm.lan:80", True),
        (None, "http", "farm.lan", "https://farm.lan", True),  # TLS ends at a proxy that is not trusted
        (None, "https", "farm.lan", "http://farm.lan", False),
        (None, "http", "10.0.0.5:7070", "https://farm.example", False),
        ("https://farm.example", "http", "10.0.0.5:7070", "https://farm.example", True),
        ("https://farm.example", "http", "farm.example", "http://farm.example", False),
        ("https://farm.example", "http", "10.0.0.5:7070", "http://10.0.0.5:7070", True),
        ("https://farm.example", "http", "farm.example", "https://farm.example.evil", False),
        (None, "http", "[fd00::1]:7070", "http://[fd00::1]:7070", True),
        (None, "http", "", "http://", False),
        (None, "http", "evil host", "http://evil host", False),
    ],
)
def test_which_pages_are_ours(public_url: str | None, scheme: str, host: str, origin: str, ours: bool) -> None:
    refusal = Origins(public_url).refusal(_scope({"Host": host, "Origin": origin}, scheme))
    assert (refusal is None) is ours
    if not ours:
        assert refusal is not None
        assert "public_url" in refusal
