"""Every page, on a desk and on a phone, light and dark: no complaint in the console under the strict policy, nothing
sideways, a finger hits what it aims at, and text can be read."""

from __future__ import annotations

import pytest
from gallery_helpers import DESK, PHONE

from support.browser import Look
from support.gallery.pages import Gallery
from support.looks import SMALL, UNREADABLE

pytestmark = pytest.mark.browser
NAMES = Gallery().names()


@pytest.mark.parametrize("name", NAMES)
def test_on_a_phone(look: Look, name: str) -> None:
    page = look(name, PHONE, "light")
    page.wait_for_load_state("load")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    assert page.evaluate(SMALL) == []
    assert page.evaluate(UNREADABLE) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_on_a_desk_in_the_dark(look: Look, name: str) -> None:
    page = look(name, DESK, "dark")
    page.wait_for_load_state("load")
    assert page.evaluate("document.documentElement.dataset.bsTheme") == "dark"
    assert page.evaluate("document.documentElement.scrollWidth") <= DESK[0]
    assert page.evaluate(UNREADABLE) == []


@pytest.mark.parametrize("name", ["rigs-12", "asics", "overview", "rig-hot", "rig-waiting"])
@pytest.mark.parametrize("width", [761, 1000, 1180, 1241])
def test_between_phone_and_desk(look: Look, name: str, width: int) -> None:
    page = look(name, (width, 800), "light")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("name", ["rigs-12", "rigs-1000", "asics"])
def test_the_first_rig_is_in_sight_on_a_phone(look: Look, name: str) -> None:
    page = look(name, PHONE, "light")
    box = page.locator(".rig").first.bounding_box()
    assert box is not None
    assert box["y"] + box["height"] < 640


def test_the_bar_stands_still_from_page_to_page(look: Look) -> None:
    left = "[...document.querySelectorAll('.bar nav a')].map((one) => one.getBoundingClientRect().left)"
    assert look("overview", DESK, "light").evaluate(left) == look("rigs-12", DESK, "light").evaluate(left)


def test_a_selected_row_stays_so_under_the_pointer(look: Look) -> None:
    page = look("rigs-12", DESK, "light")
    row, colour = page.locator("#rig-4"), "(row) => getComputedStyle(row).backgroundColor"
    row.hover()
    hovered = row.evaluate(colour)
    row.locator(".pick input").check()
    selected = row.evaluate(colour)
    assert selected != hovered
    page.mouse.move(5, 5)
    assert row.evaluate(colour) == selected


@pytest.mark.parametrize("name", ["rigs-12", "rig-hot", "overview", "created", "rigs-0"])
def test_without_scripts_a_page_reads(look: Look, name: str) -> None:
    page = look(name, DESK, "light", scripts=False)
    assert page.locator("main").inner_text().strip()
    assert page.locator("[data-copy]:visible, #live:visible, #stale:visible").count() == 0
    if name == "rigs-12":
        assert page.locator("tr.rig").count() == 12
        assert page.locator("tr.rig").first.locator(".state").inner_text() == "offline"


def test_a_script_that_somebody_smuggled_in_does_not_run(look: Look) -> None:
    """The control of the policy: what our own pages never do is really forbidden."""
    page = look("rigs-3", complaints=["Content Security Policy", "status of 404"])
    page.evaluate(
        """() => { const evil = document.createElement('div');
        evil.innerHTML = '<img src="x" onerror="window.evil = 1">'; document.body.append(evil);
        const script = document.createElement('script'); script.textContent = 'window.evil = 2';
        document.body.append(script); }"""
    )
    page.wait_for_timeout(100)
    assert page.evaluate("window.evil") is None
