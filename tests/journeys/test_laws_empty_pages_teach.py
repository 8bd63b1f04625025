"""A page with nothing on it teaches: three steps and the exact command; a search that finds nothing says what it looked
for and how to see everything again."""

from __future__ import annotations

import pytest
from living_farm import LivingFarm
from playwright.sync_api import expect

from rigfarm.simulate.commander import CommanderProcess
from support.browser import Person, Visit

pytestmark = pytest.mark.browser


def test_an_empty_farm_teaches_its_first_steps_and_fills_by_itself(person: Person, commander: CommanderProcess) -> None:
    page = person("/")
    for path in ("/", "/rigs", "/asics", "/playbooks", "/software", "/addresses"):
        page.goto(path)
        expect(page.locator(".how-to > li")).to_have_count(4 if path == "/asics" else 3)
        assert page.locator("main table, .totals, .controls .chip.moved:visible").count() == 0, path
    page.goto("/rigs")
    commands = " ".join(page.locator(".how-to code").all_inner_texts())
    assert str(commander.port) in commands, "the command has this Commander's own address"
    assert page.locator(".how-to [data-copy]").count() >= 1
    expect(page.locator("#live")).to_have_text("live")
    commander.add_rigs(["rig-01"])
    expect(page.locator("#waiting")).to_contain_text("rig-01")


def test_no_match_says_what_was_searched_and_clears_it(visit: Visit, farm: LivingFarm) -> None:
    page = visit("/rigs?q=ryzen+9&state=offline&coin=KAS")
    said = page.locator("#rig-rows")
    for part in ("“ryzen 9”", "state offline", "coin KAS"):
        expect(said).to_contain_text(part)
    page.get_by_role("link", name="Show all rigs").click()
    page.wait_for_url("**/rigs")
    expect(page.locator("tr.rig")).to_have_count(9)


@pytest.mark.parametrize("path", ["/playbooks", "/software", "/addresses"])
def test_no_match_elsewhere_is_said_too(visit: Visit, path: str) -> None:
    page = visit(f"{path}?q=zzz")
    expect(page.locator("main")).to_contain_text("zzz")
    link = page.locator("main .empty-state a").first
    expect(link).to_be_visible()


def test_what_is_not_there_says_so_and_leads_back(visit: Visit) -> None:
    page = visit("/rigs/99999")
    expect(page.get_by_role("alert")).to_contain_text("Rig 99999 does not exist")
    page.get_by_role("link", name="Go to the overview").click()
    page.wait_for_url("**/")
