"""Row 13: no page shows a value as live that stopped coming more than 15 s ago.

In a real browser, looked at ten times a second: a rig that falls silent, a rig whose link drops, a Commander that dies,
and a wire to the browser on which nothing passes any more while both ends believe that it does. The control is a page
that does not ask whether its socket is still alive.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright
from promise import FULL, record
from relay import Relay

from rigfarm.common.clock import utc_ms
from rigfarm.simulate.commander import CommanderProcess
from rigfarm.wire.codec import encode
from support.load import LoadLink, a_log, connect

INTERVAL_S = 5.0 if FULL else 1.0
STALE_WITHIN_S = 15.0 if FULL else 12.0
SILENT_WITHIN_S = 3 * INTERVAL_S + 2 if FULL else STALE_WITHIN_S
"""Three report intervals, and the way to the page."""
ROUNDS = 5 if FULL else 1
LOOK_EVERY_S = 0.1

SHOWN = """() => {
  const stale = "stale" in document.documentElement.dataset && !document.getElementById("stale").hidden;
  const rows = [...document.querySelectorAll("tr.rig")].map(row =>
    [row.querySelector("a").textContent, row.querySelector(".state").textContent, row.classList.contains("faded")]);
  const head = document.getElementById("rig-state");
  return [stale, rows, head ? head.textContent : ""];
}"""


class Feeds:
    """Rigs that report, and the browser's wire, in a loop of their own."""

    def __init__(self, commander: CommanderProcess) -> None:
        self.commander = commander
        self.loop = asyncio.new_event_loop()
        self.relay = Relay(commander.port)
        self.heard: dict[str, float] = {}
        """When each rig was last heard."""
        self.going: set[str] = set()
        self.links: dict[str, LoadLink] = {}
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def __enter__(self) -> Feeds:
        self._thread.start()
        self.do(self.relay.__aenter__())
        return self

    def __exit__(self, *_: object) -> None:
        self.going.clear()
        self.do(self.relay.__aexit__(None, None, None))
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    def report(self, name: str, token: str) -> None:
        self.going.add(name)
        asyncio.run_coroutine_threadsafe(self._report(name, token), self.loop)

    async def _report(self, name: str, token: str) -> None:
        link = self.links[name] = await connect(self.commander.url, [token])
        while name in self.going:
            link.send_logs([encode(a_log(len(name), utc_ms(), gpus=2))])
            self.heard[name] = time.monotonic()
            await asyncio.sleep(INTERVAL_S / 2)

    def drop(self, name: str) -> None:
        self.going.discard(name)
        self.loop.call_soon_threadsafe(self.links[name].close)

    def wire(self, mode: Any) -> None:
        self.loop.call_soon_threadsafe(self.relay.become, mode)


class Look:
    """What a page shows of rigs, frame by frame."""

    def __init__(self, page: Page, detail: str = "") -> None:
        self.page, self.detail = page, detail
        self.frames = 0
        self.marked: dict[str, float] = {}
        """After how many s a rig was shown as stale."""
        self.bad: Counter[str] = Counter()

    def see(self, stopped: dict[str, float]) -> None:
        """One frame; `stopped`: since when which rig's values are old."""
        now = time.monotonic()
        stale, rows, head = self.page.evaluate(SHOWN)
        shown = {name: state.lower() == "offline" or faded for name, state, faded in rows}
        if self.detail:
            shown[self.detail] = "offline" in head.lower()
        for name, since in stopped.items():
            self.frames += 1
            if stale or shown.get(name, True):
                self.marked.setdefault(name, time.monotonic() - since)
            elif now - since > (SILENT_WITHIN_S if name == "silent" else STALE_WITHIN_S):
                self.bad[name] += 1


def without_watch(route: Route) -> None:
    """The control: the page does not look after its socket."""
    answer = route.fetch()
    text = answer.text()
    assert "setInterval(watch, 500);" in text
    route.fulfill(response=answer, body=text.replace("setInterval(watch, 500);", ""))


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield launched
        launched.close()


def opened(browser: Browser, url: str, password: str, paths: list[str], *, broken: bool = False) -> list[Page]:
    """Somebody who logged in and looks at some pages."""
    context = browser.new_context(base_url=url)
    pages = [context.new_page() for _ in paths]
    pages[0].goto("/login")
    pages[0].fill("#password", password)
    pages[0].click("button[type=submit]")
    pages[0].wait_for_url("**/")
    for page, path in zip(pages, paths, strict=True):
        if broken:
            page.route("**/live.js*", without_watch)
        page.goto(path)
        expect(page.locator("#live")).to_have_text("live")
    return pages


@pytest.mark.browser
@pytest.mark.timeout(900)
def test_what_stopped_coming_is_not_shown_as_live(browser: Browser, tmp_path: Path) -> None:
    marked: dict[str, list[float]] = {"silent": [], "dropped": [], "cut": [], "dead": []}
    frames = bad = control_bad = 0
    with (
        CommanderProcess(tmp_path, settings={"report_interval_s": str(INTERVAL_S)}) as commander,
        Feeds(commander) as feeds,
    ):
        made = dict(zip(("silent", "dropped", "cut"), commander.add_rigs(["silent", "dropped", "cut"]), strict=True))
        for round in range(ROUNDS):
            for name, (_, token) in made.items():
                if name not in feeds.going:
                    feeds.report(name, token)
            paths = ["/rigs", f"/rigs/{made['silent'][0]}"]
            near, silent = opened(browser, commander.url, commander.password, paths)
            far, far_broken = [
                opened(browser, feeds.relay.url, commander.password, ["/rigs"], broken=broken)[0]
                for broken in (False, True)
            ]
            expect(near.locator("tr.rig:not(.faded)")).to_have_count(3, timeout=30_000)
            time.sleep(round * 0.37)
            feeds.going.discard("silent")
            feeds.drop("dropped")
            feeds.wire("hold")
            cut_at = time.monotonic()
            looks = [Look(near), Look(silent, "silent"), Look(far), Look(far_broken)]
            while time.monotonic() - cut_at < max(STALE_WITHIN_S, SILENT_WITHIN_S) + 1:
                old = {name: feeds.heard[name] for name in ("silent", "dropped")}
                for look in looks:
                    stopped = {"cut": cut_at} if look.page in (far, far_broken) else old
                    if look.detail:
                        stopped = {"silent": old["silent"]}
                    look.see(stopped)
                near.wait_for_timeout(LOOK_EVERY_S * 1000)
            control_bad += looks[-1].bad.total()
            for look in looks[:-1]:
                frames, bad = frames + look.frames, bad + look.bad.total()
                for name, after in look.marked.items():
                    marked[name].append(after)
            feeds.wire("forward")
            if FULL:
                dead = Look(near)
                commander.kill()
                killed_at = time.monotonic()
                while time.monotonic() - killed_at < STALE_WITHIN_S + 1:
                    dead.see({"cut": killed_at})
                    near.wait_for_timeout(LOOK_EVERY_S * 1000)
                frames, bad = frames + dead.frames, bad + dead.bad.total()
                marked["dead"] += dead.marked.values()
                commander.start()
                feeds.going.clear()
                time.sleep(INTERVAL_S)
            for page in (near, far, far_broken):
                page.context.close()
        commander.kill()
    words = {"silent": "a silent rig", "dropped": "a dropped link", "cut": "a cut browser", "dead": "a dead Commander"}
    times = "; ".join(f"{words[name]} after {max(after):.1f} s" for name, after in marked.items() if after)
    record(
        13,
        f"a frame shows as live what stopped coming {STALE_WITHIN_S:g} s ago ({SILENT_WITHIN_S:g} s for a silent rig, "
        f"which reports every {INTERVAL_S:g} s); marked: {times}",
        n=frames,
        bad=bad,
        unit="frames",
        control="a page that does not watch its socket",
        control_bad=f"{control_bad} frames",
    )
    assert bad == 0
    assert all(marked[name] for name in ("silent", "dropped", "cut"))
    assert control_bad > 0
