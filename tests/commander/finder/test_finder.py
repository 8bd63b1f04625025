"""One field finds everything: by keyboard, in a browser; and what it lists."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from rigfarm.commander.finder.view import MAX_TEXT
from rigfarm.commander.finds import Hit, matching
from rigfarm.simulate.commander import CommanderProcess


def test_what_is_called_so_comes_first() -> None:
    hits = [Hit(label, "", "rig") for label in ("my rig-1", "rig-10", "rig-2", "RIG-1", "other", "rig-1b")]
    assert [one.label for one in matching("rig-1", hits)] == ["RIG-1", "rig-1b", "rig-10", "my rig-1"]
    assert [one.label for one in matching(" 1 rig ", hits)] == ["my rig-1", "RIG-1", "rig-1b", "rig-10"]
    assert [one.label for one in matching("ig", hits)] == []
    assert [one.label for one in matching("ot", hits)] == ["other"]
    assert [one.label for one in matching("the", hits)] == ["other"]
    assert [one.label for one in matching("", hits)] == ["my rig-1", "other", "RIG-1", "rig-1b", "rig-2", "rig-10"]


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommanderProcess]:
    with CommanderProcess(tmp_path_factory.mktemp("commander")) as commander:
        commander.add_rigs([f"hall-rig-{n}" for n in range(1, 13)])
        commander.api(
            "POST",
            "/api/addresses",
            {"kind": "pool", "name": "hallpool", "coin": "XMR", "urls": ["stratum+tcp://p.example:1"]},
        )
        rigs = {one["name"]: one["id"] for one in commander.api("GET", "/api/rigs")}
        commander.api("PATCH", f"/api/rigs/{rigs['hall-rig-7']}", {"place": "hall-2/rack-1"})
        yield commander


@pytest.fixture(scope="module")
def viewer(farm: CommanderProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=farm.url, headers={"Origin": farm.url}, timeout=30) as client:
        client.get("/login")
        assert client.post("/login", data={"password": farm.password}).status_code == 303
        yield client


def found(viewer: httpx.Client, text: str) -> list[tuple[str, str]]:
    answer = viewer.get("/find", params={"q": text})
    assert answer.status_code == 200
    return re.findall(r"<span>([^<]*?)(?: <small>[^<]*</small>)?</span><small class=\"find-what\">([^<]*)", answer.text)


def test_everything_is_found(viewer: httpx.Client) -> None:
    hits = found(viewer, "hall")
    assert hits[0] == ("All 12 rigs with “hall”", "Rigs")
    assert ("hall-rig-1", "rig") in hits
    assert ("hallpool", "pool") in hits
    assert ("hall-2", "place") in hits
    assert ("Alert rules", "page") in found(viewer, "rule")
    assert ("Devices that are too hot", "alert rule") in found(viewer, "too hot")
    assert ("The time machine", "help") in found(viewer, "time machine")
    assert found(viewer, "")[0] == ("Overview", "page")
    assert found(viewer, "hall-rig-7")[0] == ("hall-rig-7", "rig")


@pytest.mark.parametrize("text", ["temp>", "-", '"', "<script>alert(1)</script>", "%", "state:no", "☠" * 200])
def test_whatever_is_typed_is_answered(viewer: httpx.Client, text: str) -> None:
    answer = viewer.get("/find", params={"q": text})
    assert answer.status_code == 200
    assert "<script>alert" not in answer.text


def test_too_much_is_refused(viewer: httpx.Client) -> None:
    assert f'maxlength="{MAX_TEXT}"' in viewer.get("/find").text, "and cannot be typed"
    assert viewer.get("/find", params={"q": "a" * 201}).status_code == 400


@pytest.fixture
def page(farm: CommanderProcess, browser: Browser) -> Iterator[Page]:
    page = browser.new_page(base_url=farm.url, viewport={"width": 1440, "height": 900})
    page.goto("/login")
    page.fill("input[type=password]", farm.password)
    page.keyboard.press("Enter")
    page.wait_for_url("**/")
    ready(page)
    yield page
    page.close()


def ready(page: Page) -> None:
    """Its scripts run: before, no key means anything."""
    expect(page.locator("#live")).to_have_attribute("data-live", "on")


def test_by_keyboard(page: Page) -> None:
    page.keyboard.press("Control+k")
    page.keyboard.type("e")  # is typed, and edits nothing
    field = page.get_by_role("combobox", name="Find anything")
    expect(field).to_be_focused()
    expect(field).to_have_value("e")
    page.keyboard.press("Backspace")
    page.keyboard.type("hall-rig-7")
    page.keyboard.press("Enter")  # before the answer is there
    expect(page.locator("#rig-name")).to_contain_text("hall-rig-7")
    ready(page)
    page.keyboard.press("Control+k")
    page.keyboard.type("alert")
    expect(page.locator("#finds")).to_have_attribute("data-q", "alert")
    chosen = page.locator("#finds [aria-selected=true]")
    expect(chosen).to_have_text(re.compile("Alert channels"))
    page.keyboard.press("ArrowDown")
    expect(chosen).to_have_text(re.compile("Alert rules"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/alerts/rules")
    expect(page.get_by_role("heading", name="Alert rules")).to_be_visible()
    ready(page)
    page.keyboard.press("Control+k")
    expect(field).to_be_focused()
    page.keyboard.press("Escape")
    expect(field).to_be_hidden()


def test_while_a_dialog_is_open_it_stays(page: Page) -> None:
    page.goto("/rigs")
    ready(page)
    page.keyboard.press("n")
    expect(page.locator("#dialog")).to_be_visible()
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox", name="Find anything")).to_be_hidden()


def test_on_a_phone_and_without_scripts(farm: CommanderProcess, browser: Browser) -> None:
    page = browser.new_page(base_url=farm.url, viewport={"width": 390, "height": 844}, java_script_enabled=False)
    page.goto("/login")
    page.fill("input[type=password]", farm.password)
    page.get_by_role("button", name="Log in").click()
    page.goto("/find")
    page.get_by_role("combobox", name="Find anything").fill("hallpool")
    page.keyboard.press("Enter")
    page.get_by_role("option", name=re.compile("hallpool")).click()
    expect(page.locator("#main")).to_contain_text("stratum+tcp://p.example:1")
    page.close()


def test_the_link_of_a_place_finds_it_whatever_its_name(farm: CommanderProcess, viewer: httpx.Client) -> None:
    names = ["hall 7+8", "Süd + Nord"]
    rigs = {one["name"]: one["id"] for one in farm.api("GET", "/api/rigs")}
    for number, place in enumerate(names, 1):
        farm.api("PATCH", f"/api/rigs/{rigs[f'hall-rig-{number}']}", {"place": place})
    for place in names:
        answer = viewer.get("/find", params={"q": place.split()[-1]}).text
        href = next(one for one in re.findall(r'href="(/places\?[^"]*)"', answer))
        asked = httpx.URL(html.unescape(href))
        assert dict(asked.params) == {"q": f'place:"{place}"'}
        assert viewer.get(str(asked)).status_code == 200
