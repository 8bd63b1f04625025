"""The first paint has the data: with scripts off every page reads, every link leads and every form works."""

from __future__ import annotations

import re

import pytest
from living_farm import LivingFarm
from playwright.sync_api import expect

from support.browser import Visit

pytestmark = pytest.mark.browser

PAGES = {
    "/": "rig-08",
    "/rigs": "rig-04",
    "/asics": "asic-02",
    "/rigs/{rig}": "kashash",
    "/asics/{asic}": "asic-02",
    "/rigs/{waiting}": "rigfarm",
    "/playbooks": "monero",
    "/playbooks/new": "Mining software",
    "/software": "Fake",
    "/addresses": "pool-1",
    "/settings": "simulate",
    "/settings/sessions": "this one",
    "/settings/enrolment": "Enrolment keys",
    "/settings/webhooks": "Tell your own programs",
    "/api/docs": "/api/rigs",
    "/rigs/new": "Create",
    "/rigs/{rig}/remove": "Remove rig-04",
    "/rigs/{rig}/token/new": "New token for rig-04",
    "/rigs/{rig}/name/edit": "Save",
}


def test_every_page_reads(visit: Visit, farm: LivingFarm) -> None:
    page = visit("/", scripts=False)
    ids = {"rig": farm.ids["rig-04"], "asic": farm.ids["asic-02"], "waiting": farm.ids["rig-10"]}
    for path, text in PAGES.items():
        page.goto(path.format(**ids))
        expect(page.locator("main")).to_contain_text(text)
        assert page.locator("[data-needs-script]:visible, #stale:visible, #live:visible").count() == 0, path


def test_links_filter_sort_and_lead_to_the_next_page(visit: Visit, farm: LivingFarm) -> None:
    page = visit("/rigs?coin=KAS&per=25", scripts=False)
    page.get_by_role("columnheader", name="Hashrate").get_by_role("link").click()
    assert page.locator("tr.rig .c-name a").first.inner_text() == "rig-03"
    page.get_by_role("searchbox").fill("rig-07")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("tr.rig .c-name a")).to_have_text(["rig-07"])
    assert "coin=KAS" in page.url


def test_a_rig_is_made_renamed_and_removed(visit: Visit, farm: LivingFarm) -> None:
    page = visit("/rigs/new", scripts=False)
    page.get_by_label("Name").fill("RIG-01")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("alert")).to_contain_text("A rig named RIG-01 already exists")
    expect(page.get_by_label("Name")).to_have_value("RIG-01")
    page.get_by_label("Name").fill("quiet")
    page.get_by_role("button", name="Create").click()
    expect(page.locator("#token")).to_have_text(re.compile("^rf_"))
    page.get_by_role("link", name="Done").click()
    page.get_by_role("link", name="Edit the name of quiet").click()
    page.get_by_label("Name", exact=True).fill("quieter")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#rig-name")).to_contain_text("quieter")
    page.locator("summary", has_text="Actions").click()
    page.get_by_role("link", name="Remove quieter").click()
    page.get_by_role("button", name="Remove quieter").click()
    page.wait_for_url("**/rigs")
    expect(page.locator("main")).not_to_contain_text("quieter")
