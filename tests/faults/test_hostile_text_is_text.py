"""Row 28: whatever outside text says, it is text: in every page it can land on, live and loaded, and in the log.

Hostile text comes as names of everything, as what rigs, devices, mining programs and ASICs say of themselves, as a
browser's name and as a Sentry's version. A real browser visits every page of the router, with a policy that reports.
The controls are templates that do not escape, under the policy (it must report) and without it (scripts must run).
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
import msgspec
import pytest
import structlog
from playwright.sync_api import Browser, Page, sync_playwright
from promise import FULL, record
from whole import PASSWORD, Whole, whole

from rigfarm.commander import app as apps
from rigfarm.commander.addresses import AddressForm
from rigfarm.commander.auth import headers as policies
from rigfarm.commander.mining_software import SoftwareForm
from rigfarm.commander.playbooks import PlaybookForm, WorkloadForm
from rigfarm.common.clock import utc_ms
from rigfarm.common.log_output import configure_log
from rigfarm.simulate.program.pack import pack
from rigfarm.wire.codec import decode_log, decode_up, encode
from rigfarm.wire.commands import Restart, RestartMiner
from rigfarm.wire.frames import CommandResult, Console, Hello, RigCommand, RigPlaybooks, RigSpecs
from rigfarm.wire.log import Devices, OperationalLog, Pool
from rigfarm.wire.playbooks import PlaybookStatus
from rigfarm.wire.specs import GpuSpecs, Specs
from support.load import LoadLink, a_log, connect

PAYLOADS = [
    "<script>owned()</script>",
    '"><img src=x onerror=owned()>',
    "' autofocus onfocus='owned()' x='",
    "</td></table><svg onload=owned()>",
    "</script><script>owned()</script>",
    "<hx-partial hx-target=body><img src=x onerror=owned()></hx-partial>",
    "<a href=javascript:owned()>x</a>",
    "{{ ''.__class__ }}${owned()}",
]
"""For names, which may hold no invisible characters."""
TEMPLATE = "-o $CPU_POOL --note '<img src=x onerror=owned()>'"
UNSEEN = "\x1b[2J\x1b]0;title\x07\u202egnol\u202c\u2066\x00\x9b31m\u200b\r\n2026-01-01T00:00:00Z info    forged\x7f"
WATCH = """
  window.owned = () => { window.ran = (window.ran || 0) + 1; };
  window.reports = [];
  document.addEventListener("securitypolicyviolation", event =>
    window.reports.push(event.violatedDirective + " " + event.sourceFile + " " + (event.sample || "")));
"""
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069]")
LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ (debug|info|warning|error)|    ")
NOT_PAGES = ("/api", "/static", "/software/archives", "/healthz", "/leads", "/readyz", "/metrics", "/login", "/openapi")


class Rig:
    """A rig whose every word is hostile."""

    def __init__(self, rig: int, token: str, text: str, kind: str) -> None:
        self.rig, self.token, self.text, self.kind = rig, token, text + UNSEEN, kind
        self.word = self.text[:64]
        """As long as a word may be: longer ones never get past the link."""
        decode_log(encode(self.log()))
        for frame in (Hello(1, self.word, bytes(16), [token]), RigSpecs(0, self.specs())):
            decode_up(encode(frame))

    def log(self) -> OperationalLog:
        text, word, log = self.text, self.word, a_log(self.rig, utc_ms(), gpus=2)
        kind = "hashboard" if self.kind == "asic" else "gpu"
        devices = [msgspec.structs.replace(one, name=text, id=word, kind=kind) for one in log.devices]
        words = dict.fromkeys(("software", "version", "coin", "algorithm"), word)
        words |= dict.fromkeys(("pool", "wallet", "worker"), text)
        return msgspec.structs.replace(
            log,
            workloads=[msgspec.structs.replace(one, **words) for one in log.workloads],
            devices=Devices.from_rows(devices),
            pools=[Pool(url=text, user=text)],
            messages=[text, text + "2"],
            lan_ip=word,
            wan_ip=word,
        )

    def specs(self) -> Specs:
        text = self.text
        said = {name: text for name, of in Specs.__annotations__.items() if str(of).startswith("Text")}
        supports = ["restart", "restart-miner", self.word]
        gpus = [GpuSpecs(self.word, text, text, 1, text, text)]
        return Specs(self.word, supports=supports, gpus=gpus, **said)  # type: ignore[arg-type]

    async def speak(self, farm: Whole, playbook: int, stop: threading.Event) -> None:
        """All that a Sentry can say, over and over."""
        link: LoadLink = await connect(farm.url, [self.token])
        link.send(encode(Hello(1, self.word, link.spool, [self.token])))

        def hear(frame: object) -> None:
            if isinstance(frame, RigCommand):
                link.send(encode(CommandResult(frame.id, 0, "failed", self.text)))

        link.on_frame = hear
        link.send(encode(RigSpecs(0, self.specs())))
        said = 0
        while not stop.is_set():
            link.send_logs([encode(self.log())])
            link.send(encode(RigPlaybooks(0, [PlaybookStatus(playbook, 1, "failed", self.text)])))
            link.send(encode(Console(0, playbook, said, [self.text, f"{self.text}{said}"])))
            said += 2
            link.send(encode([250, self.text]))  # a frame that nobody knows is logged with the Sentry's version
            await asyncio.sleep(0.3 if FULL else 1.0)
        link.close()


@contextlib.contextmanager
def speaking(farm: Whole, rigs: list[Rig], playbook: int) -> Iterator[None]:
    stop = threading.Event()

    async def all_of_them() -> None:
        await asyncio.gather(*(rig.speak(farm, playbook, stop) for rig in rigs))

    thread = threading.Thread(target=lambda: asyncio.run(all_of_them()))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


async def furnish(farm: Whole) -> tuple[list[Rig], int]:
    """Name everything that has a name; the rigs, and a playbook that they have."""
    commander = farm.commander
    addresses, mining_software, playbooks = (farm.part(name) for name in ("addresses", "software", "playbooks"))
    rigs = []
    for kind in ("cpu-gpu", "asic"):
        for text in PAYLOADS:
            rig, token = await commander.book.create(text[:58] + (" a" if kind == "asic" else " c"), kind)  # type: ignore[arg-type]
            rigs.append(Rig(rig.id, token, text, kind))
    playbook = 0
    for text in PAYLOADS:
        pool = await addresses.create(AddressForm(text[:60], "pool", "XMR", urls=["pool.test:3333"]))
        await addresses.create(AddressForm(f"{text[:60]} w", "wallet", "XMR", wallet=text.replace(" ", "/")))
        form = SoftwareForm(text[:60], "1.0", executable="fakeminer", adapter="xmrig", devices="both")
        software = await mining_software.create(form)
        if not playbook:
            software = await pinned(farm, software.id)
        work = [WorkloadForm("cpu", "XMR", "rx/0", pool.id, None)]
        made = await playbooks.create(PlaybookForm(text[:60], TEMPLATE, software_id=software.id, workloads=work))
        playbook = playbook or made.id
        await farm.auth.keys.create(text[:60], ("read",), None)
        await farm.part("enrolment").create(text[:58] + " e", 1)
    mining = [rig.rig for rig in rigs if rig.kind == "cpu-gpu"]
    await farm.part("assignments").apply(playbook, mining)
    return rigs, playbook


async def pinned(farm: Whole, software: int) -> Any:
    async def body() -> Any:
        yield pack("tar.gz")

    book = farm.part("software")
    kept = (await book.upload(software, body(), None)).kept
    assert kept is not None
    return await book.pin(software, kept.sha256)


async def give_orders(farm: Whole, rigs: list[Rig]) -> None:
    for kind, order in (("cpu-gpu", RestartMiner()), ("asic", Restart())):
        await farm.part("commands").give(order, [rig.rig for rig in rigs if rig.kind == kind])


def paths(farm: Whole, rigs: list[Rig], playbook: int) -> list[str]:
    """Every page of the router, with the things that there are."""
    found = set()
    for method, template, is_open in farm.http():
        if method == "GET" and not is_open and not template.startswith(NOT_PAGES) and not template.endswith(".csv"):
            chosen = rigs if FULL else [rigs[1], rigs[-1]]
            for rig in chosen if "{rig_id}" in template else chosen[:1]:
                path = template.replace("{rig_id}", str(rig.rig)).replace("{playbook_id}", str(playbook))
                found.add(re.sub(r"\{[^}]*\}", "1", path))
    return sorted(found)


class Visit:
    """What a browser met on its way through all pages."""

    def __init__(self) -> None:
        self.pages = self.ran = 0
        self.reports: list[str] = []
        self.unseen: list[str] = []

    def look(self, page: Page, path: str) -> None:
        page.goto(path)
        if page.locator("main[data-page]").count():
            page.wait_for_timeout(500 if FULL else 80)  # the snapshot, and what the rigs say next
        self.pages += 1
        ran, reports, text = page.evaluate("[window.ran || 0, window.reports, document.documentElement.textContent]")
        self.ran += ran
        self.reports += [f"{path}: {report}" for report in reports]
        if found := CONTROL.search(text):
            self.unseen.append(f"{path}: {found[0]!r} in {text[max(found.start() - 20, 0) : found.end() + 20]!r}")


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield launched
        launched.close()


def within(farm: Whole, work: Any) -> Any:
    return asyncio.run_coroutine_threadsafe(work, farm.loop).result(60)


def visit(browser: Browser, farm: Whole, furnished: tuple[list[Rig], int], *, all_pages: bool = True) -> Visit:
    """Log in under a hostile name, and look at everything while the rigs speak."""
    rigs, playbook = furnished
    seen = Visit()
    context = browser.new_context(base_url=farm.url, user_agent=PAYLOADS[1])
    context.add_init_script(WATCH)
    page = context.new_page()
    page.set_default_timeout(30_000)
    with speaking(farm, rigs, playbook):
        page.goto("/login")
        page.fill("#password", PASSWORD)
        page.click("button[type=submit]")
        page.wait_for_url("**/")
        for path in ("/rigs", "/asics", *(paths(farm, rigs, playbook) if all_pages else ())):
            seen.look(page, path)
        within(farm, give_orders(farm, rigs))
        for path in ("/rigs", "/asics", f"/rigs/{rigs[0].rig}", f"/asics/{rigs[-1].rig}"):
            seen.look(page, path)
    context.close()
    return seen


@contextlib.contextmanager
def logging_to(path: Path) -> Iterator[None]:
    """The log as the product writes it."""
    root = __import__("logging").getLogger()
    before, level = root.handlers[:], root.level
    with path.open("w") as stream:
        configure_log("debug", "text", stream)
        root.setLevel("WARNING")
        try:
            yield
        finally:
            structlog.reset_defaults()
            root.handlers[:] = before
            root.setLevel(level)


def forged_lines(path: Path) -> list[str]:
    """Lines that are no line of ours, or that a terminal would act upon."""
    text = path.read_text()
    return [line for line in text.split("\n")[:-1] if not LINE.match(line) or CONTROL.search(line)]


class Careless(jinja2.Environment):
    """The control: every value is |safe."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**(options | {"autoescape": False}))


@pytest.mark.browser
@pytest.mark.timeout(900)
def test_hostile_text_stays_text(browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with logging_to(tmp_path / "log"), whole(tmp_path / "farm", report_interval_s=1) as farm:
        seen = visit(browser, farm, within(farm, furnish(farm)))
    forged = forged_lines(tmp_path / "log")
    lines = len((tmp_path / "log").read_text().splitlines())
    assert "frame that this version does not know" in (tmp_path / "log").read_text()
    with monkeypatch.context() as patch:
        patch.setattr(apps.jinja2, "Environment", Careless)
        with whole(tmp_path / "careless", report_interval_s=1) as farm:
            furnished = within(farm, furnish(farm))
            reported = visit(browser, farm, furnished, all_pages=False)
            patch.setattr(policies, "_policy", lambda host: b"default-src * data: 'unsafe-inline'")
            executed = visit(browser, farm, furnished, all_pages=False)
    bad = seen.ran + len(seen.reports) + len(seen.unseen) + len(forged)
    record(
        28,
        f"hostile text is run ({seen.ran}), reported by the policy ({len(seen.reports)}), or keeps invisible "
        f"characters ({len(seen.unseen)}) on {seen.pages} pages, or forges one of {lines} lines of the log",
        n=seen.pages + lines,
        bad=bad,
        unit="pages and lines",
        control="|safe everywhere, with the policy and without",
        control_bad=f"{len(reported.reports)} reports; {executed.ran} runs",
    )
    assert seen.ran == 0
    assert seen.reports == []
    assert seen.unseen == []
    assert forged == []
    assert reported.reports
    assert executed.ran > 0
