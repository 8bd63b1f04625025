"""The whole life of a playbook in a real browser: one person steers, another looks on, a real Sentry runs a program
that mines nothing."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, cast

import pytest
from playwright.sync_api import Page, expect

from rigfarm.simulate.commander import CommanderProcess
from rigfarm.simulate.program.pack import pack_files, source
from support.browser import Person
from support.playbooks import make_playbook
from support.program.processes import alive, said
from support.program.relay import Relay
from support.program.sentry import SentryProcess
from support.until import until_now

RIGS = re.compile(r"/rigs$")
"""Two navigations lead there: of the form, and of the page whose rig is gone."""
NAMES = """\
(() => {
  window.seen = [];
  const look = () => {
    const tag = document.querySelector("SELECTOR")?.textContent.trim().replace(/ \\d+ %$/, "");
    if (tag && tag !== window.seen.at(-1)) window.seen.push(tag);
  };
  look();
  new MutationObserver(look).observe(document.body, {subtree: true, childList: true, characterData: true});
})()"""
ORDER = ["queued", "downloading", "verifying", "unpacking", "starting", "mining"]


def watch_words(page: Page, selector: str) -> None:
    """Write down every word that stands there from now on."""
    page.evaluate(NAMES.replace("SELECTOR", selector))


def program(path: Path, version: str) -> Path:
    """The fake program as its authors would publish it, with enough in it that a download can be watched."""
    files = {f"fake-{version}/fakeminer": source(), f"fake-{version}/data.bin": os.urandom(400_000)}
    path.write_bytes(pack_files("tar.gz", files))
    return path


def add(page: Page, button: str, **fields: str) -> None:
    """Fill the dialog that a button opens, and send it."""
    page.click(f"text={button}")
    for name, value in fields.items():
        page.fill(f"#dialog [name={name}]", value)
    page.click("#dialog button[type=submit]")
    expect(page.locator("#dialog")).not_to_be_visible()


def upload_and_pin(page: Page, name: str, file: Path) -> None:
    """Its file from the operator's disk, looked at and confirmed."""
    row = page.locator("#software tr", has_text=name)
    row.locator("text=Upload …").click()
    page.set_input_files("#dialog [name=file]", file)
    page.click("#dialog button[type=submit]")
    expect(row).to_contain_text("not confirmed")
    row.locator("text=Confirm …").click()
    expect(page.locator("#sha256")).to_have_text(re.compile("^[0-9a-f]{64}$"))
    page.click("#dialog button:has-text('Pin')")
    expect(row).to_contain_text("pinned")


def how(page: Page, rig_id: int, verb: str) -> None:
    """Do something with a rig on a playbook's page, and confirm it."""
    page.check(f"#on-{rig_id} input[name=rigs]")
    page.click(f"#playbook-live button[value={verb}]")
    page.click("#dialog button[type=submit]")
    expect(page.locator("#dialog")).not_to_be_visible()


@pytest.mark.timeout(180)
def test_the_whole_life_of_a_playbook(person: Person, commander: CommanderProcess, tmp_path: Path) -> None:
    [(rig_id, token)] = commander.add_rigs(["rig-01"])
    pids = tmp_path / "pids"
    with (
        Relay(commander.port, bytes_per_s=60_000) as cable,
        SentryProcess(tmp_path / "sentry", cable.url, token) as sentry,
    ):
        maker, looker = person("/addresses"), person("/addresses")

        # An address book
        add(maker, "New pool", name="Main pool", coin="xmr", urls="stratum+ssl://pool.test:3333\nbackup.test:4444")
        add(maker, "New wallet", name="Cold", coin="xmr", wallet="48edf-an-account")
        expect(looker.locator("#addresses")).to_contain_text("stratum+ssl://pool.test:3333")
        expect(looker.locator("#addresses tr", has_text="Cold")).to_contain_text("does not look like an address of XMR")

        # A mining program: nothing is fetched from the Commander's own machine, so its file is uploaded
        maker.goto("/software")
        looker.goto("/software")
        fields = {"version": "1.0", "executable": "fakeminer", "adapter": "xmrig"}
        maker.click("text=New software")
        maker.fill("#dialog [name=name]", "Fake")
        for name, value in fields.items():
            maker.fill(f"#dialog [name={name}]", value)
        maker.select_option("#dialog [name=devices]", "cpu")
        maker.fill("#dialog [name=api_arguments]", "--http-host=127.0.0.1 --http-port=$API_PORT")
        maker.fill("#dialog [name=url]", f"http://127.0.0.1:{commander.port}/secret.tar.gz")
        maker.check("#dialog [name=lan]")
        maker.click("#dialog button[type=submit]")
        expect(looker.locator("#software tr", has_text="Fake")).to_contain_text("downloads from there are blocked")
        upload_and_pin(maker, "Fake", program(tmp_path / "fake-1.0.tar.gz", "1.0"))
        expect(looker.locator("#software tr", has_text="Fake")).to_contain_text("pinned")

        # A playbook: what has no value is said while one types
        looker.goto("/playbooks")
        maker.goto("/playbooks/new")
        maker.fill("[name=name]", "XMR on CPUs")
        maker.select_option("[name=software_id]", label="Fake 1.0")
        maker.fill("[name=cpu_coin]", "XMR")
        maker.fill("[name=cpu_algorithm]", "rx/0")
        maker.fill("[name=template]", f"-o $CPU_POOL -u $CPU_WALLET.$WORKER_NAME --hashrate $SPEED --pids {pids}")
        expect(maker.locator("#preview")).to_contain_text("$CPU_POOL has no value: choose a pool for the CPU")
        maker.select_option("[name=cpu_pool]", label="XMR · Main pool")
        maker.select_option("[name=cpu_wallet]", label="XMR · Cold")
        expect(maker.locator("#preview")).to_contain_text("$SPEED has no value")
        maker.fill("[name=variables]", "SPEED=9000")
        expect(maker.locator("#preview .argv code")).to_have_text(
            [
                *("fakeminer", "-o", "stratum+ssl://pool.test:3333", "-u", "48edf-an-account.rig-01"),
                *("--hashrate", "9000", "--pids", str(pids), "--http-host=127.0.0.1", "--http-port=4067"),
            ]
        )
        maker.click("text=Create playbook")
        maker.wait_for_url("**/playbooks/1")
        expect(looker.locator("#playbooks")).to_contain_text("XMR on CPUs")

        # Applied to the rig: both see each step
        looker.goto(f"/rigs/{rig_id}")
        expect(looker.locator("#live")).to_have_text("live")
        watch_words(looker, "#runs-1 .tag")
        maker.click("text=Apply …")
        expect(maker.locator("tr", has_text="rig-01")).to_contain_text("starts it")
        maker.check("tr:has-text('rig-01') [name=rigs]")  # nothing is chosen for a playbook that no rig has
        maker.click("text=Apply XMR on CPUs to 1 rig")
        maker.wait_for_url("**/playbooks/1")
        expect(looker.locator("#runs-1 .tag")).to_have_text("mining", timeout=30_000)
        expect(maker.locator(f"#on-{rig_id} .tag")).to_have_text("mining")
        words = cast("list[str]", looker.evaluate("window.seen"))
        assert words == sorted(words, key=ORDER.index), words
        assert len(words) > 1, "a page shows the newest state, and some on the way to it"
        expect(looker.locator("#rig-live")).to_contain_text("9.00")
        maker.goto("/rigs")
        expect(maker.locator(f"#rig-{rig_id}")).to_contain_text("9.00")
        assert len(alive(said(pids))) == 1

        # Its console: the last lines, and new ones as they come
        looker.goto(f"/rigs/{rig_id}/console/1")
        lines = looker.locator("#console-lines > div")
        expect(lines.filter(has_text="fake, pid")).to_have_count(1)
        before = lines.count()
        expect(lines.nth(before + 1)).to_contain_text("speed", timeout=15_000)
        expect(lines.last).to_be_in_viewport()

        # Stopped, started, restarted
        maker.goto("/playbooks/1")
        expect(maker.locator("#live")).to_have_text("live")
        looker.goto(f"/rigs/{rig_id}")
        how(maker, rig_id, "stop")
        expect(looker.locator("#runs-1 .tag")).to_have_text("stopped")
        assert alive(said(pids)) == set()
        maker.check(f"#on-{rig_id} input[name=rigs]")
        looker.click("#runs-1 button:has-text('Start')")
        expect(maker.locator(f"#on-{rig_id} .tag")).to_have_text("mining")
        expect(maker.locator(f"#on-{rig_id} input[name=rigs]")).to_be_checked()
        first = alive(said(pids))
        how(maker, rig_id, "restart")
        until_now(lambda: alive(said(pids)) and not alive(said(pids)) & first)
        expect(looker.locator("#runs-1 .tag")).to_have_text("mining")

        # The rig's own variable beats the playbook's
        looker.click("text=Variables")
        looker.fill("#dialog [name=variables]", "SPEED=7000")
        looker.click("#dialog button[type=submit]")
        expect(looker.locator("#rig-live")).to_contain_text("7.00", timeout=15_000)

        # Another revision reaches the rig when it is applied, not before
        mining = alive(said(pids))
        maker.goto("/playbooks/1/edit")
        maker.fill("[name=template]", maker.input_value("[name=template]") + " --donate-level 1")
        maker.click("text=Save as revision 2")
        maker.wait_for_url("**/playbooks/1/apply?those=have")
        expect(looker.locator("#runs-1")).to_contain_text("newest is 2")
        assert alive(said(pids)) == mining
        expect(maker.locator("tr", has_text="rig-01")).to_contain_text("revision 1 → 2")
        maker.click("text=Apply XMR on CPUs to 1 rig")
        expect(looker.locator("#runs-1")).to_contain_text("revision 2")
        until_now(lambda: alive(said(pids)) and not alive(said(pids)) & mining)
        expect(looker.locator("#runs-1 .tag")).to_have_text("mining")

        # Back to how it was
        maker.goto("/playbooks/1/history")
        expect(maker.locator("main")).to_contain_text("--donate-level 1")
        maker.click('a:has-text("Roll back")')
        maker.click("#dialog button:has-text('Roll back to revision 1')")
        maker.wait_for_url("**/playbooks/1")
        maker.click("text=1 with an older revision")
        maker.click("text=Apply XMR on CPUs to 1 rig")
        expect(looker.locator("#runs-1")).to_contain_text("revision 3")
        expect(looker.locator("#runs-1 .tag")).to_have_text("mining")
        running = sentry.processes()
        assert any("--donate-level" not in Path(f"/proc/{pid}/cmdline").read_text() for pid in alive(said(pids)))

        # Removed: nothing of it is left on the rig
        maker.goto(f"/rigs/{rig_id}")
        maker.click(".rig-actions summary")
        maker.click("text=Remove rig-01")
        maker.click("#dialog button:has-text('Remove rig-01')")
        expect(looker).to_have_url(RIGS)
        until_now(lambda: not sentry.processes() and not alive(said(pids)))
        assert not alive(running)
        until_now(lambda: not (sentry.folder / "playbooks" / "software").exists())


def test_a_rig_that_is_removed_while_it_is_away_stops_when_it_returns(
    person: Person, commander: CommanderProcess, tmp_path: Path
) -> None:
    [(rig_id, token)] = commander.add_rigs(["rig-01"])
    pids = tmp_path / "pids"
    playbook_id = make_playbook(commander, "XMR on CPUs", f"-o $CPU_POOL --pids {pids}")
    with Relay(commander.port) as cable, SentryProcess(tmp_path / "sentry", cable.url, token) as sentry:
        applied = commander.api("POST", f"/api/playbooks/{playbook_id}/apply", {"rigs": [rig_id]})
        assert cast("dict[str, Any]", applied)["counts"] == {"start": 1}, applied
        page = person(f"/rigs/{rig_id}")
        expect(page.locator(f"#runs-{playbook_id} .tag")).to_have_text("mining", timeout=20_000)
        cable.pull()
        expect(page.locator(f"#runs-{playbook_id} .tag")).to_have_text("offline", timeout=20_000)
        expect(page.locator(f"#runs-{playbook_id}")).to_contain_text("mining when it last reported")
        page.click(".rig-actions summary")
        page.click("text=Remove rig-01")
        page.click("#dialog button:has-text('Remove rig-01')")
        expect(page).to_have_url(RIGS)
        before = said(pids)
        assert alive(before), "it does not know yet, and mines on"
        sentry.kill()
        until_now(lambda: not alive(before))
        sentry.start()
        until_now(lambda: alive(said(pids)) - before, within_s=30)  # by what is on its disk: no Commander is in sight
        cable.plug_in()
        until_now(lambda: not sentry.processes() and not alive(said(pids)), within_s=40)


def test_hostile_names_and_templates_are_inert_and_stay_one_argument(
    person: Person, commander: CommanderProcess, tmp_path: Path
) -> None:
    name = "x<img src=x onerror=window.owned=1>"
    [(rig_id, token)] = commander.add_rigs([name])
    dump, canary = tmp_path / "dump", tmp_path / "canary"
    wallet = '"><img/src=x/onerror=window.owned=1>'
    evil = f"`touch {canary}` $(touch {canary}); touch {canary} | --behave=bomb"
    template = f"-o $CPU_POOL -u $CPU_WALLET --rig-id $WORKER_NAME --evil $EVIL --dump {dump}"
    playbook_id = make_playbook(commander, name, template, variables={"EVIL": evil}, wallet=wallet)
    with SentryProcess(tmp_path / "sentry", commander.url, token):
        applied = commander.api("POST", f"/api/playbooks/{playbook_id}/apply", {"rigs": [rig_id]})
        assert cast("dict[str, Any]", applied)["counts"] == {"start": 1}, applied
        page = person(f"/rigs/{rig_id}")
        expect(page.locator(f"#runs-{playbook_id} .tag")).to_have_text("mining", timeout=20_000)
        for path in (
            f"/rigs/{rig_id}",
            f"/rigs/{rig_id}/console/{playbook_id}",
            "/playbooks",
            f"/playbooks/{playbook_id}",
            f"/playbooks/{playbook_id}/edit",
            f"/playbooks/{playbook_id}/history",
            f"/playbooks/{playbook_id}/apply",
            f"/playbooks/choose?rig={rig_id}",
            "/addresses",
            "/software",
        ):
            page.goto(path)
            assert page.locator("main img").count() == 0, path
            assert page.evaluate("typeof window.owned") == "undefined", path
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path
        page.goto(f"/playbooks/{playbook_id}")
        expect(page.locator("#preview .argv code").filter(has_text="touch")).to_have_text([evil])
        until_now(dump.exists)
        assert evil in dump.read_text().replace("\\\\", "\\")
        assert not canary.exists()


@pytest.mark.slow
def test_a_roll_out_stops_by_itself_when_the_first_rig_does_worse_and_spreads_when_it_does_not(
    person: Person, commander: CommanderProcess, tmp_path: Path
) -> None:
    [(first, token), (second, _)] = commander.add_rigs(["rig-01", "rig-02"])
    playbook_id = make_playbook(commander, "XMR on CPUs", "-o $CPU_POOL --hashrate $SPEED", variables={"SPEED": "9000"})
    here = f"/playbooks/{playbook_id}"
    with SentryProcess(tmp_path / "sentry", commander.url, token):
        commander.api("POST", f"/api{here}/apply", {"rigs": [first, second]})
        maker, looker = person(here), person(here)
        expect(looker.locator(f"#on-{first} .tag")).to_have_text("mining", timeout=20_000)
        expect(looker.locator(f"#on-{second}")).to_contain_text("it gets this when it reconnects")
        until_now(lambda: _answer(commander, f"/api/rigs/{first}")["hashrates"])

        def roll_out(speed: str) -> None:
            maker.goto(f"{here}/edit")
            maker.fill("[name=variables]", f"SPEED={speed}")
            maker.click("text=Save as revision")
            expect(maker.locator("#from-1")).to_contain_text(f"SPEED={speed}")
            maker.check("[name=how][value=stages]")
            maker.fill("[name=watch_minutes]", "0.05")
            maker.click("button:has-text('to 2 rigs in stages')")
            expect(maker.locator("#rollout .stages")).to_contain_text("rig-01 starts")

        roll_out("1000")
        expect(looker.locator("#playbook-live .stages")).to_contain_text("rig-01 starts")
        expect(maker.locator("#rollout .tag")).to_have_text("stopped", timeout=30_000)
        expect(maker.locator("#rollout")).to_contain_text("1.000 instead of 9.000 kH/s")
        expect(looker.locator("#playbook-live")).to_contain_text("Worse than before")
        expect(looker.locator("#playbook-live")).to_contain_text("rig-01 was given back revision 1.")
        for rig in (first, second):
            expect(looker.locator(f"#on-{rig}")).to_contain_text("behind")
        expect(looker.locator(f"#on-{first} .tag").first).to_have_text("mining")

        roll_out("9500")
        expect(maker.locator("#rollout .tag")).to_have_text("done", timeout=30_000)
        for rig in (first, second):
            expect(looker.locator(f"#on-{rig}")).not_to_contain_text("behind")


def _answer(commander: CommanderProcess, path: str) -> dict[str, Any]:
    return cast("dict[str, Any]", commander.api("GET", path))
