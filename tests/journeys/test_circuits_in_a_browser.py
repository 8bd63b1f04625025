"""Circuits in a real browser: one is added, followed while rigs draw more, alerts, and warns who starts rigs."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from living_farm import LivingFarm, mining
from playwright.sync_api import Page, expect

from rigfarm.simulate.commander import CommanderProcess
from rigfarm.wire.log import OperationalLog
from support.browser import Person
from support.until import until_now

pytestmark = pytest.mark.browser

SOON = """
from rigfarm.commander.alerts.engine.watch import Watch
Watch.__init__.__kwdefaults__["start_s"] = 0.0
"""
"""Alerts need not wait until all Sentries are back after a start; all else is as it is."""
PICTURES = os.environ.get("RIGFARM_TEST_PICTURES", "")
"""A folder for screenshots, to look at."""
RACKS = {"rack-1": ("rig-1", "rig-2", "rig-3"), "rack-2": ("rig-4", "mute", "new"), "rack-3": ("rig-5", "rig-6")}
LOGS = {name: mining("KAS", 1e9, power_w=700.0) for name in ("rig-1", "rig-2", "rig-3", "rig-4", "rig-5", "rig-6")}


@pytest.fixture(scope="module")
def commander(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommanderProcess]:
    folder = tmp_path_factory.mktemp("circuits")
    with CommanderProcess(folder, settings={"report_interval_s": "2"}, mutation=SOON) as process:
        yield process


@pytest.fixture(scope="module")
def racks(commander: CommanderProcess) -> Iterator[LivingFarm]:
    living = LivingFarm(commander)
    try:
        living.add({**LOGS, "mute": mining("KAS", 1e9, power_w=None), "new": None})
        for rack, names in RACKS.items():
            body = {"rigs": [living.ids[name] for name in names], "place": f"hall/{rack}"}
            commander.api("POST", "/api/rigs/labels", body)
        yield living
    finally:
        living.close()


@pytest.fixture(autouse=True)
def _no_circuits(commander: CommanderProcess) -> Iterator[None]:
    yield
    found = commander.api("GET", "/api/circuits?limit=500")
    assert isinstance(found, list)
    for one in found:
        commander.api("DELETE", f"/api/circuits/{one['id']}")


def _pictures(page: Page, name: str) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= page.evaluate("window.innerWidth"), name
    if PICTURES:
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            page.screenshot(path=Path(PICTURES) / f"{name}-{scheme}.png", full_page=True)


def test_a_circuit_is_added_with_its_limit_in_amps(person: Person, racks: LivingFarm) -> None:
    page = person("/places")
    expect(page.locator("#circuits")).to_contain_text("Add the breakers or PDUs")
    page.click("#circuits >> text=New circuit")
    page.fill("#dialog [name=name]", "PDU 1")
    page.fill("#dialog [name=limit_w]", "3 × 16 A × 400 V")
    page.fill("#dialog [name=places]", "hall/rack-1")
    _pictures(page, "circuit-new")
    page.click("#dialog >> text=Add")
    expect(page.locator("#error-limit_w")).to_contain_text("between a phase and neutral")
    expect(page.locator("#dialog [name=places]")).to_have_value("hall/rack-1")
    page.fill("#dialog [name=limit_w]", "16 A × 230 V")
    page.click("#dialog >> text=Add")
    page.locator("#circuits").get_by_role("link", name="PDU 1").click()
    page.wait_for_url(re.compile(r"/circuits/\d+$"))
    expect(page.locator("#circuit")).to_contain_text(re.compile(r"2\.100\s*kW, 57 % of its limit"))
    _pictures(page, "circuit-page")
    page.locator("#circuit").get_by_role("link", name="3 rigs").click()
    expect(page).to_have_url(re.compile(r"/rigs\?q=circuit"))
    for name in ("rig-1", "rig-2", "rig-3"):
        expect(page.locator(f"#rig-{racks.ids[name]}")).to_be_visible()
    expect(page.locator(f"#rig-{racks.ids['rig-4']}")).to_have_count(0)


def test_unknown_power_is_shown_as_such(person: Person, racks: LivingFarm, commander: CommanderProcess) -> None:
    commander.api("POST", "/api/circuits", {"name": "PDU-2", "limit_w": 2000, "places": ["hall/rack-2"]})
    page = person("/places")
    expect(page.locator("#circuits tbody tr")).to_contain_text(re.compile(r"≥ 700\s*W.*power of 2 unknown"))


def test_what_draws_too_much_is_seen_at_once_and_alerts(
    person: Person, racks: LivingFarm, commander: CommanderProcess
) -> None:
    rules = commander.api("GET", "/api/alert-rules")
    assert isinstance(rules, list)
    for rule in rules:
        if rule["kind"] == "circuits":
            commander.api("PATCH", f"/api/alert-rules/{rule['id']}", {"form": {"minutes": 0, "well_minutes": 0}})
    commander.api("POST", "/api/circuits", {"name": "PDU-1", "limit_w": 3000, "places": ["hall/rack-1"]})
    page = person("/places")
    row = page.locator("#circuits tbody tr")
    expect(row).to_contain_text("fine")
    racks.change("rig-1", mining("KAS", 1e9, power_w=1_900.0))
    expect(row).to_contain_text("over its limit")
    expect(row).to_contain_text("110 %")
    _pictures(page, "places-over")
    said = "draws 3.300 kW, 110 % of its limit of 3.000 kW"

    def firing() -> list[tuple[str, str]]:
        alerts = commander.api("GET", "/api/alerts?state=firing")
        assert isinstance(alerts, list)
        return [(one["shared"][0]["name"], one["text"]) for one in alerts if one["shared"][0]["what"] == "circuit"]

    until_now(lambda: firing() == [("PDU-1", said)] * 2, "both rules have an alert")
    page.goto("/alerts")
    page.locator("#alerts tr", has_text=said).locator("a", has_text="PDU-1").first.click()
    page.wait_for_url(re.compile(r"/alerts/\d+$"))
    expect(page.locator("#alert h1")).to_contain_text("PDU-1")
    page.locator("#alert tbody a", has_text="PDU-1").click()
    page.wait_for_url(re.compile(r"/circuits/\d+$"))
    racks.change("rig-1", LOGS["rig-1"])
    expect(page.locator("#circuit")).to_contain_text(re.compile(r"2\.100\s*kW"))
    until_now(lambda: firing() == [], "they are resolved")


def test_who_starts_rigs_is_warned(person: Person, racks: LivingFarm, commander: CommanderProcess) -> None:
    commander.api("POST", "/api/circuits", {"name": "PDU-1", "limit_w": 1500, "places": ["hall/rack-3"]})
    rigs = [racks.ids[name] for name in RACKS["rack-3"]]

    def forecast() -> dict[str, object]:
        answer = commander.api("POST", "/api/circuits/forecast", {"rigs": rigs})
        assert isinstance(answer, list)
        found: dict[str, object] = answer[0]
        return found

    until_now(lambda: forecast()["power_w"] == 1400.0, "they are added up while they mine")
    racks.change("rig-5", OperationalLog(t=0, uptime_s=600.0, power_w=50.0))
    until_now(lambda: forecast()["power_w"] == 750.0, "one stopped")
    page = person("/commands/new?command=restart-miner&" + "&".join(f"rigs={one}" for one in rigs))
    said = page.locator(".came-to")
    expect(said).to_contain_text("PDU-1 would draw 1.400 kW (750 W now): more than 80 % of its limit of 1.500 kW.")
    _pictures(page, "restart")
    page.goto("/commands/new?command=shut-down&" + "&".join(f"rigs={one}" for one in rigs))
    expect(page.locator("h1", has_text="Shut down 2 rigs?")).to_be_visible()
    expect(said).to_have_count(0)
    racks.change("rig-5", LOGS["rig-5"])


@pytest.mark.parametrize("number", [0, 3, 60])
@pytest.mark.parametrize("width", [1440, 390])
def test_few_and_many_circuits_fit_both_sizes(
    person: Person, racks: LivingFarm, commander: CommanderProcess, number: int, width: int
) -> None:
    places = ["hall/rack-1", "hall/rack-2", *(f"hall-2/row-{at}/a rather long rack {at}" for at in range(60))]
    for at in range(number):
        body = {"name": f"Breaker {at + 1} of the north wall", "limit_w": 2200 + at, "places": [places[at]]}
        commander.api("POST", "/api/circuits", body)
    page = person("/places", width=width)
    expect(page.locator("#circuits tbody tr")).to_have_count(min(number, 12))
    expect(page.locator("#circuits a", has_text="All 60 circuits")).to_have_count(int(number == 60))
    _pictures(page, f"places-{number}-{width}")
    page.goto("/circuits")
    expect(page.locator("#circuits tbody tr")).to_have_count(number)
    _pictures(page, f"circuits-{number}-{width}")
