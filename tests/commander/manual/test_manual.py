"""The manual: every file of docs/ is a chapter, every link leads somewhere, and what is asked for is found."""

from __future__ import annotations

import html
import re
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect

from rigfarm.commander.manual.model import PARTS, Manual, folder
from rigfarm.commander.manual.pages import MAX_SEARCH
from rigfarm.commander.refusals import Absent
from rigfarm.simulate.commander import CommanderProcess

NAMES = [name for names in PARTS.values() for name in names]
MANUAL = Manual(folder())


def test_every_file_is_a_chapter() -> None:
    assert sorted(NAMES) == sorted(file.stem for file in folder().glob("*.md"))
    assert [part for part, _ in MANUAL.contents] == list(PARTS)


@pytest.mark.parametrize("name", NAMES)
def test_every_link_leads_somewhere(name: str) -> None:
    chapter = MANUAL.chapter(name)
    assert f"<h1>{chapter.title}</h1>".replace("&#39;", "'") in html.unescape(chapter.html)
    for href in re.findall(r'href="([^"]*)"', chapter.html):
        target, _, anchor = href.partition("#")
        if target.startswith(("https://", "http://127.0.0.1:")):
            continue
        other = MANUAL.chapter(target.removeprefix("/help/")) if target else chapter
        assert not anchor or anchor in {one.anchor for one in other.sections}, f"{name}: {href}"
    assert not re.search(r'(href|src)="(?!#|/help/|https://|http://127.0.0.1:)', chapter.html)


def test_a_search_finds_the_sections_that_have_every_word() -> None:
    titles = [(one.chapter, one.title) for one in MANUAL.find("time machine")]
    assert titles[0] == ("History", "The time machine")
    found = MANUAL.find("RIGFARM_data_dir")
    assert found
    assert all(one.word.casefold() == "rigfarm_data_dir" for one in found)
    assert MANUAL.find("") == MANUAL.find("   ") == []
    assert MANUAL.find("no-such-word-anywhere") == []
    assert len(MANUAL.find("a")) == 30


@pytest.mark.parametrize("name", ["", "nothing", "..", "../README", "settings.md", "settings/", "%2e%2e/README"])
def test_nothing_but_chapters_is_read(name: str) -> None:
    with pytest.raises(Absent):
        MANUAL.chapter(name)


def test_a_file_cannot_say_anything_but_text(tmp_path: Path) -> None:
    (tmp_path / "search.md").write_text("# <b>A</b>\n\n<script>1</script> [x](javascript:alert(1)) [y](../README.md)\n")
    chapter = Manual(tmp_path).chapter("search")
    assert "<script" not in chapter.html
    assert "<b>" not in chapter.html
    assert "javascript:" not in re.findall(r'href="([^"]*)"', chapter.html)
    assert "<code>y</code>" in chapter.html


def test_without_files_there_are_no_chapters(tmp_path: Path) -> None:
    assert Manual(tmp_path).contents == []
    assert Manual(tmp_path).find("rig") == []


def test_its_pages(commander: CommanderProcess) -> None:
    with httpx.Client(base_url=commander.url, headers={"Origin": commander.url}, timeout=30) as viewer:
        assert viewer.get("/help").status_code == 303, "behind the login"
        viewer.get("/login")
        assert viewer.post("/login", data={"password": commander.password}).status_code == 303
        front = viewer.get("/help")
        assert front.status_code == 200
        assert 'href="/help/backup"' in front.text
        assert "<pre><code" in viewer.get("/help/backup").text
        assert viewer.get("/help/nothing").status_code == 404
        assert f'maxlength="{MAX_SEARCH}"' in front.text
        found = viewer.get("/help", params={"q": "<script>"})
        assert found.status_code == 200
        assert "“<script>”" not in found.text
        assert viewer.get("/help", params={"q": "a" * 101}).status_code == 400


def test_the_manual_in_a_browser(commander: CommanderProcess, browser: Browser) -> None:
    page = browser.new_page(base_url=commander.url, viewport={"width": 1440, "height": 900})
    page.goto("/login")
    page.fill("input[type=password]", commander.password)
    page.keyboard.press("Enter")
    page.wait_for_url("**/")
    page.get_by_role("button", name="Session and appearance").click()
    page.get_by_role("link", name="Help").click()
    page.get_by_label("Search the manual").fill("forgot the password")
    page.keyboard.press("Enter")
    expect(page.locator("mark").first).to_be_visible()
    page.get_by_role("link", name="History", exact=True).first.click()
    expect(page.locator(".prose h1")).to_have_text("History")
    page.locator(".manual-sections").get_by_role("link", name="The time machine").click()
    expect(page.locator("#the-time-machine")).to_be_in_viewport()
    page.set_viewport_size({"width": 390, "height": 844})
    expect(page.locator(".manual-sections")).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_text("All chapters").click()
    page.locator(".manual-all").get_by_role("link", name="Alerts").click()
    expect(page.locator(".prose h1")).to_have_text("Alerts")
