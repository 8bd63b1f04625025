"""An operator sees which limits were reached: on a page, on the overview, over the API. What an attacker wrote is
inert."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from rigfarm.commander.server.incidents import Incidents
from rigfarm.simulate.commander import CommanderProcess

NOTED = """
import rigfarm.commander.app as parts
begin = parts._bring_back
def noting(journal, stats, limits):
    begin(journal, stats, limits)
    limits.note("192.0.2.7", "<script>alert(1)</script>\\u202e\\x1b[2J", "further ones are refused", count=1234)
    limits.note("the name it gave itself", "sent logs faster than a rig may", "slowed down", rig=1)
parts._bring_back = noting
"""


@pytest.fixture(scope="module")
def commander(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommanderProcess]:
    folder = tmp_path_factory.mktemp("commander")
    with CommanderProcess(folder) as one:
        one.add_rigs(["rig-04"])
        assert one.key
    with CommanderProcess(folder, port=one.port, mutation=NOTED) as again:
        again._key = one.key
        yield again


def pages(commander: CommanderProcess, *paths: str) -> list[str]:
    with httpx.Client(base_url=commander.url, headers={"Origin": commander.url}, timeout=30) as browser:
        assert browser.post("/login", data={"password": commander.password}).status_code == 303
        return [browser.get(path).text for path in paths]


def test_the_page_names_who_and_what_and_links_to_the_rig(commander: CommanderProcess) -> None:
    settings, limits, overview = pages(commander, "/settings", "/settings/limits", "/")
    assert 'href="/settings/limits"' in settings
    assert '<a href="/rigs/1">rig-04</a>' in limits
    assert "192.0.2.7" in limits
    assert "1\u202f234" in limits
    assert limits.index("rig-04") < limits.index("192.0.2.7")
    assert "<time datetime=" in limits
    assert "rig-04" in overview
    assert "and 1 more" in overview
    for page in (limits, overview):
        assert "<script>alert" not in page
        assert "\u202e" not in page
        assert "\x1b" not in page


def test_programs_read_the_same(commander: CommanderProcess) -> None:
    listed: Any = commander.api("GET", "/api/incidents")
    assert [(one["source"], one["count"], one.get("rig_id")) for one in listed] == [
        ("the name it gave itself", 1, 1),
        ("192.0.2.7", 1234, None),
    ]
    schema: Any = commander.api("GET", "/api/docs/openapi.json")
    assert "/api/incidents" in schema["paths"]


async def test_the_page_changes_by_itself(commander: CommanderProcess) -> None:
    async with httpx.AsyncClient(base_url=commander.url, headers={"Origin": commander.url}, timeout=30) as browser:
        await browser.post("/login", data={"password": commander.password})
        cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    url = f"{commander.url.replace('http', 'ws')}/live?page=/settings/limits"
    async with connect(url, origin=commander.url, additional_headers={"Cookie": cookies}) as page:  # type: ignore[arg-type]
        async with asyncio.timeout(30):
            while "rig-04" not in str(await page.recv()):
                pass
        _, writer = await asyncio.open_connection("127.0.0.1", commander.port)
        writer.write(b"nonsense\r\n\r\n")
        async with asyncio.timeout(30):
            while "sent something other than HTTP" not in str(await page.recv()):
                pass
        writer.close()


async def test_what_was_noted_is_shown_soon_and_seldom() -> None:
    shown = []
    incidents = Incidents()
    incidents.on_changed = lambda: shown.append(1)
    for number in range(1000):
        incidents.note(f"192.0.2.{number % 9}", "knocked", "refused")
    async with asyncio.timeout(60):
        while not shown:
            await asyncio.sleep(0.05)
    assert len(shown) == 1


def test_only_what_is_recent_is_on_the_overview() -> None:
    now = [0]
    incidents = Incidents(now_ms=lambda: now[0])
    incidents.note("192.0.2.7", "knocked", "refused")
    now[0] = 300_000
    incidents.note("192.0.2.8", "knocked", "refused")
    assert [one.source for one in incidents.acting()] == ["192.0.2.8", "192.0.2.7"]
    now[0] = 601_000
    assert [one.source for one in incidents.acting()] == ["192.0.2.8"]


def test_each_page_of_the_top_bar_has_its_place_and_a_key_of_its_own(commander: CommanderProcess) -> None:
    (page,) = pages(commander, "/")
    bar = re.findall(r'data-nav="(\w+)" data-go="(\w)"', page)
    assert " ".join(name for name, _ in bar) == (
        "overview rigs asics playbooks software addresses places reports alerts activity"
    )
    assert len({key for _, key in bar}) == len(bar), "g and a letter lead to one page"
