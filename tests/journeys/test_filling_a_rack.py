"""Blink and click: a person with a phone in front of a rack, real lights on simulated ASICs."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from rigfarm.simulate.asic import FakeAsic
from rigfarm.simulate.commander import CommanderProcess
from support.asic_hall import asic_hall
from support.browser import Person
from support.looks import CUT_OFF, NAMELESS, SMALL, UNREADABLE
from support.until import until_now

pytestmark = pytest.mark.browser

NETWORK = f"127.8.{os.getpid() % 250}.0/24"
NAMES = ["asic-1", "asic-2", "asic-3"]


class Hall:
    """The devices, by their rigs' names."""

    def __init__(self, commander: CommanderProcess, devices: list[FakeAsic], ids: list[int]) -> None:
        self.commander = commander
        self.devices = dict(zip(NAMES, devices, strict=True))
        self.ids = dict(zip(NAMES, ids, strict=True))

    @property
    def lit(self) -> list[str]:
        return [name for name, device in self.devices.items() if device.blinking]

    def place(self, name: str) -> str:
        rig = self.commander.api("GET", f"/api/rigs/{self.ids[name]}")
        assert isinstance(rig, dict)
        return str(rig.get("place", ""))


@pytest.fixture
def hall(commander: CommanderProcess, tmp_path: Path) -> Iterator[Hall]:
    devices = [FakeAsic("luxos") for _ in NAMES]
    made = commander.add_rigs(NAMES, "asic")
    folder = tmp_path / "sentry"
    folder.mkdir(mode=0o700)
    with asic_hall(commander, folder, devices, [token for _, token in made], NETWORK):

        def able() -> bool:
            rigs = commander.api("GET", "/api/rigs?state=online")
            return isinstance(rigs, list) and len(rigs) == len(NAMES)

        until_now(able, "ASICs that report")
        yield Hall(commander, devices, [rig_id for rig_id, _ in made])


def tap(page: Page, slot: str) -> None:
    page.locator(f".fill-slot[value='{slot}']").click()


def test_a_rack_is_filled_with_one_thumb_and_each_light_goes_on_and_off(person: Person, hall: Hall) -> None:
    page = person("/places", width=390, height=844)
    page.emulate_media(reduced_motion="reduce")
    page.get_by_role("link", name="Fill a rack").click()
    page.get_by_label("Place of the rack").fill("hall-1/rack-2")
    page.get_by_label("Slots").fill("1..12")
    page.get_by_role("button", name="Start blinking").click()
    page.wait_for_url(re.compile(r"/places/fill/\w+$"))
    turn = page.locator(".fill-turn")
    expect(turn).to_contain_text("asic-1")
    expect(turn).to_contain_text("It blinks.")
    assert hall.lit == ["asic-1"]
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        expect(page.locator("html")).to_have_attribute("data-bs-theme", scheme)
        assert [page.evaluate(look) for look in (SMALL, CUT_OFF, NAMELESS, UNREADABLE)] == [[], [], [], []]
    tap(page, "3")
    expect(page.locator(".fill-slot[value='3']")).to_contain_text("asic-1")
    expect(page.locator(".fill-slot[value='3']")).to_be_disabled()
    expect(turn).to_contain_text("asic-2")
    expect(turn).to_contain_text("It blinks.")
    until_now(lambda: hall.lit == ["asic-2"], "only the second light")
    assert hall.place("asic-1") == "hall-1/rack-2/3"

    page.get_by_role("button", name="Undo asic-1").click()
    expect(turn).to_contain_text("asic-1")
    until_now(lambda: hall.lit == ["asic-1"], "only the first light")
    assert hall.place("asic-1") == ""
    tap(page, "4")
    expect(turn).to_contain_text("asic-2")
    page.get_by_role("button", name="Skip").click()
    expect(turn).to_contain_text("asic-3")
    expect(turn).to_contain_text("It blinks.")
    until_now(lambda: hall.lit == ["asic-3"], "only the third light")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#fill")).to_contain_text("Stopped")
    until_now(lambda: hall.lit == [], "no light")
    assert [hall.place(name) for name in NAMES] == ["hall-1/rack-2/4", "", ""]


def test_a_device_that_does_not_answer_is_said_and_skipped(person: Person, hall: Hall) -> None:
    hall.devices["asic-1"].ignores_orders = True
    page = person("/asics", width=390, height=844)
    for rig_id in hall.ids.values():
        page.locator(f"#rig-{rig_id} .pick input").check()
    page.locator("#selection").get_by_role("button", name="Blink and place").click()
    dialog = page.locator("#dialog")
    expect(dialog).to_contain_text("3 ASICs selected.")
    dialog.get_by_label("Place of the rack").fill("hall-1/rack-2")
    dialog.get_by_role("button", name="Start blinking").click()
    expect(dialog).to_contain_text("No rig is in hall-1/rack-2 yet: enter its slots")
    dialog.get_by_label("Slots").fill("a, b")
    dialog.get_by_role("button", name="Start blinking").click()
    page.wait_for_url(re.compile(r"/places/fill/\w+$"))
    turn = page.locator(".fill-turn")
    expect(turn).to_contain_text("asic-1")
    expect(turn).to_contain_text("It does not blink: ", timeout=120_000)
    page.get_by_role("button", name="Skip").click()
    for slot, name in (("a", "asic-2"), ("b", "asic-3")):
        expect(turn).to_contain_text(name)
        expect(turn).to_contain_text("It blinks.")
        tap(page, slot)
    expect(page.locator("#fill")).to_contain_text("All have had their turn")
    page.get_by_role("button", name="Try the skipped again").click()
    expect(page.locator("#fill")).to_contain_text("hall-1/rack-2 is full")
    page.get_by_role("button", name="Go on with hall-1/rack-3").click()
    expect(page.locator("main h1")).to_have_text("hall-1/rack-3")
    expect(turn).to_contain_text("asic-1")
    tap(page, "b")
    expect(page.locator("#fill")).to_contain_text("All have had their turn")
    assert [hall.place(name) for name in NAMES] == ["hall-1/rack-3/b", "hall-1/rack-2/a", "hall-1/rack-2/b"]
