"""Times are relative, their moment is told on hover in the viewer's own zone; the tab says how many rigs are sick."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from living_farm import LivingFarm, mining
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser
Visit = Callable[..., Page]

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
    finally:
        farm.change("rig-02", mining("KAS", 998e6, core_c=(61.0, 60.0, 63.0)))
    expect(page).to_have_title(f"({sick}) Rigs · Rigfarm")
