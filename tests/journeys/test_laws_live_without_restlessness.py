"""What is live changes in place and disturbs nobody; what is old is grey and says how old it is."""

from __future__ import annotations

import re

import pytest
from living_farm import LivingFarm, mining
from playwright.sync_api import expect

from support.browser import Visit

pytestmark = pytest.mark.browser

HERE = "() => window.scrollY"


def test_numbers_change_under_the_eyes_and_disturb_nothing(visit: Visit, farm: LivingFarm) -> None:
    """The row stays the same element; scroll, focus, an open menu and a half-filled dialog stay as they are."""
    page = visit("/rigs?sort=name")
    page.set_viewport_size({"width": 1440, "height": 420})
    row = page.locator(f"#rig-{farm.ids['rig-02']}")
    row.evaluate("(row) => { window.row = row; window.cell = row.querySelector('.c-power'); }")
    page.evaluate("scrollTo(0, 120)")
    page.locator("summary", has_text="filter").click()
    row.locator(".c-name a").focus()
    before = page.evaluate(HERE)
    for watts in (650.0, 660.0):
        farm.change("rig-02", mining("KAS", 998e6, core_c=(61.0, 60.0, 63.0), power_w=watts))
        expect(row.locator(".c-power")).to_have_text(f"{watts:.0f}W")
    assert page.evaluate("window.row.isConnected && window.cell.isConnected")
    assert page.evaluate(HERE) == before
    assert page.evaluate("document.activeElement.closest('tr').id") == f"rig-{farm.ids['rig-02']}"
    expect(page.locator("details.drop[open]")).to_have_count(1)

    page.keyboard.press("n")
    page.get_by_label("Name").fill("half a na")
    for watts in (670.0, 641.0):
        farm.change("rig-02", mining("KAS", 998e6, core_c=(61.0, 60.0, 63.0), power_w=watts))
        expect(row.locator(".c-power")).to_have_text(f"{watts:.0f}W")
    expect(page.get_by_label("Name")).to_have_value("half a na")
    expect(page.get_by_label("Name")).to_be_focused()


def test_a_row_never_moves_under_the_pointer_and_the_new_order_is_offered(visit: Visit, farm: LivingFarm) -> None:
    page = visit("/rigs?coin=KAS")
    names = page.locator("tr.rig .c-name a")
    expect(names).to_have_text(["rig-04", "rig-06", "rig-07", "rig-02", "rig-03"])
    hot = page.locator(f"#rig-{farm.ids['rig-03']}")
    where = hot.bounding_box()
    farm.change("rig-03", mining("KAS", 1_002e6, core_c=(62.0, 95.0, 61.0)))
    try:
        expect(hot.locator(".state")).to_have_text("hot")
        expect(page.locator("#moved")).to_have_text(re.compile(r"^\d rigs moved · update$"))
        assert names.all_inner_texts() == ["rig-04", "rig-06", "rig-07", "rig-02", "rig-03"]
        after = hot.bounding_box()
        assert where is not None
        assert after is not None
        assert abs(after["y"] - where["y"]) < 2, "it stands where it stood, and so does what is offered above it"
        page.locator("#moved").click()
        expect(names).to_have_text(["rig-03", "rig-04", "rig-06", "rig-07", "rig-02"])
        expect(page.locator("#moved")).to_be_hidden()
        assert page.url.endswith("/rigs?coin=KAS")
    finally:
        farm.change("rig-03", mining("KAS", 1_002e6, core_c=(62.0, 63.0, 61.0)))
    expect(hot.locator(".state")).to_have_text("online")


def test_a_rig_not_heard_of_is_grey_with_its_age_and_shows_no_old_number(visit: Visit, farm: LivingFarm) -> None:
    index, detail = visit("/rigs?sort=name"), visit(f"/rigs/{farm.ids['rig-01']}")
    row = index.locator(f"#rig-{farm.ids['rig-01']}")
    expect(row).to_contain_text("9.560kH/s")
    farm.hush("rig-01")
    try:
        expect(index.locator(f"#rig-{farm.ids['rig-01']}.faded")).to_be_visible()
        expect(row.locator(".c-state")).to_contain_text("connected, but sends nothing")
        expect(row.locator(".c-rate")).to_have_text("–")
        expect(row.locator(".c-power")).to_have_text("–")
        colours = index.evaluate(
            "(ids) => ids.map((id) => getComputedStyle(document.querySelector(`#rig-${id} .c-power`)).color)",
            [farm.ids["rig-01"], farm.ids["rig-02"]],
        )
        assert colours[0] != colours[1]
        age = row.locator(".c-seen time")
        first = age.inner_text()
        expect(age).not_to_have_text(first)
        expect(detail.locator("#rig-live.faded")).to_be_visible()
    finally:
        farm.come_back("rig-01")
    expect(row).to_contain_text("9.560kH/s")
    expect(index.locator(f"#rig-{farm.ids['rig-01']}:not(.faded)")).to_be_visible()


def test_every_page_that_is_live_says_so_and_an_unused_one_does_not(visit: Visit, farm: LivingFarm) -> None:
    for path in ("/", "/rigs", "/asics", f"/rigs/{farm.ids['rig-01']}", "/playbooks", "/software", "/addresses"):
        expect(visit(path).locator('#live[data-live="on"]')).to_have_text("live")
    assert visit("/settings").locator("#live[data-live]").count() == 0
