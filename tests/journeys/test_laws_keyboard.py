"""Every key does what the list says it does, on the pages of a real farm, and what has the focus can be seen."""

from __future__ import annotations

import re

import pytest
from living_farm import LivingFarm
from playwright.sync_api import Page, expect

from support.browser import Visit

pytestmark = pytest.mark.browser

GOES = {"o": "/", "r": "/rigs", "a": "/asics", "p": "/playbooks", "s": "/software", "d": "/addresses"}


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.textContent.trim()"))


def test_g_and_a_letter_lead_to_every_page_of_the_bar(visit: Visit, farm: LivingFarm) -> None:
    page = visit("/settings")
    for letter, path in GOES.items():
        page.keyboard.press("g")
        page.keyboard.press(letter)
        page.wait_for_url(re.compile(re.escape(farm.commander.url + path) + "$"))
        expect(page.locator(".bar [aria-current=page]")).to_have_count(1)


def test_the_list_of_keys_has_them_all(visit: Visit, farm: LivingFarm) -> None:
    page = visit("/rigs")
    page.keyboard.press("?")
    keys = page.locator("#keys")
    expect(keys).to_be_visible()
    listed = {tuple(key.split()) for key in keys.locator("dt").all_inner_texts()}
    for key in ("/", "j k", "Enter", "x", "e", "n", "?", *(f"g {letter}" for letter in GOES)):
        assert tuple(key.split()) in listed, key
    page.keyboard.press("Escape")
    expect(keys).to_be_hidden()


def test_rows_are_walked_opened_chosen_and_edited(visit: Visit, farm: LivingFarm) -> None:
    page = visit("/rigs?sort=name")
    expect(page.locator("#live")).to_have_text("live")
    for key in ("j", "j", "j", "k"):
        page.keyboard.press(key)
    assert focused(page) == "rig-02"
    page.keyboard.press("x")
    expect(page.locator("#selection")).to_contain_text("1 selected: rig-02")
    page.keyboard.press("x")
    expect(page.locator("#selection")).to_have_count(0)
    page.keyboard.press("o")
    expect(page.locator(f"#devices-rig-{farm.ids['rig-02']}")).to_contain_text("61")
    page.keyboard.press("o")
    expect(page.locator("tr.expansion")).to_have_count(0)
    page.keyboard.press("e")
    expect(page.locator("#dialog [name=name]")).to_have_value("rig-02")
    page.keyboard.press("Escape")
    expect(page.locator("#dialog")).to_be_hidden()
    page.locator(f"#rig-{farm.ids['rig-02']} .c-name a").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/rigs/{farm.ids['rig-02']}")
    page.keyboard.press("e")
    expect(page.locator("#rig-name-field")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("h1#rig-name")).to_contain_text("rig-02")


def test_slash_finds_the_search_and_n_makes_something_new_everywhere(visit: Visit, farm: LivingFarm) -> None:
    page = visit("/rigs")
    for path in ("/", "/rigs", "/asics", f"/rigs/{farm.ids['rig-02']}", "/playbooks", "/software", "/addresses"):
        page.goto(path)
        page.keyboard.press("/")
        expect(page.get_by_role("searchbox")).to_be_focused()
        page.keyboard.type("njkx")
        expect(page.get_by_role("searchbox")).to_have_value("njkx")
    for path, opens in {"/": "New rig", "/rigs": "New rig", "/asics": "New ASIC", "/software": "software"}.items():
        page.goto(path)
        page.keyboard.press("n")
        expect(page.locator("#dialog .dialog-title")).to_contain_text(opens)
    page.goto("/playbooks")
    page.keyboard.press("n")
    page.wait_for_url("**/playbooks/new")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_has_the_focus_can_be_seen(visit: Visit, farm: LivingFarm, scheme: str) -> None:
    """Every stop of Tab, from the first to the table, has a ring of two pixels in a colour of its own."""
    page = visit("/rigs", scheme=scheme)
    seen = set()
    for _ in range(25):
        page.keyboard.press("Tab")
        name, style, width, box = page.evaluate(
            """() => { const one = document.activeElement; const s = getComputedStyle(one);
            const ring = s.outlineStyle !== 'none' ? s.outlineWidth : s.boxShadow !== 'none' ? '2px' : '0px';
            return [one.outerHTML.slice(0, 80), s.outlineStyle, ring, one.getBoundingClientRect().width]; }"""
        )
        assert float(width.removesuffix("px")) >= 2, (name, style)
        assert box > 0, name
        seen.add(name)
    assert len(seen) > 15
    page.locator(f"#rig-{farm.ids['rig-02']} .c-name a").focus()
    page.keyboard.press("k")
    assert page.evaluate("document.activeElement.matches(':focus-visible')")
