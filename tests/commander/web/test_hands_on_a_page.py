"""What a person does with a page: keys, dialogs, copying, appearance, filters that are links."""

from __future__ import annotations

import random
import re
from urllib.parse import parse_qs, urlsplit

import pytest
from gallery_helpers import PHONE, Served, live, stopped
from playwright.sync_api import Page, Route, expect

from rigfarm.commander.kinds import KINDS
from rigfarm.commander.rigs.view.charts import Chart, ChartData, Mark, Series
from rigfarm.commander.web.fragments import event, morph
from rigfarm.units import count, duration, hashrate, power, temperature
from support.browser import Look, until_true
from support.gallery.made_up import farm

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
    page = live(look("rigs-12", complaints=["status of 404"]))  # the search itself, if it was sent before Escape
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("jk")
    expect(page.get_by_role("searchbox")).to_have_value("jk")
    page.keyboard.press("Escape")
    expect(page.get_by_role("searchbox")).not_to_be_focused()


def test_g_and_a_letter_go(look: Look) -> None:
    page = live(look("rigs-12", clock=True))
    page.clock.set_fixed_time(page.evaluate("Date.now()") / 1000)  # the second key counts for a second and a half
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
    answer(
        page,
        r"/rigs/new$",
        served.gallery.new_rig("cpu-gpu", hx=True),
    )
    answer(
        page,
        r"/rigs/9/name/edit$",
        served.gallery.template("rig_rename.html", href="/rigs/9", name="rig-09", error="", effects=[]),
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
    answer(page, r"/rigs/new$", gallery.new_rig("cpu-gpu", hx=True))
    taken = gallery.template(
        "rig_new.html",
        hx=True,
        kind=KINDS["asic"],
        kinds=KINDS.values(),
        name="Rig-07",
        error="There is one: choose another.",
    )
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
    page = live(look("rigs-12", clock=True))
    gallery = served.gallery
    answer(page, r"/rigs/new$", gallery.new_rig("cpu-gpu", hx=True))
    whole = gallery.page_created()
    inner = whole[whole.index('<div class="dialog-content wide">') : whole.index("</main>")]
    answer(page, r"/rigs$", inner)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("link", name="New rig").click()
    page.get_by_label("Name").fill("rig-01")
    page.get_by_role("button", name="Create").click()
    token = page.locator("#token").inner_text()
    stopped(page)
    page.locator("[data-copy='#token']").click()
    expect(page.locator("[data-copy='#token']")).to_have_text("Copied")
    page.clock.resume()
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
    form = gallery.template("rig_rename.html", href="/rigs/4", name="rig-04", error="", inline=True, effects=[])
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
    page.reload(wait_until="domcontentloaded")
    assert page.evaluate(theme) == "dark"
    page.get_by_label("Session and appearance").click()
    page.get_by_role("button", name="Auto").click()
    assert page.evaluate(theme) == "light"
    page.emulate_media(color_scheme="dark")
    until_true(page, f"{theme} === 'dark'")
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
    until_true(page, f"{socket}?.socket?.readyState === 1")
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
    page.keyboard.insert_text("zzz")  # at once: who types slowly searches for less before
    page.wait_for_url("**/rigs?q=zzz")
    expect(field).to_be_focused()
    expect(page.locator("#rig-rows")).to_contain_text("No rigs match")


def test_what_is_typed_just_before_the_answer_is_searched_for(look: Look, served: Served) -> None:
    page, asked = live(look("rigs-12")), list[str]()

    def fulfil(route: Route) -> None:
        asked.append(route.request.url.rpartition("?")[2])
        if asked == ["q=z"]:
            page.keyboard.insert_text("z")
        route.fulfill(body=served.gallery.page_rigs_no_match(), content_type="text/html; charset=utf-8")

    page.route(re.compile(r"/rigs\?q="), fulfil)
    page.get_by_role("searchbox").click()
    page.keyboard.insert_text("z")
    page.wait_for_url(re.compile("q=zz"))
    assert len(asked) == 2


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


def test_a_click_on_a_mark_leads_to_its_moment(look: Look, served: Served) -> None:
    page = live(look("rig-hot", complaints=["status of 404"]))
    now = served.gallery.now_ms
    t = now - 1_800_000
    charts = [Chart("power", "Power", "W", [Series("rig", [100.0, 120.0, 110.0])])]
    begin = now - 3_600_000
    data = ChartData(
        3_600_000, 4_000_000, [begin, t, now], charts, marks=[Mark(t, "rebooted")], from_ms=begin, to_ms=now
    )
    served.say(event("points", data=data))
    over = page.locator('[data-chart="power"] .u-over')
    expect(page.locator('[data-chart="power"] .chart-now')).to_contain_text("110")
    box = over.bounding_box()
    assert box is not None
    over.click(position={"x": box["width"] / 2, "y": 20})
    page.wait_for_url(re.compile(r"\?at="))
    at = parse_qs(urlsplit(page.url).query)["at"][0]
    assert int(at) == t


def test_a_drag_over_a_chart_is_a_range_in_the_url_and_back_leads_back(look: Look) -> None:
    page = live(look("rig-month"))
    expect(page.locator(".plot canvas")).to_have_count(4)
    over = page.locator('[data-chart="power"] .u-over')
    box = over.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 30)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 40, steps=5)
    page.mouse.up()
    page.wait_for_url(re.compile(r"\?from=\d+&to=\d+$"))
    begin, end = (int(one) for one in re.findall(r"=(\d+)", page.url))
    assert 0.24 < (end - begin) / (30 * 86_400_000) < 0.26
    page.locator('[data-chart="power"] .u-over').dblclick()
    page.wait_for_url(re.compile(r"rig-month$"))
    page.go_back()
    page.wait_for_url(re.compile(r"\?from=\d+&to=\d+$"))


def test_the_time_axis_moves_a_chart_and_the_switches_stay(look: Look) -> None:
    page = live(look("rig-month"))
    page.evaluate("history.replaceState(null, '', location.pathname + '?from=-30d&before=1')")
    axis = page.locator('[data-chart="power"] .u-axis').first.bounding_box()
    assert axis is not None
    x, y = axis["x"] + axis["width"] / 2, axis["y"] + axis["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y, steps=4)
    page.mouse.move(x + 120, y, steps=4)
    with page.expect_navigation():
        page.mouse.up()
    found = parse_qs(urlsplit(page.url).query)
    assert found["before"] == ["1"]
    length = int(found["to"][0]) - int(found["from"][0])
    assert abs(length - 30 * 86_400_000) < 600_000


def test_two_fingers_on_a_phone_zoom(look: Look) -> None:
    page = live(look("rig-month", PHONE))
    over = page.locator('[data-chart="power"] .u-over')
    over.scroll_into_view_if_needed()
    box = over.bounding_box()
    assert box is not None
    with page.expect_navigation():
        page.evaluate(
            """([selector, left, width, y]) => {
              const over = document.querySelector(selector);
              const send = (type, pointerId, x) => over.dispatchEvent(new PointerEvent(type, {
                pointerId, pointerType: "touch", clientX: x, clientY: y, bubbles: true, button: 0 }));
              send("pointerdown", 1, left + width * 0.4);
              send("pointerdown", 2, left + width * 0.6);
              send("pointermove", 1, left + width * 0.1);
              send("pointermove", 2, left + width * 0.9);
              send("pointerup", 1, left + width * 0.1);
              send("pointerup", 2, left + width * 0.9);
            }""",
            ['[data-chart="power"] .u-over', box["x"], box["width"], box["y"] + 20],
        )
    found = parse_qs(urlsplit(page.url).query)
    length = int(found["to"][0]) - int(found["from"][0])
    assert 0.2 < length / (30 * 86_400_000) < 0.3


def test_charts_of_a_range_say_what_is_under_the_pointer(look: Look) -> None:
    page = live(look("rig-month"))
    over = page.locator('[data-chart="temperature"] .u-over')
    over.hover(position={"x": 40, "y": 20})
    expect(page.locator('[data-chart="temperature"] .chart-now')).to_contain_text(re.compile(r"\d+:\d+.*°C.*°C"))


def test_the_dates_of_a_range_stay_when_the_page_changes(look: Look, served: Served) -> None:
    page = live(look("rig-month"))
    _, _, main = served.gallery.page_rig_month().partition("<main")
    served.say(morph("main", f"<main{main.partition('</main>')[0]}</main>"), event("title", name="seen"))
    expect(page).to_have_title(re.compile("seen"))
    expect(page.locator("[data-span]")).to_have_text(re.compile(r"\d+.*–.*\d+"))


def test_a_range_of_which_nothing_is_known_says_so(look: Look, served: Served) -> None:
    page = live(look("overview"))
    now = served.gallery.now_ms
    served.say(event("points", data=ChartData(60_000, 0, [], [], from_ms=now - 60_000, to_ms=now)))
    expect(page.get_by_text("No data for this time.")).to_be_visible()


def test_charts_have_lines_without_scripts(look: Look) -> None:
    page = look("rig-month", scripts=False)
    lines = page.locator("#charts svg.spark")
    expect(lines).to_have_count(5)
    expect(lines.first).to_be_visible()
    expect(page.get_by_role("link", name="All of their values (CSV)")).to_have_attribute(
        "href", re.compile("history.csv")
    )


def numbers(page: Page, function: str, *arguments: list[object]) -> list[object]:
    """What a function of numbers.js makes of each of these."""
    module = page.evaluate("document.querySelector('script[type=module]').src.replace('app.js', 'numbers.js')")
    call = "async ([module, name, all]) => { const it = await import(module); return all.map((a) => it[name](...a)); }"
    found: list[object] = page.evaluate(call, [module, function, list(arguments)])
    return found


def test_scripts_write_ages_as_the_server_does(look: Look) -> None:
    seconds = [0, 4, 59, 60, 3599, 3600, 10_920, 36_000, 37_800, 86_400, 273_600, 864_000, 950_400, 90_000_000]
    assert numbers(look("rigs-3"), "duration", *([one] for one in seconds)) == [duration(one) for one in seconds]


def test_scripts_write_numbers_as_the_server_does(look: Look) -> None:
    page = look("rigs-3")
    some = random.Random(7)
    values = [
        0.0,
        0.5,
        1.5,
        60.5,
        61.5,
        99.95,
        99.949,
        999.5,
        999.95,
        1000.0,
        1000.5,
        1001.5,
        12_345.5,
        0.00005,
        1e21,
        -3.0,
        -0.3,
        1e27,
    ]
    values += [n + 0.5 for n in range(95, 105)] + [n / 8 for n in range(7_900, 8_100)]
    values += [some.random() * 10.0 ** some.randrange(-3, 24) for _ in range(2_000)]
    for unit, written in (("H/s", hashrate), ("W", power), ("°C", temperature)):
        asked = [one for one in values if unit != "°C" or one < 1000.0]
        assert numbers(page, "quantity", *([unit, one] for one in asked)) == [list(written(one)) for one in asked]
    counts = [0, 7, 999, 1000, 12_345, 1_234_567]
    assert numbers(page, "count", *([one] for one in counts)) == [count(one) for one in counts]


def test_a_page_of_another_time_says_it_in_the_viewers_clock_and_its_ages_stand_still(look: Look) -> None:
    page = look("rigs-past", complaints=["status of 404"])
    band = page.locator("#past")
    assert "UTC" not in band.inner_text()
    at = int(band.get_attribute("data-at") or 0)
    typed = page.locator("[data-go-to]").input_value()  # on a whole minute browsers leave the seconds out
    assert page.evaluate("(typed) => new Date(typed).getTime()", typed) == at // 1000 * 1000
    page.wait_for_timeout(1_200)
    ages = page.locator(".c-seen time").all_inner_texts()
    page.wait_for_timeout(1_500)
    assert page.locator(".c-seen time").all_inner_texts() == ages
    assert not page.locator(".rig .pick").first.is_visible(), "nothing can be done to what was"
    with page.expect_request(lambda request: "at=" in request.url) as asked:
        page.locator("[data-go-to]").fill("2026-11-29T03:12:05")
    assert "at=2026-11-2" in asked.value.url
    page.wait_for_url(re.compile("at=2026-11-2"))


def test_what_the_box_offers_stays_when_the_search_is_answered(look: Look) -> None:
    page = look("rigs-12")
    answer(page, r"/rigs\?q=", page.content().replace("rig-07", "rig-answered"))
    box = page.locator("#search")
    box.press_sequentially("stat")
    expect(page.get_by_role("link", name="rig-answered")).to_be_visible()
    expect(page.locator("#completion li")).to_have_count(1)
    box.press("ArrowDown")
    box.press("Tab")
    expect(box).to_have_value("state:")


def test_on_a_phone_what_the_box_offers_is_below_it(look: Look) -> None:
    page = look("rigs-12", PHONE, complaints=["status of 404"])
    page.locator("#search").press_sequentially("te")
    box, offers = page.locator("#search").bounding_box(), page.locator("#completion").bounding_box()
    assert box is not None
    assert offers is not None
    assert offers["y"] >= box["y"] + box["height"]


def test_the_search_box_completes_fields_and_values(look: Look) -> None:
    page = look("rigs-12", complaints=["status of 404"])
    box = page.locator("#search")
    box.press_sequentially("hall pla")
    offers = page.locator("#completion li")
    expect(offers).to_have_count(1)
    expect(offers.first).to_contain_text("place:")
    box.press("ArrowDown")
    box.press("Enter")
    expect(box).to_have_value("hall place:")
    expect(offers.first).to_contain_text("hall-")
    box.press_sequentially("rack 1")
    box.press("Backspace")
    box.fill("-sta")
    box.press("End")
    box.press_sequentially("t")
    expect(offers.first).to_contain_text("state:")
    box.press("ArrowDown")
    box.press("Tab")
    expect(box).to_have_value("-state:")
    box.press_sequentially("off")
    expect(offers).to_have_count(1)
    offers.first.click()
    expect(box).to_have_value("-state:offline ")
    expect(page.locator("#completion")).to_have_count(0)
    box.press_sequentially("colour:")
    expect(page.locator("#completion")).to_have_count(0)
    box.fill("te")
    box.press_sequentially("m")
    expect(offers.first).to_contain_text("temp>")
    box.press("Escape")
    expect(page.locator("#completion")).to_have_count(0)
    expect(box).to_be_focused()
