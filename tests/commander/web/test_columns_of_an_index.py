"""The columns that a viewer chose: in the URL, in that order, and each under its own head."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlsplit

import pytest
from gallery_helpers import DESK, PHONE
from markupsafe import Markup

from rigfarm.commander.kinds import KINDS, KindName
from rigfarm.commander.refusals import NotUnderstood
from rigfarm.commander.rigs.listing.columns import COLUMN_NAMES
from rigfarm.commander.rigs.listing.query import IndexQuery
from rigfarm.commander.rigs.view.columns import arranged, column_choices
from rigfarm.commander.rigs.view.index import COLUMNS
from support.browser import Look
from support.gallery.pages import Gallery

CELLS = re.compile(r'<td class="c-(\w+)')


def asked(cols: str, kind: KindName = "cpu-gpu") -> IndexQuery:
    return IndexQuery.parse(kind, {"cols": cols})


@pytest.mark.parametrize("kind", KINDS)
def test_every_column_that_can_be_chosen_has_a_head_and_a_cell_in_its_usual_place(kind: KindName) -> None:
    assert [name for name in COLUMN_NAMES[kind] if name != "day"] == [one.sort for one in COLUMNS[kind][1:]]
    html = Gallery().render("asics" if kind == "asic" else "rigs-12")
    row = html[html.index('<tr id="rig-') :].partition("</tr>")[0]
    shown = {"rate": "hashrate", "strip": "devices", "hot": "hottest"}
    assert [shown.get(name, name) for name in CELLS.findall(row)] == list(COLUMN_NAMES[kind])


def test_the_usual_columns_are_left_out_of_the_url() -> None:
    assert asked(",".join(COLUMN_NAMES["cpu-gpu"])).url() == ""
    assert asked("power,state").url() == "?cols=power%2Cstate"
    assert asked("power,state").columns == ("power", "state")


@pytest.mark.parametrize("cols", ["powder", "power,power", "name", "model", "x" * 201])
def test_a_column_that_is_not_there_is_refused_in_words(cols: str) -> None:
    with pytest.raises(NotUnderstood):
        asked(cols)


def test_a_row_has_the_chosen_cells_in_that_order_and_the_rest_of_it_stays() -> None:
    row = Markup('<tr id="rig-1" class="rig bad">\n<th>a</th>\n<td class="c-state">&lt;td class="c-power"</td>\n'
                 '<td class="c-rate n">1</td>\n<td class="c-power n">2</td>\n</tr>')  # fmt: skip
    mine = arranged(row, ("power", "hashrate", "day"))
    assert CELLS.findall(mine) == ["power", "rate"]
    assert mine.startswith('<tr id="rig-1" class="rig bad">\n<th>a</th>')
    assert mine.endswith("</tr>")
    assert arranged(row, ()) == row


def test_links_of_the_chooser_lead_to_what_they_say() -> None:
    labels = {name: name.title() for name in COLUMN_NAMES["cpu-gpu"]}
    query = IndexQuery.parse("cpu-gpu", {"cols": "power,state", "q": "hot"})
    power, state, *others = column_choices(query, "/rigs", labels)

    def cols(href: str) -> str:
        params = dict(parse_qsl(urlsplit(href).query))
        assert params["q"] == "hot"
        return params["cols"]

    assert (power.earlier, cols(power.later), cols(power.toggle)) == ("", "state,power", "state")
    assert (cols(state.earlier), state.later) == ("state,power", "")
    assert cols(others[0].toggle) == f"power,state,{others[0].label.lower()}"
    assert not any(one.shown for one in others)
    (only, *_) = column_choices(asked("power"), "/rigs", labels)
    assert only.toggle == "", "a table without columns says nothing"


@pytest.mark.browser
@pytest.mark.parametrize(("name", "heads"), [
    ("rigs-columns", ["Name", "Power", "Hashrate", "State", "24 h"]),
    ("asics-columns", ["Name", "Hashrate", "Pool", "Model", "Hottest °C"]),
])  # fmt: skip
def test_each_cell_stands_under_its_head(look: Look, name: str, heads: list[str]) -> None:
    page = look(name, DESK, "light")
    assert page.locator("thead th:visible").all_inner_texts() == heads
    lefts = "(rows) => rows.map((row) => [...row.children].map((one) => Math.round(one.getBoundingClientRect().left)))"
    found = page.locator(".rigs tr").evaluate_all(lefts)
    assert all(row == found[0] for row in found)
    head = page.locator("thead th").first.bounding_box()
    first = page.locator("tr.rig").first.bounding_box()
    assert head is not None
    assert first is not None
    assert head["y"] + head["height"] <= first["y"] + 1, "the head stands over the first row"


@pytest.mark.browser
def test_a_chosen_column_does_not_give_way_to_a_narrow_window(look: Look) -> None:
    assert look("rigs-columns", (800, 700), "light").locator("thead .h-power").is_visible()
    assert look("rigs-12", (800, 700), "light").locator("thead .h-power").is_hidden()


@pytest.mark.browser
def test_on_a_phone_a_card_stays_a_card(look: Look) -> None:
    page = look("rigs-columns", PHONE, "light")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    assert page.locator(".columns-drop").is_hidden()
    assert page.locator("#rig-4 .c-state").is_visible()
