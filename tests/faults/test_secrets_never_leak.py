"""Row 30: a secret that went in comes out nowhere: not in the database, its WAL, the journal, a backup, the logs, an
answer of the API, a page, the processes' environments and arguments, nor the browser's storage.

A Commander and a Sentry as their own processes, a person with a browser, a program with a key. The control is a
Commander that logs its requests.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import signal
import sqlite3
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from asic_logins import AsicLogins
from playwright.sync_api import BrowserContext, Page, sync_playwright
from promise import record

from rigfarm.commander.logs.rows import Row
from rigfarm.sentry.asic.lan import LIST_FILE
from rigfarm.sentry.identity.tokens import TokenStore
from rigfarm.simulate.commander import CommanderProcess
from rigfarm.wire.tokens import hash_token
from support.asic_trial import LOW_PORTS
from support.playbooks import apply, make_playbook
from support.until import until_now

LOGS_REQUESTS = """
from rigfarm.commander.server.http_protocol import HttpProtocol
take = HttpProtocol.data_received
def data_received(self, data):
    print("request", data, flush=True)
    take(self, data)
HttpProtocol.data_received = data_received
"""
MADE = (("/settings", "API key", r"rk_[\w-]{43}"), ("/settings/enrolment", "enrolment key", r"re_[\w-]{43}"))
STORAGE = """async () => JSON.stringify([
  {...localStorage}, {...sessionStorage}, document.cookie, await indexedDB.databases(), await caches.keys(),
  (await navigator.serviceWorker.getRegistrations()).length, document.documentElement.outerHTML, location.href,
])"""
API = ("rigs", "stats", "software", "playbooks", "addresses", "commands", "session", "rollouts", "schema/openapi.json")
PAGES = ("/", "/rigs", "/asics", "/settings", "/settings/sessions", "/settings/enrolment", "/settings/webhooks",
         "/playbooks", "/addresses", "/software", "/api/docs")  # fmt: skip


class Places:
    """Texts in which no secret may be, by name."""

    def __init__(self) -> None:
        self.texts: dict[str, bytes] = {}
        self.open_files: list[str] = []

    def add(self, name: str, text: str | bytes) -> None:
        self.texts[name] = self.texts.get(name, b"") + (text.encode() if isinstance(text, str) else text)

    def add_folder(self, name: str, folder: Path, but: tuple[str, ...] = (), public: tuple[str, ...] = ()) -> None:
        """Every file, `but` some, and whether others may read it; below `public` they may."""
        for path in sorted(folder.rglob("*")):
            mode = path.stat().st_mode
            allowed = 0o700 if stat.S_ISDIR(mode) or mode & stat.S_IXUSR else 0o600
            own = str(path.relative_to(folder))
            if stat.S_IMODE(mode) & ~allowed and not own.startswith(public or "\0"):
                self.open_files.append(f"{name}/{own} {stat.S_IMODE(mode):o}")
            if stat.S_ISREG(mode) and path.name not in but:
                self.add(f"{name}/{path.relative_to(folder)}", path.read_bytes())

    def add_processes(self, name: str, pid: int) -> None:
        """Environment and arguments of a process and its descendants."""
        for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
            with contextlib.suppress(psutil.Error, OSError):
                proc = Path(f"/proc/{process.pid}")
                self.add(f"{name} environ", (proc / "environ").read_bytes())
                self.add(f"{name} cmdline", (proc / "cmdline").read_bytes())

    def hits(self, known: dict[str, str]) -> list[str]:
        """`secret in place`, as it is or as a URL has it."""
        found = []
        for place, text in self.texts.items():
            for what, secret in known.items():
                forms = {secret, secret.replace("-", "%2D"), secret.replace(" ", "+"), secret.replace(" ", "%20")}
                if any(form.encode() in text for form in forms):
                    found.append(f"{what} in {place}")
        return found


@contextlib.contextmanager
def sentry(folder: Path, url: str, log: Path, more: str) -> Iterator[int]:
    """A Sentry as its service starts it, with `more` settings; yields its pid."""
    usual = f'commander = "{url}"\ninsecure_http = true\nprograms_user = "root"\n'
    (folder / "sentry.toml").write_text(usual + more)
    (folder / "sentry.toml").chmod(0o600)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RIGFARM_")}
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "rigfarm.cli", "sentry", "run", "--data-dir", str(folder)],
            stdout=out, stderr=out, stdin=subprocess.DEVNULL, env=clean,
        )  # fmt: skip
    try:
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def dumps_core(pid: int) -> bool:
    """Whether a process that dies of a fault leaves its memory in a file, or hands it to a program: with a limit of one
    byte, Linux does neither."""
    limits = Path(f"/proc/{pid}/limits").read_text()
    return not re.search(r"^Max core file size +1 +1 ", limits, re.MULTILINE)


class Farm:
    """A Commander into which secrets go."""

    def __init__(self, folder: Path, mutation: str = "") -> None:
        self.known = {"the password": f"canary {secrets.token_urlsafe(20)}"}
        self.commander = CommanderProcess(
            folder / "commander", password=self.known["the password"], mutation=mutation,
            settings={"report_interval_s": "1", "log_level": "debug"}, fresh=True,
        )  # fmt: skip
        self.dumps = 0
        """Processes with secrets in their memory that would leave it behind."""
        self.log = self.commander.log = folder / "commander.log"
        self.places = Places()

    def hand_out(self, page: Page) -> None:
        """Log in, and have every kind of secret made on its page."""
        page.goto("/login")
        page.fill("#password", "canary-" + self.known["the password"][::-1])
        page.click("button[type=submit]")
        page.fill("#password", self.known["the password"])
        page.click("button[type=submit]")
        page.wait_for_url("**/")
        self.known["the session's cookie"] = page.context.cookies()[0]["value"]
        for path, name, pattern in MADE:
            page.goto(path)
            page.locator("input[name=name]").first.fill(f"canary {name}")
            page.locator("main form:has(input[name=name]) button[type=submit]").first.click()
            page.locator("text=/r[ke]_/").first.wait_for()
            found = re.search(pattern, page.content())
            assert found
            self.known[f"the {name}"] = found[0]
        page.goto("/rigs/new")
        page.fill("input[name=name]", "canary-rig")
        page.locator("form:has(input[name=name]) button[type=submit]").first.click()
        page.locator("#token").wait_for()
        self.known["the rig's token"] = page.locator("#token").inner_text()

    def use(self, folder: Path) -> None:
        """A rig mines with its token; an ASIC is told pools with a password; a program uses its key."""
        commander = self.commander
        self.known["the command line's API key"] = commander.key
        [(asic, token)] = commander.add_rigs(["canary-asic"], "asic")
        self.known["the ASIC's token"] = token
        self.known["a replaced token"] = str(commander.api("POST", f"/api/rigs/{asic}/token")["token"])  # type: ignore[call-overload,index]
        self.known["a pool's password"] = f"pool-{secrets.token_urlsafe(12)}"
        pool = {"url": "stratum+tcp://pool.test:3333", "user": "canary", "password": self.known["a pool's password"]}
        command = {"type": "set-pools", "pools": [pool]}
        with contextlib.suppress(urllib.error.HTTPError):
            commander.api("POST", "/api/commands", {"command": command, "rigs": [asic], "kind": "asic"})
        playbook = make_playbook(commander)
        self.read_asics(folder / "asic-sentry")
        [rig] = [one for one in commander.api("GET", "/api/rigs") if one["name"] == "canary-rig"]  # type: ignore[attr-defined]
        apply(commander, playbook, [rig["id"]])
        (folder / "sentry").mkdir(mode=0o700)
        TokenStore(folder / "sentry").save(self.known["the rig's token"])
        with sentry(folder / "sentry", commander.url, folder / "sentry.log", 'ui = "off"\n') as pid:
            until_now(lambda: self.mines(rig["id"]), "the rig mines")
            self.places.add_processes("the Sentry", pid)
            self.dumps += dumps_core(pid)
            programs = ("playbooks/software", "playbooks/work")  # another user may run them
            self.places.add_folder("the Sentry's folder", folder / "sentry", ("tokens.json",), programs)
        self.places.add("the Sentry's log", (folder / "sentry.log").read_bytes())

    def read_asics(self, folder: Path) -> None:
        """A Sentry logs in to two ASICs; one refuses it."""
        if not LOW_PORTS:
            return
        commander, logins = self.commander, AsicLogins()
        self.known |= {"an ASIC's login": logins.right, "an ASIC's refused login": logins.wrong}
        self.known["the password of the Sentry's page"] = logins.page_password
        (good, token), (_, other) = commander.add_rigs(["asic-right", "asic-wrong"], "asic")
        folder.mkdir(mode=0o700)
        log = folder.with_suffix(".log")
        with logins.devices(folder, [token, other]) as settings, sentry(folder, commander.url, log, settings) as pid:
            until_now(lambda: self.said_by(good).get("workloads"), "the ASIC is read")
            until_now(lambda: "It refuses the login" in logins.pages(), "the other refuses the login")
            self.places.add("pages of the Sentry", logins.pages())
            self.places.add_processes("the Sentry of ASICs", pid)
            own = tuple(f"{LIST_FILE}{end}" for end in ("", "-wal", "-shm"))
            self.places.add_folder("the folder of the Sentry of ASICs", folder, own)
            self.dumps += dumps_core(pid)
        self.places.add("the log of the Sentry of ASICs", log.read_bytes())

    def said_by(self, rig: int) -> dict[str, object]:
        """The newest log of a rig, empty before the first."""
        return self.commander.api("GET", f"/api/rigs/{rig}").get("log", {})  # type: ignore[attr-defined,no-any-return]

    def mines(self, rig: int) -> bool:
        answer = self.commander.api("GET", f"/api/rigs/{rig}/playbooks")
        return bool(answer) and answer[0]["state"] == "mining"  # type: ignore[index]

    def look_everywhere(self, page: Page, folder: Path) -> None:
        commander, places = self.commander, self.places
        for path in API:
            with contextlib.suppress(urllib.error.HTTPError):
                places.add("answers of the API", repr(commander.api("GET", f"/api/{path}")))
        for path in PAGES:
            page.goto(path)
            places.add("pages", page.content())
            places.add("the browser's storage", page.evaluate(STORAGE))
        places.add_processes("the Commander", commander.pid)
        self.dumps += dumps_core(commander.pid)
        places.add_folder("the data folder", commander.folder)
        with (
            contextlib.closing(sqlite3.connect(commander.folder / "rigfarm.db")) as db,
            contextlib.closing(sqlite3.connect(folder / "backup.db")) as backup,
        ):
            db.backup(backup)
            places.add("a backup's text", "\n".join(backup.iterdump()))
        places.add("a backup", (folder / "backup.db").read_bytes())
        with contextlib.closing(sqlite3.connect(commander.folder / "journal.db")) as db:
            for rigs, body in db.execute("SELECT rigs, body FROM journal"):
                places.add("the journal's logs", repr([log for _, log in Row(rigs, body).logs()]))

    def after(self) -> None:
        self.places.add("the Commander's log", self.log.read_bytes())
        self.places.add_folder("the data folder, afterwards", self.commander.folder)


def run(folder: Path, context: Callable[[str], BrowserContext], mutation: str = "") -> Farm:
    folder.mkdir()
    farm = Farm(folder, mutation)
    with farm.commander:
        page = context(farm.commander.url).new_page()
        page.set_default_timeout(30_000)
        farm.hand_out(page)
        if not mutation:
            farm.use(folder)
            farm.look_everywhere(page, folder)
        page.context.close()
    farm.after()
    return farm


@pytest.mark.browser
@pytest.mark.timeout(600)
def test_no_secret_comes_out_anywhere(chromium: str, tmp_path: Path) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        farm = run(tmp_path / "farm", lambda url: browser.new_context(base_url=url))
        control = run(tmp_path / "control", lambda url: browser.new_context(base_url=url), LOGS_REQUESTS)
        browser.close()
    hits, leaks = farm.places.hits(farm.known), control.places.hits(control.known)
    database = b"".join(text for name, text in farm.places.texts.items() if "rigfarm.db" in name)
    unhashed = [what for what in ("the rig's token", "the API key") if hash_token(farm.known[what]) not in database]
    n = len(farm.known) * len(farm.places.texts)
    record(
        30,
        f"one of {len(farm.known)} secrets in one of {len(farm.places.texts)} places, or a file that others may read, "
        "or a process that would leave its memory in a core dump",
        n=n,
        bad=len(hits) + len(farm.places.open_files) + len(unhashed) + farm.dumps,
        unit="pairs of secret and place",
        control="log the request",
        control_bad=f"found {', '.join(sorted(leaks)) or 'nothing'}",
    )
    assert (hits, farm.places.open_files, unhashed) == ([], [], []), "and tokens are kept as SHA-256"
    assert farm.dumps == 0
    assert "the password in the Commander's log" in leaks
