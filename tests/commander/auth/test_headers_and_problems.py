"""Every answer, errors included, tells the browser what our pages never do; and errors give nothing away."""

from __future__ import annotations

from pathlib import Path

import pytest
from gated import Served, served

WANTED = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 200),
        ("/login", 303),
        ("/api/rigs", 200),
        ("/boom", 500),
        ("/nowhere", 404),
        ("/rigs/x", 404),
        ("/healthz", 200),
    ],
)
async def test_secure_headers_are_on_every_answer(farm: Served, path: str, status: int) -> None:
    browser = await farm.logged_in()
    answer = await browser.get(path)
    assert answer.status_code == status
    for name, value in WANTED.items():
        assert answer.headers[name] == value
    policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["style-src"] == "'self'"
    assert policy["connect-src"] == f"'self' ws://{farm.host} wss://{farm.host}"
    assert (policy["frame-ancestors"], policy["base-uri"], policy["form-action"]) == ("'none'", "'none'", "'self'")
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert "strict-transport-security" not in answer.headers


async def test_tls_is_remembered_where_it_is_spoken(tmp_path: Path) -> None:
    with served(tmp_path, public_url="https://farm.example") as farm:
        async with farm.client() as browser:
            over_tls = await browser.get("/login", headers={"Host": "farm.example"})
            assert over_tls.headers["strict-transport-security"] == "max-age=31536000"
            assert "strict-transport-security" not in (await browser.get("/login")).headers


@pytest.mark.parametrize("host", ["evil.example; script-src *", "a b", "<script>", "x" * 20 + "\x7f"])
async def test_a_hostile_host_does_not_get_into_the_policy(farm: Served, host: str) -> None:
    async with farm.client() as browser:
        answer = await browser.get("/login", headers={"Host": host})
    assert host not in answer.headers.get("content-security-policy", "")


async def test_a_mistake_of_ours_says_nothing_of_its_inside(farm: Served) -> None:
    browser = await farm.logged_in()
    page = await browser.get("/boom")
    assert "hunter2" not in page.text
    assert "Traceback" not in page.text
    assert "Internal error in Rigfarm" in page.text


async def test_an_unknown_page_has_a_page_and_an_unknown_api_a_problem(farm: Served) -> None:
    browser = await farm.logged_in()
    page = await browser.get("/nowhere")
    assert "This page does not exist" in page.text
    assert page.headers["content-type"].startswith("text/html")
    problem = await browser.get("/api/nowhere")
    assert problem.headers["content-type"] == "application/problem+json"
    assert problem.json() == {
        "title": "Not Found", "status": 404, "detail": "This page does not exist.", "instance": "/api/nowhere"
    }  # fmt: skip


async def test_a_wrong_body_is_told_by_field(farm: Served) -> None:
    browser = await farm.logged_in()
    problem = await browser.patch("/api/rigs/1", json={"name": 7})
    assert problem.status_code == 400
    assert problem.json()["errors"] == [{"field": "name", "detail": "Expected `str`, got `int`"}]
    assert (await browser.patch("/api/rigs/1", content=b"{")).status_code == 400
    assert (await browser.put("/api/rigs/1")).json()["status"] == 405


async def test_htmx_gets_a_notice_and_nothing_is_swapped(farm: Served) -> None:
    browser = await farm.logged_in(headers={"HX-Request": "true"})
    refused = await browser.post("/settings/api-keys/7/revoke")
    assert (refused.status_code, refused.headers["hx-reswap"], refused.text) == (404, "none", "")
    assert refused.headers["hx-trigger"] == '{"notice": {"kind": "error", "text": "API key 7 does not exist."}}'


async def test_a_refusal_in_any_language_fits_a_header(farm: Served) -> None:
    browser = await farm.logged_in(headers={"HX-Request": "true"})
    del browser.headers["Origin"]
    refused = await browser.post("/rigs", headers={"Origin": "http://ev\u00efl.example".encode("latin-1")})
    assert refused.status_code == 403
    assert "http://ev\\u00efl.example" in refused.headers["hx-trigger"]
