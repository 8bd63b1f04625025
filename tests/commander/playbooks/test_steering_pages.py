"""The pages that steer rigs, without a browser: each shows what it is about, keeps what was typed, and leads on."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from jinja2 import Environment
from litestar import Litestar
from litestar.di import Provide
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.template import TemplateConfig
from litestar.testing import AsyncTestClient

from rigfarm.commander.circuits.model import CircuitForm
from rigfarm.commander.frame import page_templates
from rigfarm.commander.live import PageRoutes, PageSession
from rigfarm.commander.rigs.listing.rig_list import RigList
from rigfarm.commander.rigs.model import Relabel
from rigfarm.commander.stats import OperationalStats
from rigfarm.commander.web.problems import problem_handlers
from rigfarm.common.clock import utc_ms
from rigfarm.wire.commands import Locate
from rigfarm.wire.frames import CommandResult, Console
from rigfarm.wire.log import OperationalLog
from rigfarm.wire.playbooks import PlaybookStatus
from rigfarm.wire.specs import Specs
from support.steering_nouns import SteeringNouns, dependencies
from support.until import until

HOSTILE = "<img src=x onerror=alert(1)>"


class Web:
    """The pages over a farm, and their live sides."""

    def __init__(self, farm: Any, client: Any, steering: SteeringNouns, templates: Environment) -> None:
        self.farm, self.client, self.steering = farm, client, steering
        self.stats: OperationalStats
        self.routes = PageRoutes()
        steering.show(self.routes)

    async def get(self, path: str, status: int = 200) -> str:
        answer = await self.client.get(path, follow_redirects=False)
        assert answer.status_code == status, (path, answer.text[:500])
        return str(answer.text)

    async def post(self, path: str, data: dict[str, Any], status: int = 303, **headers: str) -> Any:
        answer = await self.client.post(path, data=data, headers=headers, follow_redirects=False)
        assert answer.status_code == status, (path, answer.text[:500])
        return answer

    async def live(self, path: str) -> Any:
        """The page's live side, and a session that listens for it."""
        page = self.routes.find(path)
        assert page is not None, path

        async def nowhere(_: str) -> None:
            return None

        session = PageSession(self.farm.hub, page, nowhere, b"")
        page.open(session)
        return page

    async def playbook(self, name: str = "XMR on CPUs", **changes: Any) -> int:
        made = await self.steering.playbooks.create(await self.farm.new_form(name, **changes))
        return made.id


@pytest.fixture
async def web(farm: Any) -> AsyncIterator[Web]:
    stats = OperationalStats(farm.hub, farm.events, 5.0)
    rig_list = RigList(farm.rigs, stats)
    templates = page_templates()
    steering = SteeringNouns(farm.storage, farm.hub, farm.events, farm.rigs, stats, farm.folder, templates)
    await steering.load()
    farm.addresses, farm.software, farm.playbooks = steering.addresses, steering.software, steering.playbooks
    app = Litestar(
        steering.routes,
        dependencies={
            **dependencies(lambda: steering),
            "rig_list": Provide(lambda: rig_list, sync_to_thread=False),
            "book": Provide(lambda: farm.rigs, sync_to_thread=False),
            "stats": Provide(lambda: stats, sync_to_thread=False),
        },
        template_config=TemplateConfig(instance=JinjaTemplateEngine.from_environment(templates)),
        exception_handlers=problem_handlers(),
        request_max_body_size=1 << 20,
    )
    async with AsyncTestClient(app) as client:
        opened = Web(farm, client, steering, templates)
        opened.stats = stats
        yield opened
    await steering.close()


def _buttons(html: str) -> list[str]:
    return [re.sub(r"\s+", " ", text) for text in re.findall(r'<button[^>]*type="submit"[^>]*>([^<]+)</button>', html)]


# Empty pages teach


@pytest.mark.parametrize("path", ["/addresses", "/software", "/playbooks"])
async def test_empty_pages_teach(web: Web, path: str) -> None:
    html = await web.get(path)
    assert html.count("<li><p>") == 3
    assert "how-to" in html


async def test_the_tab_of_a_playbook_follows_its_name(web: Web) -> None:
    playbook = await web.playbook("XMR on CPUs")
    page = await web.live(f"/playbooks/{playbook}")
    assert '{"event":"title","name":"XMR on CPUs"}' in await page.snapshot()
    assert not any('"title"' in frame for frame in await page.render({})), "the same name is no news"
    await web.steering.playbooks.change(playbook, await web.farm.new_form("Monero"))
    assert '{"event":"title","name":"Monero"}' in await page.render({})


# Addresses


async def test_an_address_is_added_changed_and_removed(web: Web) -> None:
    page = await web.live("/addresses?kind=pool")
    assert "New pool" in await web.get("/addresses/new?kind=pool")
    await web.post("/addresses", {"name": "Main", "kind": "pool", "coin": "xmr", "urls": "a.example:1\r\nb.example:2"})
    html = await web.get("/addresses")
    assert "stratum+tcp://a.example:1" in html
    assert html.index("a.example:1") < html.index("b.example:2")
    assert "stratum+tcp://a.example:1" in "".join(await page.snapshot())
    form = await web.get("/addresses/1/edit")
    assert "stratum+tcp://a.example:1\nstratum+tcp://b.example:2" in form
    await web.post(
        "/addresses/1", {"name": HOSTILE, "kind": "pool", "coin": "XMR", "urls": "c.example:3", "revision": 1}
    )
    html = "".join(await page.render({}))
    assert "c.example:3" in html
    assert "<img" not in html
    assert await page.render({}) == [], "nothing is said when nothing is different"
    assert "No playbook uses it." in await web.get("/addresses/1/remove")
    await web.post("/addresses/1/remove", {})
    assert "c.example" not in await web.get("/addresses")


async def test_a_form_keeps_what_was_typed_and_says_what_would_be_right(web: Web) -> None:
    answer = await web.post(
        "/addresses",
        {"name": "Kept", "kind": "pool", "coin": "", "urls": "gopher://x:1"},
        422,
        **{"HX-Request": "true"},
    )
    assert 'value="Kept"' in answer.text
    assert "gopher://x:1</textarea>" in answer.text
    assert "not a pool" in answer.text
    assert "<html" not in answer.text, "only the dialog's content"


async def test_an_address_that_rigs_mine_with_leads_to_applying_it(web: Web) -> None:
    playbook = await web.playbook()
    rigs = await web.farm.new_rigs("rig-01", "rig-02")
    await web.steering.assignments.apply(playbook, rigs)
    data = {"name": "pool 0", "kind": "pool", "coin": "XMR", "urls": "new.example:1", "revision": "1"}
    answer = await web.post("/addresses/1", data, 200, **{"HX-Request": "true"})
    assert f"/playbooks/{playbook}/apply?those=have" in answer.text
    assert "its 2 rigs" in answer.text
    assert "2 rigs" in await web.get("/addresses/2/remove")


async def test_a_conflict_shows_both_versions_and_lets_one_choose(web: Web) -> None:
    """It was a dead end: the form came back with the revision that was refused."""
    await web.farm.new_form()
    pool = {"name": "pool 0", "kind": "pool", "coin": "XMR", "revision": "1"}
    await web.post("/addresses/1", pool | {"urls": "theirs.example:1"})
    await web.post("/addresses/1", pool | {"urls": "nobody.example:1", "revision": "nan"}, 409)
    stale = await web.post("/addresses/1", pool | {"urls": "mine.example:1", "name": "mine"}, 409)
    assert "<del>pool 0</del> <ins>mine</ins>" in stale.text
    assert "<del>stratum+tcp://theirs.example:1</del> <ins>stratum+tcp://mine.example:1</ins>" in stale.text
    assert 'value="mine"' in stale.text
    assert 'href="/addresses/1/edit"' in stale.text
    assert '<button class="btn" type="submit" name="revision" value="2"' in stale.text
    # The form still has the revision that it was opened with; the button's comes after it.
    await web.post("/addresses/1", pool | {"urls": "mine.example:1", "name": "mine", "revision": ["1", "2"]})
    assert web.steering.addresses.get(1).urls == ["stratum+tcp://mine.example:1"]

    [software] = web.steering.software.listed()
    here, seen = f"/software/{software.id}", str(software.revision)
    fields = {"name": "F", "version": "1", "executable": "f", "adapter": "xmrig", "devices": "cpu", "revision": seen}
    await web.post(here, fields)
    stale = await web.post(here, fields | {"devices": "both", "dual": "1"}, 409)
    assert "Mines with: <del>CPU</del> <ins>CPU and GPUs</ins>" in stale.text
    assert "<del>no</del> <ins>yes</ins>" in stale.text
    now = str(software.revision + 1)
    await web.post(here, fields | {"dual": "1", "revision": [seen, now]})
    assert web.steering.software.get(software.id).form.dual


# Software


async def test_a_program_goes_from_the_catalogue_to_a_pinned_file(web: Web) -> None:
    form = await web.get("/software/new?program=XMRig")
    assert 'value="xmrig"' in form
    assert "github.com/xmrig/xmrig/releases" in form
    await web.post("/software", {"name": "XMRig", "version": "1.0", "executable": "xmrig", "adapter": "xmrig"})
    page = await web.live("/software")
    assert "no file yet" in "".join(await page.snapshot())
    upload = await web.client.post(
        "/software/1/upload", files={"file": ("xmrig.tar.gz", b"\x7fELF program")}, headers={"HX-Request": "true"}
    )
    assert upload.status_code == 204, upload.text
    assert "not confirmed" in "".join(await page.render({}))
    sha256 = web.steering.software.get(1).kept.sha256  # type: ignore[union-attr]
    pin = await web.get("/software/1/pin")
    assert sha256 in pin
    assert _buttons(pin)[-1] == f"Pin {sha256[:12]}…"
    await web.post("/software/1/pin", {"sha256": sha256})
    assert "pinned" in "".join(await page.render({}))
    assert 'value="1.0"' in await web.get("/software/1/edit")
    assert 'value=""' in await web.get("/software/new?like=1")
    await web.post("/software/1", {"name": "XMRig", "version": "1.1", "executable": "xmrig", "adapter": "xmrig"})
    assert "XMRig 1.1" in await web.get("/software/1/remove")
    await web.post("/software/1/remove", {})
    assert web.steering.software.software == {}


async def test_an_upload_that_is_none_is_said_in_the_dialog(web: Web) -> None:
    await web.farm.new_software(pin=False)
    for files, says in (({"file": ("x.txt", b"hello")}, "not a tar.gz"), ({"other": ("x", b"y")}, "Choose a file")):
        answer = await web.client.post("/software/1/upload", files=files, headers={"HX-Request": "true"})
        assert (answer.status_code, says in answer.text) == (422, True), answer.text
    large = await web.client.post("/software/1/upload", files={"file": ("x", b"\x7fELF" + bytes(3 << 20))})
    assert large.status_code in (200, 303), "beyond the limit of other forms"


async def test_a_failed_fetch_stands_beside_its_program(web: Web) -> None:
    fields = {"name": "M", "version": "1", "executable": "m", "adapter": "xmrig", "url": "https://127.0.0.1/x"}
    await web.post("/software", fields)
    await until(lambda: (fetch := web.steering.software.fetches.get(1)) is not None and fetch.error)
    assert "downloads from there are blocked" in await web.get("/software")
    await web.post("/software/1/fetch", {})
    await web.client.post("/software/1/cancel")


# Playbooks


def _fields(web: Web, **changes: str) -> dict[str, str]:
    return {
        "name": "XMR",
        "software_id": "1",
        "cpu_pool": "1",
        "cpu_wallet": "2",
        "cpu_algorithm": "rx/0",
        "template": "-o $CPU_POOL -u $CPU_WALLET\r\n-t $THREADS",
        "variables": "THREADS=4\r\n",
        "affinity": "0-2,5",
        "nice": "5",
        "stall_s": "60",
        **changes,
    }


async def test_a_playbook_is_written_with_a_preview_and_saved(web: Web) -> None:
    await web.farm.new_form()
    preview = await web.post("/playbooks/preview", _fields(web), 200)
    found = re.findall(r"<code[^>]*>([^<]*)</code>", preview.text)
    assert found == [
        "fakeminer", "-o", "stratum+tcp://pool.example:3333", "-u", "48wallet", "-t", "4", "--http-port=4067",
    ]  # fmt: skip
    made = await web.post("/playbooks", _fields(web))
    assert made.headers["location"] == "/playbooks/1"
    content = web.steering.playbooks.get(1).content
    assert (content.coins, content.affinity, content.nice) == (["XMR"], [0, 1, 2, 5], 5)
    assert (content.variables, content.supervision.stall_s) == ({"THREADS": "4"}, 60)
    assert content.template == "-o $CPU_POOL -u $CPU_WALLET\n-t $THREADS"
    html = await web.get("/playbooks/1")
    assert "No rigs run it yet" in html
    assert "<code>--http-port=4067</code>" in html
    form = await web.get("/playbooks/1/edit")
    assert 'value="0,1,2,5"' in form
    assert "THREADS=4" in form


async def test_choosing_a_program_fills_in_its_template_and_wipes_nothing(web: Web) -> None:
    await web.farm.new_form()
    one = await web.farm.new_software("One", pin=False, template="--one $CPU_WALLET")
    two = await web.farm.new_software("Two", pin=False, template="--two\n$CPU_WALLET")
    none = await web.farm.new_software("None", pin=False)
    typed = _fields(web, template="", notes="typed before")

    async def filled(template: str, software: int) -> str:
        answer = await web.post("/playbooks/draft", typed | {"template": template, "software_id": str(software)}, 200)
        assert "typed before</textarea>" in answer.text
        found = re.search(r'name="template"[^>]*>([^<]*)</textarea>', answer.text)
        assert found is not None
        return found[1]

    assert await filled("", one.id) == "--one $CPU_WALLET"
    assert await filled("--one $CPU_WALLET", two.id) == "--two\n$CPU_WALLET", "another program's was not typed"
    assert await filled("--two\r\n$CPU_WALLET", one.id) == "--one $CPU_WALLET"
    assert await filled("--mine", one.id) == "--mine"
    assert await filled("--one $CPU_WALLET", none.id) == "--one $CPU_WALLET"
    assert "--one $CPU_WALLET</textarea>" in await web.get(f"/playbooks/new?software={one.id}")
    playbook = await web.playbook()
    edit = await web.post("/playbooks/draft", typed | {"playbook": str(playbook), "revision": "1", "base": "1"}, 200)
    assert "Save as revision 2" in edit.text


async def test_what_a_program_does_not_mine_with_is_neither_shown_nor_sent(web: Web) -> None:
    await web.farm.new_form()
    cpu = await web.farm.new_software("Cpu", devices="cpu", dual=False)
    gpu = await web.farm.new_software("Gpu", devices="gpu", dual=False)
    page = await web.get("/playbooks/new")
    assert re.search(rf'<option value="{cpu.id}" data-slots="cpu"', page)
    assert re.search(rf'<option value="{gpu.id}" data-slots="gpu1"', page)
    assert 'value="1" data-slots="cpu gpu1 gpu2"' in page
    typed = _fields(web, gpu1_coin="KAS", gpu1_algorithm="kheavyhash", gpu2_coin="ZIL", template="$WORKER_NAME")
    for program, mines in ((cpu, ["cpu"]), (gpu, ["gpu1"])):
        made = await web.post("/playbooks", typed | {"software_id": str(program.id), "name": program.form.name})
        number = int(made.headers["location"].rpartition("/")[2])
        assert [one.slot for one in web.steering.playbooks.get(number).content.workloads] == mines


async def test_the_preview_names_the_placeholder_without_value(web: Web) -> None:
    await web.farm.new_form()
    for change, says in (
        ({"template": "$CPU_WALLET $CPU_WALET"}, "$CPU_WALET has no value"),
        ({"cpu_wallet": ""}, "$CPU_WALLET has no value: choose a wallet for the CPU."),
        ({"template": "'"}, "quotation mark"),
    ):
        answer = await web.post("/playbooks/preview", _fields(web, **change), 200)
        assert says in answer.text, answer.text


async def test_notes_are_kept_shown_and_compared(web: Web) -> None:
    await web.farm.new_form()
    made = await web.post("/playbooks", _fields(web, notes=" for the cold months \r\n<b>"))
    here = made.headers["location"]
    assert "for the cold months\n&lt;b&gt;" in await web.get(here)
    await web.post(here, _fields(web, notes="", revision="1"))
    history = await web.get(f"{here}/history")
    assert "Notes" in history
    assert "for the cold months" in history
    [software] = web.steering.software.listed()
    form = {"name": "F", "version": "1", "executable": "f", "adapter": "xmrig", "notes": "slow start", "revision": "9"}
    await web.post(f"/software/{software.id}", form | {"revision": str(software.revision)})
    assert "slow start" in await web.get("/software")


async def test_a_playbook_that_cannot_be_keeps_all_that_was_typed(web: Web) -> None:
    await web.farm.new_form()
    wrong = {
        "name": " ",
        "template": "-x $NOPE",
        "nice": "many",
        "affinity": "a-b",
        "cpu_coin": "<b>",
        "stall_s": "soon",
    }
    answer = await web.post("/playbooks", _fields(web, **wrong), 422)
    for kept in ("-x $NOPE", 'value="many"', 'value="a-b"', 'value="&lt;b&gt;"', "THREADS=4", 'value="soon"'):
        assert kept in answer.text, kept
    assert answer.text.count("Enter a number, for example") == 1
    assert answer.text.count("Expected a whole number.") == 1
    assert web.steering.playbooks.playbooks == {}


async def test_editing_says_what_it_takes_over_from_the_address_book(web: Web) -> None:
    """A playbook that was rolled back remembers its old pool; an edit of its notes must not move the farm silently."""
    playbook = await web.playbook()
    assert "Saving uses their current values" not in await web.get(f"/playbooks/{playbook}/edit")
    content = web.steering.playbooks.get(playbook).content
    pool = content.workloads[0].pool
    assert pool is not None
    entry = web.steering.addresses.addresses[pool.id]
    await web.steering.addresses.change(entry.id, msgspec.structs.replace(entry, urls=["other.test:4444"]))
    await web.steering.playbooks.roll_back(playbook, 1)
    page = await web.get(f"/playbooks/{playbook}/edit")
    assert "Saving uses their current values" in page
    assert "other.test:4444" in page


async def test_a_change_leads_to_the_rigs_that_have_it(web: Web) -> None:
    playbook = await web.playbook()
    rigs = await web.farm.new_rigs("rig-01")
    await web.steering.assignments.apply(playbook, rigs)
    data = _fields(web, revision="1", variables="", template="-u $CPU_WALLET")
    saved = await web.post(f"/playbooks/{playbook}", data)
    assert saved.headers["location"] == f"/playbooks/{playbook}/apply?those=have"
    assert "revision 1 → 2" in await web.get(saved.headers["location"])
    stale = await web.post(f"/playbooks/{playbook}", data, 409)
    assert "revision 2 now" in stale.text
    assert "What you typed is still here." in stale.text
    assert "Save over revision 2" in stale.text
    mine = await web.post(f"/playbooks/{playbook}", {**data, "template": "-u $CPU_WALLET --mine"}, 409)
    assert "<div>Template: <ins>--mine</ins></div>" in mine.text, "what saving it anyway would change"
    garbled = await web.post(f"/playbooks/{playbook}", data | {"revision": "nan"}, 409)
    assert "XMR" in garbled.text, "a garbled revision overwrites nobody's change"
    await web.get(f"/playbooks/{playbook}/history?before=0", 400)
    history = await web.get(f"/playbooks/{playbook}/history")
    assert "<del>" in history
    assert "Roll back to 1" in history
    ask = await web.get(f"/playbooks/{playbook}/rollback?revision=1")
    assert _buttons(ask)[-1] == "Roll back to revision 1"
    await web.post(f"/playbooks/{playbook}/rollback", {"revision": 1})
    assert web.steering.playbooks.get(playbook).revision == 3


async def _tried_and_taken_back(web: Web) -> tuple[int, list[int]]:
    """Revision 2 was stopped on its first rig; all rigs run revision 1."""
    playbook = await web.playbook()
    rigs = await web.farm.new_rigs("rig-01", "rig-02")
    await web.steering.assignments.apply(playbook, rigs)
    await web.post(f"/playbooks/{playbook}", _fields(web, revision="1", template="-u $CPU_WALLET --bad"))
    data = {"rigs": [str(one) for one in rigs], "how": "stages", "put_back": "1"}
    await web.post(f"/playbooks/{playbook}/apply", data)
    web.steering.assignments.receive(rigs[0], [PlaybookStatus(playbook, 2, "failed", "unknown option --bad")])
    await web.steering.rollouts.tick(1.0)
    assert {one.revision for one in web.steering.assignments.assigned.of_playbook(playbook)} == {1}
    return playbook, rigs


async def test_an_edit_after_a_stopped_rollout_starts_from_what_the_rigs_run(web: Web) -> None:
    playbook, _ = await _tried_and_taken_back(web)
    here = f"/playbooks/{playbook}"
    page = await web.get(f"{here}/edit")
    assert "2 of 2 rigs run revision 1, so this edit starts from there." in page
    assert "--bad</textarea>" not in page
    assert "--bad</ins>" in page, "what it leaves out"
    newest = await web.get(f"{here}/edit?from=2")
    assert "--bad</textarea>" in newest
    assert "Start from revision 1 instead" in newest
    sent = _fields(web, name="XMR on CPUs", template="-u $CPU_WALLET -t 1", revision="2", base="1")
    wrong = await web.post(here, sent | {"nice": "many"}, 422)
    assert 'name="base" value="1"' in wrong.text
    await web.post(here, sent)
    history = await web.get(f"{here}/history")
    assert "changed, starting from revision 1" in history
    page = await web.get(f"{here}/edit")
    assert "-t 1</textarea>" in page, "an edit that was not applied yet is gone on with"
    assert "Start from revision 1 instead" in page
    await web.get(f"{here}/edit?from=9", 404)


async def test_an_edit_after_older_revisions_were_applied_starts_from_them(web: Web) -> None:
    playbook = await web.playbook()
    rigs = await web.farm.new_rigs("rig-01", "rig-02", "rig-03")
    here = f"/playbooks/{playbook}"
    await web.steering.assignments.apply(playbook, rigs)
    await web.post(here, _fields(web, revision="1", template="-u $CPU_WALLET --new"))
    assert "--new</textarea>" in await web.get(f"{here}/edit"), "it waits to be applied"
    await web.steering.assignments.apply(playbook, rigs)
    assert "Start from revision" not in await web.get(f"{here}/edit")
    await web.post(f"{here}/apply", {"rigs": [str(one) for one in rigs[:2]], "how": "now", "revision": "1"})
    page = await web.get(f"{here}/edit")
    assert "2 of 3 rigs run revision 1, so this edit starts from there." in page
    assert "--new</textarea>" not in page


async def test_who_starts_too_many_rigs_for_a_circuit_is_warned(web: Web) -> None:
    playbook = await web.playbook()
    rigs = await web.farm.new_rigs("rig-01", "rig-02")
    await web.farm.rigs.relabel(rigs, Relabel(place="hall"))
    for rig_id in rigs:
        web.stats.add(rig_id, "cpu-gpu").mined_w = 600.0
    await web.steering.circuits.create(CircuitForm(name="PDU-1", limit_w=1000.0, places=["hall"]))
    said = "PDU-1 would draw 1.200 kW (0 W now): more than its limit of 1.000 kW."
    assert said in await web.get(f"/playbooks/{playbook}/apply?those=filter")
    chosen = {"rigs": [str(one) for one in rigs]}
    assert said in (await web.post(f"/playbooks/{playbook}/apply/foot", chosen, 200)).text
    assert "PDU-1" not in (await web.post(f"/playbooks/{playbook}/apply/foot", {"rigs": [str(rigs[0])]}, 200)).text
    await web.post(f"/playbooks/{playbook}/apply", chosen | {"how": "now"})
    for how, warns in (("start", True), ("restart", True), ("stop", False), ("take-off", False)):
        asked = await web.post(f"/playbooks/{playbook}/rigs/ask", chosen | {"how": how}, 200)
        assert (said in asked.text) is warns, how
    web.stats.rigs[rigs[0]].mined_w = 1100.0
    assert "PDU-1 would draw" in await web.get(f"/rigs/{rigs[0]}/playbooks/choose")


async def test_applying_shows_who_and_what_before_anything_happens(web: Web) -> None:
    playbook, other = await web.playbook(), await web.playbook("Other")
    rigs = await web.farm.new_rigs("rig-01", "rig-02", "rig-03")
    await web.steering.assignments.apply(other, rigs[:1])
    page = await web.get(f"/playbooks/{playbook}/apply?those=filter")
    assert "replaces Other" in page
    assert _buttons(page)[-1] == "Apply XMR on CPUs to 3 rigs"
    assert "rig-02" not in await web.get(f"/playbooks/{playbook}/apply?rig={rigs[0]}")
    assert "No rigs match" in await web.get(f"/playbooks/{playbook}/apply?those=filter&q=nothing")
    foot = await web.post(f"/playbooks/{playbook}/apply/foot", {"rigs": [str(rigs[1])]}, 200)
    assert _buttons(foot.text) == ["Apply XMR on CPUs to 1 rig"]
    assert web.steering.assignments.assigned.of_playbook(playbook) == []
    await web.post(f"/playbooks/{playbook}/apply", {"rigs": [str(one) for one in rigs[:2]], "how": "now"})
    assert len(web.steering.assignments.assigned.of_playbook(playbook)) == 2
    none = await web.post(f"/playbooks/{playbook}/apply", {"how": "now"}, 422)
    assert "Choose at least one rig" in none.text
    again = await web.post(f"/playbooks/{playbook}/apply", {"how": "now", "rigs": str(rigs[0])}, 422)
    assert "It is already queued for this rig." in again.text
    assert "already runs" not in again.text, "no rig has said so"


async def test_applying_shows_what_changes_from_each_revision_that_rigs_have(web: Web) -> None:
    playbook = await web.playbook()
    rigs = await web.farm.new_rigs("rig-01", "rig-02", "rig-03")
    await web.steering.assignments.apply(playbook, rigs)
    fields = _fields(web, revision="1", variables="", template="-u $CPU_WALLET -t 2")
    await web.post(f"/playbooks/{playbook}", fields)
    await web.steering.assignments.apply(playbook, rigs[:1])
    await web.post(f"/playbooks/{playbook}", fields | {"revision": "2", "template": "-u $CPU_WALLET -t 3"})
    page = await web.get(f"/playbooks/{playbook}/apply")
    first, second = page.index('id="from-1"'), page.index('id="from-2"')
    assert first < second, "that of most rigs comes first"
    assert "<del>-t 2</del> <ins>-t 3</ins>" in page[second:]
    assert "<ins>-t 3</ins>" in page[first:second]
    assert "--rig-id" in page[first:second]
    assert page.count('<a href="#from-1">revision 1 → 3</a>') == 2
    alone = await web.get(f"/playbooks/{playbook}/apply?rig={rigs[0]}")
    assert 'id="from-1"' not in alone


async def test_in_stages_is_a_mode_of_the_one_way_to_apply(web: Web) -> None:
    playbook = await web.playbook()
    rigs = [str(one) for one in await web.farm.new_rigs("rig-01", "rig-02")]
    page = await web.get(f"/playbooks/{playbook}/apply?those=filter")
    assert page.split("<dialog")[0].count("btn-primary") == 1
    assert _buttons(page)[-1] == "Apply XMR on CPUs to 2 rigs"
    foot = await web.post(f"/playbooks/{playbook}/apply/foot", {"rigs": rigs, "how": "stages"}, 200)
    assert _buttons(foot.text) == ["Apply XMR on CPUs to 2 rigs in stages"]
    wrong = await web.post(
        f"/playbooks/{playbook}/apply", {"rigs": rigs, "how": "stages", "watch_minutes": "long"}, 422
    )
    assert 'value="stages" checked' in wrong.text
    assert 'value="now" checked' not in wrong.text
    assert 'name="put_back" value="1">' in wrong.text, "it was not ticked"


async def test_a_stopped_rollout_leaves_the_page_with_its_revision(web: Web) -> None:
    playbook = await web.playbook()
    rigs = await web.farm.new_rigs("rig-01", "rig-02")
    data = {"rigs": [str(one) for one in rigs], "how": "stages", "put_back": "1"}
    await web.post(f"/playbooks/{playbook}/apply", data)
    web.steering.assignments.receive(rigs[0], [PlaybookStatus(playbook, 1, "failed", "no such option")])
    await web.steering.rollouts.tick(1.0)
    page = await web.get(f"/playbooks/{playbook}")
    assert "Roll-out of revision 1" in page
    assert "rig-01 was given back what was there before." in page
    await web.post(f"/playbooks/{playbook}", _fields(web, revision="1"))
    assert "Roll-out of revision" not in await web.get(f"/playbooks/{playbook}")
    await web.post(f"/playbooks/{playbook}/apply", data)
    assert "Roll-out of revision 2" in await web.get(f"/playbooks/{playbook}"), "one under way always shows"


async def test_a_rollout_has_a_page_and_is_aborted_from_it(web: Web) -> None:
    playbook = await web.playbook()
    rigs = await web.farm.new_rigs("rig-01", "rig-02")
    data = {
        "rigs": [str(one) for one in rigs],
        "how": "stages",
        "watch_minutes": "5",
        "tolerance": "20",
        "put_back": "1",
    }
    wrong = await web.post(f"/playbooks/{playbook}/apply", {**data, "watch_minutes": "long"}, 422)
    assert "Enter a number, for example" in wrong.text
    begun = await web.post(f"/playbooks/{playbook}/apply", data)
    path = begun.headers["location"]
    page = await web.live(path)
    for html in (await web.get(path), "".join(await page.snapshot())):
        assert "rig-01 starts" in html
        assert "more than 20 %" in html
    assert "roll-out: starting" in await web.get("/playbooks")
    assert _buttons(await web.get(f"{path}/abort"))[-1] == "Abort roll-out"
    await web.post(f"{path}/abort", {"put_back": "1"})
    assert "aborted" in "".join(await page.render({}))
    assert web.steering.assignments.assigned.of_playbook(playbook) == []


async def test_stopping_is_asked_for_and_names_its_target(web: Web) -> None:
    playbook = await web.playbook()
    rigs = await web.farm.new_rigs("rig-01", "rig-02")
    await web.steering.assignments.apply(playbook, rigs)
    chosen = [str(one) for one in rigs]
    ask = await web.post(f"/playbooks/{playbook}/rigs/ask", {"rigs": chosen, "how": "stop"}, 200)
    assert _buttons(ask.text)[-1] == "Stop XMR on CPUs on 2 rigs"
    assert "<li>rig-02</li>" in ask.text
    await web.post(f"/playbooks/{playbook}/rigs", {"rigs": chosen, "how": "stop"})
    assert {one.wanted for one in web.steering.assignments.assigned.of_playbook(playbook)} == {"stopped"}
    for how in ("start", "restart", "take-off"):
        await web.post(f"/playbooks/{playbook}/rigs", {"rigs": chosen, "how": how})
    assert web.steering.assignments.assigned.of_playbook(playbook) == []
    await web.post(f"/playbooks/{playbook}/rigs/ask", {"rigs": chosen, "how": "stop"}, 422)
    await web.post(f"/playbooks/{playbook}/rigs", {"rigs": chosen, "how": "explode"}, 422)


async def test_removing_names_the_rigs_it_stops(web: Web) -> None:
    playbook = await web.playbook()
    rigs = await web.farm.new_rigs("rig-01", "rig-02")
    await web.steering.assignments.apply(playbook, rigs)
    page = await web.live(f"/playbooks/{playbook}")
    ask = await web.get(f"/playbooks/{playbook}/remove")
    assert "It stops on 2 rigs." in ask
    assert "<li>rig-01</li>" in ask
    await web.post(f"/playbooks/{playbook}/remove", {})
    (gone,) = await page.render({})
    assert '"event":"gone"' in gone
    await web.get(f"/playbooks/{playbook}", 404)


async def test_what_rigs_say_is_shown_and_does_nothing(web: Web) -> None:
    playbook = await web.playbook(HOSTILE)
    (rig_id,) = await web.farm.new_rigs("rig-01")
    await web.steering.assignments.apply(playbook, [rig_id])
    page, index = await web.live(f"/playbooks/{playbook}"), await web.live("/playbooks")
    web.stats.link_up(rig_id)
    web.steering.assignments.receive(rig_id, [PlaybookStatus(playbook, 1, "failed", HOSTILE, restarts=3, since_ms=-5)])
    for html in (
        "".join(frame for frame in await page.snapshot() if frame[0] != "{"),
        "".join(await index.snapshot()),
        await web.steering.panels.html(rig_id),
        await web.get(f"/playbooks/{playbook}"),
        await web.get("/playbooks"),
        await web.get(f"/playbooks/{playbook}/history"),
        await web.get(f"/playbooks/{playbook}/apply?those=filter"),
    ):
        assert "<img" not in html
        assert "&lt;img" in html
    assert "failed" in await web.get("/playbooks")


async def test_a_rig_that_is_away_is_never_shown_as_mining(web: Web) -> None:
    playbook = await web.playbook()
    (rig_id,) = await web.farm.new_rigs("rig-01")
    await web.steering.assignments.apply(playbook, [rig_id])
    assert "it gets this when it reconnects" in await web.get(f"/playbooks/{playbook}")
    web.stats.link_up(rig_id)
    web.stats.receive(rig_id, OperationalLog(t=utc_ms()))
    web.steering.assignments.receive(rig_id, [PlaybookStatus(playbook, 1, "mining", since_ms=1)])
    page, index = await web.live(f"/playbooks/{playbook}"), await web.live("/playbooks")
    assert "mining</span>" in "".join(await page.snapshot())
    assert "1 mining" in "".join(await index.snapshot())
    web.stats.link_lost(rig_id)
    web.stats.tick(time.monotonic() + 60)
    parts = ("".join(await page.render({})), "".join(await index.render({})), await web.steering.panels.html(rig_id))
    for html in parts:
        assert "offline" in html
        assert "mining</span>" not in html
    assert "mining when it last reported" in await web.get(f"/playbooks/{playbook}")
    web.stats.link_up(rig_id)
    web.stats.receive(rig_id, OperationalLog(t=utc_ms()))
    assert "mining</span>" in "".join(await page.render({}))


async def test_all_rigs_of_a_playbook_are_stopped_at_once(web: Web) -> None:
    playbook = await web.playbook()
    rigs = await web.farm.new_rigs(*(f"rig-{n:03}" for n in range(105)))
    await web.steering.assignments.apply(playbook, rigs)
    assert "all 105 rigs that have it" in await web.get(f"/playbooks/{playbook}")
    asked = await web.post(f"/playbooks/{playbook}/rigs/ask", {"how": "stop", "everywhere": "1"}, 200)
    assert "Stop XMR on CPUs on 105 rigs" in asked.text
    assert asked.text.count('name="rigs"') == 105


async def test_rigs_that_were_selected_on_the_index_get_a_playbook(web: Web) -> None:
    assert "No playbooks yet" in await web.get(f"/playbooks/choose?rig={(await web.farm.new_rigs('rig-00'))[0]}")
    playbook = await web.playbook(HOSTILE)
    first, second = await web.farm.new_rigs("rig-01", "rig-02")
    html = await web.get(f"/playbooks/choose?rig={first}&rig={second}&rig=999")
    assert f"/playbooks/{playbook}/apply?rig={first}&amp;rig={second}" in html
    assert "<img" not in html
    assert "These rigs no longer exist" in await web.get("/playbooks/choose?rig=999")


async def test_a_wallet_is_looked_at_while_one_types(web: Web) -> None:
    assert "does not look like" in await web.get("/addresses/warning?coin=xmr&wallet=48wrong")
    assert "does not look like" not in await web.get("/addresses/warning?coin=XMR&wallet=")
    assert "does not look like" not in await web.get("/addresses/warning?coin=NOBODYKNOWS&wallet=abc")


async def test_only_what_a_rig_can_do_is_offered(web: Web) -> None:
    (rig_id,) = await web.farm.new_rigs("rig-01")
    assert "Reboot …" in await web.steering.panels.html(rig_id), "nobody knows yet"
    web.farm.rigs.said.specs(rig_id, Specs("0.1", supports=["restart-miner"]))
    await web.farm.rigs.said.store()
    html = await web.steering.panels.html(rig_id)
    assert "Restart miner …" in html
    assert "Reboot …" not in html
    assert "allow_power" in html


# A rig's own


async def test_a_rigs_panel_shows_playbooks_commands_and_variables(web: Web) -> None:
    playbook = await web.playbook()
    (rig_id,) = await web.farm.new_rigs("rig-01")
    assert "No playbooks on this rig." in await web.steering.panels.html(rig_id)
    choose = await web.get(f"/rigs/{rig_id}/playbooks/choose")
    assert _buttons(choose)[-1] == "Apply to rig-01"
    back = {"rigs": str(rig_id), "how": "now", "back": f"/rigs/{rig_id}"}
    applied = await web.post(f"/playbooks/{playbook}/apply", back)
    assert applied.headers["location"] == f"/rigs/{rig_id}"
    elsewhere = await web.post(f"/playbooks/{playbook}/rigs", {**back, "how": "stop", "back": "//evil.example"})
    assert elsewhere.headers["location"] == f"/playbooks/{playbook}"
    panel = await web.steering.panels.html(rig_id)
    assert 'id="rig-playbooks"' in panel
    assert "Start" in _buttons(panel)

    await web.post(f"/rigs/{rig_id}/variables", {"variables": "THREADS=16\r\n\r\n"})
    assert "THREADS=16" in await web.get(f"/rigs/{rig_id}/variables")
    wrong = await web.post(f"/rigs/{rig_id}/variables", {"variables": "CPU_WALLET=mine"}, 422)
    assert "CPU_WALLET=mine</textarea>" in wrong.text

    ask = await web.get(f"/commands/new?command=reboot&rigs={rig_id}&back=/rigs/{rig_id}")
    assert _buttons(ask)[-1] == "Reboot rig-01"
    await web.post("/commands", {"command": "reboot", "rigs": str(rig_id), "back": f"/rigs/{rig_id}"})
    assert "waiting for the rig" in await web.steering.panels.html(rig_id)


async def test_a_console_is_shown_and_grows(web: Web) -> None:
    playbook = await web.playbook()
    (rig_id,) = await web.farm.new_rigs("rig-01")
    await web.get(f"/rigs/{rig_id}/console/{playbook}", 404)
    await web.steering.assignments.apply(playbook, [rig_id])
    path = f"/rigs/{rig_id}/console/{playbook}"
    assert 'role="log"' in await web.get(path)
    page = await web.live(path)
    await page.snapshot()
    web.steering.consoles.receive(rig_id, Console(0, playbook, 0, ["one", HOSTILE]))
    (frame,) = await page.render({})
    assert "<div>one</div><div>&lt;img" in frame
    assert "beforeend" in frame
    assert await page.render({}) == []
    for start in range(2, 802, 100):
        web.steering.consoles.receive(rig_id, Console(0, playbook, start, [f"line {start + n}" for n in range(100)]))
    (frame,) = await page.render({})
    assert "outerMorph" in frame, "all of it, where much came"
    assert frame.count("<div>") == 500
    web.steering.consoles.receive(rig_id, Console(0, playbook, 0, ["anew"]))
    (frame,) = await page.render({})
    assert frame.count("<div>") == 1
    assert "<div>anew</div>" in await web.get(path)
    await web.steering.assignments.take_off(playbook, [rig_id])
    assert '"event":"gone"' in "".join(await page.snapshot())


# Commands


async def test_commands_for_many_have_a_page_with_every_result(web: Web) -> None:
    rigs = await web.farm.new_rigs("rig-01", "rig-02")
    asic, _ = await web.farm.rigs.create("asic-01", "asic")
    chosen = [str(one) for one in (*rigs, asic.id)]
    ask = await web.post("/commands/new", {"command": "restart-miner", "rigs": chosen}, 200)
    assert _buttons(ask.text)[-1] == "Restart miner on 3 rigs"
    assert "1 of 3 cannot do this" in ask.text
    given = await web.post("/commands", {"command": "restart-miner", "rigs": chosen})
    path = given.headers["location"]
    page = await web.live(path)
    assert "2 queued" in await web.get(path)
    await page.snapshot()
    commands = web.steering.commands
    (frame,) = await commands.waiting(rigs[0], 0, connected=False)
    await commands.result(rigs[0], CommandResult(frame.id, 0, "done", "restarted"))  # type: ignore[union-attr]
    html = "".join(await page.render({}))
    assert "1 done" in html
    assert "restarted" in html
    waiting = commands.open_of(rigs[1])[0]
    await web.post(f"/commands/{waiting.id}/cancel", {})
    assert "Cancelled before" in "".join(await page.render({}))


async def test_asics_are_told_their_power_limit_and_pools(web: Web) -> None:
    asic, _ = await web.farm.rigs.create("asic-01", "asic")
    await web.farm.new_form()
    data = {"command": "power-limit", "rigs": str(asic.id), "back": f"/asics/{asic.id}"}
    assert "Limit power of asic-01" in await web.get(f"/commands/new?command=power-limit&rigs={asic.id}")
    assert "Enter the limit" in (await web.post("/commands", {**data, "watts": " "}, 422)).text
    assert "Enter a number" in (await web.post("/commands", {**data, "watts": "3e3"}, 422)).text
    await web.post("/commands", {**data, "watts": "3000"})
    pools = {**data, "command": "set-pools", "pool": "1", "user": "me.asic-01"}
    assert "Choose a pool" in (await web.post("/commands", {**pools, "pool": "9"}, 422)).text
    await web.post("/commands", pools)
    kept = [one.command for one in web.steering.commands.open_of(asic.id)]
    assert kept[0].watts == 3000  # type: ignore[union-attr]
    assert kept[1].pools[0].url == "stratum+tcp://pool.example:3333"  # type: ignore[union-attr]
    await web.get("/commands/new?command=explode&rigs=1", 422)
    await web.get("/commands/new?command=reboot", 422)
    await web.get("/commands/nonsense", 404)


# Commands


async def _asics(web: Web, *ranges: tuple[float | None, float | None]) -> list[int]:
    made = [
        rig.id for rig, _ in await web.farm.rigs.create_many([f"asic-0{n + 1}" for n in range(len(ranges))], "asic")
    ]
    for rig_id, (low, high) in zip(made, ranges, strict=True):
        web.stats.add(rig_id, "asic")
        can = ["power-limit", "locate", "restart"]
        specs = Specs(sentry_version="1", supports=can, power_limit_min_w=low, power_limit_max_w=high)
        web.farm.rigs.said.specs(rig_id, specs)
    await web.farm.rigs.said.store()
    return made


async def test_a_power_limit_shows_its_range_and_says_who_refuses_it(web: Web) -> None:
    one, other = await _asics(web, (900.0, 3_600.0), (300.0, 1_500.0))
    web.stats.receive(one, OperationalLog(utc_ms(), power_w=3_250.0))
    alone = await web.get(f"/commands/new?command=power-limit&rigs={one}")
    assert "It takes 900 to 3\u202f600 W. It draws 3\u202f250 W now." in alone
    both = f"{one},{other}"
    assert "All of them take 900 to 1\u202f500 W." in await web.get(f"/commands/new?command=power-limit&rigs={both}")
    form = {"command": "power-limit", "rigs": both, "watts": "5000"}
    none = await web.post("/commands", form, 422)
    assert "asic-01 takes 900 to 3\u202f600 W, not 5\u202f000 W. asic-02 takes" in none.text
    some = await web.post("/commands", form | {"watts": "3000"}, 422)
    assert (
        "asic-02 takes 300 to 1\u202f500 W, not 3\u202f000 W. Send it again to limit only the 1 other rig." in some.text
    )
    assert await web.steering.commands.listed(None, None, None, 100) == []
    await web.post("/commands", form | {"watts": "3500", "seen": "3000"}, 422)
    await web.post("/commands", form | {"watts": "3000", "seen": "3000"})
    given = {command.rig_id: command.state for command in await web.steering.commands.listed(None, None, None, 100)}
    assert given == {one: "queued", other: "refused"}


async def test_many_are_given_a_command_at_a_pace_and_the_rest_is_cancelled(web: Web) -> None:
    rigs = await _asics(web, *[(None, None)] * 5)
    ids = ",".join(str(rig) for rig in rigs)
    assert 'name="at_once"' not in await web.get(f"/commands/new?command=restart&rigs={rigs[0]}")
    assert 'name="at_once"' in await web.get(f"/commands/new?command=restart&rigs={ids}")
    form = {"command": "restart", "rigs": ids, "at_once": "2", "pause": "30"}
    for wrong in ({"at_once": "0"}, {"at_once": "two"}, {"pause": ""}, {"pause": "3601"}):
        answer = await web.post("/commands", form | wrong, 422)
        assert "Expected 1 to" in answer.text
    here = (await web.post("/commands", form)).headers["location"]
    page = await web.live(here)
    shown = await web.get(here)
    assert "2 at once, then a pause of 30 s. 0 sent, 5 to go: about 1 min." in shown
    assert shown.count("waiting for its turn") == 5
    for rig in rigs:
        await web.steering.commands.waiting(rig, 0, connected=False)
    assert "2 sent, 3 to go: about 30 s." in "".join(await page.snapshot())
    await web.post(f"{here}/cancel-rest", {})
    shown = await web.get(here)
    assert "to go" not in shown
    assert shown.count("Cancelled before it was sent.") == 3


async def test_what_is_harmless_is_done_at_once(web: Web) -> None:
    rigs = await _asics(web, (None, None), (None, None))
    chosen = await web.post("/commands/choose", {"kind": "asic", "rigs": [str(rig) for rig in rigs]}, 200)
    assert re.search(r'value="locate-on" formaction="/commands" hx-post="/commands"[^>]*>Blink<', chosen.text)
    assert re.search(r'value="restart">Restart …', chosen.text)
    here = f"/asics/{rigs[0]}"
    done = {"command": "locate-on", "rigs": str(rigs[0]), "back": here}
    await web.post("/commands", done, 204, **{"HX-Request": "true"})
    assert [command.command for command in await web.steering.commands.listed(None, None, None, 100)] == [Locate(True)]
