"""People in front of browsers: one Chromium, and for each person a context with cookies of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import httpx
import pytest
from living_farm import LivingFarm, mining
from playwright.sync_api import Browser, BrowserContext, Page

from rigfarm.simulate.commander import CommanderProcess
from rigfarm.wire.log import OperationalLog
from support.browser import Person, Visit
from support.until import until_now

IGNORED = (
    "status of 400",
    "status of 401",
    "status of 404",
    "status of 409",
    "status of 422",
    "WebSocket connection to",
    "net::ERR_CONNECTION_REFUSED",  # while a test's Commander is down
    "htmx:ws:error",
)


HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Journeys take a third of all the time that tests take: `make test-long` runs them."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.slow)


LOUD = ("error", "warning")
"""A warning of htmx is a mistake on a page."""

RIGS = {
    "rig-01": mining("XMR", 9_560.0, core_c=(68.0,), power_w=141.0, kind="cpu"),
    "rig-02": mining("KAS", 998e6, core_c=(61.0, 60.0, 63.0)),
    "rig-03": mining("KAS", 1_002e6, core_c=(62.0, 63.0, 61.0)),
    "rig-04": mining("KAS", 990e6, core_c=(64.0, 91.0, 66.0)),
    "rig-05": OperationalLog(t=0, uptime_s=600.0),
    "rig-06": mining("KAS", 500e6, expected=1_000e6),
    "rig-07": mining("KAS", 995e6, rejected=90),
    "rig-08": mining("XMR", 9_600.0, core_c=(61.0,), power_w=142.0, kind="cpu"),
    "rig-09": mining("ETC", None, core_c=(None, None), power_w=None),
    "rig-10": None,
}
"""Their states: 08 offline, 04 hot, 05 idle, 06 slow, 07 rejecting, 10 awaited; the others are well."""
ASICS = {
    "asic-01": mining("BTC", 104e12, core_c=(66.0, 67.0, 65.0), power_w=3_250.0, kind="hashboard"),
    "asic-02": mining("BTC", 101e12, core_c=(66.0, 88.0, 65.0), power_w=3_240.0, kind="hashboard"),
}


def steer(commander: CommanderProcess) -> None:
    """One of everything that steers rigs; nothing of it runs."""
    pool = {"name": "pool-1", "kind": "pool", "coin": "XMR", "urls": ["pool.test:3333", "spare.test:3333"]}
    wallet = {"name": "wallet-1", "kind": "wallet", "coin": "XMR", "wallet": "48wallet"}
    program = {"name": "Fake", "version": "1.0", "executable": "fakeminer", "adapter": "xmrig", "devices": "cpu"}
    ids = {}
    for path, body in (("addresses", pool), ("addresses", wallet), ("software", program)):
        answer = commander.api("POST", f"/api/{path}", body)
        assert isinstance(answer, dict)
        ids[body["name"]] = answer["id"]
    workload = {"slot": "cpu", "coin": "XMR", "pool_id": ids["pool-1"], "wallet_id": ids["wallet-1"]}
    playbook = {"name": "monero", "software_id": ids["Fake"], "template": "--cpu $CPU_POOL", "workloads": [workload]}
    commander.api("POST", "/api/playbooks", playbook)
    rule = {"name": "racks", "pattern": "rig-{slot:number}", "place": "hall-1/slot-{slot}", "tags": ["new"]}
    commander.api("POST", "/api/placing-rules", rule)


@pytest.fixture
def person(browser: Browser, commander: CommanderProcess) -> Iterator[Person]:
    """`person("/rigs")`: somebody who logged in and looks at a page. Errors in the console fail the test."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def arrive(path: str = "/", *, width: int = 1440, height: int = 900, scheme: str = "light") -> Page:
        context = browser.new_context(
            base_url=commander.url,
            viewport={"width": width, "height": height},
            color_scheme=scheme,  # type: ignore[arg-type]
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if said.type in LOUD else None)
        page.goto("/login")
        page.fill("#password", commander.password)
        page.click("button[type=submit]")
        page.wait_for_url("**/")
        if path != "/":
            page.goto(path)
        return page

    yield arrive
    for context in contexts:
        context.close()
    assert [text for text in complaints if not any(one in text for one in IGNORED)] == []


def names_of(commander: CommanderProcess, state: str) -> list[str]:
    """Rigs in a state."""
    rigs = commander.api("GET", f"/api/rigs?state={state}")
    assert isinstance(rigs, list)
    return [rig["name"] for rig in rigs]


@pytest.fixture(scope="session")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LivingFarm]:
    """One farm for all tests of the laws: every kind of trouble, well rigs, one that is awaited, ASICs. Who changes
    something brings it back."""
    folder = tmp_path_factory.mktemp("farm")
    with CommanderProcess(folder, settings={"report_interval_s": "2"}) as commander:
        living = LivingFarm(commander)
        try:
            living.add(RIGS)
            living.add(ASICS, kind="asic")
            living.hang_up("rig-08")
            until_now(lambda: "rig-08" in names_of(commander, "offline"), "rig-08 offline")
            steer(commander)
            yield living
        finally:
            living.close()


@pytest.fixture(scope="session")
def cookies(farm: LivingFarm) -> list[dict[str, str]]:
    """Of a login, for a browser."""
    with httpx.Client(base_url=farm.commander.url, headers={"Origin": farm.commander.url}) as client:
        client.get("/login")
        assert client.post("/login", data={"password": farm.commander.password}).status_code == 303
        return [{"name": name, "value": value, "url": farm.commander.url} for name, value in client.cookies.items()]


@pytest.fixture(scope="module")
def contexts(browser: Browser, farm: LivingFarm, cookies: list[dict[str, str]]) -> Callable[..., BrowserContext]:
    """A browser profile per size, appearance and so on: what one page fetched, the next has."""

    @cache
    def context(width: int, scheme: str, scripts: bool, zone: str) -> BrowserContext:
        made = browser.new_context(
            base_url=farm.commander.url,
            viewport={"width": width, "height": 844 if width < 500 else 900},
            color_scheme=scheme,  # type: ignore[arg-type]
            java_script_enabled=scripts,
            has_touch=width < 500,
            timezone_id=zone,
        )
        made.add_cookies(cookies)  # type: ignore[arg-type]
        return made

    return context


@pytest.fixture
def visit(contexts: Callable[..., BrowserContext]) -> Iterator[Visit]:
    """`visit("/rigs")`: a page of the farm, for somebody who is logged in. Complaints in its console fail the test."""
    pages: list[Page] = []
    complaints: list[str] = []

    def at(
        path: str = "/", *, width: int = 1440, scheme: str = "light", scripts: bool = True, zone: str = "Europe/Berlin"
    ) -> Page:
        page = contexts(width, scheme, scripts, zone).new_page()
        pages.append(page)
        page.set_default_timeout(30_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if said.type in LOUD else None)
        page.goto(path)
        return page

    yield at
    for page in pages:
        page.close()
    assert [text for text in complaints if not any(one in text for one in IGNORED)] == []
