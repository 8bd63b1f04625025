"""Row 29, the web's side: no request, however large, odd or malformed, is a mistake of ours (a 5xx), by any route,
and none leaves a traceback in the log.

The control is a handler that makes a number of whatever it is given.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from databases import DATABASES, database
from hostile_requests import SURE, Asked, Client, requests_of
from litestar import Request, get
from promise import FULL, record, scaled
from structlog.testing import capture_logs
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from whole import Whole, cookies_of, whole

from rigfarm.commander.web.checked import asks

ENDS_THE_SESSION = ("/logout", "/settings/sessions/end-all")
WITHOUT_END = "/api/stream"
"""A good question has no end of its answer: tests/commander/stream asks bad ones."""
SEED = 29
SHARE = scaled(3, 120) / 1000
"""Of all requests that there are."""
TAKES_S = 10.0
"""Well beyond what a request may take; it only tells work without a bound from a busy machine."""


@get("/planted", opt=asks("page"))
async def planted(request: Request[Any, Any, Any]) -> str:
    """What the product must not have."""
    return str(int(request.query_params.get("page", "1")))


class Tracebacks(logging.Handler):
    """What the server itself logs with a traceback."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        if record.exc_info:
            self.seen.append(f"{record.getMessage()}: {record.exc_info[1]!r}")


@contextmanager
def tracebacks() -> Iterator[list[str]]:
    """Those that are logged in the block, there when it has ended."""
    server, found = Tracebacks(), []
    logging.getLogger().addHandler(server)
    try:
        with capture_logs() as lines:
            yield found
    finally:
        logging.getLogger().removeHandler(server)
        found += server.seen + [f"{line['event']}: {line['exc_info']!r}" for line in lines if line.get("exc_info")]


async def _furnish(farm: Whole) -> tuple[dict[str, str], dict[str, Any]]:
    """One thing of each sort, so that a number finds something; what a browser sends, and the API's description."""
    async with farm.logged_in() as (browser, token):
        browser.headers.update(sent := {"Origin": farm.url, "X-CSRF-Token": token})
        software = {
            "name": "Fakeminer",
            "version": "1.0",
            "executable": "fakeminer",
            "adapter": "xmrig",
            "devices": "both",
        }
        workload = {"slot": "cpu", "coin": "XMR", "algorithm": "rx/0", "pool_id": 1}
        for path, body in (
            ("/api/rigs", {"name": "rig-1", "kind": "cpu-gpu"}),
            ("/api/rigs", {"name": "asic-1", "kind": "asic"}),
            ("/api/addresses", {"name": "pool", "kind": "pool", "coin": "XMR", "urls": ["pool.test:3333"]}),
            ("/api/software", software),
            ("/api/playbooks", {"name": "XMR", "software_id": 1, "template": "-o $CPU_POOL", "workloads": [workload]}),
        ):
            made = await browser.post(path, json=body)
            assert made.status_code == 201, made.text
        schema: dict[str, Any] = (await browser.get("/api/schema/openapi.json")).json()
        return sent | {"Cookie": cookies_of(browser)}, schema


def mistakes(farm: Whole, share: float, only: str = "") -> tuple[int, list[str]]:
    """(requests, those answered with a 5xx, or not at all), of the routes below `only`; removals come last."""
    sent, schema = asyncio.run(_furnish(farm))
    client = Client(farm.host, timeout=TAKES_S)
    n, bad, known = 0, [], farm.questions()
    routes = [(method, path) for method, path, _ in farm.http() if method not in ("OPTIONS", "HEAD")]
    for method, template in sorted(routes, key=lambda one: (bool(re.search("remove|DELETE", "".join(one))), one)):
        if template in (*ENDS_THE_SESSION, WITHOUT_END) or not template.startswith(only):
            continue
        for asked in requests_of(method, template, schema, SEED, share, known.get(template, ())):
            n += 1
            if (status := _answered(client, asked, sent)) >= 500 or status == 0:
                bad.append(f"{status}: {asked!r}")
    client.close()
    return n, bad


def _answered(client: Client, asked: Asked, sent: dict[str, str]) -> int:
    try:
        return client.ask(asked, **sent)
    except TimeoutError:
        client.close()
        return 0


@pytest.mark.timeout(3600 if FULL else 240)
@pytest.mark.parametrize("kind", DATABASES)
def test_every_request_has_an_answer(tmp_path: Path, kind: str) -> None:
    with database(kind) as settings, tracebacks() as logged, whole(tmp_path / "farm", **settings) as farm:
        n, bad = mistakes(farm, SHARE)
    with tracebacks() as planted_logged, whole(tmp_path / "control", planted) as farm:
        _, control = mistakes(farm, SHARE, "/planted")
    record(
        29,
        f"a hostile request is answered with a 5xx, or not at all ({kind})",
        n=n,
        bad=len(bad),
        unit="requests",
        control="a handler makes a number of whatever it is given",
        control_bad=f"{len(control)} were, with {len(planted_logged)} tracebacks in the log",
    )
    assert bad == []
    assert logged == []
    assert control
    assert planted_logged


PAGES = [
    "http%3A%2F%2F%5B",
    "%2F%2F%5B",
    "%2Frigs%3Fpage%3D" + "9" * 5000,
    "%2Fplaybooks%2F999999999",
    "%ff",
    "%00",
    "a" * 6000,
]
MESSAGES = [
    "{",
    '{"a":' + "[" * 4000,
    "[]",
    '{"rows":{"a":1}}',
    '{"rows":[null,1e308]}',
    '{"ping":' + "9" * 3000 + "}",
    "\0",
]


async def test_a_live_page_takes_any_address_and_any_message(tmp_path: Path) -> None:
    """It is closed or goes on; the others go on."""
    with tracebacks() as logged, whole(tmp_path / "farm") as farm:
        sent, _ = await _furnish(farm)
        headers = {"Cookie": sent["Cookie"]}
        for address in PAGES:
            page = connect(f"ws://{farm.host}/live?page={address}", origin=farm.url, additional_headers=headers)  # type: ignore[arg-type]
            with contextlib.suppress(ConnectionClosed, InvalidStatus):
                async with page as socket:
                    await asyncio.wait_for(socket.recv(), TAKES_S)
        async with connect(f"ws://{farm.host}/live?page=/rigs", origin=farm.url, additional_headers=headers) as socket:  # type: ignore[arg-type]
            for message in MESSAGES:
                await socket.send(message)
            await socket.send('{"ping":1}')
            async with asyncio.timeout(TAKES_S):
                while "pong" not in str(await socket.recv()):
                    pass
    assert logged == []


def test_each_value_that_once_was_a_mistake_is_tried_on_every_route() -> None:
    paths = [one.target for one in requests_of("GET", "/a/{n:int}", {"paths": {}}, SEED, 0)]
    for value in SURE:
        assert b"/a/" + value in paths
        assert any(b"=" + value in path for path in paths)
