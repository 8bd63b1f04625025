"""On an open page one learns within seconds that logs are not stored or that a part has stopped, and that this is over.
Without this a quiet page looks like a healthy farm while nothing is kept."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from living_farm import LivingFarm, mining
from playwright.sync_api import Page, expect

from rigfarm.simulate.commander import CommanderProcess
from support.browser import Person, until_true
from support.looks import SMALL, UNREADABLE

pytestmark = pytest.mark.browser

WRITTEN = """fetch('/api/history?from=-1h&resolution=60').then(answer => answer.json()).then(found =>
    found.lines.some(line => line.group === 'hashrate' && line.values.some(value => value !== null)))"""
"""Whether history has a hashrate."""
BREAKS = """
import asyncio, pathlib, shutil, sqlite3, types
import rigfarm.commander.history.actions as history
from rigfarm.commander.logs.journal import Journal
from rigfarm.commander.rollouts.actions import Rollouts
import rigfarm.commander.rollouts
rigfarm.commander.rollouts.DATABASE_S = 5.0
folder = pathlib.Path({folder!r})
commit, tick = Journal._commit, Rollouts.tick
def full(self, *args):
    if (folder / "full").exists():
        raise sqlite3.OperationalError("database or disk is full")
    return commit(self, *args)
async def hang(self, passed_s):
    if (folder / "hang").exists():
        await asyncio.sleep(3600)
    return await tick(self, passed_s)
Journal._commit, Rollouts.tick = full, hang
def disk_usage(path):
    real = shutil.disk_usage(path)
    free = 1 << 20 if (folder / "nearly-full").exists() else 1 << 40
    return types.SimpleNamespace(free=free, total=1 << 41, used=real.used)
history.shutil = types.SimpleNamespace(disk_usage=disk_usage)
history.EVERY_S = history.RETRY_S = 0.5
"""


@pytest.fixture
def commander(tmp_path: Path) -> Iterator[CommanderProcess]:
    with CommanderProcess(tmp_path / "commander", mutation=BREAKS.format(folder=str(tmp_path))) as one:
        yield one


@pytest.fixture
def small_farm(commander: CommanderProcess) -> Iterator[LivingFarm]:
    living = LivingFarm(commander)
    try:
        living.add({"rig-01": mining("KAS", 998e6), "rig-02": mining("KAS", 1_002e6)})
        yield living
    finally:
        living.close()


def photograph(page: Page, name: str) -> None:
    """For whoever wants to look: RIGFARM_SHOTS names a folder."""
    folder = os.environ.get("RIGFARM_SHOTS")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png")


def test_an_open_page_says_that_logs_are_not_stored_and_when_it_is_over(
    person: Person, small_farm: LivingFarm, tmp_path: Path
) -> None:
    desk = person("/rigs")
    phone = person("/", width=390, height=844, scheme="dark")
    for page in (desk, phone):
        expect(page.locator("#live")).to_have_text("live")
        expect(page.locator("#trouble")).to_be_hidden()
    (tmp_path / "full").touch()
    for page in (desk, phone):
        expect(page.locator("#trouble")).to_contain_text("The Commander has been unable to store logs for")
        expect(page.locator("#trouble")).to_contain_text("Sentries keep them")
        expect(page.locator("#trouble")).to_contain_text("database or disk is full")
        assert page.evaluate(UNREADABLE) == []
    assert phone.evaluate(SMALL) == []
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    photograph(desk, "storage-1440-light")
    photograph(phone, "storage-390-dark")
    settings = person("/settings")  # a page without a socket, opened now
    expect(settings.locator("#trouble")).to_contain_text("unable to store logs")
    (tmp_path / "full").unlink()
    for page in (desk, phone):
        expect(page.locator("#trouble")).to_be_hidden()


def test_an_open_page_names_a_part_that_hangs(person: Person, small_farm: LivingFarm, tmp_path: Path) -> None:
    desk = person("/rigs", scheme="dark")
    phone = person("/", width=390, height=844)
    for page in (desk, phone):
        expect(page.locator("#live")).to_have_text("live")
    (tmp_path / "hang").touch()
    for page in (desk, phone):
        expect(page.locator("#trouble")).to_contain_text("A part of the Commander has stopped: roll-outs.")
        assert page.evaluate(UNREADABLE) == []
    photograph(desk, "part-1440-dark")
    photograph(phone, "part-390-light")
    (tmp_path / "hang").unlink()
    for page in (desk, phone):
        expect(page.locator("#trouble")).to_be_hidden(timeout=60_000)


def test_history_waits_while_the_disk_is_nearly_full_and_catches_up(
    person: Person, commander: CommanderProcess, tmp_path: Path
) -> None:
    (tmp_path / "nearly-full").touch()
    farm = LivingFarm(commander)
    try:
        farm.add({"rig-01": mining("KAS", 998e6)})
        desk, phone = person("/"), person("/reports", width=390, height=844, scheme="dark")
        expect(desk.locator("#trouble")).to_contain_text("Held up for")
        expect(desk.locator("#trouble")).to_contain_text(
            "history, what happened. Reason: Only 1.000 MiB are free on the disk"
        )
        expect(desk.locator("#trouble")).to_contain_text("History waits and leaves the rest to the journal.")
        expect(desk.locator("#trouble")).not_to_contain_text("has stopped")
        expect(desk.locator("#trouble")).not_to_contain_text("unable to store logs")
        phone.reload()
        expect(phone.locator("#trouble")).to_contain_text("Free some space.")
        for page in (desk, phone):
            assert page.evaluate(UNREADABLE) == []
        assert phone.evaluate("document.documentElement.scrollWidth") <= 390
        photograph(desk, "disk-1440-light")
        photograph(phone, "disk-390-dark")
        (tmp_path / "nearly-full").unlink()
        expect(desk.locator("#trouble")).to_be_hidden(timeout=60_000)
        until_true(desk, WRITTEN)
    finally:
        farm.close()


def test_strangers_are_told_nothing(commander: CommanderProcess, person: Person, tmp_path: Path) -> None:
    page = person("/")
    page.context.clear_cookies()
    page.goto("/login")
    expect(page.locator("#trouble")).to_have_count(0)
