"""Times are relative, their moment is told on hover in the viewer's own zone; the tab says how many rigs are sick."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from living_farm import LivingFarm, mining
from playwright.sync_api import expect

from support.browser import Visit, until_true

pytestmark = pytest.mark.browser

RELATIVE = re.compile(r"^(\d+ s|\d+ min|\d+ h( \d+ min)?|\d[\d\u202f]* d( \d+ h)?)$")


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/St_Johns"])
def test_a_moment_is_told_in_the_viewers_zone(visit: Visit, farm: LivingFarm, zone: str) -> None:
    page = visit("/rigs?sort=name", zone=zone)
    cell = page.locator(f"#rig-{farm.ids['rig-08']} .c-seen time")
    at = datetime.fromisoformat(cell.get_attribute("datetime") or "")
    assert at.tzinfo is not None
    cell.hover()
    expect(cell).to_have_attribute(
        "title", re.compile(at.astimezone(ZoneInfo(zone)).strftime(r"%-I:%M:%S\s(%p)|%H:%M:%S"))
    )


def test_every_time_is_relative_and_machines_can_read_it(visit: Visit, farm: LivingFarm) -> None:
    page = visit("/")
    for path in ("/", "/rigs", f"/rigs/{farm.ids['rig-04']}", "/playbooks", "/settings", "/settings/sessions"):
        page.goto(path)
        times = page.locator("main time")
        assert times.count() > 0, path
        for text in times.all_inner_texts():
            assert RELATIVE.match(text), f"{path}: {text}"
        for moment in times.evaluate_all("(all) => all.map((one) => one.dateTime)"):
            if not moment.startswith("PT"):
                assert datetime.fromisoformat(moment) <= datetime.now(UTC)
        bare = page.locator("main").inner_text()
        assert not re.search(r"\d{4}-\d{2}-\d{2}", bare), path


def test_title_and_icon_carry_the_number_of_sick_rigs_and_follow_it(visit: Visit, farm: LivingFarm) -> None:
    page = visit("/rigs?sort=name")
    elsewhere, form = visit("/addresses"), visit("/settings")
    row = page.locator(f"#rig-{farm.ids['rig-02']}")
    badge = page.locator('[data-nav="rigs"] .badge-sick')
    expect(badge).to_have_text("5")
    title = page.title()
    sick = int(title[1 : title.index(")")])
    assert sick >= 5, "ASICs count too"
    icon = page.locator("link[rel=icon]")
    expect(icon).to_have_attribute("href", re.compile(f"%3E{sick}%3C"))
    farm.change("rig-02", mining("KAS", 998e6, core_c=(61.0, 93.0, 63.0)))
    try:
        expect(row.locator(".state")).to_have_text("hot")
        expect(page).to_have_title(f"({sick + 1}) Rigs · Rigfarm")
        expect(icon).to_have_attribute("href", re.compile(f"%3E{sick + 1}%3C"))
        expect(badge).to_have_text("6")
        expect(elsewhere.locator('[data-nav="rigs"] .badge-sick')).to_have_text("6")
        expect(elsewhere).to_have_title(f"({sick + 1}) Addresses · Rigfarm")
        expect(form.locator(".badge-sick")).to_have_count(0)
        expect(form).to_have_title(re.compile(r"^[A-Z]"))
    finally:
        farm.change("rig-02", mining("KAS", 998e6, core_c=(61.0, 60.0, 63.0)))
    expect(page).to_have_title(f"({sick}) Rigs · Rigfarm")


TELLS = """
window.told = [];
window.tones = 0;
window.Notification = class extends EventTarget {
  static permission = "granted";
  static requestPermission = async () => "granted";
  constructor(title, { body }) { super(); told.push(body); }
};
const make = AudioContext.prototype.createOscillator;
AudioContext.prototype.createOscillator = function () { window.tones += 1; return make.call(this); };
"""
FIRES = """(since) => {
  const { dataset } = document.getElementById("bell");
  dataset.text = "rig-01: offline";
  dataset.since = since;
}"""
COUNTS = """async () => {
  document.getElementById("bell").dataset.count = "7";
  await new Promise(requestAnimationFrame);
  return [document.title, document.querySelector("link[rel=icon]").href];
}"""


def test_alerts_are_told_once_by_a_browser_that_was_asked_to(visit: Visit) -> None:
    page = visit("/alerts")
    other = page.context.new_page()
    for one in (page, other):
        one.add_init_script(TELLS)
        one.goto("/alerts")

    def fire(since: int) -> None:
        """Fire an alert in every tab, as the Commander does, once and again."""
        for one in (page, other, page):
            one.evaluate(FIRES, since)

    def shown() -> list[str]:
        """Return what all tabs have shown since their documents were loaded."""
        return [text for one in (page, other) for text in one.evaluate("told")]

    def until_shown(number: int) -> None:
        for _ in range(200):
            if len(shown()) >= number:
                break
            page.wait_for_timeout(50)
        page.wait_for_timeout(300)
        assert shown() == ["rig-01: offline"] * number

    switch = page.get_by_label("Notify me in this browser")
    expect(switch).not_to_be_checked()
    soon = 4_000_000_000_000
    fire(soon)
    until_shown(0)
    switch.check()
    until_true(page, "tones === 3")
    expect(other.get_by_label("Notify me in this browser")).to_be_checked()
    fire(soon + 1)
    until_shown(1)
    tones = sum(one.evaluate("tones") for one in (page, other))
    assert tones == 6, "the switch sounds once, and so does the alert"
    page.goto("/rigs")
    other.goto("/rigs")
    assert page.evaluate("htmx.config.ws.pauseOnBackground") is False, "a tab in the background is told, too"
    fire(soon + 2)
    until_shown(1)
    other.goto("/rigs?at=-5m")
    until_true(page, "navigator.locks.query().then(({ held }) => held.length === 1)")
    fire(soon + 3)
    until_true(page, "told.at(-1) === 'rig-01: offline'")
    assert other.evaluate("told") == [], "a page of an earlier time shows no alert of now"
    page.goto("/alerts")
    expect(switch).to_be_checked()
    switch.uncheck()
    fire(soon + 4)
    until_shown(0)
    other.close()


def test_the_tab_of_alerts_carries_their_number(visit: Visit) -> None:
    title, icon = visit("/alerts").evaluate(COUNTS)
    assert title.startswith("(7) Alerts")
    assert "%3E7%3C" in icon
