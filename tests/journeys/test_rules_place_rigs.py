"""Someone whose rigs have names with their place in them writes a rule, sees what it matches, and puts all of them in
their places; the next one goes there by itself."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from rigfarm.simulate.commander import CommanderProcess
from support.browser import Person
from support.until import until_now

pytestmark = pytest.mark.browser


def places(commander: CommanderProcess) -> dict[str, str]:
    found: Any = commander.api("GET", "/api/rigs")
    return {rig["name"]: rig.get("place", "") for rig in found}


def test_from_an_empty_page_to_a_farm_in_its_places(person: Person, commander: CommanderProcess) -> None:
    commander.add_rigs([f"r{rack}-{slot}" for rack in (1, 2) for slot in (1, 2, 3)])
    commander.add_rigs(["workbench"])
    page = person("/places")
    page.click(".controls a:has-text('Rules')")
    expect(page.locator("h2")).to_have_text("Rigs that know their place")
    page.click(".empty-state a:has-text('New rule')")
    page.fill("#field-name", "racks of hall 1")
    page.fill("#field-pattern", "r{rack}-{slot")
    page.fill("#field-place", "hall-1/rack-{rack}/slot-{slot}")
    trial = page.locator("#placing-trial")
    expect(trial).to_contain_text("A brace is not closed")
    page.fill("#field-pattern", "r{rack}-{slot}")
    expect(trial).to_contain_text("Matches 6 rigs:")
    expect(trial.locator("li").first).to_have_text("r1-1 → hall-1/rack-1/slot-1")
    page.fill("#field-place", "hall-1/row-{row}")
    page.click("#dialog button:has-text('Add')")
    expect(page.locator("#error-place")).to_contain_text("{row} is not a part of this rule")
    expect(page.locator("#field-pattern")).to_have_value("r{rack}-{slot}")
    page.fill("#field-place", "hall-1/rack-{rack}/slot-{slot}")
    page.fill("#field-tags", "new")
    page.click("#dialog button:has-text('Add')")
    row = page.locator("#placing-rules tbody tr")
    expect(row).to_contain_text("1. racks of hall 1")
    assert set(places(commander).values()) == {""}, "saving moves none"

    page.click("a:has-text('Apply to rigs …')")
    expect(page.locator("form.stack")).to_contain_text("6 rigs would move. Nothing has been changed yet.")
    expect(page.locator("form.stack")).to_contain_text("no rule matches")
    commander.add_rigs(["r3-1"])
    until_now(lambda: places(commander)["r3-1"] == "hall-1/rack-3/slot-1", "a new rig is placed by itself")
    rig: Any = commander.api("GET", "/api/rigs?filter=name:r1-1")
    commander.api("PATCH", f"/api/rigs/{rig[0]['id']}", {"place": "workshop"})
    page.click("button:has-text('Move 6 rigs')")
    expect(page.locator(".form-error")).to_contain_text("Something changed since you saw this plan")
    expect(page.locator("form.stack")).to_contain_text("has a place already, given by hand")
    page.click("button:has-text('Move 5 rigs')")
    page.wait_for_url(re.compile(r"/places$"))
    assert places(commander) == {
        "r1-1": "workshop",
        "r1-2": "hall-1/rack-1/slot-2",
        "r1-3": "hall-1/rack-1/slot-3",
        "r2-1": "hall-1/rack-2/slot-1",
        "r2-2": "hall-1/rack-2/slot-2",
        "r2-3": "hall-1/rack-2/slot-3",
        "r3-1": "hall-1/rack-3/slot-1",
        "workbench": "",
    }
    page.goto("/activity?by=rule")
    expect(page.locator("main")).to_contain_text("Place rigs")
    expect(page.locator("main")).to_contain_text("racks of hall 1")


def test_rules_change_their_order_in_sight_of_another(person: Person, commander: CommanderProcess) -> None:
    for name in ("first", "second"):
        commander.api("POST", "/api/placing-rules", {"name": name, "pattern": f"{name}*", "place": name})
    mine, theirs = person("/places/rules"), person("/places/rules")
    heads = "#placing-rules tbody th"
    mine.click("button[aria-label='Try second earlier']")
    for page in (mine, theirs):
        expect(page.locator(heads)).to_have_text(["1. second", "2. first"])
    theirs.click("a[aria-label='Edit first']")
    expect(theirs.locator("#field-pattern")).to_have_value("first*")
    rules: Any = commander.api("GET", "/api/placing-rules")
    commander.api("PATCH", f"/api/placing-rules/{rules[1]['id']}", {"place": "elsewhere"})
    theirs.fill("#field-place", "here")
    theirs.click("#dialog button:has-text('Save')")
    expect(theirs.locator("#dialog .form-error")).to_contain_text("was changed after you opened it")
    theirs.click("button:has-text('Save over revision 2')")
    expect(mine.locator("#placing-rules")).to_contain_text("here")
    mine.click("a[aria-label='Remove second']")
    expect(mine.locator("#dialog")).to_contain_text("Rigs stay where they are")
    mine.click("#dialog button:has-text('Remove the rule second')")
    expect(theirs.locator(heads)).to_have_text(["1. first"])
