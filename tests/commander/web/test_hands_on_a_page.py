"""What a person does with a page: keys, dialogs, copying, appearance, filters that are links."""

from __future__ import annotations

import re

import pytest
from gallery_helpers import PHONE, Look, Served, live, until
from playwright.sync_api import Page, Route, expect

from rigfarm.commander.rigs.view.charts import Chart, ChartData, Series
from rigfarm.commander.web.fragments import event, morph
from rigfarm.simulate.gallery.made_up import farm
from rigfarm.units import duration

pytestmark = pytest.mark.browser


def answer(page: Page, pattern: str, body: str, status: int = 200, **headers: str) -> list[str]:
    """Answer requests to a path; returns what was sent, as it comes."""
    sent: list[str] = []

    def fulfil(route: Route) -> None:
        sent.append(f"{route.request.method} {route.request.headers.get('x-csrf-token')} {route.request.post_data}")
        route.fulfill(status=status, body=body, content_type="text/html; charset=utf-8", headers=headers)

    page.route(re.compile(pattern), fulfil)
    return sent


# The keyboard


def test_j_and_k_walk_enter_opens(look: Look) -> None:
    page = live(look("rigs-12"))
    answer(page, r"/rigs/4$", "rig-04")
    for key in ("j", "j", "j", "k"):
        page.keyboard.press(key)
    assert page.evaluate("document.activeElement.textContent") == "rig-04"
    page.keyboard.press("Enter")
    page.wait_for_url("**/rigs/4")


def test_slash_searches_and_escape_leaves(look: Look) -> None:
    page = live(look("rigs-12"))
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("jk")
    expect(page.get_by_role("searchbox")).to_have_value("jk")
    page.keyboard.press("Escape")
    expect(page.get_by_role("searchbox")).not_to_be_focused()


def test_g_and_a_letter_go(look: Look) -> None:
    page = live(look("rigs-12"))
    page.keyboard.press("g")
    page.keyboard.press("a")
    page.wait_for_url("**/gallery/asics")


def test_x_selects_and_says_what(look: Look) -> None:
    page = live(look("rigs-12"))
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.locator("#selection")).to_contain_text("2 selected: rig-09, rig-04")
    page.keyboard.press("x")
    expect(page.locator("#selection")).to_contain_text("1 selected: rig-09")
    page.locator("#selection").get_by_role("button", name="Clear").click()
    expect(page.locator("#selection")).to_have_count(0)


def test_question_mark_lists_the_keys(look: Look) -> None:
    page = live(look("rigs-12"))
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#keys")).to_be_hidden()


def test_n_opens_the_form_and_e_the_name(look: Look, served: Served) -> None:
    page = live(look("rigs-12"))
    answer(page, r"/rigs/new$", served.gallery.template("rig_new.html", hx=True, kind="cpu-gpu"))
    answer(
        page, r"/rigs/9/name/edit$", served.gallery.template("rig_rename.html", href="/rigs/9", name="rig-09", error="")
    )
    page.keyboard.press("n")
    expect(page.get_by_label("Name")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#dialog")).to_be_hidden()
    page.keyboard.press("j")
    page.keyboard.press("e")
    expect(page.locator("#field-name")).to_have_value("rig-09")


# Dialogs


def test_a_form_with_a_mistake_keeps_what_was_typed(look: Look, served: Served) -> None:
    page = live(look("rigs-12"))
    gallery = served.gallery
    answer(page, r"/rigs/new$", gallery.template("rig_new.html", hx=True, kind="cpu-gpu"))
    taken = gallery.template("rig_new.html", hx=True, kind="asic", name="Rig-07", error="There is one: choose another.")
    sent = answer(page, r"/rigs$", taken, status=409)
    page.get_by_role("link", name="New rig").click()
    page.get_by_label("Name").fill("Rig-07")
    page.get_by_text("One Sentry in its network").click()
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("alert").filter(has_text="choose another")).to_be_visible()
    expect(page.get_by_label("Name")).to_have_value("Rig-07")
    assert page.get_by_label("Name").get_attribute("aria-describedby") == "error-name"
    assert page.locator('input[value="asic"]').is_checked()
    assert sent == ["POST a-token csrf=a-token&name=Rig-07&kind=asic"]


def test_the_token_is_shown_copied_downloaded_and_gone(look: Look, served: Served) -> None:
    page = live(look("rigs-12"))
    gallery = served.gallery
    answer(page, r"/rigs/new$", gallery.template("rig_new.html", hx=True, kind="cpu-gpu"))
    whole = gallery.page_created()
    inner = whole[whole.index('<div class="dialog-content wide">') : whole.index("</main>")]
    answer(page, r"/rigs$", inner)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("link", name="New rig").click()
    page.get_by_label("Name").fill("rig-01")
    page.get_by_role("button", name="Create").click()
    token = page.locator("#token").inner_text()
    page.locator("[data-copy='#token']").click()
    expect(page.locator("[data-copy='#token']")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == token
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == "rig-01.token.txt"
    assert download.value.path().read_text() == token + "\n"
    page.get_by_role("link", name="Done").click()
    expect(page.locator("#dialog")).to_be_hidden()
    assert token not in page.content()


def test_a_dialog_closes_on_success_and_on_nothing_else(look: Look, served: Served) -> None:
    page = live(look("rig-hot"))
    whole = served.gallery.page_remove()
    answer(page, r"/rigs/4/remove$", whole[whole.index('<div class="dialog-content">') : whole.index("</main>")])
    page.get_by_text("Actions").click()
    page.get_by_role("link", name="Remove rig-04").click()
    button = page.get_by_role("button", name="Remove rig-07")
    expect(button).to_be_visible()
    page.mouse.click(5, 500)
    expect(button).to_be_visible()
    sent = answer(page, r"/rigs/7/remove$", "", status=204)
    button.click()
    expect(page.locator("#dialog")).to_be_hidden()
    assert len(sent) == 1


def test_an_answer_that_is_no_page_is_told_and_not_shown(look: Look, served: Served) -> None:
    page = live(look("rigs-12"))
    page.route(
        re.compile("/rigs/new$"),
        lambda route: route.fulfill(
            status=503, body='{"title": "Busy", "detail": "Too much at once."}', content_type="application/problem+json"
        ),
    )
    page.evaluate("addEventListener('error', (e) => e.preventDefault())")
    page.get_by_role("link", name="New rig").click()
    expect(page.locator("#notices")).to_contain_text("Too much at once.")
    expect(page.locator("#dialog")).to_be_hidden()


def test_editing_the_name_in_place_survives_what_happens_meanwhile(look: Look, served: Served) -> None:
    page = live(look("rig-hot"))
    gallery = served.gallery
    form = gallery.template("rig_rename.html", href="/rigs/4", name="rig-04", error="", inline=True)
    answer(page, r"/rigs/4/name/edit\?inline=1$", form)
    answer(page, r"/rigs/4/name$", gallery.template("rig_name.html", href="/rigs/4", name="rig-04"))
    page.keyboard.press("e")
    field = page.get_by_label("Name", exact=True)
    expect(field).to_be_focused()
    field.fill("cellar-4")
    view = gallery.detail(farm(now_ms=gallery.now_ms), 4)
    served.say(morph("rig-head", gallery.template("rig_head.html", page=view)))
    served.say(morph("rig-side", '<div id="rig-side">seen</div>'))
    expect(page.locator("#rig-side")).to_have_text("seen")
    expect(field).to_have_value("cellar-4")
    page.keyboard.press("Escape")
    expect(page.locator("h1#rig-name")).to_contain_text("rig-04")


# Appearance


def test_the_appearance_is_remembered(look: Look) -> None:
    page = live(look("rigs-12"))
    page.get_by_label("Session and appearance").click()
    page.get_by_role("button", name="Dark").click()
    theme = "document.documentElement.dataset.bsTheme"
    assert page.evaluate(theme) == "dark"
    page.reload(wait_until="commit")
    assert page.evaluate(theme) == "dark"
    page.get_by_label("Session and appearance").click()
    page.get_by_role("button", name="Auto").click()
    assert page.evaluate(theme) == "light"
    page.emulate_media(color_scheme="dark")
    until(page, f"{theme} === 'dark'")
    page.evaluate("localStorage.clear()")


def test_the_pages_are_in_a_menu_on_a_phone(look: Look) -> None:
    page = live(look("rigs-12", PHONE))
    link = page.get_by_role("link", name="ASICs")
    expect(link).to_be_hidden()
    page.get_by_role("button", name="Pages").click()
    link.click()
    page.wait_for_url("**/gallery/asics")


def test_a_row_is_a_card_on_a_phone(look: Look) -> None:
    page = live(look("rigs-12", PHONE))
    card = page.locator("#rig-4")
    for part in (".c-name", ".state", ".c-rate", ".dev.bad", ".c-seen"):
        expect(card.locator(part).first).to_be_visible()
    expect(card.locator(".c-power")).to_be_hidden()
    answer(page, r"/rigs/4$", "rig-04")
    card.click(position={"x": 300, "y": 40})
    page.wait_for_url("**/rigs/4")


# Filters and charts


def test_a_filter_changes_the_view_and_the_url_in_place(look: Look, served: Served) -> None:
    page = live(look("rigs-12"))
    answer(page, r"/rigs\?state=offline$", served.gallery.page_rigs_attention())
    page.evaluate("window.same = true")
    page.get_by_role("link", name="offline 1").last.click()
    page.wait_for_url("**/rigs?state=offline")
    expect(page.locator("tr.rig")).to_have_count(5)
    assert page.evaluate("window.same"), "the page was not loaded anew"
    socket = "document.getElementById('main')._htmx.ws?.connection"
    until(page, f"{socket}?.socket?.readyState === 1")
    assert page.evaluate(f"{socket}.url").endswith("/live?page=/rigs%3Fstate%3Dattention%26sort%3D-hashrate")
    assert page.title() == "(7) Rigs · Rigfarm"


def test_back_leads_to_the_view_before(look: Look, served: Served) -> None:
    page = live(look("rigs-12"))
    answer(page, r"/rigs\?state=offline$", served.gallery.page_rigs_attention())
    page.get_by_role("link", name="offline 1").last.click()
    page.wait_for_url("**/rigs?state=offline")
    page.go_back()
    page.wait_for_url("**/gallery/rigs-12")
    expect(page.locator("tr.rig")).to_have_count(12)


def test_searching_as_you_type_keeps_the_field(look: Look, served: Served) -> None:
    page = live(look("rigs-12"))
    answer(page, r"/rigs\?q=zzz$", served.gallery.page_rigs_no_match())
    field = page.get_by_role("searchbox")
    field.click()
    page.keyboard.type("zzz")
    page.wait_for_url("**/rigs?q=zzz")
    expect(field).to_be_focused()
    expect(page.locator("#rig-rows")).to_contain_text("No rig is like that")


def test_charts_draw_move_and_leave_gaps(look: Look, served: Served) -> None:
    page = live(look("rig-dual"))
    expect(page.locator(".plot canvas")).to_have_count(4)
    expect(page.locator('[data-chart="power"] .chart-now')).to_have_text(re.compile(r"^1\.\d{3} kW$"))
    served.say(event("points", t=served.gallery.now_ms + 60_000, values=[[1e6], [2e9], [71, 49], [640]]))
    expect(page.locator('[data-chart="power"] .chart-now')).to_have_text("640 W")
    expect(page.locator('[data-chart="hashrate-1"] .chart-now')).to_have_text("2.000 GH/s")
    served.say(event("points", t=served.gallery.now_ms + 65_000, values=[[None], [None], [None, None], [None]]))
    expect(page.locator('[data-chart="power"] .chart-now')).to_have_text("–")


def test_charts_take_all_data_anew(look: Look, served: Served) -> None:
    page = live(look("rig-cpu"))
    now = served.gallery.now_ms
    charts = [
        Chart("hashrate-0", "Hashrate XMR", "H/s", [Series("XMR", [1.0, 2.0])]),
        Chart("hashrate-1", "Hashrate KAS", "H/s", [Series("KAS", [3.0, 4000.0])]),
    ]
    served.say(event("points", data=ChartData(3_600_000, 16_000, [now - 5_000, now], charts)))
    expect(page.locator(".plot canvas")).to_have_count(2)
    expect(page.locator('[data-chart="hashrate-1"]')).to_contain_text("Hashrate KAS")
    expect(page.locator('[data-chart="hashrate-1"] .chart-now')).to_have_text("4.000 kH/s")


def test_scripts_write_ages_as_the_server_does(look: Look) -> None:
    page = look("rigs-3")
    seconds = [0, 4, 59, 60, 3599, 3600, 10_920, 36_000, 37_800, 86_400, 273_600, 864_000, 950_400, 90_000_000]
    module = page.evaluate("document.querySelector('script[type=module]').src.replace('app.js', 'times.js')")
    written = page.evaluate(
        "async ([module, all]) => { const { duration } = await import(module); return all.map(duration); }",
        [module, seconds],
    )
    assert written == [duration(one) for one in seconds]
