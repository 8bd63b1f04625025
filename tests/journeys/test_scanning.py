"""Stickers in a real browser: by a camera, by a hand scanner and from a photo; and only the page that needs it has the
camera."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import urlopen

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from rigfarm.simulate.commander import CommanderProcess
from support.asic_link import AsicLink
from support.browser import QUIET, Person
from support.codes import drawn, film
from support.looks import CUT_OFF, NAMELESS, SMALL, UNREADABLE
from support.until import until_now

pytestmark = pytest.mark.browser

NAMES = ["asic-01", "asic-02", "asic-03"]
HOSTILE = "SN:<img src=x onerror=window.owned=1>"
CAMERA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]


@pytest.fixture(scope="module")
def one_commander(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommanderProcess]:
    with CommanderProcess(tmp_path_factory.mktemp("commander"), settings={"report_interval_s": "2"}) as process:
        yield process


@pytest.fixture(scope="module")
def ids(one_commander: CommanderProcess) -> Iterator[list[int]]:
    """ASICs that report, with their MAC addresses and serial numbers."""
    made = one_commander.add_rigs(NAMES, "asic")
    link = AsicLink(one_commander, [token for _, token in made], {})

    def known() -> bool:
        answer = one_commander.api("GET", "/api/rigs/by-code?code=JYZZ000003")
        return isinstance(answer, dict) and bool(answer["rigs"])

    until_now(known, "what they are made of")
    yield [rig_id for rig_id, _ in made]
    link.close()


@pytest.fixture
def commander(one_commander: CommanderProcess, ids: list[int]) -> CommanderProcess:
    """Without any place."""
    one_commander.api("POST", "/api/rigs/labels", {"rigs": ids, "place": ""})
    return one_commander


def place(commander: CommanderProcess, rig_id: int) -> str:
    rig = commander.api("GET", f"/api/rigs/{rig_id}")
    assert isinstance(rig, dict)
    return str(rig.get("place", ""))


def scan(page: Page, text: str) -> None:
    """As a hand scanner does: it types, and ends with Enter."""
    page.keyboard.type(text)
    page.keyboard.press("Enter")


Filmed = Callable[[Path], Page]


@pytest.fixture
def filmed(browser: Browser, chromium: str, commander: CommanderProcess) -> Iterator[Filmed]:
    """`filmed(film)`: the page of a person whose camera sees this."""
    opened: list[Browser] = []
    complaints: list[str] = []

    def at(path: Path) -> Page:
        seen = f"--use-file-for-fake-video-capture={path}"
        another = browser.browser_type.launch(executable_path=chromium, args=[*QUIET, *CAMERA, seen])
        opened.append(another)
        page = another.new_context(base_url=commander.url, viewport={"width": 390, "height": 844}).new_page()
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.goto("/login")
        page.fill("#password", commander.password)
        page.click("button[type=submit]")
        page.wait_for_url("**/")
        page.goto("/scan")
        return page

    yield at
    for one in opened:
        one.close()
    assert complaints == []


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("QR_CODE", "SN:JYZZ000002;MAC:02:00:5E:00:00:02"),
        ("DATA_MATRIX", "02005E000002"),
        ("CODE_128", "JYZZ000002"),
    ],
)
def test_a_code_in_front_of_the_camera_shows_its_rig(
    person: Person, filmed: Filmed, tmp_path: Path, kind: str, text: str
) -> None:
    page = filmed(film(tmp_path / "code.y4m", drawn(person("/scan"), kind, text)))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.get_by_role("button", name="Use the camera").click()
    card = page.locator(".scan-card")
    expect(card).to_have_count(1)
    expect(card).to_contain_text("asic-02")
    expect(card).to_contain_text("online")
    expect(page.locator("video")).to_be_visible()
    assert page.evaluate("document.querySelector('video').srcObject.active"), "it goes on looking"
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator("[name=place]").fill("hall-1/rack-2/07")
    page.get_by_role("button", name="Place here").click()
    expect(page.locator("#found")).to_contain_text("asic-02 is in hall-1/rack-2/07 now")
    assert page.evaluate("document.querySelector('video').srcObject.active"), "for the next one, too"
    page.get_by_role("button", name="Stop the camera").click()
    expect(page.locator("video")).to_be_hidden()
    assert page.evaluate("document.querySelector('video').srcObject") is None
    assert all(url.startswith(page.url.partition("/scan")[0]) for url in asked)


def test_a_hand_scanner_puts_one_rig_after_the_other_into_the_next_slot(
    person: Person, commander: CommanderProcess, ids: list[int]
) -> None:
    page = person("/scan")
    commander.api("PATCH", f"/api/rigs/{ids[2]}", {"place": "hall-1/rack-2/08"})
    scan(page, "jyzz000001")
    card = page.locator(".scan-card")
    expect(card).to_contain_text("asic-01")
    expect(card).to_contain_text("no place yet")
    page.locator("[name=place]").fill("!")
    page.get_by_role("button", name="Place here").click()
    expect(card).to_contain_text("Each level of a place")
    expect(page.locator("[name=place]")).to_have_value("!")
    page.locator("[name=place]").fill("hall-1/rack-2/07")
    page.get_by_role("button", name="Place here").click()
    expect(page.locator("#found")).to_contain_text("asic-01 is in hall-1/rack-2/07 now")
    expect(card).to_contain_text("in hall-1/rack-2/07")
    assert place(commander, ids[0]) == "hall-1/rack-2/07"
    page.reload()
    scan(page, "SN:JYZZ000002;MAC:02-00-5E-00-00-02")
    expect(card).to_contain_text("asic-02")
    expect(page.locator("[name=place]")).to_have_value("hall-1/rack-2/09")  # a rig is in 08
    expect(page.locator("#scan-code")).to_have_value("")
    page.get_by_role("button", name="Place here").click()
    expect(page.locator("#found")).to_contain_text("asic-02 is in hall-1/rack-2/09 now")
    assert place(commander, ids[1]) == "hall-1/rack-2/09"
    activity = commander.api("GET", "/api/activity?limit=2")
    assert isinstance(activity, list)
    assert [entry["action"] for entry in activity] == ["label rigs", "label rigs"]


def test_a_found_rig_blinks_and_can_be_opened_and_maintained(person: Person, commander: CommanderProcess) -> None:
    page = person("/scan?code=JYZZ000001", width=390, height=844)
    page.get_by_role("button", name="Blink", exact=True).click()
    expect(page.locator("#notices")).to_contain_text("Blink: done. It obeys.")
    page.get_by_role("link", name="Maintenance").click()
    page.locator("#dialog").get_by_label("Reason").fill("new fan")
    page.locator("#dialog button[type=submit]").first.click()
    expect(page.locator("#dialog")).to_be_hidden()
    expect(page.locator(".scan-card")).to_contain_text("maintenance")
    page.get_by_role("link", name="Open").click()
    expect(page.locator("#rig-maintenance")).to_contain_text("new fan")
    page.get_by_role("button", name="End maintenance").click()
    expect(page.locator("#rig-maintenance")).to_be_hidden()


def test_an_unknown_code_is_shown_as_it_is_with_what_to_do(person: Person, commander: CommanderProcess) -> None:
    page = person("/scan")
    scan(page, HOSTILE)
    found = page.locator("#found")
    expect(found).to_contain_text("No rig has this code")
    expect(found.locator("code")).to_have_text(HOSTILE)
    expect(found).to_contain_text("Scan another code of the device")
    assert page.evaluate("typeof window.owned") == "undefined"
    page.goto(f"/scan?code={'x' * 2_000}")
    expect(found).to_contain_text("This code can't be looked up")


def test_the_page_at_both_sizes_light_and_dark(person: Person, commander: CommanderProcess) -> None:
    wrong: list[str] = []
    for width in (1440, 390):
        page = person("/scan", width=width)
        page.emulate_media(reduced_motion="reduce")
        for path in ("/scan", "/scan?code=JYZZ000001&last=hall-1/rack-2/07", "/scan?code=nothing", "/places/fill"):
            page.goto(path)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            looks = [NAMELESS, CUT_OFF, *([SMALL] if width == 390 else [])]
            wrong += [f"{path}: {one}" for look in looks for one in page.evaluate(look)]
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
                expect(page.locator("html")).to_have_attribute("data-bs-theme", scheme)
                wrong += [f"{path} {scheme}: {one}" for one in page.evaluate(UNREADABLE)]
    assert wrong == []


def test_a_photo_is_read_where_there_is_no_camera(person: Person, commander: CommanderProcess) -> None:
    page = person("/scan")
    modules = drawn(page, "QR_CODE", "MAC 02:00:5E:00:00:03")
    picture = page.evaluate(
        """(rows) => {
          const scale = 8, edge = 40, canvas = document.createElement('canvas'), pen = canvas.getContext('2d');
          canvas.width = canvas.height = rows.length * scale + 2 * edge;
          pen.fillStyle = '#fff';
          pen.fillRect(0, 0, canvas.width, canvas.height);
          pen.fillStyle = '#000';
          rows.forEach((row, y) => row.forEach((on, x) => {
            if (on) pen.fillRect(edge + x * scale, edge + y * scale, scale, scale);
          }));
          return canvas.toDataURL('image/png');
        }""",
        modules,
    )
    with urlopen(picture) as answer:
        png = answer.read()
    photo = page.locator("[data-camera=photo]")
    photo.set_input_files({"name": "sticker.txt", "mimeType": "text/plain", "buffer": b"not a picture"})
    expect(page.locator(".camera-says")).to_contain_text("could not be read as a photo")
    photo.set_input_files({"name": "sticker.png", "mimeType": "image/png", "buffer": png})
    expect(page.locator(".scan-card")).to_contain_text("asic-03")


def test_a_page_without_a_secure_connection_says_why_there_is_no_camera(
    person: Person, commander: CommanderProcess
) -> None:
    page = person("/")
    page.add_init_script(
        "Object.defineProperty(window, 'isSecureContext', {value: false});"
        "Object.defineProperty(navigator, 'mediaDevices', {value: undefined});"
    )
    page.goto("/scan")
    expect(page.locator(".camera-says")).to_contain_text("only to pages that come over https")
    expect(page.get_by_role("button", name="Use the camera")).to_be_hidden()
    scan(page, "JYZZ000003")
    expect(page.locator(".scan-card")).to_contain_text("asic-03")


def test_only_this_page_may_use_the_camera_and_only_its_camera_fetches_the_decoder(
    person: Person, commander: CommanderProcess
) -> None:
    page = person("/")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    policies = {}
    for path in ("/scan", "/places", "/places/fill", "/asics"):
        answer = page.goto(path)
        assert answer is not None
        policies[path] = answer.headers["permissions-policy"]
        assert "unsafe" not in answer.headers["content-security-policy"]
    assert policies.pop("/scan").startswith("camera=(self), microphone=()")
    assert all(policy.startswith("camera=(), microphone=()") for policy in policies.values())
    assert not [url for url in asked if "zxing" in url]
    assert re.search(
        r"zxing\.js\?v=\w{16}$", page.goto("/scan") and page.locator("#camera").get_attribute("data-decoder")
    )


def test_it_works_without_scripts(browser: Browser, commander: CommanderProcess) -> None:
    with httpx.Client(base_url=commander.url, headers={"Origin": commander.url}) as client:
        client.get("/login")
        client.post("/login", data={"password": commander.password})
        page = client.get("/scan?code=JYZZ000001")
        csrf = re.search(r'name="csrf" value="([^"]+)"', page.text)
        assert csrf
        rig = re.search(r'name="rig" value="(\d+)"', page.text)
        assert rig
        sent = {"csrf": csrf[1], "rig": rig[1], "code": "JYZZ000001", "place": "hall-1/07"}
        answer = client.post("/scan/place", data=sent, follow_redirects=True)
        assert "asic-01 is in hall-1/07 now" in answer.text
        refused = client.post("/scan/place", data={**sent, "place": ""})
        assert (refused.status_code, "Enter the place where it is" in refused.text) == (422, True)
