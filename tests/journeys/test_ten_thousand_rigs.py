"""An index of ten thousand rigs in a real browser stays usable while it is live: it scrolls, sorts, filters, searches
and turns pages, and receives nothing of the rigs that it does not show."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, WebSocket, expect

from rigfarm.common.clock import utc_ms
from rigfarm.simulate.commander import CommanderProcess
from rigfarm.wire.codec import encode
from rigfarm.wire.log import OperationalLog
from support.browser import Person, until_true
from support.load import LoadLink, a_log, connect

pytestmark = [pytest.mark.browser, pytest.mark.slow]

RIGS = 10_000
PER_LINK = 1_000
FRAME = 100
A_SECOND = 400
"""Rigs that report in a second: each of them every 25 s."""
COINS = ("KAS", "ETC", "RVN", "XMR", "ERG")


def log_of(rig: int, t: int) -> OperationalLog:
    return a_log(rig, t, gpus=4, coin=COINS[rig % len(COINS)])


class _Load:
    """All rigs report once, then some every second; ten links carry them."""

    def __init__(self, url: str, tokens: list[str]) -> None:
        self._url = url
        self._tokens = tokens
        self._stop = threading.Event()
        self.all_in = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="ten thousand rigs")

    def __enter__(self) -> _Load:
        self._thread.start()
        assert self.all_in.wait(90)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(20)

    async def _run(self) -> None:
        links = [await connect(self._url, self._tokens[start : start + PER_LINK]) for start in range(0, RIGS, PER_LINK)]
        for start in range(0, RIGS, FRAME):
            self._send(links, range(start, start + FRAME))
            await asyncio.sleep(0)
        while sum(link.acked for link in links) < RIGS:
            await asyncio.sleep(0.05)
        self.all_in.set()
        at = 0
        while not self._stop.is_set():
            for start in range(0, RIGS, RIGS // 4):  # of four parts of the farm
                self._send(links, range(start + at, start + at + A_SECOND // 4))
            at = (at + A_SECOND // 4) % (RIGS // 4)
            await asyncio.sleep(1)
        for link in links:
            link.close()

    def _send(self, links: list[LoadLink], rigs: range) -> None:
        now = utc_ms()
        slots = [rig % PER_LINK for rig in rigs]
        links[rigs.start // PER_LINK].send_logs([encode(log_of(rig, now)) for rig in rigs], slots)


@pytest.fixture
def big(commander: CommanderProcess) -> Iterator[dict[str, int]]:
    """Ten thousand rigs that report; rig id by name."""
    made = commander.add_rigs([f"rig-{number:05}" for number in range(RIGS)])
    with _Load(commander.url, [token for _, token in made]):
        yield {f"rig-{number:05}": rig_id for number, (rig_id, _) in enumerate(made)}


@pytest.fixture
def commander(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommanderProcess]:
    """One whose rigs report every half a minute."""
    with CommanderProcess(tmp_path_factory.mktemp("big"), settings={"report_interval_s": "30"}) as process:
        yield process


class _Heard:
    """Rigs whose rows came down the page's socket."""

    def __init__(self, page: Page) -> None:
        self.ids: set[int] = set()
        page.on("websocket", self._follow)

    def _follow(self, socket: WebSocket) -> None:
        socket.on("framereceived", lambda data: self.ids.update(map(int, re.findall(r'<tr id="rig-(\d+)"', str(data)))))


AT = "document.querySelectorAll('tr.rig')[25].getBoundingClientRect().y"
"""Where on the screen a row in the middle of the table is."""


def names(page: Page) -> Locator:
    return page.locator("tr.rig .c-name a")


def in_view(page: Page) -> set[int]:
    return set(page.locator("tr.rig").evaluate_all("(rows) => rows.map((row) => Number(row.id.slice(4)))"))


def changes(page: Page) -> None:
    """Wait until a row that is shown becomes another in place."""
    page.evaluate(
        """() => { window.changed = 0; new MutationObserver((all) => { window.changed += all.length; })
        .observe(document.getElementById('rig-rows'), {subtree: true, characterData: true, childList: true}); }"""
    )
    until_true(page, "window.changed > 0")


def test_ten_thousand_rigs_are_scrolled_sorted_filtered_and_searched_while_live(
    person: Person, big: dict[str, int]
) -> None:
    page = person("/")
    heard = _Heard(page)
    page.goto("/rigs?sort=name")
    expect(page.locator("#live")).to_have_text("live")
    expect(page.locator("#totals .farm")).to_contain_text("10\u202f000of 10\u202f000 reporting")
    expect(names(page)).to_have_count(50)
    assert page.evaluate("document.querySelectorAll('*').length") < 4_000, "fifty rows, however large the farm"
    changes(page)
    assert heard.ids <= in_view(page), "only what is in view comes down the socket"

    # Scrolling: the rows stay where they are, and the head in sight.
    page.mouse.move(700, 600)
    page.mouse.wheel(0, 900)
    until_true(page, "scrollY === 900")
    stays = page.evaluate(AT)
    changes(page)
    assert page.evaluate(AT) == pytest.approx(stays, abs=1), "whatever becomes of the totals above them"
    assert page.locator("thead th").first.bounding_box()["y"] < 100  # type: ignore[index]

    # Every column sorts, one way and the other.
    for column in ("Hashrate", "Shares", "Power", "Seen", "Name"):
        for _ in range(2):
            head = page.get_by_role("columnheader", name=column)
            was = head.get_attribute("aria-sort")
            head.get_by_role("link").click()
            expect(head).not_to_have_attribute("aria-sort", was or "")
            expect(names(page)).to_have_count(50)
    expect(names(page).first).to_have_text(re.compile("rig-0(0000|9999)"))

    # Filters and search narrow ten thousand to those that match, and the page follows those.
    page.locator("summary", has_text="filter").click()
    page.locator(".drop-list a", has_text="XMR").click()
    page.wait_for_url("**coin=XMR*")
    expect(page.locator("#pager")).to_contain_text("of 2\u202f000 rigs")
    assert set(page.locator("tr.rig .c-coin span").all_inner_texts()) == {"XMRkheavyhash"}
    page.get_by_role("link", name="Next").click()
    page.wait_for_url("**page=2*")
    expect(page.locator("#pager")).to_contain_text("51–100 of 2\u202f000")
    page.get_by_role("searchbox").fill("rig-04713")
    expect(names(page)).to_have_text(["rig-04713"])
    expect(page.locator(f"#rig-{big['rig-04713']} .c-seen time")).to_be_visible()
    page.get_by_role("searchbox").fill("")
    expect(page.locator("#pager")).to_contain_text("of 2\u202f000")
    with page.expect_event("load"):  # a page of the history is loaded anew
        page.go_back()
    expect(page.locator("#live")).to_have_text("live")
    expect(names(page)).to_have_count(50)
    changes(page)
    page.locator("tr.rig .c-name a").first.click()
    expect(page.locator("#rig-live")).to_contain_text("kheavyhash")
