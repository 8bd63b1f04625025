"""A live page: changes come in place, nothing that somebody is doing is disturbed, and old numbers never look fresh."""

from __future__ import annotations

import re

import pytest
from gallery_helpers import Served, live, stopped
from msgspec.structs import replace
from playwright.sync_api import Page, expect

from rigfarm.commander.kinds import KINDS
from rigfarm.commander.stats.condition import Condition
from rigfarm.commander.web.fragments import append, event, morph, remove
from support.browser import Look, until_true
from support.gallery.made_up import farm
from support.until import until_now

pytestmark = pytest.mark.browser


def changed_row(served: Served, rig_id: int = 1, power_w: float = 777.0) -> str:
    """A rig's row with another power."""
    gallery = served.gallery
    rig, stats = farm(now_ms=gallery.now_ms).rigs[rig_id]
    assert stats.log is not None
    stats.log = replace(stats.log, power_w=power_w)
    return morph(f"rig-{rig_id}", str(gallery.row(rig, stats, gallery.now_ms)))


def watch_glows(page: Page) -> Page:
    """Keep the class of each element that began to glow: a glow itself is over after a second."""
    page.evaluate(
        """() => { window.glowed = []; const plain = Element.prototype.animate;
        Element.prototype.animate = function (...a)
        { window.glowed.push(this.className); return plain.apply(this, a); }; }"""
    )
    return page


def glowed(page: Page) -> str:
    return str(page.evaluate("window.glowed.join(', ')"))


def test_a_row_changes_in_place_and_its_cell_glows(look: Look, served: Served) -> None:
    page = watch_glows(live(look("rigs-12")))
    page.evaluate("window.row = document.getElementById('rig-1')")
    served.say(changed_row(served))
    expect(page.locator("#rig-1 .c-power")).to_have_text("777W")
    assert page.evaluate("window.row === document.getElementById('rig-1')")
    assert glowed(page) == "c-power n"


def test_nothing_glows_for_who_asked_for_less_motion(look: Look, served: Served) -> None:
    page = watch_glows(live(look("rigs-12", motion=False)))
    served.say(changed_row(served))
    expect(page.locator("#rig-1 .c-power")).to_have_text("777W")
    assert glowed(page) == ""


def test_focus_scroll_menus_selection_and_an_open_row_stay(look: Look, served: Served) -> None:
    page = live(look("rigs-1000"))
    page.route("**/rigs/1/devices", lambda route: route.fulfill(body="<p>devices</p>", content_type="text/html"))
    page.locator("#rig-1 .expand").click()
    expect(page.locator("#devices-rig-1")).to_contain_text("devices")
    page.locator("#rig-1 .c-name a").focus()
    page.keyboard.press("x")
    page.locator("summary", has_text="filter").click()
    page.evaluate("scrollTo(0, 300)")
    page.locator("#rig-1 .c-name a").focus()
    top = page.evaluate("scrollY")
    served.say(changed_row(served), changed_row(served, power_w=778.0))
    expect(page.locator("#rig-1 .c-power")).to_have_text("778W")
    assert page.evaluate("document.activeElement.closest('tr').id") == "rig-1"
    assert page.evaluate("scrollY") == top
    assert page.locator("details.drop[open]").count() == 1
    expect(page.locator("#rig-1[data-rf-selected][data-rf-open]")).to_have_count(1)
    expect(page.locator("#devices-rig-1")).to_contain_text("devices")


def test_an_open_dialog_keeps_what_was_typed(look: Look, served: Served) -> None:
    page = live(look("rigs-12"))
    form = served.gallery.new_rig("cpu-gpu", hx=True)
    page.route("**/rigs/new", lambda route: route.fulfill(body=form, content_type="text/html"))
    page.get_by_role("link", name="New rig").click()
    field = page.get_by_label("Name")
    field.fill("rig-99")
    served.say(changed_row(served))
    expect(page.locator("#rig-1 .c-power")).to_have_text("777W")
    expect(field).to_have_value("rig-99")
    expect(field).to_be_focused()
    expect(page.locator("dialog#dialog")).to_be_visible()


def test_rows_come_and_go(look: Look, served: Served) -> None:
    page = live(look("rigs-12"))
    served.say(remove("rig-1"), append("rig-rows", '<tr id="rig-500" class="rig"><td>new</td></tr>'))
    expect(page.locator("#rig-500")).to_be_visible()
    expect(page.locator("#rig-1")).to_have_count(0)
    assert page.locator("tr.rig").count() == 12


def test_an_order_that_changed_is_offered_and_not_done(look: Look, served: Served) -> None:
    page = live(look("rigs-12"))
    before = page.locator("tr.rig .c-name").all_inner_texts()
    served.say(event("moved", count=3))
    expect(page.locator("#moved")).to_have_text("3 rigs moved · update")
    assert page.locator("tr.rig .c-name").all_inner_texts() == before
    served.say(event("moved", count=0))
    expect(page.locator("#moved")).to_be_hidden()


def test_a_page_without_its_socket_says_so_and_turns_grey_until_the_snapshot(look: Look, served: Served) -> None:
    page = live(look("rigs-12"))
    page.route_web_socket(re.compile("/live"), lambda socket: socket.close(code=1011))
    served.hang_up(4400)
    banner = page.locator("#stale")
    expect(banner).to_be_visible()
    expect(banner).to_contain_text(re.compile(r"No connection to the Commander since \d"))
    assert page.evaluate("getComputedStyle(document.getElementById('main')).filter") == "grayscale(1)"
    expect(page.locator("#live")).to_have_attribute("data-live", "gone")


def test_a_short_interruption_is_nobodys_business(look: Look, served: Served) -> None:
    page = stopped(live(look("rigs-12", clock=True)))
    served.hang_up(1012)
    page.locator('#live[data-live="off"]').wait_for()
    page.clock.run_for(2_000)
    live(page)
    assert "stale" not in page.evaluate("({...document.documentElement.dataset})")


def test_a_snapshot_ends_the_grey(look: Look, served: Served) -> None:
    page = live(look("rigs-12"))
    page.evaluate("document.documentElement.dataset.stale = ''")
    served.say(event("snapshot"))
    until_true(page, "!('stale' in document.documentElement.dataset)")


def test_the_tab_carries_the_number_of_sick_rigs(look: Look, served: Served) -> None:
    page = live(look("rigs-12"))
    assert page.title() == "(7) Rigs · Rigfarm"
    served.say(event("title", sick={"rigs": 0, "asics": 3}))
    expect(page).to_have_title("(3) Rigs · Rigfarm")
    expect(page.locator('[data-nav="asics"] .badge-sick')).to_have_text("3")
    expect(page.locator('[data-nav="rigs"] .badge-sick')).to_be_hidden()
    assert page.evaluate("document.querySelector('link[rel=icon]').href").startswith("data:image/svg+xml")
    served.say(event("title", sick={"rigs": 0, "asics": 0}))
    expect(page).to_have_title("Rigs · Rigfarm")
    assert "icon.svg" in page.evaluate("document.querySelector('link[rel=icon]').href")


def test_notices_are_read_aloud_and_errors_stay(look: Look, served: Served) -> None:
    page = stopped(live(look("rigs-12", clock=True)))
    served.say(event("notice", text="rig-13 reports for the first time.", level="good"))
    notice = page.locator("#notices .notice")
    expect(notice).to_contain_text("rig-13 reports for the first time.")
    assert page.locator("#notices").get_attribute("aria-live") == "polite"
    notice.get_by_role("button").click()
    expect(notice).to_have_count(0)


def test_viewers_of_what_is_gone_are_led_away_with_a_word(look: Look, served: Served) -> None:
    page = stopped(live(look("rig-hot", clock=True)))
    served.say(event("gone", url="/gallery/rigs-12", notice="rig-04 was removed."))
    page.wait_for_url("**/gallery/rigs-12")
    expect(page.locator("#notices")).to_contain_text("rig-04 was removed.")


def test_an_ended_login_leads_to_the_login_and_back(look: Look, served: Served) -> None:
    page = live(look("rigs-12"))
    page.route("**/login?**", lambda route: route.fulfill(body="login", content_type="text/html"))
    served.hang_up(4401)
    page.wait_for_url("**/login?next=%2Fgallery%2Frigs-12")


def test_a_waiting_dialog_turns_green(look: Look, served: Served) -> None:
    page = live(look("rig-waiting"))
    expect(page.locator("#join-200000")).to_contain_text("Waiting for its first signal")
    join = served.gallery.detail(farm(now_ms=served.gallery.now_ms), 200_000).join
    served.say(morph("join-200000", served.gallery.template("rig_joined.html", join=replace(join, reported=True))))
    expect(page.locator("#join-200000.yes")).to_contain_text("is online")


def test_ages_grow_by_themselves_and_hover_tells_the_moment(look: Look, served: Served) -> None:
    page = live(look("rigs-12", clock=True))
    cell = page.locator("#rig-1 .c-seen time")
    first = cell.inner_text()
    page.clock.run_for(61_000)  # by the minute, once the farm is older than one
    expect(cell).not_to_have_text(first)
    cell.hover()
    assert re.search(r"\d{1,2}:\d{2}:\d{2}", cell.get_attribute("title") or "")


def test_who_hears_nothing_asks(look: Look, served: Served) -> None:
    served.server.heard.clear()
    live(look("rigs-12"))
    until_now(lambda: '{"ping":1}' in served.server.heard)


@pytest.mark.parametrize("never_heard", [False, True], ids=["in the middle", "from its first moment"])
def test_a_socket_that_died_without_a_word_is_replaced(look: Look, served: Served, never_heard: bool) -> None:
    served.server.mute = never_heard
    try:
        page = live(look("overview"))
        page.evaluate(
            """() => { window.opened = 0; const Plain = WebSocket;
            window.WebSocket = class extends Plain { constructor(...a) { super(...a); window.opened += 1; } }; }"""
        )
        served.server.mute = True
        until_true(page, "window.opened > 0")
    finally:
        served.server.mute = False
    live(page)


def test_every_state_has_its_word(look: Look, served: Served) -> None:
    rig, stats = farm(now_ms=served.gallery.now_ms).rigs[1]
    page = live(look("rigs-12"))
    for word, state in (("removed", "removed"), ("idle", "idle"), ("waiting", "waiting")):
        stats.condition = Condition(state, severity=0)  # type: ignore[arg-type]
        served.say(morph("rig-1", str(served.gallery.row(rig, stats, served.gallery.now_ms))))
        expect(page.locator("#rig-1 .state")).to_have_text(word)
    assert KINDS["asic"].path == "/asics"
