"""Filters, sort, page and search are in the URL: reload it, go back, send it on, and it is the same view."""

from __future__ import annotations

import pytest
from living_farm import LivingFarm
from playwright.sync_api import Locator, Page, Route, expect

from support.browser import Visit

pytestmark = pytest.mark.browser


def names(page: Page) -> Locator:
    return page.locator("tr.rig .c-name a")


def test_filter_sort_and_search_build_the_url_and_back_unbuilds_it(visit: Visit, farm: LivingFarm) -> None:
    page = visit("/rigs")
    page.evaluate("window.same = true")
    page.locator("summary", has_text="filter").click()
    page.locator(".drop-list a", has_text="KAS").click()
    page.wait_for_url("**/rigs?coin=KAS")
    expect(names(page)).to_have_count(5)
    page.get_by_role("columnheader", name="Name").get_by_role("link").click()
    page.wait_for_url("**/rigs?*sort=name*")
    expect(names(page)).to_have_text(["rig-02", "rig-03", "rig-04", "rig-06", "rig-07"])
    expect(page.locator("th.h-name")).to_have_attribute("aria-sort", "ascending")
    page.get_by_role("searchbox").fill("rig-0")
    page.wait_for_url("**q=rig-0*")
    page.get_by_role("searchbox").fill("rig-03")
    page.wait_for_url("**q=rig-03*")
    expect(names(page)).to_have_text(["rig-03"])
    assert page.evaluate("window.same"), "no page was loaded anew"
    url = page.url

    colleague = visit(url)
    expect(names(colleague)).to_have_text(["rig-03"])
    expect(colleague.get_by_role("searchbox")).to_have_value("rig-03")
    expect(colleague.locator("#live")).to_have_text("live")
    page.reload()
    expect(names(page)).to_have_text(["rig-03"])

    page.go_back()
    page.wait_for_url("**/rigs?coin=KAS")
    expect(names(page)).to_have_count(5)
    page.go_back()
    page.wait_for_url("**/rigs")
    expect(names(page)).to_have_count(9)
    page.go_forward()
    page.wait_for_url("**/rigs?coin=KAS")
    expect(names(page)).to_have_count(5)
    expect(page.locator("#live")).to_have_text("live")


def test_a_step_forward_before_the_scripts_have_come_is_a_step_of_the_view_too(visit: Visit, farm: LivingFarm) -> None:
    page = visit("/rigs")
    page.locator("summary", has_text="filter").click()
    page.locator(".drop-list a", has_text="KAS").click()
    expect(names(page)).to_have_count(5)
    held: list[Route] = []
    page.route("**/vendor/htmx.js*", lambda route: held.append(route))
    page.go_back(wait_until="commit")
    expect(names(page)).to_have_count(9)
    page.go_forward(wait_until="commit")
    for route in held:
        route.continue_()
    page.unroute("**/vendor/htmx.js*")
    expect(names(page)).to_have_count(5)
    expect(page.locator("#live")).to_have_text("live")


def test_back_from_a_rig_is_the_view_that_led_there(visit: Visit, farm: LivingFarm) -> None:
    page = visit("/rigs?coin=XMR")
    page.locator("tr.rig .c-name a", has_text="rig-08").click()
    page.wait_for_url(f"**/rigs/{farm.ids['rig-08']}")
    page.go_back()
    page.wait_for_url("**/rigs?coin=XMR")
    expect(names(page)).to_have_count(2)
    expect(page.locator("#live")).to_have_text("live")


def test_a_live_view_follows_its_own_url(visit: Visit, farm: LivingFarm) -> None:
    """Its socket asks for the same filter: what comes is of its rows, and a snapshot shows no others."""
    page = visit("/rigs?coin=XMR&sort=-name")
    sockets: list[str] = []
    page.on("websocket", lambda socket: sockets.append(socket.url))
    page.reload()
    expect(page.locator("#live")).to_have_text("live")
    assert [url.partition("page=")[2] for url in sockets] == ["/rigs%3Fcoin%3DXMR%26sort%3D-name"]
    expect(names(page)).to_have_text(["rig-08", "rig-01"])


def test_a_page_beyond_the_last_is_the_last(visit: Visit) -> None:
    page = visit("/rigs?page=99999")
    expect(page.locator("#rig-rows")).to_be_visible()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("/rigs?sort=nonsense", "Unknown sort nonsense"),
        ("/rigs?state=purple&per=50", "Unknown state purple"),
        ("/rigs?page=-3", "page must be a whole number, at least 1"),
    ],
)
def test_a_url_that_somebody_mangled_says_what_is_wrong(visit: Visit, url: str, says: str) -> None:
    """It must not show, or offer for a command, more rigs than were meant."""
    page = visit(url)
    expect(page.get_by_role("alert")).to_contain_text(says)
    page.get_by_role("link", name="Go to the overview").click()
    page.wait_for_url("**/")


@pytest.mark.parametrize(("path", "there"), [("/playbooks", "monero"), ("/software", "Fake"), ("/addresses", "pool-1")])
def test_the_search_of_other_pages_is_in_the_url_too(visit: Visit, path: str, there: str) -> None:
    page = visit(path)
    expect(page.locator("main")).to_contain_text(there)
    page.locator("#main [data-search]").fill("zzz")
    page.wait_for_url(f"**{path}?*q=zzz*")
    expect(page.locator("main")).not_to_contain_text(there)
    page.reload()
    expect(page.locator("#main [data-search]")).to_have_value("zzz")
    page.goto(path)
    expect(page.locator("main")).to_contain_text(there)
