"""What would change something is not drawn for visitors, nor done by a key: a button that is refused is a riddle."""

from __future__ import annotations

import pytest
from gallery_helpers import DESK

from support.browser import Look

pytestmark = pytest.mark.browser
CHANGES = '#main form[method="post"]:visible, #main [hx-post]:visible, #main [hx-target="#dialog"]:visible'


@pytest.mark.parametrize("name", ["rigs-visitor", "rig-visitor", "settings-visitor", "rigs-0-visitor", "scan-visitor"])
def test_a_visitor_is_offered_nothing_that_is_refused(look: Look, name: str) -> None:
    page = look(name, DESK, "light")
    assert page.locator(CHANGES).count() == 0
    assert page.locator(".visitor").inner_text() == "visitor"
    page.keyboard.press("n")
    page.keyboard.press("e")
    assert page.locator("dialog[open]").count() == 0


def test_the_owner_is_offered_it_on_the_same_page(look: Look) -> None:
    assert look("rig-hot", DESK, "light").locator(CHANGES).count() > 0


def test_a_visitor_compares_rigs_but_gives_them_no_command(look: Look) -> None:
    page = look("rigs-visitor", DESK, "light")
    for rig in (4, 6):
        page.locator(f"#rig-{rig} .pick input").check()
    bar = page.locator("button", has_text="Compare")
    assert bar.is_visible()
    assert page.locator("button:visible", has_text="Command …").count() == 0
    assert page.locator("button:visible", has_text="Remove …").count() == 0


def test_a_visitor_can_sign_out(look: Look) -> None:
    page = look("rigs-visitor", DESK, "light")
    page.locator('[popovertarget="menu"]').click()
    assert page.locator("#menu button", has_text="Sign out").is_visible()
