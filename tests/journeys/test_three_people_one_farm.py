"""What one person does, those who look see at once without reloading, and nobody else hears of."""

from __future__ import annotations

import asyncio
import contextlib
import re
import threading
import time
from collections.abc import Iterator

from playwright.sync_api import Page, WebSocket, expect

from rigfarm.common.clock import utc_ms
from rigfarm.simulate.commander import CommanderProcess
from rigfarm.wire.codec import encode
from support.browser import Person
from support.load import LoadLink, a_log, connect


class Heard:
    """What a page's sockets receive from now on. On a slow machine a page may connect again, and is brought up to date
    again: that is no news."""

    def __init__(self, page: Page) -> None:
        self.sockets: list[list[str]] = []
        page.on("websocket", self._follow)
        page.reload()
        expect(page.locator("#live")).to_have_text("live")
        while not any('"snapshot"' in frame for frames in self.sockets for frame in frames):
            page.wait_for_timeout(20)

    @property
    def news(self) -> list[str]:
        """All that came after a socket's snapshot, which ends with the tab's title."""
        return [frame for frames in self.sockets for frame in _after_snapshot(frames)]

    def _follow(self, socket: WebSocket) -> None:
        frames: list[str] = []
        self.sockets.append(frames)

        def hear(data: object) -> None:
            if "pong" not in str(data):  # the answer to the page's own sign of life
                frames.append(str(data))

        socket.on("framereceived", hear)


def _after_snapshot(frames: list[str]) -> list[str]:
    end = next((at for at, frame in enumerate(frames) if '"snapshot"' in frame), len(frames))
    rest = frames[end + 1 :]
    return rest[1:] if rest and '"title"' in rest[0] else rest


@contextlib.contextmanager
def reporting(commander: CommanderProcess, token: str, rig: int = 1) -> Iterator[list[LoadLink]]:
    """A rig that reports once a second while the block runs."""
    stop = threading.Event()
    links: list[LoadLink] = []

    async def report() -> None:
        link = await connect(commander.url, [token])
        links.append(link)
        while not stop.is_set():
            link.send_logs([encode(a_log(rig, utc_ms(), gpus=3))])
            await asyncio.sleep(0.5)
        link.close()

    thread = threading.Thread(target=lambda: asyncio.run(report()))
    thread.start()
    try:
        yield links
    finally:
        stop.set()
        thread.join(10)


def add_rig(page: Page, name: str) -> str:
    """As a person does it; returns the token."""
    page.click("[data-new]")
    page.fill("#dialog [name=name]", name)
    page.click("#dialog button[type=submit]")
    token = page.locator("#dialog #token")
    expect(token).to_have_text(re.compile(r"^rf_[\w-]{43}$"))
    return token.inner_text()


def test_a_new_rig_is_seen_by_those_on_the_index_and_by_nobody_else(
    person: Person, commander: CommanderProcess
) -> None:
    commander.add_rigs(["rig-00"])
    looker, elsewhere, maker = person("/rigs"), person("/asics"), person("/rigs")
    heard = Heard(elsewhere)
    token = add_rig(maker, "rig-07")
    expect(looker.locator("#waiting")).to_contain_text("rig-07")
    expect(maker.locator("#dialog")).to_contain_text("Waiting for its first signal")
    time.sleep(1)
    assert heard.news == [], "a page that shows something else receives nothing"
    assert token not in looker.content()

    with reporting(commander, token):
        expect(looker.locator("tr.rig", has_text="rig-07")).to_contain_text("KAS")
        expect(looker.locator("#waiting")).not_to_contain_text("rig-07")
        expect(looker.locator("#notices")).to_contain_text("rig-07 reports for the first time")
        expect(maker.locator("#dialog")).to_contain_text("rig-07 is online")
    assert not any("rig-07" in frame for frame in heard.news)


def test_a_name_that_is_taken_is_said_in_the_dialog_and_nothing_typed_is_lost(
    person: Person, commander: CommanderProcess
) -> None:
    commander.add_rigs(["Rig-01"])
    page = person("/rigs")
    page.click("[data-new]")
    page.fill("#dialog [name=name]", "rig-01")
    page.click("#dialog button[type=submit]")
    expect(page.locator("#dialog .error")).to_contain_text("A rig named rig-01 already exists")
    expect(page.locator("#dialog [name=name]")).to_have_value("rig-01")
    page.fill("#dialog [name=name]", "rig-02")
    page.click("#dialog button[type=submit]")
    expect(page.locator("#dialog #token")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#dialog")).not_to_be_visible()
    expect(page.locator("#token")).to_have_count(0)
    assert "rf_" not in page.content(), "a secret is gone with the dialog that showed it"


def test_a_rename_reaches_the_index_and_the_rigs_own_page(person: Person, commander: CommanderProcess) -> None:
    (rig_id, token), (other_id, _) = commander.add_rigs(["before", "other"])
    with reporting(commander, token):
        index, detail, editor = person("/rigs"), person(f"/rigs/{rig_id}"), person(f"/rigs/{rig_id}")
        elsewhere = Heard(person(f"/rigs/{other_id}"))
        expect(index.locator(f"#rig-{rig_id}")).to_contain_text("before")
        editor.click("[data-edit]")
        editor.fill("#rig-name [name=name]", "after")
        editor.keyboard.press("Enter")
        expect(editor.locator("#rig-name")).to_contain_text("after")
        expect(detail.locator("#rig-name")).to_contain_text("after")
        expect(index.locator(f"#rig-{rig_id} .c-name")).to_have_text("after")
        time.sleep(0.6)
        assert elsewhere.news == []


def test_a_removed_rig_leaves_every_page_and_the_totals(person: Person, commander: CommanderProcess) -> None:
    (gone_id, gone_token), (_, stays_token) = commander.add_rigs(["rig-gone", "rig-stays"])
    with reporting(commander, gone_token, 1) as links, reporting(commander, stays_token, 2):
        index, detail, remover = person("/rigs"), person(f"/rigs/{gone_id}"), person(f"/rigs/{gone_id}")
        expect(index.locator("#totals")).to_contain_text("2 rigs")
        remover.click(".rig-actions summary")
        remover.click("text=Remove rig-gone")
        expect(remover.locator("#dialog")).to_contain_text("mining stops")
        remover.click("#dialog button:has-text('Remove rig-gone')")
        expect(detail).to_have_url(re.compile(r"/rigs$"))
        expect(detail.locator("#notices")).to_contain_text("rig-gone was removed")
        expect(index.locator(f"#rig-{gone_id}")).to_have_count(0)
        expect(index.locator("#totals")).to_contain_text("1 rig")
        expect(remover).to_have_url(re.compile(r"/rigs$"))
        assert links[0].welcome.done()


def test_hostile_names_are_inert(person: Person, commander: CommanderProcess) -> None:
    names = [
        "<img src=x onerror=window.owned=1>",
        '"><script>alert(1)</script>',
        "{{7*7}}",
        "'; DROP TABLE rigs",
    ]
    made = commander.add_rigs(names)
    index = person("/rigs?state=waiting")
    for (rig_id, _), name in zip(made, names, strict=True):
        expect(index.locator(f"#rig-{rig_id} .c-name")).to_have_text(name)
    detail = person(f"/rigs/{made[0][0]}")
    expect(detail.locator("#rig-name")).to_contain_text(names[0])
    assert detail.evaluate("typeof window.owned") == "undefined"
    assert detail.locator("#main img").count() == 0


def test_a_lost_commander_greys_the_page_until_it_is_back(person: Person, commander: CommanderProcess) -> None:
    [(rig_id, token)] = commander.add_rigs(["rig-01"])
    with reporting(commander, token):
        page = person("/rigs")
        expect(page.locator(f"#rig-{rig_id}")).to_contain_text("KAS")
    commander.kill()
    expect(page.locator("#stale")).to_be_visible(timeout=15_000)
    commander.start()
    expect(page.locator("#stale")).to_be_hidden(timeout=15_000)
    expect(page.locator(f"#rig-{rig_id}")).to_contain_text("KAS")


def test_a_session_that_ends_sends_the_page_to_the_login_and_back(person: Person, commander: CommanderProcess) -> None:
    page = person("/rigs?sort=name")
    expect(page.locator("#live")).to_have_text("live")
    other = person("/settings/sessions")
    other.click("summary:has-text('Sign out everywhere')")
    other.click("details[open] button[type=submit]")
    page.wait_for_url("**/login?next=**", timeout=15_000)
    page.fill("#password", commander.password)
    page.click("button[type=submit]")
    page.wait_for_url("**/rigs?sort=name")
