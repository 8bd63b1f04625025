"""A screen on a wall is left alone for a month: what it shows must be true, readable, and need no hand."""

from __future__ import annotations

import pytest
from gallery_helpers import Served

from rigfarm.commander.web.fragments import event
from support.browser import Look, until_true

pytestmark = pytest.mark.browser
SCREENS = [(1920, 1080), (3840, 2160)]
DRAWN = """() => { const one = document.querySelector('#wall-map canvas');
    return one.width > 0 && one.getContext('2d').getImageData(0, 0, one.width, one.height).data.some((n) => n); }"""
LIVE = "document.getElementById('live')?.dataset.live === 'on'"
SMALLEST = """() => Math.min(...[...document.querySelectorAll('#wall *, .wall-foot *')]
    .filter((one) => [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim()))
    .map((one) => parseFloat(getComputedStyle(one).fontSize))) / innerHeight"""


@pytest.mark.parametrize("name", ["wall-0", "wall-3", "wall", "wall-1000"])
@pytest.mark.parametrize("size", SCREENS)
def test_all_of_it_is_on_the_screen_and_readable_from_five_metres(look: Look, name: str, size: tuple[int, int]) -> None:
    page = look(name, size, "dark")
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")
    assert page.evaluate(SMALLEST) > 0.022, "15 mm on a screen of 32 inches"
    assert page.locator(".wall-coins li").count() <= 6, "one row"
    for part in page.locator("#wall h1, .wall-coins li, .wall-list :is(li, p)").all():
        box = part.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= size[1]
    assert page.locator("header.bar:visible").count() == 0


def test_many_rigs_have_a_tile_each_and_few_have_none(look: Look) -> None:
    until_true(look("wall-1000", SCREENS[0]), DRAWN)
    assert look("wall-3", SCREENS[0]).locator("#wall-map").is_hidden()


def test_it_loads_itself_again_when_the_commander_is_another_program(look: Look, served: Served) -> None:
    page = look("wall", SCREENS[0])
    until_true(page, LIVE)
    own = page.locator("#wall-map").get_attribute("data-build")
    with page.expect_event("load"):
        served.say(event("wall", build=own), event("wall", build="of a later version"))
    until_true(page, LIVE)


def test_it_says_since_when_it_is_cut_off_in_letters_for_a_room(look: Look, served: Served) -> None:
    page = look("wall", SCREENS[0], complaints=["status of 404"])
    until_true(page, LIVE)
    page.route_web_socket("**/live**", lambda one: one.close(code=1011))
    served.hang_up(1011)
    until_true(page, "'stale' in document.documentElement.dataset")
    banner = page.locator("#stale")
    banner.wait_for()
    assert "No connection to the Commander since" in banner.inner_text()
    assert banner.evaluate("(one) => parseFloat(getComputedStyle(one).fontSize)") > 30
    assert page.evaluate("getComputedStyle(document.getElementById('main')).filter") == "grayscale(1)"


def test_the_url_says_how_a_screen_looks(look: Look) -> None:
    page = look("wall", SCREENS[0], "dark")
    assert page.evaluate("document.documentElement.dataset.bsTheme") == "dark"
