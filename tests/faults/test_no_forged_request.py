"""Row 26: a page of another site changes nothing, by any route of the router, and opens no WebSocket, whatever cookies
come with its requests. Nor does one's own page without the token of its session.

The controls are an Origin of `*`, and one's own page: it was the origin and the token that were refused, and nothing
else. That a real browser sends what is tried here is shown by a form on a page of another origin.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import sync_playwright
from promise import record
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from whole import PASSWORD, Whole, cookies_of, path_of, whole

from rigfarm.commander.auth.origins import Origins

SAFE = {"GET", "HEAD", "OPTIONS"}
FOREIGN: list[dict[str, str]] = [
    {},
    {"Origin": "null"},
    {"Origin": "http://evil.example"},
    {"Origin": "http://sub.{host}"},
    {"Origin": "http://127.0.0.1:1"},
    {"Origin": "{url}", "Sec-Fetch-Site": "cross-site"},
    {"Origin": "{url}", "Sec-Fetch-Site": "same-site"},
]
WRONG_TOKENS = ("", "x", "0" * 128)


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    with whole(tmp_path_factory.mktemp("farm")) as one:
        yield one


def unsafe(farm: Whole) -> list[tuple[str, str, bool]]:
    return [route for route in farm.http() if route[0] not in SAFE]


def shown(farm: Whole, headers: dict[str, str]) -> dict[str, str]:
    return {name: value.format(url=farm.url, host=farm.host) for name, value in headers.items()}


async def by_foreign_pages(farm: Whole, routes: list[tuple[str, str, bool]]) -> tuple[int, list[str]]:
    """(requests, those that were not refused): every route, every foreign page, the victim's cookies and token."""
    asked, bad = 0, []
    async with farm.logged_in() as (browser, token):
        for method, template, is_open in routes:
            for headers in FOREIGN[1:] if is_open else FOREIGN:
                sent = shown(farm, headers) | {"X-CSRF-Token": token}
                answer = await browser.request(method, path_of(template), headers=sent)
                asked += 1
                if answer.status_code != 403:
                    bad.append(f"{method} {template} {headers}: {answer.status_code}")
    return asked, bad


async def by_own_pages_without_the_token(farm: Whole, routes: list[tuple[str, str, bool]]) -> tuple[int, list[str]]:
    asked, bad = 0, []
    async with farm.logged_in() as (browser, _):
        for method, template, is_open in routes:
            for wrong in () if is_open else WRONG_TOKENS:
                headers = {"Origin": farm.url, "X-CSRF-Token": wrong}
                answer = await browser.request(method, path_of(template), headers=headers)
                asked += 1
                if answer.status_code != 403:
                    bad.append(f"{method} {template} token {wrong!r}: {answer.status_code}")
        assert (await browser.get("/settings")).status_code == 200, "and the session lives"
    return asked, bad


async def by_sockets(farm: Whole) -> tuple[int, list[str]]:
    asked, bad = 0, []
    async with farm.logged_in() as (browser, _):
        cookie = cookies_of(browser)
        for template in (template for template, is_open in farm.sockets() if not is_open):
            for headers in FOREIGN:
                asked += 1
                sent = {"Cookie": cookie} | shown(farm, headers)
                try:
                    socket = await connect(f"ws://{farm.host}{path_of(template)}", additional_headers=sent)
                except InvalidStatus:
                    continue
                bad.append(f"{template} {headers}")
                await socket.close()
    return asked, bad


async def test_no_foreign_page_changes_anything(farm: Whole, monkeypatch: pytest.MonkeyPatch) -> None:
    routes = unsafe(farm)
    assert len(routes) > 40
    found = [
        await by_foreign_pages(farm, routes),
        await by_own_pages_without_the_token(farm, routes),
        await by_sockets(farm),
    ]
    with monkeypatch.context() as patch:
        patch.setattr(Origins, "refusal", lambda self, scope: None)
        some = [route for route in routes if route[1].startswith("/rigs") and not route[2]]
        control = [await by_foreign_pages(farm, some), await by_sockets(farm)]
    n, bad = sum(asked for asked, _ in found), [one for _, some in found for one in some]
    control_bad = sum(len(some) for _, some in control)
    record(
        26,
        f"a forged request is accepted, by all {len(routes)} routes of the router that change something",
        n=n,
        bad=len(bad),
        unit="requests and sockets",
        control="Origin *",
        control_bad=f"{control_bad} of {sum(asked for asked, _ in control)} were let in",
    )
    assert bad == []
    assert control_bad == sum(asked for asked, _ in control)


async def test_ones_own_page_reaches_every_route(farm: Whole) -> None:
    """It was the origin and the token that were refused, and nothing else."""
    for method, template, is_open in unsafe(farm):
        if is_open:
            continue
        async with farm.logged_in() as (browser, token):
            headers = {"Origin": farm.url, "X-CSRF-Token": token}
            answer = await browser.request(method, path_of(template), headers=headers)
            assert answer.status_code not in (401, 403), f"{method} {template}: {answer.status_code}"


EVIL = """<!doctype html><title>win a prize</title>
<form method="post" action="{url}/rigs"><input name="name" value="stolen"><input name="kind" value="cpu-gpu">
<input name="csrf" value="00"></form>
<script>
  window.said = [];
  fetch("{url}/api/rigs", {{method: "POST", credentials: "include", mode: "no-cors",
    body: JSON.stringify({{name: "stolen-too"}})}}).then(() => said.push("sent"), () => said.push("sent"));
  const socket = new WebSocket("{socket}/live?page=/rigs");
  socket.onmessage = () => said.push("READ");
  socket.onerror = () => said.push("refused");
</script>"""


@pytest.mark.browser
def test_a_real_browser_on_a_page_of_another_site(tmp_path: Path, chromium: str) -> None:
    """The same machine under another name and port: cookies are not told apart by ports, so they come along."""
    with whole(tmp_path / "farm") as farm, evil_site(farm) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.goto(f"{farm.url}/login")
        page.fill("#password", PASSWORD)
        page.click("button[type=submit]")
        page.wait_for_url(f"{farm.url}/")
        page.goto(url)
        page.wait_for_function("window.said.includes('sent') && window.said.includes('refused')")
        assert "READ" not in page.evaluate("window.said")
        page.evaluate("document.forms[0].submit()")
        page.wait_for_url(f"{farm.url}/rigs")
        assert "refused" in page.content()
        browser.close()
        assert farm.commander.book.rigs == {}
        assert httpx.get(f"{farm.url}/healthz").status_code == 200


class evil_site:
    """A web server with one page."""

    def __init__(self, farm: Whole) -> None:
        text = EVIL.format(url=farm.url, socket=farm.url.replace("http", "ws", 1)).encode()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self) -> str:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return f"http://127.0.0.1:{self._server.server_address[1]}/"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
