"""Two people look at the activity: what one of them does is there at once, under the label that they gave."""

from __future__ import annotations

import re

from playwright.sync_api import Browser, Page, expect

from rigfarm.simulate.commander import CommanderProcess


def _arrive(browser: Browser, commander: CommanderProcess, label: str, path: str) -> Page:
    context = browser.new_context(base_url=commander.url, viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.goto("/login")
    page.fill("#password", commander.password)
    page.fill("#owner", label)
    page.click("button[type=submit]")
    page.wait_for_url("**/")
    page.goto(path)
    return page


def test_an_entry_arrives_at_both_and_says_who(browser: Browser, commander: CommanderProcess) -> None:
    commander.add_rigs(["rig-01", "rig-02"])
    kim = _arrive(browser, commander, "Kim's phone", "/activity")
    robin = _arrive(browser, commander, "Robin's desk", "/activity?about=rig:1")
    for page in (kim, robin):
        expect(page.locator("#live")).to_have_text("live")
    with kim.context.expect_page() as opened:
        kim.evaluate("window.open('/rigs/1/name/edit')")
    form = opened.value
    form.fill("input[name=name]", "rig-one")
    form.press("input[name=name]", "Enter")
    for page in (kim, robin):
        entry = page.locator("tr", has_text="Rename rig").first
        expect(entry).to_contain_text("Kim's phone")
        expect(entry.locator("ins")).to_have_text("rig-one")
    robin.locator("tr", has_text="Rename rig").get_by_role("link", name="Kim's phone").click()
    expect(robin).to_have_url(re.compile(r"who=Kim%27s"))
    expect(robin.locator("tbody tr")).to_have_count(1)  # of this rig, by Kim
    robin.reload()
    expect(robin.locator("tbody tr")).to_have_count(1)
    robin.locator("summary", has_text="Details").click()
    expect(robin.locator("#activity")).to_contain_text("POST /rigs/{rig_id}/name")
    with robin.expect_download() as download:
        robin.get_by_role("link", name="Export CSV").click()
    assert "rename rig" in download.value.path().read_text()
    for page in (kim, robin):
        page.context.close()
