"""The pages that steer rigs, without a browser: each shows what it is about, keeps what was typed, and leads on."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from jinja2 import Environment
from litestar import Litestar
from litestar.di import Provide
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.template import TemplateConfig
from litestar.testing import AsyncTestClient

from rigfarm.commander.app import _templates
from rigfarm.commander.live import PageRoutes, PageSession
from rigfarm.commander.rigs.query import RigList
from rigfarm.commander.stats import OperationalStats
from rigfarm.commander.web.problems import problem_handlers
from rigfarm.common.clock import utc_ms
from rigfarm.wire.frames import CommandResult, Console
from rigfarm.wire.log import OperationalLog
from rigfarm.wire.playbooks import PlaybookStatus
from rigfarm.wire.specs import Specs
from steering_nouns import SteeringNouns, dependencies

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
    templates = _templates()
    steering = SteeringNouns(farm.storage, farm.hub, farm.events, farm.rigs, stats, farm.folder, templates)
    await steering.load()
    farm.addresses, farm.software, farm.playbooks = steering.addresses, steering.software, steering.playbooks
    app = Litestar(
        steering.routes,
        dependencies={
            **dependencies(lambda: steering),
            "rig_list": Provide(lambda: rig_list, sync_to_thread=False),
            "book": Provide(lambda: farm.rigs, sync_to_thread=False),
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
    assert "is no pool" in answer.text
    assert "<html" not in answer.text, "only the dialog's content"


async def test_an_address_that_rigs_mine_with_leads_to_applying_it(web: Web) -> None:
    playbook = await web.playbook()
    rigs = await web.farm.new_rigs("rig-01", "rig-02")
    await web.steering.playbooks.running.apply(playbook, rigs)
    data = {"name": "pool 0", "kind": "pool", "coin": "XMR", "urls": "new.example:1", "revision": "1"}
    answer = await web.post("/addresses/1", data, 200, **{"HX-Request": "true"})
    assert f"/playbooks/{playbook}/apply?those=have" in answer.text
    assert "its 2 rigs" in answer.text
    assert "2 rigs" in await web.get("/addresses/2/remove")


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
    for files, says in (({"file": ("x.txt", b"hello")}, "no tar.gz"), ({"other": ("x", b"y")}, "Choose a file")):
        answer = await web.client.post("/software/1/upload", files=files, headers={"HX-Request": "true"})
        assert (answer.status_code, says in answer.text) == (422, True), answer.text
    large = await web.client.post("/software/1/upload", files={"file": ("x", b"\x7fELF" + bytes(3 << 20))})
    assert large.status_code in (200, 303), "beyond the limit of other forms"


async def test_a_failed_fetch_stands_beside_its_program(web: Web, until: Any) -> None:
    fields = {"name": "M", "version": "1", "executable": "m", "adapter": "xmrig", "url": "https://127.0.0.1/x"}
    await web.post("/software", fields)
    await until(lambda: (fetch := web.steering.software.fetches.get(1)) is not None and fetch.error)
    assert "which nothing is fetched from" in await web.get("/software")
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
    assert "Begin with the template" in await web.get("/playbooks/new")
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
    assert "No rig runs it yet" in html
    assert "<code>--http-port=4067</code>" in html
    form = await web.get("/playbooks/1/edit")
    assert 'value="0,1,2,5"' in form
    assert "THREADS=4" in form


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
    assert answer.text.count("Expected a number.") == 1
    assert answer.text.count("Expected a whole number.") == 1
    assert web.steering.playbooks.playbooks == {}


async def test_a_change_leads_to_the_rigs_that_have_it(web: Web) -> None:
    playbook = await web.playbook()
    rigs = await web.farm.new_rigs("rig-01")
    await web.steering.playbooks.running.apply(playbook, rigs)
    data = _fields(web, revision="1", variables="", template="-u $CPU_WALLET")
    saved = await web.post(f"/playbooks/{playbook}", data)
    assert saved.headers["location"] == f"/playbooks/{playbook}/apply?those=have"
    assert "revision 1 → 2" in await web.get(saved.headers["location"])
    stale = await web.post(f"/playbooks/{playbook}", data, 409)
    assert "revision 2 now" in stale.text
    garbled = await web.post(f"/playbooks/{playbook}", data | {"revision": "nan"}, 409)
    assert "XMR" in garbled.text, "a garbled revision overwrites nobody's change"
    await web.get(f"/playbooks/{playbook}/history?before=0")
    history = await web.get(f"/playbooks/{playbook}/history")
    assert "<del>" in history
    assert "Roll back to 1" in history
    ask = await web.get(f"/playbooks/{playbook}/rollback?revision=1")
    assert _buttons(ask)[-1] == "Roll back to revision 1"
    await web.post(f"/playbooks/{playbook}/rollback", {"revision": 1})
    assert web.steering.playbooks.get(playbook).revision == 3


async def test_applying_shows_who_and_what_before_anything_happens(web: Web) -> None:
    playbook, other = await web.playbook(), await web.playbook("Other")
    rigs = await web.farm.new_rigs("rig-01", "rig-02", "rig-03")
    await web.steering.playbooks.running.apply(other, rigs[:1])
    page = await web.get(f"/playbooks/{playbook}/apply?those=filter")
    assert "replaces Other" in page
    assert _buttons(page)[-1] == "Apply XMR on CPUs to 3 rigs"
    assert "rig-02" not in await web.get(f"/playbooks/{playbook}/apply?rig={rigs[0]}")
    assert "No rig is like that" in await web.get(f"/playbooks/{playbook}/apply?those=filter&q=nothing")
    foot = await web.post(f"/playbooks/{playbook}/apply/foot", {"rigs": [str(rigs[1])]}, 200)
    assert _buttons(foot.text) == ["Apply XMR on CPUs to 1 rig"]
    assert web.steering.playbooks.assignments.of_playbook(playbook) == []
    await web.post(f"/playbooks/{playbook}/apply", {"rigs": [str(one) for one in rigs[:2]], "how": "now"})
    assert len(web.steering.playbooks.assignments.of_playbook(playbook)) == 2
    none = await web.post(f"/playbooks/{playbook}/apply", {"how": "now"}, 422)
    assert "Choose at least one rig" in none.text
    again = await web.post(f"/playbooks/{playbook}/apply", {"how": "now", "rigs": str(rigs[0])}, 422)
    assert "It runs this already." in again.text


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
    assert "Expected a number." in wrong.text
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
    assert web.steering.playbooks.assignments.of_playbook(playbook) == []


async def test_stopping_is_asked_for_and_names_its_target(web: Web) -> None:
    playbook = await web.playbook()
    rigs = await web.farm.new_rigs("rig-01", "rig-02")
    await web.steering.playbooks.running.apply(playbook, rigs)
    chosen = [str(one) for one in rigs]
    ask = await web.post(f"/playbooks/{playbook}/rigs/ask", {"rigs": chosen, "how": "stop"}, 200)
    assert _buttons(ask.text)[-1] == "Stop XMR on CPUs on 2 rigs"
    assert "<li>rig-02</li>" in ask.text
    await web.post(f"/playbooks/{playbook}/rigs", {"rigs": chosen, "how": "stop"})
    assert {one.wanted for one in web.steering.playbooks.assignments.of_playbook(playbook)} == {"stopped"}
    for how in ("start", "restart", "take-off"):
        await web.post(f"/playbooks/{playbook}/rigs", {"rigs": chosen, "how": how})
    assert web.steering.playbooks.assignments.of_playbook(playbook) == []
    await web.post(f"/playbooks/{playbook}/rigs/ask", {"rigs": chosen, "how": "stop"}, 422)
    await web.post(f"/playbooks/{playbook}/rigs", {"rigs": chosen, "how": "explode"}, 422)


async def test_removing_names_the_rigs_it_stops(web: Web) -> None:
    playbook = await web.playbook()
    rigs = await web.farm.new_rigs("rig-01", "rig-02")
    await web.steering.playbooks.running.apply(playbook, rigs)
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
    await web.steering.playbooks.running.apply(playbook, [rig_id])
    page, index = await web.live(f"/playbooks/{playbook}"), await web.live("/playbooks")
    web.stats.link_up(rig_id)
    web.steering.playbooks.heard(rig_id, [PlaybookStatus(playbook, 1, "failed", HOSTILE, restarts=3, since_ms=-5)])
    for html in (
        "".join(await page.snapshot()),
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
    await web.steering.playbooks.running.apply(playbook, [rig_id])
    assert "it is told when it returns" in await web.get(f"/playbooks/{playbook}")
    web.stats.link_up(rig_id)
    web.stats.receive(rig_id, OperationalLog(t=utc_ms()))
    web.steering.playbooks.heard(rig_id, [PlaybookStatus(playbook, 1, "mining", since_ms=1)])
    page, index = await web.live(f"/playbooks/{playbook}"), await web.live("/playbooks")
    assert "mining</span>" in "".join(await page.snapshot())
    assert "1 mining" in "".join(await index.snapshot())
    web.stats.link_lost(rig_id)
    web.stats.tick(time.monotonic() + 60)
    parts = ("".join(await page.render({})), "".join(await index.render({})), await web.steering.panels.html(rig_id))
    for html in parts:
        assert "offline" in html
        assert "mining</span>" not in html
    assert "mining when it was last heard" in await web.get(f"/playbooks/{playbook}")
    web.stats.link_up(rig_id)
    web.stats.receive(rig_id, OperationalLog(t=utc_ms()))
    assert "mining</span>" in "".join(await page.render({}))


async def test_all_rigs_of_a_playbook_are_stopped_at_once(web: Web) -> None:
    playbook = await web.playbook()
    rigs = await web.farm.new_rigs(*(f"rig-{n:03}" for n in range(105)))
    await web.steering.playbooks.running.apply(playbook, rigs)
    assert "all 105 rigs that have it" in await web.get(f"/playbooks/{playbook}")
    asked = await web.post(f"/playbooks/{playbook}/rigs/ask", {"how": "stop", "everywhere": "1"}, 200)
    assert "Stop XMR on CPUs on 105 rigs" in asked.text
    assert asked.text.count('name="rigs"') == 105


async def test_rigs_that_were_selected_on_the_index_get_a_playbook(web: Web) -> None:
    assert "There is no playbook yet" in await web.get(
        f"/playbooks/choose?rig={(await web.farm.new_rigs('rig-00'))[0]}"
    )
    playbook = await web.playbook(HOSTILE)
    first, second = await web.farm.new_rigs("rig-01", "rig-02")
    html = await web.get(f"/playbooks/choose?rig={first}&rig={second}&rig=999")
    assert f"/playbooks/{playbook}/apply?rig={first}&amp;rig={second}" in html
    assert "<img" not in html
    assert "None of these rigs" in await web.get("/playbooks/choose?rig=999")


async def test_a_wallet_is_looked_at_while_one_types(web: Web) -> None:
    assert "does not look like" in await web.get("/addresses/warning?coin=xmr&wallet=48wrong")
    assert "does not look like" not in await web.get("/addresses/warning?coin=XMR&wallet=")
    assert "does not look like" not in await web.get("/addresses/warning?coin=NOBODYKNOWS&wallet=abc")


async def test_only_what_a_rig_can_do_is_offered(web: Web) -> None:
    (rig_id,) = await web.farm.new_rigs("rig-01")
    assert "Reboot …" in await web.steering.panels.html(rig_id), "nobody knows yet"
    web.farm.rigs.specs_changed(rig_id, Specs("0.1", supports=["restart-miner"]))
    await web.farm.rigs._store_said()
    html = await web.steering.panels.html(rig_id)
    assert "Restart miner …" in html
    assert "Reboot …" not in html
    assert "allow_power" in html


# A rig's own


async def test_a_rigs_panel_shows_playbooks_orders_and_variables(web: Web) -> None:
    playbook = await web.playbook()
    (rig_id,) = await web.farm.new_rigs("rig-01")
    assert "It has no playbook." in await web.steering.panels.html(rig_id)
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

    ask = await web.get(f"/orders/new?order=reboot&rigs={rig_id}&back=/rigs/{rig_id}")
    assert _buttons(ask)[-1] == "Reboot rig-01"
    await web.post("/orders", {"order": "reboot", "rigs": str(rig_id), "back": f"/rigs/{rig_id}"})
    assert "waits for the rig" in await web.steering.panels.html(rig_id)


async def test_a_console_is_shown_and_grows(web: Web) -> None:
    playbook = await web.playbook()
    (rig_id,) = await web.farm.new_rigs("rig-01")
    await web.get(f"/rigs/{rig_id}/console/{playbook}", 404)
    await web.steering.playbooks.running.apply(playbook, [rig_id])
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
    await web.steering.playbooks.running.take_off(playbook, [rig_id])
    assert '"event":"gone"' in "".join(await page.snapshot())


# Orders


async def test_orders_for_many_have_a_page_with_every_result(web: Web) -> None:
    rigs = await web.farm.new_rigs("rig-01", "rig-02")
    asic, _ = await web.farm.rigs.create("asic-01", "asic")
    chosen = [str(one) for one in (*rigs, asic.id)]
    ask = await web.post("/orders/new", {"order": "restart-miner", "rigs": chosen}, 200)
    assert _buttons(ask.text)[-1] == "Restart miner 3 rigs"
    assert "1 of 3 cannot do this" in ask.text
    given = await web.post("/orders", {"order": "restart-miner", "rigs": chosen})
    path = given.headers["location"]
    page = await web.live(path)
    assert "2 queued" in await web.get(path)
    await page.snapshot()
    orders = web.steering.orders
    (frame,) = await orders.waiting(rigs[0], 0, connected=False)
    await orders.result(rigs[0], CommandResult(frame.id, 0, "done", "restarted"))  # type: ignore[union-attr]
    html = "".join(await page.render({}))
    assert "1 done" in html
    assert "restarted" in html
    waiting = orders.open_of(rigs[1])[0]
    await web.post(f"/orders/{waiting.id}/cancel", {})
    assert "Taken back" in "".join(await page.render({}))


async def test_asics_are_told_their_power_limit_and_pools(web: Web) -> None:
    asic, _ = await web.farm.rigs.create("asic-01", "asic")
    await web.farm.new_form()
    data = {"order": "power-limit", "rigs": str(asic.id), "back": f"/asics/{asic.id}"}
    assert "Limit power of asic-01" in await web.get(f"/orders/new?order=power-limit&rigs={asic.id}")
    assert "Enter the limit" in (await web.post("/orders", {**data, "watts": "much"}, 422)).text
    await web.post("/orders", {**data, "watts": "3000"})
    pools = {**data, "order": "set-pools", "pool": "1", "user": "me.asic-01"}
    assert "Choose a pool" in (await web.post("/orders", {**pools, "pool": "9"}, 422)).text
    await web.post("/orders", pools)
    kept = [one.order for one in web.steering.orders.open_of(asic.id)]
    assert kept[0].watts == 3000  # type: ignore[union-attr]
    assert kept[1].pools[0].url == "stratum+tcp://pool.example:3333"  # type: ignore[union-attr]
    await web.get("/orders/new?order=explode&rigs=1", 422)
    await web.get("/orders/new?order=reboot", 422)
    await web.get("/orders/nonsense", 404)
