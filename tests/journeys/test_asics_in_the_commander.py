"""ASICs in a real browser: what one does is seen by those who look, commands have results, rows are chosen by hand."""

from __future__ import annotations

import contextlib
import csv
import re
from collections.abc import Iterator

import pytest
from msgspec.structs import replace
from playwright.sync_api import Page, expect

from rigfarm.simulate.commander import CommanderProcess
from rigfarm.wire.frames import RigCommand
from support.asic_link import AsicLink
from support.asic_load import an_asic_log
from support.browser import Person

ASICS = re.compile(r"/asics$")
HOSTILE = "<img src=x onerror=window.owned=1>"


@contextlib.contextmanager
def reporting(
    commander: CommanderProcess, names: list[str], supports: dict[int, list[str]] | None = None
) -> Iterator[tuple[list[int], AsicLink]]:
    """ASICs that report while the block runs: their ids, and their Sentry's link."""
    made = commander.add_rigs(names, "asic")
    link = AsicLink(commander, [token for _, token in made], supports or {})
    try:
        yield [rig_id for rig_id, _ in made], link
    finally:
        link.close()


@pytest.fixture(scope="module")
def one_commander(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommanderProcess]:
    with CommanderProcess(tmp_path_factory.mktemp("commander"), settings={"report_interval_s": "5"}) as process:
        yield process


@pytest.fixture
def commander(one_commander: CommanderProcess) -> Iterator[CommanderProcess]:
    """One for all tests of this file; each leaves an empty farm behind."""
    yield one_commander
    rigs = one_commander.api("GET", "/api/rigs")
    assert isinstance(rigs, list)
    for rig in rigs:
        one_commander.api("DELETE", f"/api/rigs/{rig['id']}")


@pytest.fixture
def person(person: Person) -> Person:
    """Patient: a loaded machine is slow, not wrong."""

    def arrive(*where: str, **how: int) -> Page:
        page = person(*where, **how)
        page.set_default_timeout(30_000)
        page.emulate_media(reduced_motion="reduce")  # thirty rows that glow are much for a browser without a GPU
        return page

    return arrive


def pick(page: Page, *ids: int) -> None:
    for rig_id in ids:
        page.locator(f"#rig-{rig_id} .pick input").check()


def test_a_removed_asic_leaves_every_page_the_totals_and_its_sentry(
    person: Person, commander: CommanderProcess
) -> None:
    with reporting(commander, ["asic-gone", "asic-stays"]) as ((gone, stays), link):
        index, detail, remover = person("/asics"), person(f"/asics/{gone}"), person("/asics")
        expect(index.locator("#totals")).to_contain_text("2 ASICs")
        expect(detail.locator("#rig-chips")).to_contain_text("Board 2")
        remover.locator(f"#rig-{gone} .c-name a").click()
        remover.click(".rig-actions summary")
        remover.click("text=Remove asic-gone")
        expect(remover.locator("#dialog")).to_contain_text("the ASIC itself keeps mining")
        expect(remover.locator("#dialog")).to_contain_text("Its history of")
        remover.click("#dialog button:has-text('Remove asic-gone')")
        expect(detail).to_have_url(ASICS)
        expect(detail.locator("#notices")).to_contain_text("asic-gone was removed")
        expect(index.locator(f"#rig-{gone}")).to_have_count(0)
        expect(index.locator(f"#rig-{stays}")).to_be_visible()
        expect(index.locator("#totals")).to_contain_text("1 ASIC")
        expect(remover).to_have_url(ASICS)
        assert link.verdicts == [(0, "removed")]


def test_an_asic_that_is_created_appears_to_those_who_look(person: Person, commander: CommanderProcess) -> None:
    looker, maker = person("/asics"), person("/asics")
    maker.locator("[data-new]").first.click()
    maker.fill("#dialog [name=name]", HOSTILE)
    maker.click("#dialog button[type=submit]")
    expect(maker.locator("#dialog #token")).to_have_text(re.compile(r"^rf_[\w-]{43}$"))
    expect(looker.locator("#waiting")).to_contain_text(HOSTILE)
    assert looker.evaluate("typeof window.owned") == "undefined"


def test_rows_are_chosen_by_hand_and_told_something_each_with_its_own_result(
    person: Person, commander: CommanderProcess
) -> None:
    names = [f"asic-{number:02d}" for number in range(1, 5)]
    with reporting(commander, names, {2: ["locate"]}) as (ids, link):
        link.refuses.add(1)
        page = person("/asics?sort=name")
        expect(page.locator(f"#rig-{ids[3]}")).to_contain_text("3 / 3")
        pick(page, *ids[:3])
        bar = page.locator("#selection")
        expect(bar).to_contain_text("3 selected: asic-01, asic-02, asic-03")
        pick(page, ids[3])
        page.locator(f"#rig-{ids[3]} .pick input").uncheck()
        expect(bar).to_contain_text("3 selected")
        expect(page.locator("[data-pick-all]")).to_have_js_property("indeterminate", True)
        bar.get_by_role("button", name="Command").click()
        dialog = page.locator("#dialog")
        expect(dialog).to_contain_text("Choose a command for 3 ASICs")
        expect(dialog.get_by_role("button", name="Restart")).to_contain_text("2 of 3 can")
        dialog.get_by_role("button", name="Restart").click()
        expect(dialog).to_contain_text("1 of 3 cannot do this, and will be refused: asic-03")
        dialog.get_by_label("At most this many at once").fill("1")
        dialog.get_by_label("Then pause for (seconds)").fill("2")
        dialog.get_by_role("button", name="Restart 3 ASICs").click()
        page.wait_for_url("**/commands/*")
        expect(page.locator("#results")).to_contain_text("1 at once, then a pause of 2 s.")
        expect(page.locator(f"#result-{ids[0]}")).to_contain_text("It obeys.")
        expect(page.locator(f"#result-{ids[1]}")).to_contain_text(HOSTILE)
        expect(page.locator(f"#result-{ids[2]}")).to_contain_text("refused")
        assert page.evaluate("typeof window.owned") == "undefined"
        assert len([one for one in link.said if isinstance(one, RigCommand)]) == 2
        expect(page.locator("#results")).not_to_contain_text("to go")
        page.goto("/asics?sort=name")
        pick(page, *ids[:3])
        bar.get_by_role("button", name="Command").click()
        dialog.get_by_role("button", name="Blink").first.click()
        page.wait_for_url("**/commands/*")
        expect(page.locator(f"#result-{ids[2]}")).to_contain_text("It obeys.")


def test_a_command_from_an_asics_own_page_ends_in_words_for_all_who_look(
    person: Person, commander: CommanderProcess
) -> None:
    with reporting(commander, ["asic-01"], {0: ["locate", "restart"]}) as ((rig_id,), _):
        page, looker = person(f"/asics/{rig_id}"), person(f"/asics/{rig_id}")
        page.click(".rig-actions summary")
        expect(page.locator("#rig-actions")).to_contain_text("Restart")
        expect(page.locator("#rig-actions")).not_to_contain_text("Limit power")
        page.get_by_role("link", name="Blink", exact=True).click()
        for one in (page, looker):
            expect(one.locator("#notices")).to_contain_text("Blink: done. It obeys.")
        expect(page.locator("#dialog")).to_be_hidden()
        page.click(".rig-actions summary")
        page.get_by_role("link", name="Restart").click()
        page.locator("#dialog").get_by_role("button", name="Restart asic-01").click()
        expect(page.locator("#dialog")).to_be_hidden()
        for one in (page, looker):
            expect(one.locator("#notices")).to_contain_text("Restart: done. It obeys.")
            expect(one.locator("#rig-playbooks")).to_contain_text("It obeys.")


def test_all_that_match_are_chosen_beyond_the_page_and_removed_with_count_and_list(
    person: Person, commander: CommanderProcess
) -> None:
    names = [f"hall-{number:02d}" for number in range(1, 29)] + ["other-1", "other-2"]
    with reporting(commander, names) as (ids, _):
        page, looker = person("/asics?q=hall&per=25&sort=name"), person("/asics?per=50")
        expect(looker.locator(".rig")).to_have_count(30)
        expect(page.locator(".rig")).to_have_count(25)
        page.locator("[data-pick-all]").check()
        bar = page.locator("#selection")
        expect(bar).to_contain_text("25 selected")
        page.get_by_role("link", name="Next").click()
        expect(page.locator(".rig")).to_have_count(3)
        expect(bar).to_contain_text("25 selected")
        bar.get_by_role("button", name="Select all 28 that match").click()
        expect(bar).to_contain_text("All 28 that match are selected")
        expect(page.locator(".rig[data-rf-selected]")).to_have_count(3)
        bar.get_by_role("button", name="Remove").click()
        dialog = page.locator("#dialog")
        expect(dialog).to_contain_text("Remove 28 ASICs?")
        expect(dialog.locator(".targets li")).to_have_count(28)
        expect(dialog).not_to_contain_text("other-1")
        dialog.get_by_role("button", name="Remove 28 ASICs").click()
        expect(dialog).to_be_hidden()
        expect(bar).to_have_count(0)
        expect(page.locator("#notices")).to_contain_text("28 rigs were removed.")
        expect(looker.locator(".rig")).to_have_count(2)
        expect(looker.locator(f"#rig-{ids[-1]}")).to_be_visible()


def test_many_are_made_from_a_pattern_and_their_tokens_are_a_file(person: Person, commander: CommanderProcess) -> None:
    looker, page = person("/asics"), person("/asics")
    page.locator("[data-new]").first.click()
    page.locator("#dialog").get_by_role("link", name="Create many at once").click()
    page.fill("#field-names", "asic-{001..003}\nASIC-002")
    expect(page.locator("#preview")).to_contain_text("4 ASICs")
    expect(page.locator("#preview")).to_contain_text("ASIC-002 appears twice.")
    page.fill("#field-names", "asic-{001..003}")
    expect(page.locator("#preview")).to_contain_text("3 ASICs")
    expect(page.locator("#preview .form-error")).to_have_count(0)
    page.get_by_role("button", name="Create ASICs").click()
    expect(page.locator("main h1")).to_have_text("3 ASICs are ready to join")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV").click()
    with open(download.value.path(), newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == ["asic-001", "asic-002", "asic-003"]
    assert all(re.fullmatch(r"rf_[\w-]{43}", row["token"]) for row in rows)
    expect(looker.locator("#waiting")).to_contain_text("asic-003")
    page.get_by_role("link", name="Done").click()
    expect(page.locator(".rig")).to_have_count(3)
    assert "rf_" not in page.content()


def test_a_phone_shows_cards_that_can_be_touched_and_chips_that_live(
    person: Person, commander: CommanderProcess
) -> None:
    with reporting(commander, ["asic-01", "asic-02"]) as (ids, link):
        link.logs[0] = replace(an_asic_log(1, 1), messages=[HOSTILE])
        page = person("/asics", width=390, height=844)
        card = page.locator(f"#rig-{ids[0]}")
        expect(card).to_contain_text("TH/s")
        box = card.locator(".pick").bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= 44
        pick(page, ids[0])
        expect(page.locator("#selection")).to_contain_text("1 selected")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        card.locator(".c-name a").click()
        expect(page.locator("#rig-live")).to_contain_text(HOSTILE)
        expect(page.locator("#rig-chips .chips-of b")).to_have_count(3 * 76)
        before = page.locator("#rig-chips").inner_text()
        expect(page.locator("#rig-chips")).not_to_have_text(before, use_inner_text=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert page.evaluate("typeof window.owned") == "undefined"
