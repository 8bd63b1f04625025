"""The sick rigs stand first and say what is wrong in colour, shape and word; numbers are read in columns."""

from __future__ import annotations

import re

import pytest
from living_farm import LivingFarm
from playwright.sync_api import Page, expect

from support.browser import Visit

pytestmark = pytest.mark.browser

ORDER = ["rig-08", "rig-04", "rig-05", "rig-06", "rig-07", "rig-01", "rig-02", "rig-03", "rig-09"]
WORDS = ["offline", "hot", "idle", "slow", "rejecting", "online", "online", "online", "online"]
NUMBER = re.compile(r"^(\d{1,3}(\u202f\d{3})*(\.\d+)?|–)")


@pytest.fixture
def index(visit: Visit, farm: LivingFarm) -> Page:
    """The index once every rig has the state that it shall have."""
    page = visit("/rigs")
    for name, word in zip(ORDER, WORDS, strict=True):
        expect(page.locator(f"#rig-{farm.ids[name]} .state")).to_have_text(word)
    page.goto("/rigs")  # the order of this moment
    return page


def column(page: Page, cell: str) -> list[str]:
    return [text.strip() for text in page.locator(f"tr.rig {cell}").all_inner_texts()]


def test_the_default_order_is_by_attention(index: Page) -> None:
    index.wait_for_timeout(1_100)  # pages share an order that may be a second old
    index.goto("/rigs")
    assert column(index, ".c-name a") == ORDER
    assert column(index, ".state") == WORDS


def test_a_state_is_a_colour_a_shape_and_a_word(index: Page, farm: LivingFarm) -> None:
    looks = {}
    for name in ("rig-08", "rig-04", "rig-05", "rig-06", "rig-01"):
        looks[name] = index.locator(f"#rig-{farm.ids[name]} .state").evaluate(
            "(state) => [getComputedStyle(state).color, getComputedStyle(state.firstChild).clipPath, state.innerText]"
        )
    colours = {name: colour for name, (colour, _, _) in looks.items()}
    assert colours["rig-08"] == colours["rig-04"] != colours["rig-06"] != colours["rig-01"]
    assert len({(shape, word) for _, shape, word in looks.values()}) == 5
    assert all(word for _, _, word in looks.values())


def test_colour_is_spent_on_what_is_wrong(index: Page, farm: LivingFarm) -> None:
    """A well rig's row is grey: nothing in it has a tone."""
    well = index.locator(f"#rig-{farm.ids['rig-01']}")
    assert well.locator(".bad, .warn").count() == 0
    assert index.locator(f"#rig-{farm.ids['rig-04']} .dev.bad").all_inner_texts() == ["91"]


def test_the_reason_stands_beside_the_state(index: Page, farm: LivingFarm) -> None:
    for name, reason in {
        "rig-08": "link lost",
        "rig-04": "GPU 1 at 91 °C",
        "rig-05": "no mining program is running",
        "rig-06": "KAS 50 % under its normal",
        "rig-07": "8.3 % of shares rejected",
    }.items():
        expect(index.locator(f"#rig-{farm.ids[name]} .c-state small")).to_have_text(reason)


def test_one_unit_per_coin_where_neighbours_straddle_a_thousand(index: Page, farm: LivingFarm) -> None:
    two, three = (index.locator(f"#rig-{farm.ids[name]} .c-rate") for name in ("rig-02", "rig-03"))
    assert {cell.locator("small").first.inner_text() for cell in (two, three)} == {"MH/s"}
    assert (two.inner_text(), three.inner_text()) == ("998.0MH/s", "1\u202f002MH/s")


def test_numbers_are_tabular_right_aligned_and_lighter_in_the_unit(index: Page, farm: LivingFarm) -> None:
    for cell in (".c-rate", ".c-shares", ".c-power", ".c-uptime", ".c-seen"):
        style = index.locator(f"#rig-{farm.ids['rig-02']} {cell}").evaluate(
            "(cell) => { const s = getComputedStyle(cell); return [s.textAlign, s.fontVariantNumeric]; }"
        )
        assert style[0] == "right", cell
        assert "tabular-nums" in style[1], cell
    number, unit = index.locator(f"#rig-{farm.ids['rig-02']} .c-rate").evaluate(
        "(cell) => [cell.querySelector('span'), cell.querySelector('small')].map((e) => getComputedStyle(e).fontWeight)"
    )
    assert int(unit) < int(number)
    edges = index.locator("tr.rig .c-power").evaluate_all("(all) => all.map((e) => e.getBoundingClientRect().right)")
    assert len(set(edges)) == 1


def test_what_is_unknown_is_a_dash_and_never_a_zero(index: Page, farm: LivingFarm) -> None:
    row = index.locator(f"#rig-{farm.ids['rig-09']}")
    expect(row.locator(".c-power")).to_have_text("–")
    expect(row.locator(".c-rate")).to_have_text("–")
    assert row.locator(".dev").all_inner_texts() == ["–", "–"]
    assert all(NUMBER.match(text) for text in column(index, ".c-power") + column(index, ".c-rate"))


def test_the_overview_names_the_worst_first_with_since_when_and_why(index: Page, visit: Visit) -> None:
    page = visit("/")
    lines = page.locator(".attention li")
    expect(lines.locator(".who").first).to_have_text("rig-08")
    names = lines.locator(".who").all_inner_texts()
    assert names.index("rig-04") < names.index("rig-05") < names.index("rig-06") < names.index("rig-07")
    assert "asic-02" in names, "both kinds in one list"
    assert all(lines.nth(n).locator(".why").inner_text() for n in range(len(names)))
    assert lines.locator("time[datetime]").count() == len(names)
    card = page.locator(".farm-card", has_text="CPU/GPU rigs")
    expect(card).to_contain_text("8 of 9 reporting")
    card.get_by_role("link", name="offline").click()
    page.wait_for_url("**/rigs?state=offline")
    expect(page.locator("tr.rig")).to_have_count(1)
