"""Devices that say "done" and lie, each in its own way, in a real Commander: those who look see it, live."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from msgspec.structs import replace
from playwright.sync_api import Page, expect

from rigfarm.simulate.commander import CommanderProcess
from rigfarm.wire.commands import Command, PowerLimit
from rigfarm.wire.log import OperationalLog
from support.asic_link import AsicLink
from support.asic_load import an_asic_log
from support.browser import Person
from support.until import until_now

HONEST, IGNORES, REVERTS, MUTE = range(4)
NAMES = ["asic-honest", "asic-ignores", "asic-reverts", "asic-mute"]
QUICK = """
import os
from pathlib import Path
from rigfarm.commander.effects import actions, model
model.OFFSETS_S = (1, 2, 3)
actions.AFTER_START_S = 1.0
allowed, tick = Path(os.environ["RIGFARM_DATA_DIR"]) / "checks", actions.Effects.tick

async def only_when_told(self):
    rig_id, aspect = self._heap[0][2:] if self._heap else (0, "")
    one = self._current.get(rig_id, {}).get(aspect)
    return 0 if one is not None and len(one.checks) >= int(allowed.read_text()) else await tick(self)

actions.Effects.tick = only_when_told
"""
"""Checks as soon as the test has seen what is before them; all else is as it is."""
PICTURES = os.environ.get("RIGFARM_TEST_PICTURES", "")
"""A folder for screenshots, to look at."""


class LyingAsics(AsicLink):
    """All say "done" to a power limit."""

    limits: Mapping[int, float] = MappingProxyType({})

    def log_of(self, slot: int, now: int) -> OperationalLog:
        log = an_asic_log(slot + 1, now)
        if slot not in self.limits or slot == IGNORES:
            return replace(log, power_w=3_250.0)
        return replace(log, power_w=None if slot == MUTE else 0.99 * self.limits[slot])

    def obeys(self, slot: int, command: Command) -> None:
        if isinstance(command, PowerLimit):
            self.limits = {**self.limits, slot: command.watts}

    def revert(self) -> None:
        self.limits = {slot: watts for slot, watts in self.limits.items() if slot != REVERTS}


@pytest.fixture
def commander(tmp_path: Path) -> Iterator[CommanderProcess]:
    folder = tmp_path / "commander"
    folder.mkdir()
    _allow(folder, 0)
    with CommanderProcess(folder, settings={"report_interval_s": "5"}, mutation=QUICK) as process:
        yield process


def _allow(folder: Path, checks: int) -> None:
    """So many checks of each command may be done."""
    new = folder / "checks.new"
    new.write_text(str(checks))
    new.rename(folder / "checks")


def _until_power(commander: CommanderProcess, watts: Mapping[int, float]) -> None:
    """Wait until rigs report a power, W."""

    def reported() -> bool:
        for rig_id, expected in watts.items():
            rig = commander.api("GET", f"/api/rigs/{rig_id}")
            assert isinstance(rig, dict)
            if rig["log"]["power_w"] != pytest.approx(expected):
                return False
        return True

    until_now(reported, f"never reported: {watts}")


def _picture(page: Page, name: str) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= page.evaluate("window.innerWidth"), name
    if PICTURES:
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            page.screenshot(path=f"{PICTURES}/{name}-{scheme}.png", full_page=True)


@pytest.mark.timeout(400)
def test_devices_that_lie_are_seen_by_all_who_look(person: Person, commander: CommanderProcess) -> None:
    made = commander.add_rigs(NAMES, "asic")
    link = LyingAsics(commander, [token for _, token in made], {})
    ids = [rig_id for rig_id, _ in made]
    try:
        page = person("/asics?sort=name")
        for rig_id in ids:
            expect(page.locator(f"#rig-{rig_id}")).to_contain_text("3 / 3", timeout=30_000)
        looker, phone = person(f"/asics/{ids[REVERTS]}"), person("/commands/effects", width=390, height=844)
        given = commander.api("POST", "/api/commands", {"command": {"type": "power-limit", "watts": 2800}, "rigs": ids})
        assert isinstance(given, list)
        batch = given[0]["batch"]
        _until_power(commander, {ids[HONEST]: 2_772.0, ids[REVERTS]: 2_772.0, ids[IGNORES]: 3_250.0})
        _allow(commander.folder, 1)
        results, small = person(f"/commands/{batch}"), person(f"/commands/{batch}", width=390, height=844)
        for one in (results, small):
            counts = one.locator("#effects-of-all")
            expect(counts).to_contain_text("2 took effect, 1 without effect yet, 1 not measurable", timeout=40_000)
        expect(looker.locator("#rig-playbooks")).to_contain_text("took effect")
        link.revert()
        _until_power(commander, {ids[REVERTS]: 3_250.0})
        _allow(commander.folder, 2)
        for one in (results, small):
            expect(one.locator("#effects-of-all")).to_contain_text(
                "1 took effect, 1 reverted, 1 without effect, 1 not measurable", timeout=40_000
            )
            expect(one.locator("#results tbody tr").nth(0)).to_contain_text("asic-reverts")
            expect(one.locator("#results tbody tr").nth(1)).to_contain_text("still 3,250 W, limit 2,800 W")
        expect(looker.locator("#notices")).to_contain_text("Limit power to 2800 W: reverted")
        expect(looker.locator("#rig-playbooks")).to_contain_text("reverted")
        expect(phone.locator("#effects")).to_contain_text("Antminer S19j Pro with LuxOS 2026.4.8")
        _picture(results, "results-1440")
        _picture(small, "results-390")
        _picture(looker, "rig-1440")
        _picture(phone, "effects-390")
        _picture(person("/commands/effects"), "effects-1440")
        _picture(person(f"/asics/{ids[IGNORES]}", width=390, height=844), "rig-390")
        effects = _effects(commander, batch)
        assert [effects[rig_id]["verdict"] for rig_id in ids] == [
            "took-effect", "no-effect", "reverted", "not-measurable",
        ]  # fmt: skip
        alerts = person("/alerts")
        expect(alerts.locator("main")).to_contain_text("Commands without effect, or reverted", timeout=90_000)
        page.goto("/asics?sort=name")
        for rig_id in ids:
            page.locator(f"#rig-{rig_id} .pick input").check()
        page.locator("#selection").get_by_role("button", name="Command").click()
        page.locator("#dialog").get_by_role("button", name="Limit power").click()
        warned = "On 2 of 3 Antminer S19j Pro with LuxOS 2026.4.8, this had no effect or was reverted."
        expect(page.locator("#dialog")).to_contain_text(warned)
        _picture(page, "dialog-1440")
        _allow(commander.folder, 0)
        page.locator("#dialog").get_by_label("Limit, W").fill("3000")
        page.locator("#dialog").get_by_role("button", name="Limit power of 4 ASICs").click()
        page.wait_for_url(re.compile(r"/commands/[0-9a-f]{32}$"))
        expect(page.locator("#effects-of-all")).to_contain_text("4 not checked yet")
        newer = page.url.rpartition("/")[2]
        commander.kill()
        link.close()
        commander.start()
        link = LyingAsics(commander, [token for _, token in made], {})
        link.limits = dict.fromkeys((HONEST, REVERTS), 3_000.0)
        _until_power(commander, {ids[HONEST]: 2_970.0, ids[REVERTS]: 2_970.0})
        _allow(commander.folder, 2)
        expect(page.locator("#effects-of-all")).to_contain_text(
            re.compile("2 took effect, 2 without effect(?! yet)"), timeout=60_000
        )
        effects = _effects(commander, newer)
        assert effects[ids[IGNORES]]["verdict"] == "no-effect"
        assert all(1 <= len(one["checks"]) <= 3 for one in effects.values())
    finally:
        link.close()


def _effects(commander: CommanderProcess, batch: str) -> dict[int, dict[str, Any]]:
    found = commander.api("GET", f"/api/commands?batch={batch}")
    assert isinstance(found, list)
    return {one["rig_id"]: one["effect"] for one in found}
